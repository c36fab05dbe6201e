use std::collections::HashMap;

use cutover_shared::rollout::Stage;
use proptest::prelude::*;

use super::*;
use crate::rollout::bucket::Bucketing;
use crate::rollout::decide::Ceiling;

fn plan(stage: &str, killed: bool, overrides: HashMap<String, Side>) -> Plan {
    let mut flags = [false; Operation::ALL.len()];
    for operation in RolloutName::GithubAuth.operations() {
        flags[operation.index()] = true;
    }
    Plan {
        name: RolloutName::GithubAuth,
        version: 7,
        stage: stage.parse::<Stage>().unwrap(),
        flags,
        overrides,
        roster: None,
        bucketing: Bucketing::new(1, "salt").unwrap(),
        killed,
        shadow_buckets: 1_000,
        ceiling: Ceiling::None,
    }
}

#[test]
fn everybody_on_the_target_leaves_it_and_comes_back() {
    let rehearsal = Rehearsal::new(&plan("live", false, HashMap::new()), Clock::manual(0));
    assert_eq!(rehearsal.walk(&["acme", "zeta"]), Ok(2));
    assert_eq!(rehearsal.walk(&["acme", "zeta"]), Ok(2), "again and again");
    let shadow = Rehearsal::new(&plan("shadow", false, HashMap::new()), Clock::manual(0));
    assert_eq!(shadow.walk(&["acme", "zeta"]), Ok(0));
    // What is killed already is rehearsed as if it were not.
    let killed = Rehearsal::new(&plan("live", true, HashMap::new()), Clock::manual(0));
    assert_eq!(killed.walk(&["acme", "zeta"]), Ok(2));
}

proptest! {
    /// Whatever the stage and the exceptions: a kill is complete, and as many come back as left.
    #[test]
    fn no_plan_survives_a_kill(
        stage in proptest::sample::select(&["off", "dual-write", "shadow", "canary-10", "canary-50", "live", "complete"][..]),
        target in proptest::collection::vec("[a-z]{1,6}", 0..5),
        tenants in proptest::collection::vec("[a-z]{1,6}", 0..40),
    ) {
        let overrides = target.into_iter().map(|tenant| (tenant, Side::Target)).collect();
        let plan = plan(stage, false, overrides);
        let names: Vec<&str> = tenants.iter().map(String::as_str).collect();
        let rehearsal = Rehearsal::new(&plan, Clock::manual(0));
        let inside = names.iter().filter(|tenant| crate::rollout::step::side(&plan, tenant) == Side::Target).count();
        prop_assert_eq!(rehearsal.walk(&names), Ok(inside));
    }
}
