//! When an answer of a service downstream is as good as the one that was recorded before the move.

use std::collections::BTreeSet;

use cutover_shared::import::ProbeCheck;
use serde::{Deserialize, Serialize};

/// Most kinds of events of one answer; a stream with more is none that anybody could compare.
pub const MOST_EVENTS: usize = 64;

/// What is demanded of an answer besides its status and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The event that ends a stream; none: an answer that ends by itself.
    pub end_event: Option<String>,
    /// A text that the content holds.
    pub contains: Option<String>,
    /// The content is the same, byte for byte.
    pub digest: bool,
    /// How far the length may be off, in thousandths of the recorded one.
    pub length_permille: u32,
}

/// How often an event came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    pub name: String,
    pub count: u64,
}

/// What an answer was like. It holds nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub status: u16,
    /// Kinds of events in the order in which each came first; of a plain answer none.
    pub events: Vec<Kind>,
    /// Of the content: the body, or what the events said.
    pub bytes: u64,
    /// SHA-256 of the content in lower-case hex.
    pub digest: String,
    /// Whether the content holds the text that is demanded; none where none is.
    pub matched: Option<bool>,
    /// It came to the end that is demanded.
    pub ended: bool,
}

impl Seen {
    /// Counts one more event. False when there are too many kinds of them.
    pub fn count(&mut self, name: &str) -> bool {
        if let Some(kind) = self.events.iter_mut().find(|kind| kind.name == name) {
            kind.count = kind.count.saturating_add(1);
            return true;
        }
        let room = self.events.len() < MOST_EVENTS;
        if room {
            self.events.push(Kind { name: name.to_owned(), count: 1 });
        }
        room
    }
}

/// Whether an answer is good in itself. One that is not proves nothing, so it is not recorded either.
pub fn fit(rule: &Rule, seen: &Seen) -> Vec<ProbeCheck> {
    let good = (200..300).contains(&seen.status);
    let mut checks = vec![check("status", good, "2xx", &seen.status.to_string())];
    if let Some(end) = &rule.end_event {
        let found = if seen.ended { end.as_str() } else { "a stream that ended without it" };
        checks.push(check("end event", seen.ended, end, found));
    } else if !seen.ended {
        checks.push(check("end", false, "a whole answer", "a part"));
    }
    if let Some(text) = &rule.contains {
        let held = seen.matched == Some(true);
        checks.push(check("contains", held, text, if held { text.as_str() } else { "nothing of it" }));
    }
    checks
}

/// Each thing that is looked at, once. It passed when every one did.
pub fn compare(rule: &Rule, recorded: &Seen, now: &Seen) -> Vec<ProbeCheck> {
    let mut checks = fit(rule, now);
    if let Some(status) = checks.iter_mut().find(|check| check.what == "status") {
        status.passed &= recorded.status == now.status;
        status.wanted = recorded.status.to_string();
    }
    let names = |seen: &Seen| seen.events.iter().map(|kind| kind.name.clone()).collect::<BTreeSet<_>>();
    let (before, after) = (names(recorded), names(now));
    if rule.end_event.is_some() || before != after {
        checks.push(check("events", before == after, &listed(&before), &listed(&after)));
    }
    let (from, to) = band(recorded.bytes, rule.length_permille);
    let within = (from..=to).contains(&now.bytes);
    checks.push(check("length", within, &format!("{from} to {to} bytes"), &format!("{} bytes", now.bytes)));
    if rule.digest {
        checks.push(check("digest", recorded.digest == now.digest, &recorded.digest, &now.digest));
    }
    checks
}

/// The lengths that are allowed, both ends among them.
fn band(bytes: u64, permille: u32) -> (u64, u64) {
    let off = u64::try_from(u128::from(bytes) * u128::from(permille) / 1000).unwrap_or(u64::MAX);
    (bytes.saturating_sub(off), bytes.saturating_add(off))
}

fn listed(names: &BTreeSet<String>) -> String {
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn check(what: &str, passed: bool, wanted: &str, found: &str) -> ProbeCheck {
    ProbeCheck { what: what.to_owned(), passed, wanted: wanted.to_owned(), found: found.to_owned() }
}

#[cfg(test)]
mod tests;
