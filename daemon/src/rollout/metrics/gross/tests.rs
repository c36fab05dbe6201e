use proptest::prelude::*;

use super::*;

#[test]
fn the_tenth_in_a_row_is_told_then_each_new_tenant_then_the_end() {
    let gross = Gross::default();
    let mut told = gross.watch();
    told.mark_unchanged();
    for _ in 0..9 {
        gross.gross(7);
    }
    assert!(!told.has_changed().unwrap(), "nine are not ten");
    gross.gross(7);
    assert_eq!(*told.borrow_and_update(), GrossRun { calls: 10, tenants: 1 });
    gross.gross(7);
    assert!(!told.has_changed().unwrap(), "nothing new of it");
    gross.gross(8);
    assert_eq!(*told.borrow_and_update(), GrossRun { calls: 12, tenants: 2 });
    gross.other();
    assert_eq!(*told.borrow_and_update(), GrossRun::default());
    gross.gross(7);
    gross.other();
    assert!(!told.has_changed().unwrap(), "a run of one was never told");
}

proptest! {
    #[test]
    fn a_run_is_what_came_since_the_last_other_answer(calls in prop::collection::vec(prop::option::weighted(0.9, 1_u16..6), 0..200)) {
        let gross = Gross::default();
        for call in &calls {
            match call {
                Some(tenant) => gross.gross(*tenant),
                None => gross.other(),
            }
        }
        let run: Vec<u16> = calls.iter().rev().map_while(|call| *call).collect();
        let tenants: std::collections::BTreeSet<u16> = run.iter().copied().collect();
        let expected = GrossRun {
            calls: u32::try_from(run.len()).unwrap(),
            tenants: u32::try_from(tenants.len()).unwrap().min(TENANTS_MOST),
        };
        prop_assert_eq!(gross.now(), expected);
    }
}

#[test]
fn a_run_that_never_ends_stops_counting() {
    let gross = Gross::default();
    for n in 0..70_000_u32 {
        gross.gross(u16::try_from(n % 60_000).unwrap() + 1);
    }
    assert_eq!(gross.now(), GrossRun { calls: 65_535, tenants: 3 });
}
