use cutover_shared::ids::InstallationId;
use proptest::prelude::*;

use super::*;

fn candidate(n: usize, tenant: usize, confidence: u8) -> Candidate {
    Candidate { key: LinkKey(format!("p{n}:acme/r{n}")), tenant: TenantId(format!("t{tenant}")), confidence }
}

fn keys(sample: &[Candidate]) -> Vec<&str> {
    sample.iter().map(|candidate| candidate.key.as_str()).collect()
}

#[test]
fn every_confidence_and_many_tenants_are_in_the_sample() {
    let population = (0..1_000).map(|n| candidate(n, n % 50, if n < 3 { 90 } else { 100 }));
    let sample = sample(population, DEFAULT_SAMPLE, 7);
    assert_eq!(sample.len(), 10);
    assert_eq!(sample.iter().filter(|candidate| candidate.confidence == 90).count(), 3);
    let tenants: std::collections::BTreeSet<_> = sample.iter().map(|candidate| &candidate.tenant).collect();
    assert_eq!(tenants.len(), 10, "ten tenants for ten samples");
}

#[test]
fn this_seed_draws_this_sample_for_ever() {
    let population: Vec<_> = (0..40).map(|n| candidate(n, n % 4, 100)).collect();
    let drawn = sample(population, 5, 42);
    assert_eq!(
        keys(&drawn),
        ["p29:acme/r29", "p38:acme/r38", "p39:acme/r39", "p4:acme/r4", "p25:acme/r25"],
        "a report of an older version must be drawn again as it was"
    );
}

#[test]
fn a_sample_is_never_below_five_nor_above_what_there_is() {
    assert_eq!(sample((0..40).map(|n| candidate(n, 0, 100)), 1, 1).len(), LEAST);
    assert_eq!(sample((0..3).map(|n| candidate(n, 0, 100)), 10, 1).len(), 3);
    assert!(sample([], 10, 1).is_empty());
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_sample_in_any_order(
        population in proptest::collection::btree_map(0..60_usize, (0..5_usize, 90..=100_u8), 0..40),
        seed in any::<u64>(), size in 0..30_usize, by in 0..40_usize
    ) {
        let mut all: Vec<_> =
            population.iter().map(|(n, (tenant, confidence))| candidate(*n, *tenant, *confidence)).collect();
        let first = sample(all.clone(), size, seed);
        let turn = if all.is_empty() { 0 } else { by % all.len() };
        all.rotate_left(turn);
        all.reverse();
        prop_assert_eq!(&first, &sample(all.clone(), size, seed));
        prop_assert_eq!(first.len(), size.max(LEAST).min(all.len()));
        let different: std::collections::BTreeSet<_> = keys(&first).into_iter().collect();
        prop_assert_eq!(different.len(), first.len());
    }
}

fn artifact(content: Option<&str>, tree: Option<&str>, commit: Option<&str>) -> Artifact {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Artifact { content_digest: own(content), tree_sha: own(tree), commit_sha: own(commit) }
}

#[test]
fn the_strongest_thing_that_both_have_decides() {
    let imported = artifact(Some("c1"), Some("t1"), Some("s1"));
    let same_content = artifact(Some("C1"), Some("t2"), Some("s2"));
    assert_eq!(compare(&imported, Ok(&same_content)).0, SpotOutcome::Match);
    let (outcome, detail) = compare(&imported, Ok(&artifact(None, Some("t2"), Some("s1"))));
    assert_eq!(outcome, SpotOutcome::Mismatch);
    assert_eq!(detail, "tree was t1 at import, is t2 by installation");
    assert_eq!(compare(&artifact(None, None, Some("s1")), Ok(&imported)).0, SpotOutcome::Match);
    assert_eq!(compare(&Artifact::default(), Ok(&imported)).0, SpotOutcome::NotComparable);
    assert_eq!(compare(&imported, Ok(&Artifact::default())).0, SpotOutcome::NotComparable);
    let long = artifact(None, Some("t1-in-another-format"), None);
    assert_eq!(compare(&imported, Ok(&long)).0, SpotOutcome::NotComparable);
    assert_eq!(compare(&imported, Err("503")), (SpotOutcome::Unreachable, "503".to_owned()));
}

fn rows(outcomes: &[(SpotOutcome, usize)]) -> Vec<SpotCheckRow> {
    let all = outcomes.iter().flat_map(|(outcome, times)| std::iter::repeat_n(*outcome, *times));
    all.enumerate()
        .map(|(n, outcome)| SpotCheckRow {
            key: LinkKey(format!("p{n}:a/b")),
            tenant: "t".into(),
            installation: InstallationId(1),
            confidence: 100,
            outcome,
            detail: String::new(),
        })
        .collect()
}

#[test]
fn one_mismatch_fails_and_so_do_fewer_than_five() {
    use SpotOutcome::{Match, Mismatch, NotComparable, Unreachable};
    assert_eq!(verdict(&rows(&[(Match, 10)])), (true, "10 of 10 match".to_owned()));
    assert_eq!(
        verdict(&rows(&[(Match, 5), (NotComparable, 3)])),
        (true, "5 of 5 match (3 not comparable left out)".to_owned())
    );
    assert_eq!(
        verdict(&rows(&[(Match, 4), (NotComparable, 5), (Unreachable, 1)])),
        (
            false,
            "only 4 of 10 could be compared, 5 are needed (5 not comparable, 1 unreachable left out)"
                .to_owned()
        )
    );
    assert_eq!(verdict(&rows(&[(Match, 99), (Mismatch, 1)])), (false, "1 of 100 differ: p99:a/b".to_owned()));
    assert!(!verdict(&[]).0);
}
