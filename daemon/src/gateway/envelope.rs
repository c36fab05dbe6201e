//! What every payload has in common, read leniently: GitHub adds events, actions and fields when it likes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The longest action that is kept, in bytes.
const LONGEST_ACTION: usize = 64;

/// The longest name of a repository that is kept, in bytes; GitHub's own bound is 140.
const LONGEST_REPOSITORY: usize = 256;

/// What is looked at before a delivery is taken. Whatever is missing or of another type is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub action: Option<String>,
    pub installation: Option<i64>,
    pub repo_id: Option<i64>,
    /// `owner/name`.
    pub repository: Option<String>,
}

impl Envelope {
    /// Reads a payload; none when it is no JSON object. What is not looked at is skipped without a tree and without
    /// recursion, so neither depth nor size costs memory.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let [action, installation, repository] =
            json.deserialize_map(Fields(["action", "installation", "repository"])).ok()?;
        json.end().ok()?;
        let [installation] = inner(installation, ["id"]);
        let [repo_id, full_name] = inner(repository, ["id", "full_name"]);
        Some(Self {
            action: text(action, LONGEST_ACTION),
            installation: id(installation),
            repo_id: id(repo_id),
            repository: text(full_name, LONGEST_REPOSITORY),
        })
    }
}

type Raw<'a> = Option<&'a RawValue>;

/// The named fields of an object, each as it is written; the last of a name counts.
struct Fields<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Fields<N> {
    type Value = [Raw<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(place) = map.next_key_seed(Place(&self.0))? {
            match place.and_then(|place| found.get_mut(place)) {
                Some(field) => *field = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Which of the names a key is, compared where it stands.
struct Place<'n>(&'n [&'static str]);

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Place<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

fn inner<'a, const N: usize>(raw: Raw<'a>, names: [&'static str; N]) -> [Raw<'a>; N] {
    raw.and_then(|raw| serde_json::Deserializer::from_str(raw.get()).deserialize_map(Fields(names)).ok())
        .unwrap_or([None; N])
}

/// GitHub's numeric ids start at 1.
fn id(raw: Raw<'_>) -> Option<i64> {
    serde_json::from_str(raw?.get()).ok().filter(|id| *id > 0)
}

/// A text that may be shown: not empty, of one line, of bounded length.
fn text(raw: Raw<'_>, longest: usize) -> Option<String> {
    // An escape is at most six bytes for each byte that it stands for.
    let raw = raw?.get();
    if raw.len() > 6 * longest + 2 {
        return None;
    }
    let text: String = serde_json::from_str(raw).ok()?;
    (!text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests;
