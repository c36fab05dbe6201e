use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_780_000_000_000;
const DAY: i64 = 86_400_000;

fn granted() -> BTreeMap<String, String> {
    NEEDED.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

fn well(permissions: &BTreeMap<String, String>) -> Facts<'_> {
    Facts {
        now: NOW,
        state: InstallationState::Active,
        account: "acme",
        id: 7,
        permissions,
        budget: Some((5_000, 5_000)),
        delivered_at: Some(NOW - DAY),
        mapped: 3,
        token_error: None,
        dead: 0,
        unmapped: 0,
        unread: None,
    }
}

fn codes(facts: &Facts<'_>) -> (Health, Vec<String>) {
    let (health, reasons) = health(facts);
    (health, reasons.into_iter().map(|reason| reason.code).collect())
}

fn only(facts: &Facts<'_>, weight: Health, code: &str) {
    assert_eq!(codes(facts), (weight, vec![code.to_owned()]));
}

#[test]
fn nothing_to_say_is_healthy() {
    assert_eq!(codes(&well(&granted())), (Health::Healthy, Vec::new()));
    // More than what is needed is enough.
    let mut more = granted();
    more.insert("contents".to_owned(), "write".to_owned());
    assert_eq!(codes(&well(&more)).0, Health::Healthy);
}

#[test]
fn each_reason_has_its_weight() {
    let all = granted();
    only(&Facts { state: InstallationState::Suspended, ..well(&all) }, Health::Failing, "suspended");
    only(&Facts { token_error: Some("refused"), ..well(&all) }, Health::Failing, "token_failing");
    only(&Facts { unread: Some("403"), ..well(&all) }, Health::Attention, "unread");
    only(&Facts { dead: 1, ..well(&all) }, Health::Attention, "dead_deliveries");
    only(&Facts { unmapped: 1, ..well(&all) }, Health::Attention, "unmapped");
    for (gone, weight) in [("contents", Health::Failing), ("issues", Health::Attention)] {
        let mut less = granted();
        less.remove(gone);
        only(&well(&less), weight, "permission_missing");
        assert_eq!(missing(&less), [(gone.to_owned(), "read".to_owned())]);
    }
    assert_eq!(missing(&BTreeMap::new()), [], "GitHub has not said");
}

#[test]
fn few_calls_are_a_tenth_or_a_hundred() {
    let all = granted();
    for (left, limit, low) in [(499, 5_000, true), (500, 5_000, false), (99, 500, true), (100, 500, false)] {
        let (_, found) = codes(&Facts { budget: Some((left, limit)), ..well(&all) });
        assert_eq!(found.contains(&"budget_low".to_owned()), low, "{left} of {limit}");
    }
}

#[test]
fn silence_begins_after_seven_days_and_needs_a_delivery_before() {
    let all = granted();
    only(&Facts { delivered_at: Some(NOW - SILENT_MS), ..well(&all) }, Health::Attention, "silent");
    assert_eq!(codes(&Facts { delivered_at: Some(NOW - SILENT_MS + 1), ..well(&all) }).0, Health::Healthy);
    assert_eq!(codes(&Facts { delivered_at: None, ..well(&all) }).0, Health::Healthy);
}

#[test]
fn what_is_gone_matters_only_where_something_hung_on_it() {
    let all = granted();
    let gone = Facts { state: InstallationState::Gone, mapped: 0, ..well(&all) };
    assert_eq!(codes(&gone).0, Health::Healthy);
    only(&Facts { unmapped: 2, ..gone }, Health::Failing, "unmapped");
}

proptest! {
    #[test]
    fn the_word_is_the_worst_reason(
        (state, left, dead) in (0..3_usize, 0..6_000_i64, 0..3_u64),
        (age, unmapped) in (proptest::option::of(any::<i64>()), 0..3_u64),
        (error, unread) in (any::<bool>(), any::<bool>()),
    ) {
        let all = granted();
        let facts = Facts {
            state: InstallationState::ALL[state],
            budget: Some((left, 5_000)),
            dead,
            unmapped,
            delivered_at: age,
            token_error: error.then_some("refused"),
            unread: unread.then_some("403"),
            ..well(&all)
        };
        let (health, reasons) = health(&facts);
        prop_assert_eq!(health == Health::Healthy, reasons.is_empty());
        prop_assert!(reasons.iter().all(|reason| !reason.text.is_empty()));
        let failing = ["suspended", "token_failing"];
        let fails = reasons.iter().any(|reason| failing.contains(&reason.code.as_str()))
            || (facts.state == InstallationState::Gone && unmapped > 0)
            || (facts.state == InstallationState::Gone && facts.mapped > 0);
        prop_assert_eq!(health == Health::Failing, fails);
    }
}
