use proptest::prelude::*;

use cutover_shared::rollout::Percent;

use super::*;

fn plan(stage: Stage) -> Plan {
    let mut flags = [false; Operation::ALL.len()];
    for operation in RolloutName::GithubAuth.operations() {
        flags[operation.index()] = true;
    }
    Plan {
        name: RolloutName::GithubAuth,
        version: 7,
        stage,
        flags,
        overrides: HashMap::new(),
        roster: None,
        bucketing: Bucketing::new(1, "salt").unwrap(),
        killed: false,
        shadow_buckets: 1_000,
        ceiling: Ceiling::None,
    }
}

fn canary(percent: u8) -> Stage {
    Stage::Canary(Percent::new(percent).unwrap())
}

fn stages() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Off),
        Just(Stage::DualWrite),
        Just(Stage::Shadow),
        (1_u8..=100).prop_map(canary),
        Just(Stage::Live),
        Just(Stage::Complete),
    ]
}

fn operations() -> impl Strategy<Value = Operation> {
    proptest::sample::select(Operation::ALL)
}

#[test]
fn nothing_beats_a_kill() {
    let mut live = plan(Stage::Complete);
    live.overrides.insert("acme".to_owned(), Side::Target);
    let decision = decide(&live, Operation::Import, "acme", true);
    assert_eq!((decision.side, decision.why), (Side::Legacy, Why::Killed));
    live.killed = true;
    let decision = decide(&live, Operation::Import, "acme", false);
    assert_eq!((decision.side, decision.why, decision.shadow), (Side::Legacy, Why::Killed, false));
}

#[test]
fn the_mode_is_a_ceiling_and_no_floor() {
    let mut live = plan(Stage::Live);
    live.ceiling = Ceiling::of(Mode::Canary, [TenantId::from("acme")]);
    assert_eq!(decide(&live, Operation::List, "acme", false).side, Side::Target);
    assert_eq!(decide(&live, Operation::List, "zeta", false).why, Why::NotListed);
    live.stage = Stage::Shadow;
    assert_eq!(decide(&live, Operation::List, "acme", false).why, Why::Stage);
    live.ceiling = Ceiling::of(Mode::Off, []);
    assert_eq!(decide(&live, Operation::List, "acme", false).why, Why::ModeOff);
}

#[test]
fn an_override_counts_from_canary_on() {
    for (stage, side) in
        [(Stage::Shadow, Side::Legacy), (canary(1), Side::Target), (Stage::Live, Side::Target)]
    {
        let mut plan = plan(stage);
        plan.overrides.insert("acme".to_owned(), Side::Target);
        assert_eq!(decide(&plan, Operation::Import, "acme", false).side, side, "{stage}");
        plan.overrides.insert("acme".to_owned(), Side::Legacy);
        assert_eq!(decide(&plan, Operation::Import, "acme", false).side, Side::Legacy, "{stage}");
    }
}

#[test]
fn a_roster_is_taken_by_its_names() {
    let mut plan = plan(canary(1));
    let names = HashSet::from(["acme".to_owned()]);
    plan.roster = Some(Roster { names, and_share: false });
    assert_eq!(decide(&plan, Operation::Import, "acme", false).side, Side::Target);
    for n in 0..1_000 {
        assert_eq!(decide(&plan, Operation::Import, &format!("other-{n}"), false).side, Side::Legacy);
    }
}

#[test]
fn a_roster_beside_the_share_keeps_its_names_in_and_leaves_the_rest_to_the_buckets() {
    let bare = plan(canary(10));
    let mut plan = plan(canary(10));
    plan.roster = Some(Roster { names: HashSet::from(["acme".to_owned()]), and_share: true });
    assert_eq!(decide(&plan, Operation::Import, "acme", false).why, Why::Roster);
    for n in 0..1_000 {
        let name = format!("other-{n}");
        let decided = decide(&plan, Operation::Import, &name, false);
        assert_eq!(decided, decide(&bare, Operation::Import, &name, false));
    }
}

