use proptest::prelude::*;

use super::*;

fn attempt(id: i64, guid: &str, at: i64, redelivery: bool) -> Attempt {
    let event = if guid.ends_with('x') { "check_run" } else { "push" };
    Attempt { id, guid: guid.to_owned(), event: event.to_owned(), at, redelivery }
}

fn scope(since: i64, events: &[&str]) -> Scope {
    Scope { since, events: events.iter().map(|event| (*event).to_owned()).collect() }
}

fn set(guids: &[&str]) -> BTreeSet<String> {
    guids.iter().map(|guid| (*guid).to_owned()).collect()
}

/// Walks over pages until it may stop, as the inbox `here` answers.
fn walk<'s>(
    scope: &'s Scope,
    settled: &'s BTreeSet<String>,
    most: usize,
    pages: &[Vec<Attempt>],
    here: &HashSet<String>,
) -> Ledger<'s> {
    let mut ledger = Ledger::new(scope, settled, most);
    for page in pages {
        let asked = ledger.asked(page);
        let known = asked.into_iter().filter(|guid| here.contains(guid)).collect();
        ledger.page(page, &known);
        if ledger.is_past(page) {
            break;
        }
    }
    ledger
}

#[test]
fn several_attempts_are_one_delivery_and_its_time_is_that_of_the_first() {
    let pages = vec![
        vec![attempt(9, "b", 900, true), attempt(8, "a", 800, true), attempt(7, "b", 700, true)],
        vec![attempt(3, "c", 300, false), attempt(2, "b", 200, false), attempt(1, "a", 100, false)],
    ];
    let (scope, none) = (scope(150, &[]), set(&[]));
    let ledger = walk(&scope, &none, 10, &pages, &HashSet::from(["c".to_owned()]));
    assert_eq!(ledger.counts(), Counts { logged: 3, unwanted: 0, here: 1 });
    let missing = ledger.into_missing();
    // The first attempt at `a` is older than what is compared, and still tells how new `a` is.
    let found: Vec<_> = missing.iter().map(|m| (m.guid.as_str(), m.at, m.attempts.clone())).collect();
    assert_eq!(found, [("a", 100, vec![8, 1]), ("b", 200, vec![9, 7, 2])]);
}

#[test]
fn what_is_not_wanted_is_neither_asked_for_nor_fetched() {
    let page = vec![attempt(3, "a", 30, false), attempt(2, "bx", 20, false), attempt(1, "c", 10, false)];
    let (scope, none) = (scope(15, &["push"]), set(&[]));
    let mut ledger = Ledger::new(&scope, &none, 10);
    assert_eq!(ledger.asked(&page), ["a"]);
    ledger.page(&page, &HashSet::new());
    assert!(ledger.is_past(&page));
    assert_eq!(ledger.counts(), Counts { logged: 2, unwanted: 1, here: 0 });
    assert_eq!(ledger.counts().missing(), 1);
    assert_eq!(ledger.into_missing().len(), 1);
}

#[test]
fn of_more_than_are_remembered_the_oldest_come_first() {
    let page: Vec<Attempt> = (0..7).rev().map(|n| attempt(n, &format!("g{n}"), n + 1, false)).collect();
    let (scope, mut settled) = (scope(0, &[]), set(&[]));
    let mut here = HashSet::new();
    let mut rounds = 0;
    loop {
        let ledger = walk(&scope, &settled, 3, std::slice::from_ref(&page), &here);
        let again = ledger.overflowed();
        let missing = ledger.into_missing();
        let expected: Vec<String> = (rounds * 3..7.min(rounds * 3 + 3)).map(|n| format!("g{n}")).collect();
        assert_eq!(missing.iter().map(|m| m.guid.clone()).collect::<Vec<_>>(), expected);
        // The second of each round can't be had.
        for (at, missing) in missing.into_iter().enumerate() {
            if at == 1 {
                settled.insert(missing.guid)
            } else {
                here.insert(missing.guid)
            };
        }
        rounds += 1;
        if !again {
            break;
        }
    }
    assert_eq!((rounds, here.len(), settled.len()), (3, 5, 2));
}

/// One delivery: when it came, whether its event is wanted, its later attempts, whether it is here, whether its body can be had.
type Made = (i64, bool, Vec<i64>, bool, bool);

