//! The keys of flag clients: what can't be seen at one value alone.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::gather::{Repeated, Values};
use super::key::{Key, Kind, Need, SecretForm, key};
use super::mistake::{Mistake, MistakeKind, Mistakes, Place};
use super::value::Value;

/// Most keys.
const MOST: usize = 256;

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("ofrep_keys[].name", Kind::Label, Need::Required,
        "Names the key in answers and in the audit log.", r#""billing""#),
    key("ofrep_keys[].key", Kind::Secret(SecretForm::Opaque), Need::Required,
        "What is shown as bearer token or as `X-API-Key`.", r#""0123456789abcdef0123456789abcdef""#),
    key("ofrep_keys[].scope", Kind::Word(&["evaluate", "flags:read", "flags:write"]), Need::Default(r#""evaluate""#),
        "What it may do; each may do what those before it may: evaluate flags, read how they are set, switch them (role operator).",
        r#""flags:read""#),
    key("ofrep_keys[].tenants", Kind::List, Need::Default("[]"),
        "Tenants that it may evaluate for; without any it may for all.", r#"["tenant-1"]"#),
];

/// A key of a flag client.
#[derive(Clone, Debug)]
pub struct OfrepKey {
    /// Of one key only.
    pub name: String,
    /// Of one key only.
    pub key: SecretString,
    pub scope: KeyScope,
    /// Empty: all.
    pub tenants: Vec<String>,
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    Evaluate,
    FlagsRead,
    FlagsWrite,
}

impl KeyScope {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "evaluate" => Some(Self::Evaluate),
            "flags:read" => Some(Self::FlagsRead),
            "flags:write" => Some(Self::FlagsWrite),
            _ => None,
        }
    }

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::FlagsRead => "flags:read",
            Self::FlagsWrite => "flags:write",
        }
    }
}

/// The keys; each has a name and a secret of its own, so that the audit log can tell them apart.
pub(super) fn ofrep_keys(values: &Values, mistakes: &mut Mistakes) -> Vec<OfrepKey> {
    let mut keys: Vec<OfrepKey> = Vec::new();
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for (index, section) in values.ofrep_keys.iter().enumerate() {
        let mut wrong = |kind, key: &str, what: &str, mend: &str| {
            mistakes.push(Mistake::new(kind, key, section.place.clone(), what, mend));
        };
        if index == MOST {
            wrong(MistakeKind::OutOfRange, "ofrep_keys", "there are more than 256 keys", "take some out");
            break;
        }
        let Some(key) = one(section) else { continue };
        if let Some(first) = seen.insert(key.name.clone(), section.place.clone()) {
            let what = format!("name {} also stands at {first}", key.name);
            wrong(MistakeKind::Contradiction, "ofrep_keys.name", &what, "give each key a name of its own");
        }
        let service = values.secret("api.service_token").map(ExposeSecret::expose_secret);
        let taken = keys.iter().any(|other| other.key.expose_secret() == key.key.expose_secret());
        if taken || service == Some(key.key.expose_secret()) {
            let what = format!("key {} is the same as another one", key.name);
            wrong(
                MistakeKind::Contradiction,
                "ofrep_keys.key",
                &what,
                "make a new one: openssl rand -hex 32",
            );
        }
        keys.push(key);
    }
    keys
}

/// None where a value is missing or wrong, which was said before.
fn one(section: &Repeated) -> Option<OfrepKey> {
    let get =
        |field: &str| section.fields.get(format!("ofrep_keys[].{field}").as_str()).map(|found| &found.value);
    let text = |field: &str| match get(field) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    Some(OfrepKey {
        name: text("name")?.to_owned(),
        key: match get("key") {
            Some(Value::Secret(key)) => key.clone(),
            _ => return None,
        },
        scope: KeyScope::from_word(text("scope")?)?,
        tenants: match get("tenants") {
            Some(Value::List(tenants)) => tenants.clone(),
            _ => return None,
        },
    })
}