#[test]
fn each_flag_is_its_operations_alone() {
    let mut plan = plan(Stage::Live);
    plan.flags[Operation::Import.index()] = false;
    assert_eq!(decide(&plan, Operation::Import, "acme", false).why, Why::FlagOff);
    assert_eq!(decide(&plan, Operation::List, "acme", false).side, Side::Target);
    assert_eq!(decide(&plan, Operation::Clone, "acme", false).side, Side::Legacy);
}

#[test]
fn the_compared_share_is_none_of_those_that_are_moved_first() {
    let plan = plan(canary(10));
    let (mut moved, mut compared, mut both) = (0, 0, 0);
    for n in 0..100_000 {
        let decision = decide(&plan, Operation::Import, &format!("tenant-{n}"), false);
        let inside = decision.side == Side::Target;
        moved += u32::from(inside);
        compared += u32::from(decision.shadow);
        both += u32::from(inside && decision.shadow);
    }
    // Independent shares of a tenth each have a hundredth in common.
    assert!((9_500..10_500).contains(&moved) && (9_500..10_500).contains(&compared), "{moved} {compared}");
    assert!((800..1_200).contains(&both), "{both}");
}

proptest! {
    #[test]
    fn on_the_target_at_a_share_is_on_the_target_at_each_greater(
        tenant in ".{0,40}", low in 1_u8..=100, more in 0_u8..=99, operation in operations(),
    ) {
        let high = low.saturating_add(more).min(100);
        let at = |stage| decide(&plan(stage), operation, &tenant, false).side;
        prop_assert!(at(canary(low)) == Side::Legacy || at(canary(high)) == Side::Target);
        prop_assert!(at(canary(low)) == Side::Legacy || at(Stage::Live) == Side::Target);
        prop_assert_eq!(at(canary(100)), at(Stage::Live));
    }

    /// Promise 6, with rings and lists by name: what steps forward keep is kept.
    #[test]
    fn whoever_is_in_stays_in_whatever_ring_or_share_comes_next(
        tenant in "[a-z]{1,12}", listed in proptest::option::of(0_usize..2), low in 1_u8..=100, more in 0_u8..=99,
    ) {
        use crate::rollout::stages::Place;
        use crate::rollout::step::{Rings, by_name};
        use cutover_shared::rollout::Ring;
        let rings: Rings = listed.map(|n| (TenantId::from(tenant.as_str()), Ring::LISTED[n])).into_iter().collect();
        let high = low.saturating_add(more).min(100);
        let mut at = plan(Stage::Shadow);
        let mut was = Side::Legacy;
        for place in [
            Place { stage: canary(low), ring: Ring::Internal },
            Place { stage: canary(low), ring: Ring::Beta },
            Place::all(canary(low)),
            Place::all(canary(high)),
            Place::all(canary(100)),
            Place::all(Stage::Live),
        ] {
            let names = by_name(&at, place, &rings);
            let names = names.map(|names| names.into_iter().map(|tenant| tenant.0).collect());
            at.roster = names.map(|names| Roster { names, and_share: place.ring.is_all() });
            at.stage = place.stage;
            let side = decide(&at, Operation::List, &tenant, false).side;
            prop_assert!(was == Side::Legacy || side == Side::Target, "{place:?}");
            // Its ring has been opened: it is in, before everybody who is in by bucket.
            if let Some(n) = listed && Ring::LISTED[n] <= place.ring {
                prop_assert_eq!(side, Side::Target);
            }
            was = side;
        }
        prop_assert_eq!(was, Side::Target);
    }

    #[test]
    fn it_is_total_and_the_same_each_time(
        tenant in ".*", stage in stages(), operation in operations(), killed: bool, own: bool, shadow in 0_u16..=10_000,
    ) {
        let mut plan = plan(stage);
        (plan.killed, plan.shadow_buckets) = (own, shadow);
        let first = decide(&plan, operation, &tenant, killed);
        prop_assert_eq!(first, decide(&plan, operation, &tenant, killed));
        if killed || own {
            prop_assert_eq!(first.why, Why::Killed);
            prop_assert!(first.side == Side::Legacy && !first.shadow && !first.second_write);
        }
        prop_assert!(first.side == Side::Legacy || stage.opens_target());
        prop_assert!(!first.shadow || operation.is_read());
    }
}
