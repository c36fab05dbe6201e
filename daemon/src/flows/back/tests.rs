use proptest::prelude::*;

use super::*;

fn effects(items: u64) -> Effects {
    Effects { runs: vec!["r2".into(), "r1".into()], items, irreversible: None }
}

fn measure(run: &str, items: u64, ended: i64) -> Measure {
    Measure { run: run.into(), undo: false, items, began: ended - 12_000, ended, rate: None }
}

#[test]
fn an_estimate_stands_on_the_newest_measurement() {
    let measures = [measure("r1", 2_000, 20_000), measure("r2", 4_000, 90_000)];
    let back = way_back(&effects(10_000), &measures, Holds::default());
    assert_eq!((back.seconds, back.items, back.blocked), (Some(30), 10_000, None));
    assert_eq!(back.basis, "measured: 4,000 items in 12 s when run r2 was applied");
    let undone = Measure { undo: true, began: 99_600, ..measure("r3", 2_000, 100_000) };
    let back = way_back(&effects(10_000), &[&measures[..], &[undone]].concat(), Holds::default());
    assert_eq!(back.seconds, Some(2));
    assert_eq!(back.basis, "measured: 2,000 items in 0.4 s when run r3 was undone");
}

#[test]
fn a_slowed_run_says_little_and_is_used_only_for_want_of_another() {
    let slow = Measure { rate: Some(10), ..measure("r2", 120, 90_000) };
    let both = [slow.clone(), measure("r1", 2_000, 20_000)];
    assert!(way_back(&effects(1), &both, Holds::default()).basis.contains("run r1"));
    let back = way_back(&effects(100), &[slow], Holds::default());
    assert_eq!(back.seconds, Some(10));
    assert!(back.basis.ends_with("held to 10 a second"), "{}", back.basis);
}

#[test]
fn without_a_measurement_nothing_is_promised() {
    for measures in [vec![], vec![measure("r1", 0, 5)], vec![Measure { began: 9, ..measure("r1", 5, 5) }]] {
        assert_eq!(way_back(&effects(3), &measures, Holds::default()).seconds, None);
    }
}

#[test]
fn what_stands_in_the_way_is_said() {
    let held = |effects: &Effects, killed, trouble| way_back(effects, &[], Holds { killed, trouble }).blocked;
    assert_eq!(held(&effects(1), false, None), None);
    assert!(held(&effects(1), true, None).unwrap().contains("kill switch"));
    assert!(held(&effects(1), false, Some("disk is full")).unwrap().contains("disk is full"));
    let final_one = Effects { irreversible: Some("r1".into()), ..effects(1) };
    assert!(held(&final_one, true, None).unwrap().contains("irreversible"));
    // Nothing to take back: nothing is in the way of it.
    let nothing = way_back(&Effects::default(), &[], Holds { killed: true, trouble: Some("x") });
    assert_eq!((nothing.blocked, nothing.seconds, nothing.items), (None, Some(0), 0));
}

proptest! {
    #[test]
    fn any_figures_give_an_answer(items: u64, done: u64, began: i64, ended: i64, rate: Option<u32>) {
        let one = Measure { run: "r".into(), undo: false, items: done, began, ended, rate };
        let back = way_back(&effects(items), &[one], Holds::default());
        prop_assert!(!back.basis.is_empty());
    }

    #[test]
    fn more_effects_never_take_less(items in 1_u64..1_000_000, more in 0_u64..1_000_000) {
        let of = |items| way_back(&effects(items), &[measure("r", 700, 90_000)], Holds::default()).seconds;
        prop_assert!(of(items) <= of(items + more));
    }
}
