use cutover_shared::run::{Counts, EffectClass, Progress, Reversibility};
use serde_json::json;

use super::*;

fn run(id: &str, scope: &str, state: RunState, changes: u64) -> RunView {
    RunView {
        id: id.into(),
        kind: "map".into(),
        scope: scope.into(),
        state,
        digest: "d1".into(),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: "ana".into(),
        planned_at: 0,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: 1,
        started_at: None,
        ended_at: None,
        rate: None,
        progress: Progress { counts: Counts::default(), per_second: 0.0, seconds_left: None },
        reason: None,
        summary: json!({ "changes": changes }),
    }
}

fn counts(mapped: u64, pending: u64, unplanned: u64) -> MappingCounts {
    MappingCounts { mapped, pending, unmappable: 0, unplanned }
}

fn commands(counts: &MappingCounts, canary_tenants: usize, canary: Canary, runs: &[RunView]) -> Vec<String> {
    let steps = steps(&Situation { killed: false, counts, canary_tenants, canary, runs });
    assert!(steps.len() <= MOST && steps.iter().all(|step| !step.text.is_empty()));
    steps.into_iter().map(|step| step.command).collect()
}

const IMPORT: &str = "cutover catalog import FILE";
const CHOOSE: &str = "cutover mode set canary --add-canary TENANT";
const PLAN_CANARY: &str = "cutover map plan --canary";
const PLAN_ALL: &str = "cutover map plan --all";
const CHECK: &str = "cutover map spot-check";
const PENDING: &str = "cutover map plan --all --csv plan.csv";

#[test]
fn the_way_goes_from_nothing_to_everybody() {
    use Canary::{Observed, Proven, Unproven};
    let fresh = counts(0, 0, 100);
    assert_eq!(commands(&counts(0, 0, 0), 0, Unproven, &[]), [IMPORT, CHOOSE, PLAN_CANARY]);
    assert_eq!(commands(&fresh, 0, Unproven, &[]), [CHOOSE, PLAN_CANARY, PLAN_ALL]);
    assert_eq!(commands(&fresh, 2, Unproven, &[]), [PLAN_CANARY, PLAN_ALL, CHECK]);
    let observed = Observed { seconds_left: 1_300 };
    assert_eq!(commands(&counts(9, 1, 90), 2, observed, &[]), ["cutover status", PLAN_ALL, CHECK]);
    assert_eq!(commands(&counts(9, 1, 90), 2, Proven, &[]), [PLAN_ALL, CHECK, PENDING]);
    assert_eq!(commands(&counts(95, 5, 0), 2, Proven, &[]), [CHECK, PENDING]);
    assert_eq!(commands(&counts(100, 0, 0), 2, Proven, &[]), [CHECK]);
    // Everybody went with an override: nobody needs a canary any more.
    assert_eq!(commands(&counts(95, 5, 0), 0, Unproven, &[]), [CHECK, PENDING]);
    assert!(commands(&MappingCounts { unmappable: 7, ..counts(0, 0, 0) }, 0, Unproven, &[]).is_empty());
}

#[test]
fn a_wait_says_how_long() {
    let (counts, canary) = (counts(9, 1, 90), Canary::Observed { seconds_left: 1_300 });
    let at = Situation { killed: false, counts: &counts, canary_tenants: 1, canary, runs: &[] };
    assert!(steps(&at)[0].text.contains("22 min"), "{:?}", steps(&at));
}

#[test]
fn a_kill_comes_before_everything() {
    let (counts, runs) = (counts(0, 0, 0), [run("r1", "all", RunState::Paused, 1)]);
    let at =
        Situation { killed: true, counts: &counts, canary_tenants: 0, canary: Canary::Proven, runs: &runs };
    let found = steps(&at);
    assert_eq!((found.len(), found[0].command.as_str()), (1, "cutover unkill --all --reason TEXT"));
}

#[test]
fn what_is_begun_comes_before_what_is_not() {
    use Canary::{Proven, Unproven};
    use RunState::{Applying, Approved, Done, Paused, Planned, Undoing};
    let fresh = counts(0, 0, 100);
    let canary = |state| [run("r1", "canary", state, 9)];
    let apply = "cutover map apply r1 --approve d1";
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Planned)), [apply, PLAN_ALL, CHECK]);
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Approved))[0], "cutover map apply r1");
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Paused))[0], "cutover run resume r1");
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Applying))[0], "cutover watch r1");
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Undoing))[0], "cutover watch r1");
    // What ended for a reason of its own is no step.
    assert_eq!(commands(&fresh, 1, Unproven, &canary(Done))[0], PLAN_CANARY);
    // A plan for everybody waits until the gate is open.
    let all = [run("r1", "all", Planned, 9)];
    assert_eq!(commands(&fresh, 1, Unproven, &all)[0], PLAN_CANARY);
    assert_eq!(commands(&fresh, 1, Proven, &all), [apply, CHECK]);
    assert_eq!(commands(&counts(90, 10, 0), 1, Proven, &all), [apply, CHECK, PENDING]);
    // A plan that changes nothing is no step, nor is another kind's run.
    assert_eq!(commands(&fresh, 1, Proven, &[run("r1", "all", Planned, 0)]), [PLAN_ALL, CHECK]);
    let other = RunView { kind: "fleet".into(), ..run("r1", "all", Applying, 9) };
    assert_eq!(commands(&fresh, 1, Proven, &[other]), [PLAN_ALL, CHECK]);
    let tenant = [run("r1", "tenant:acme", Planned, 9)];
    assert_eq!(commands(&fresh, 1, Proven, &tenant), [apply, PLAN_ALL, CHECK]);
}

#[test]
fn spans_are_rounded_up() {
    let told = [0, 89, 90, 91, 5_399, 5_401, 172_800].map(span);
    assert_eq!(told, ["0 s", "89 s", "2 min", "2 min", "90 min", "2 h", "2 days"]);
}
