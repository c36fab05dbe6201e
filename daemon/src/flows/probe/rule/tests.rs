use proptest::prelude::*;

use super::*;

fn rule() -> Rule {
    Rule { end_event: Some("done".into()), contains: Some("api".into()), digest: false, length_permille: 500 }
}

fn seen() -> Seen {
    let mut seen = Seen {
        status: 200,
        events: Vec::new(),
        bytes: 1_000,
        digest: "d".into(),
        matched: Some(true),
        ended: true,
    };
    assert!(seen.count("chunk") && seen.count("chunk") && seen.count("done"));
    seen
}

fn failing(rule: &Rule, now: &Seen) -> Vec<String> {
    let checks = compare(rule, &seen(), now);
    checks.into_iter().filter(|check| !check.passed).map(|check| check.what).collect()
}

#[test]
fn each_difference_is_named() {
    let rule = Rule { digest: true, ..rule() };
    assert_eq!(failing(&rule, &seen()), Vec::<String>::new());
    assert_eq!(failing(&rule, &Seen { status: 201, ..seen() }), ["status"]);
    assert_eq!(failing(&rule, &Seen { bytes: 499, ..seen() }), ["length"]);
    assert_eq!(failing(&rule, &Seen { bytes: 1_501, ..seen() }), ["length"]);
    assert_eq!(failing(&rule, &Seen { bytes: 500, ..seen() }), Vec::<String>::new());
    assert_eq!(failing(&rule, &Seen { digest: "e".into(), ..seen() }), ["digest"]);
    assert_eq!(failing(&rule, &Seen { matched: Some(false), ..seen() }), ["contains"]);
    assert_eq!(failing(&rule, &Seen { matched: None, ..seen() }), ["contains"]);
    assert_eq!(failing(&rule, &Seen { ended: false, ..seen() }), ["end event"]);
    let mut more = seen();
    assert!(more.count("error"));
    assert_eq!(failing(&rule, &more), ["events"]);
}

/// The same failure before and after is no proof that anything works.
#[test]
fn an_answer_that_is_not_good_never_passes_even_if_it_was_recorded() {
    let broken = Seen { status: 500, ..seen() };
    assert!(compare(&rule(), &broken, &broken).iter().any(|check| !check.passed));
    assert!(fit(&rule(), &broken).iter().any(|check| !check.passed));
    assert!(fit(&rule(), &seen()).iter().all(|check| check.passed));
}

#[test]
fn order_and_number_of_events_may_differ() {
    let mut other = Seen { events: Vec::new(), ..seen() };
    assert!(other.count("done") && other.count("chunk"));
    assert_eq!(failing(&rule(), &other), Vec::<String>::new());
}

#[test]
fn kinds_of_events_are_bounded() {
    let mut seen = seen();
    for i in seen.events.len()..MOST_EVENTS {
        assert!(seen.count(&i.to_string()));
    }
    assert!(!seen.count("one more") && seen.count("chunk"));
    assert_eq!(seen.events.len(), MOST_EVENTS);
}

fn rules() -> impl Strategy<Value = Rule> {
    (prop::option::of("[a-z]{1,4}"), prop::option::of("[a-z]{1,4}"), any::<bool>(), 0_u32..=10_000).prop_map(
        |(end_event, contains, digest, length_permille)| Rule {
            end_event,
            contains,
            digest,
            length_permille,
        },
    )
}

fn answers() -> impl Strategy<Value = Seen> {
    (
        prop_oneof![200_u16..300, 100_u16..600],
        prop::collection::vec("[a-c]{1,2}", 0..5),
        prop_oneof![0_u64..3_000, any::<u64>()],
        "[ab]",
        prop::option::weighted(0.9, prop::bool::weighted(0.9)),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(status, names, bytes, digest, matched, ended)| {
            let mut seen = Seen { status, events: Vec::new(), bytes, digest, matched, ended };
            for name in names {
                let _ = seen.count(&name);
            }
            seen
        })
}

fn passed(checks: &[ProbeCheck]) -> bool {
    !checks.is_empty() && checks.iter().all(|check| check.passed)
}

proptest! {
    #[test]
    fn the_same_good_answer_always_passes(rule in rules(), seen in answers()) {
        let good = passed(&fit(&rule, &seen));
        prop_assert_eq!(passed(&compare(&rule, &seen, &seen)), good);
    }

    #[test]
    fn a_pass_means_what_it_says(rule in rules(), before in answers(), now in answers()) {
        if !passed(&compare(&rule, &before, &now)) {
            return Ok(());
        }
        let names = |seen: &Seen| seen.events.iter().map(|kind| kind.name.clone()).collect::<BTreeSet<_>>();
        prop_assert!(now.ended && (200..300).contains(&now.status) && now.status == before.status);
        prop_assert_eq!(names(&before), names(&now));
        prop_assert!(rule.contains.is_none() || now.matched == Some(true));
        prop_assert!(!rule.digest || before.digest == now.digest);
        let off = u128::from(before.bytes.abs_diff(now.bytes)) * 1000;
        prop_assert!(off <= u128::from(before.bytes) * u128::from(rule.length_permille));
    }

    #[test]
    fn a_broken_one_never_passes(rule in rules(), seen in answers(), which in 0..4) {
        let mut now = seen.clone();
        match which {
            0 => now.ended = false,
            1 => now.status = if seen.status == 500 { 502 } else { 500 },
            2 => now.events.push(Kind { name: "another".into(), count: 1 }),
            _ => now.bytes = seen.bytes.saturating_mul(20).saturating_add(1),
        }
        prop_assume!(now.bytes < u64::MAX);
        prop_assert!(!passed(&compare(&rule, &seen, &now)));
    }
}
