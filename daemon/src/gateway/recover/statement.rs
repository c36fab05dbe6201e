//! What a comparison found, in one sentence.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat};

use super::ledger::Counts;

/// GUIDs that a sentence names.
const NAMED: usize = 10;

/// What is said.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// Milliseconds since the epoch, UTC.
    pub since: i64,
    /// Afterwards.
    pub counts: Counts,
    /// GitHub was asked to deliver these again.
    pub asked_again: &'a BTreeSet<String>,
    pub lost: &'a BTreeSet<String>,
    /// Some of those that are missing although nothing was tried.
    pub left: &'a BTreeSet<String>,
}

/// `1201 of 1203 deliveries since 2026-11-20T10:00:00Z are here; 2 lost: GUID, GUID`.
pub fn statement(found: &Found<'_>) -> String {
    let Found { since, counts, asked_again, lost, left } = found;
    let wanted = counts.logged.saturating_sub(counts.unwanted);
    let (what, are) = if wanted == 1 { ("delivery", "is") } else { ("deliveries", "are") };
    let mut text = format!("{} of {wanted} {what} since {} {are} here", counts.here, moment(*since));
    if counts.unwanted > 0 {
        text += &format!(", not counting {} of other events", counts.unwanted);
    }
    let known = asked_again.len() + lost.len();
    let rest = usize::try_from(counts.missing()).unwrap_or(usize::MAX).saturating_sub(known);
    for (count, word, guids) in [
        (asked_again.len(), "asked for again", asked_again),
        (lost.len(), "lost", lost),
        (rest, "missing", left),
    ] {
        if count > 0 {
            text += &format!("; {count} {word}{}", named(count, guids));
        }
    }
    text
}

fn named(count: usize, guids: &BTreeSet<String>) -> String {
    let names: Vec<&str> = guids.iter().take(NAMED).map(String::as_str).collect();
    match (names.len(), count) {
        (0, _) => String::new(),
        (named, count) if named < count => format!(": {}, ...", names.join(", ")),
        _ => format!(": {}", names.join(", ")),
    }
}

/// `2026-11-20T10:00:00Z`.
pub fn moment(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| format!("{ms} ms"), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(guids: &[&str]) -> BTreeSet<String> {
        guids.iter().map(|guid| (*guid).to_owned()).collect()
    }

    #[test]
    fn all_here_is_said_plainly_and_what_is_not_is_named() {
        let (none, two) = (set(&[]), set(&["g1", "g2"]));
        let counts = |logged, unwanted, here| Counts { logged, unwanted, here };
        let mut found = Found {
            since: 1_795_255_200_000,
            counts: counts(1_203, 0, 1_203),
            asked_again: &none,
            lost: &none,
            left: &none,
        };
        assert_eq!(statement(&found), "1203 of 1203 deliveries since 2026-11-21T10:00:00Z are here");
        found.counts = counts(1_203, 0, 1_201);
        found.lost = &two;
        assert_eq!(
            statement(&found),
            "1201 of 1203 deliveries since 2026-11-21T10:00:00Z are here; 2 lost: g1, g2"
        );
        found.counts = counts(10, 6, 0);
        (found.lost, found.asked_again) = (&none, &two);
        assert_eq!(
            statement(&found),
            "0 of 4 deliveries since 2026-11-21T10:00:00Z are here, not counting 6 of other events; \
             2 asked for again: g1, g2; 2 missing"
        );
        found.left = &two;
        found.counts = counts(10, 0, 3);
        found.asked_again = &none;
        assert!(statement(&found).ends_with("; 7 missing: g1, g2, ..."), "{}", statement(&found));
        found.counts = counts(1, 0, 1);
        assert_eq!(statement(&found), "1 of 1 delivery since 2026-11-21T10:00:00Z is here");
    }
}