fn made() -> impl Strategy<Value = Vec<Made>> {
    let one =
        (0_i64..1_000, any::<bool>(), prop::collection::vec(1_i64..500, 0..4), any::<bool>(), any::<bool>());
    prop::collection::vec(one, 0..60)
}

proptest! {
    /// Whatever the list and whatever is here: afterwards all that is wanted is here or named as lost, each counted once.
    #[test]
    fn all_that_is_wanted_ends_here_or_is_named(
        made in made(), since in 0_i64..1_200, per_page in 1_usize..20, most in 1_usize..30, filtered in any::<bool>(),
    ) {
        let mut list = Vec::new();
        let (mut here, mut gone, mut within) = (HashSet::new(), HashSet::new(), BTreeSet::new());
        for (n, (at, wanted, later, is_here, can_be_had)) in made.into_iter().enumerate() {
            let guid = format!("g{n}{}", if wanted { "" } else { "x" });
            let newest = later.iter().map(|step| at + step).chain([at]).max().unwrap();
            list.push(attempt(0, &guid, at, false));
            list.extend(later.iter().map(|step| attempt(0, &guid, at + step, true)));
            if newest >= since {
                within.insert(guid.clone());
            }
            if is_here { here.insert(guid.clone()); }
            if !can_be_had { gone.insert(guid); }
        }
        list.sort_by_key(|attempt| std::cmp::Reverse((attempt.at, attempt.redelivery)));
        for (id, attempt) in (0..).zip(list.iter_mut().rev()) {
            attempt.id = id;
        }
        // A page may hold the same twice.
        let mut pages: Vec<Vec<Attempt>> = list.chunks(per_page).map(<[Attempt]>::to_vec).collect();
        for page in &mut pages {
            let double = page[0].clone();
            page.insert(0, double);
        }
        let scope = scope(since, if filtered { &["push"] } else { &[] });
        let wanted: BTreeSet<&String> = within.iter().filter(|guid| !filtered || !guid.ends_with('x')).collect();
        let before: HashSet<String> = here.clone();
        let (mut lost, mut fetched) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let settled = lost.clone();
            let ledger = walk(&scope, &settled, most, &pages, &here);
            let counts = ledger.counts();
            prop_assert_eq!(counts.logged, within.len() as u64);
            prop_assert_eq!(counts.unwanted, (within.len() - wanted.len()) as u64);
            prop_assert_eq!(counts.here, wanted.iter().filter(|guid| here.contains(**guid)).count() as u64);
            let again = ledger.overflowed();
            let missing = ledger.into_missing();
            prop_assert!(missing.len() <= most);
            prop_assert!(missing.is_sorted_by_key(|missing| missing.at));
            prop_assert!(!again || !missing.is_empty());
            for missing in missing {
                prop_assert!(wanted.contains(&missing.guid), "{} is not wanted", missing.guid);
                prop_assert!(!before.contains(&missing.guid), "{} is here", missing.guid);
                prop_assert!(fetched.insert(missing.guid.clone()), "{} is fetched twice", missing.guid);
                prop_assert!(!missing.attempts.is_empty());
                if gone.contains(&missing.guid) { lost.insert(missing.guid); } else { here.insert(missing.guid); }
            }
            if !again { break; }
        }
        for guid in wanted {
            prop_assert!(here.contains(guid) || lost.contains(guid), "{guid} is neither here nor named");
        }
    }
}

#[test]
fn of_one_second_the_list_says_what_came_first_whatever_is_here_already() {
    let page: Vec<Attempt> = (1..=5).rev().map(|n| attempt(n, &format!("g{n}"), 7_000, false)).collect();
    let (scope, none) = (scope(0, &[]), set(&[]));
    let times = |here: &[&str]| -> Vec<(String, i64, i64)> {
        let here = here.iter().map(|guid| (*guid).to_owned()).collect();
        // The second goes on over two pages.
        let pages = [page[..2].to_vec(), page[2..].to_vec()];
        let missing = walk(&scope, &none, 10, &pages, &here).into_missing();
        missing.into_iter().map(|missing| (missing.guid, missing.at, missing.first)).collect()
    };
    let expected: Vec<_> = (1..=5).map(|n| (format!("g{n}"), 7_994 + n, 7_000)).collect();
    assert_eq!(times(&[]), expected);
    assert_eq!(times(&["g1", "g2", "g4"]), [expected[2].clone(), expected[4].clone()]);
}
