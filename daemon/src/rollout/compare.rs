//! Whether two answers to one call are the same, and in what they are not. What is kept of a difference is cut and holds no secret.

use std::collections::BTreeMap;

use cutover_shared::redact::redact;
use cutover_shared::rollout::Difference;
use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// Differences of one call that are kept.
pub const DIFFERENCES_MOST: usize = 16;

/// Letters of a value that are kept.
const VALUE_MOST: usize = 400;

/// Rows of a list that are named on one side.
const NAMES_MOST: usize = 10;

/// What stands for a field that an answer does not have.
const ABSENT: &str = "-";

/// What an answer says, apart from which arm gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Fields by name: digests, counts.
    Facts(BTreeMap<&'static str, String>),
    /// A set: what each number is called.
    Set(BTreeMap<i64, String>),
}

impl Content {
    /// What was imported.
    pub fn import(digest: &str, tree_sha: &str, commit_sha: &str, files: u64, bytes: u64) -> Self {
        Self::Facts(BTreeMap::from([
            ("digest", digest.to_owned()),
            ("tree_sha", tree_sha.to_owned()),
            ("commit_sha", commit_sha.to_owned()),
            ("files", files.to_string()),
            ("bytes", bytes.to_string()),
        ]))
    }

    /// What a sandbox holds after a clone or a pull.
    pub fn checkout(tree_sha: &str, commit_sha: &str, files: u64, bytes: u64) -> Self {
        Self::Facts(BTreeMap::from([
            ("tree_sha", tree_sha.to_owned()),
            ("commit_sha", commit_sha.to_owned()),
            ("files", files.to_string()),
            ("bytes", bytes.to_string()),
        ]))
    }
}

/// Where they differ; empty where they don't.
pub fn differences(legacy: &Content, target: &Content) -> Vec<Difference> {
    let mut found = match (legacy, target) {
        (Content::Facts(legacy), Content::Facts(target)) => of_facts(legacy, target),
        (Content::Set(legacy), Content::Set(target)) => of_sets(legacy, target),
        (Content::Facts(_), Content::Set(_)) => vec![difference("kind", "facts", "set")],
        (Content::Set(_), Content::Facts(_)) => vec![difference("kind", "set", "facts")],
    };
    found.truncate(DIFFERENCES_MOST);
    found
}

fn of_facts(
    legacy: &BTreeMap<&'static str, String>,
    target: &BTreeMap<&'static str, String>,
) -> Vec<Difference> {
    let only_target = target.keys().filter(|field| !legacy.contains_key(*field));
    let value = |of: &BTreeMap<&'static str, String>, field| of.get(field).cloned();
    legacy
        .keys()
        .chain(only_target)
        .filter_map(|field| {
            let (old, new) = (value(legacy, field), value(target, field));
            let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| ABSENT.to_owned());
            (old != new).then(|| difference(field, &shown(&old), &shown(&new)))
        })
        .collect()
}

fn of_sets(legacy: &BTreeMap<i64, String>, target: &BTreeMap<i64, String>) -> Vec<Difference> {
    if legacy == target {
        return Vec::new();
    }
    let mut found = Vec::new();
    if legacy.len() != target.len() {
        found.push(difference("count", &legacy.len().to_string(), &target.len().to_string()));
    }
    found.push(difference("digest", &digest(legacy), &digest(target)));
    found.push(difference("only here", &only(legacy, target), &only(target, legacy)));
    found
}

/// SHA-256 over the rows in the order of their numbers, lower-case hex.
pub fn digest(set: &BTreeMap<i64, String>) -> String {
    let mut hash = Sha256::new();
    for (id, name) in set {
        // The length keeps a name with a line's end in it from being two rows.
        hash.update(format!("{id} {} {name}\n", name.len()));
    }
    hex(&hash.finalize())
}

/// The first rows of `here` that are not `there` in the same way.
fn only(here: &BTreeMap<i64, String>, there: &BTreeMap<i64, String>) -> String {
    let mut rows = here.iter().filter(|(id, name)| there.get(id) != Some(name));
    let named: Vec<String> =
        rows.by_ref().take(NAMES_MOST).map(|(id, name)| format!("{id} {name}")).collect();
    match (named.is_empty(), rows.count()) {
        (true, _) => ABSENT.to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{more} more, {}", named.join(", ")),
    }
}

fn difference(field: &str, legacy: &str, target: &str) -> Difference {
    // Redacted before it is cut: half a token is no mark any more, and is still half a token.
    let kept = |value: &str| redact(value).chars().take(VALUE_MOST).collect();
    Difference { field: field.to_owned(), legacy: kept(legacy), target: kept(target) }
}

#[cfg(test)]
mod tests;
