//! Deployments and steps that call: what was heard is not called again, and what was done is known whatever breaks off.

use std::time::Duration;

use cutover_shared::fleet::{FleetScope, FleetSummary, InstanceState};
use cutover_shared::run::{ItemState, RunState};
use tempfile::TempDir;

use super::there::{Answer, There};
use super::world::{Life, World, ana, tenant};
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::fleet::settings::{Deploy, Http, Settings, sample};

/// Steps 1, 2 and 3, as their TOML says.
fn world(steps: &[&str]) -> (TempDir, World, There) {
    let dir = tempfile::tempdir().unwrap();
    let world = World::bare(dir.path());
    for (at, step) in steps.iter().enumerate() {
        world.write(&format!("000{}_step.up.toml", at + 1), step);
    }
    (dir, world, There::start())
}

/// A daemon, with the deployment as its only instance.
async fn life(world: &World, there: &There, faults: Faults) -> Life {
    let deploy = Deploy::Call { url: format!("{}/deploy", there.url()), token: None };
    let http = Http { deploy: Some(deploy), ..sample().http };
    let settings = Settings { waves: vec![1_000], http, halt_permille: 1_000, ..sample() };
    let life = world.life_with(faults, settings).await;
    world.enter_deployment(&life, &there.url()).await;
    life
}

impl Life {
    /// The steps of a new plan.
    async fn to_do(&self, to: u32) -> u64 {
        let plan = self.fleet.plan(&FleetScope::All, Some(to), true, &ana()).await.unwrap();
        serde_json::from_value::<FleetSummary>(plan.summary).unwrap().steps
    }
}

const TWO: &str = "[[call]]\nmutation = 'm:one'\n[[call]]\nmutation = 'm:two'\n";

#[tokio::test]
async fn a_call_that_may_have_been_heard_is_not_made_again_unasked() {
    for (path, status) in [("m:one", 503), ("m:one", 504), ("m:two", 429), ("m:two", 500)] {
        let (_dir, world, there) = world(&[TWO, "[[call]]\nmutation = 'm:three'\n"]);
        let life = life(&world, &there, Faults::none()).await;
        there.next(path, [Answer::Status(status)]);
        let run = life.to_end(2).await;
        let counts = &run.progress.counts;
        assert_eq!((counts.unknown, counts.skipped), (1, 1), "{path} {status}: {counts:?}");
        assert_eq!((there.called("m:one"), there.called("m:three")), (1, 0), "{path} {status}");
        let items = life.db.items(&run.id, Some(ItemState::Unknown), None, 9).await.unwrap();
        let why = items[0].reason.clone().unwrap();
        assert!(why.contains(&format!("(HTTP {status})")) && why.contains("cutover run settle"), "{why}");
    }
}

#[tokio::test]
async fn a_call_that_was_not_heard_or_may_come_twice_is_made_again() {
    for (step, status) in [(TWO.to_owned(), 429), (format!("idempotent = true\n{TWO}"), 503)] {
        let (_dir, world, there) = world(&[&step]);
        let life = life(&world, &there, Faults::none()).await;
        there.next("m:one", [Answer::Status(status)]);
        let run = life.to_end(1).await;
        assert_eq!((run.state, run.progress.counts.done), (RunState::Done, 1), "{:?}", run.reason);
        assert_eq!((there.called("m:one"), there.called("m:two")), (2, 1));
    }
}

#[tokio::test]
async fn calls_of_a_tenant_whose_file_is_busy_are_not_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let (world, there) = (World::new(dir.path(), 1).await, There::start());
    world.write("0003_hook.up.toml", &format!("[[call]]\nurl = '{}/hook'\n", there.url()));
    let settings = Settings { lock_timeout: Duration::from_millis(5), ..sample() };
    let life = world.life_with(Faults::none(), settings).await;
    world.enter(&life, 1).await;
    life.to_end(2).await;
    let mut application = world.tenant(0, false).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut application).await.unwrap();
    let run = life.to_end(3).await;
    assert_eq!((run.progress.counts.unknown, there.called("hook")), (1, 1), "{:?}", run.progress.counts);
}

#[tokio::test]
async fn a_deploy_whose_calls_failed_is_not_taken_for_the_step() {
    let (_dir, world, there) = world(&["deploy = true\n[[call]]\nmutation = 'm:one'\n"]);
    let life = life(&world, &there, Faults::none()).await;
    there.next("m:one", [Answer::Error("no such note")]);
    let run = life.to_end(1).await;
    assert_eq!(run.progress.counts.failed, 1);
    assert_eq!((life.to_do(1).await, life.only().await.version, life.only().await.drift), (1, 0, None));
    let group = life.fleet.status().await.unwrap().failures[0].group.clone();
    life.fleet.retry(&run.id, &group, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.done, 1);
    assert_eq!((there.called("m:one"), life.only().await.version, life.to_do(1).await), (2, 1, 0));
}

/// Dies at a point, starts again and comes to its end: calls of each function.
fn survives(
    steps: &[&str],
    point: &'static str,
    nth: usize,
    there_says: &[(&'static str, &str)],
) -> Vec<usize> {
    let (_dir, world, there) = world(steps);
    for (path, answer) in there_says {
        there.next(path, [Answer::Value(serde_json::from_str(answer).unwrap())]);
    }
    let to = u32::try_from(steps.len()).unwrap();
    assert!(live_until(point, nth, async |faults| {
        life(&world, &there, faults).await.to_end(to).await;
    }));
    runtime().block_on(async {
        let life = life(&world, &there, Faults::none()).await;
        let run = life.engine.carried(point, false, &ana(), async || {}).await;
        assert_eq!(run.progress.counts.done, u64::from(to), "{point} {nth}: {:?}", run.progress.counts);
        let row = life.only().await;
        assert_eq!((row.version, row.drift, life.to_do(to).await), (to, None, 0), "{point} {nth}");
        ["m:one", "m:two", "m:three", "m:pages"].map(|path| there.called(path)).to_vec()
    })
}

#[test]
fn a_crash_in_the_middle_of_calls_is_no_end_of_them() {
    let step = "deploy = true\nidempotent = true\n[[call]]\nmutation = 'm:pages'\npaged = true\n";
    let page = |cursor| format!(r#"{{"isDone": false, "cursor": "{cursor}"}}"#);
    let (one, again) = (page("a"), page("a"));
    let called = survives(&[step], "fleet.chunk.after", 1, &[("m:pages", &one), ("m:pages", &again)]);
    // The first page, then both.
    assert_eq!(called, [0, 0, 0, 3]);
}

#[test]
fn a_crash_leaves_what_was_answered_done() {
    let steps = [
        "[[call]]\nmutation = 'm:one'\n",
        "[[call]]\nmutation = 'm:two'\n",
        "idempotent = true\n[[call]]\nmutation = 'm:three'\n",
    ];
    assert_eq!(survives(&steps, "fleet.step.before", 3, &[]), [1, 1, 1, 0]);
}

#[tokio::test]
async fn what_was_done_before_it_went_away_is_not_done_again() {
    let step = |name: &str| format!("idempotent = true\n[[call]]\nmutation = 'm:{name}'\n");
    let (_dir, world, there) = world(&[&step("one"), &step("two"), &step("three")]);
    let life = life(&world, &there, Faults::none()).await;
    there.next("m:three", [Answer::Away]);
    let run = life.to_end(3).await;
    assert_eq!((run.progress.counts.done, run.progress.counts.skipped), (2, 1));
    let row = life.only().await;
    assert_eq!((row.version, row.state), (2, InstanceState::Error));
    there.tells(0);
    life.instances.test(Some(&tenant(0))).await.unwrap();
    assert_eq!(life.to_end(3).await.progress.counts.done, 1);
    assert_eq!((there.called("m:one"), there.called("m:two"), there.called("m:three")), (1, 1, 2));
}

#[tokio::test]
async fn two_runs_at_once_do_not_take_one_deployment_the_same_step() {
    let (_dir, world, there) = world(&["[[call]]\nmutation = 'm:slow'\n"]);
    let life = life(&world, &there, Faults::none()).await;
    let plans = [FleetScope::All, FleetScope::Tenant(tenant(0))];
    let mut runs = Vec::new();
    for scope in &plans {
        runs.push(life.fleet.plan(scope, Some(1), false, &ana()).await.unwrap());
    }
    life.go(&runs[0]).await;
    there.slow_came().await;
    // Each has read the row by now, or reads it while the other is at work.
    let row = life.fleet.inner.instance(&tenant(0)).await.unwrap().unwrap();
    let taken = life.fleet.inner.open(&row, crate::fleet::driver::Purpose::Migrate).await.err().unwrap();
    assert!(taken.is_taken, "{taken}");
    life.go(&runs[1]).await;
    there.let_go();
    for run in &runs {
        assert_eq!(life.engine.ended(&run.id).await.progress.counts.done, 1);
    }
    assert_eq!((there.called("m:slow"), life.only().await.version), (1, 1));
}

#[tokio::test]
async fn who_looked_before_a_step_ended_does_not_know_better() {
    let (_dir, world, there) = world(&["[[call]]\nmutation = 'm:one'\n"]);
    let life = life(&world, &there, Faults::none()).await;
    let inner = &life.fleet.inner;
    let before = inner.observe(&life.only().await, true).await.unwrap();
    life.to_end(1).await;
    life.instances.write(&[before]).await.unwrap();
    let row = life.only().await;
    assert_eq!((row.version, row.drift), (1, None));
}

#[tokio::test]
async fn a_deployment_that_was_deployed_by_hand_is_taken_at_the_version_that_it_tells() {
    let deploy = "deploy = true\n[[call]]\nmutation = 'm:one'\n";
    let (_dir, world, there) = world(&[deploy, deploy, deploy]);
    let life = life(&world, &there, Faults::none()).await;
    life.to_end(1).await;
    there.tells(2);
    life.instances.test(Some(&tenant(0))).await.unwrap();
    let row = life.only().await;
    assert_eq!((row.version, row.drift.is_some()), (1, true));
    life.instances.accept(&tenant(0), &ana()).await.unwrap();
    assert_eq!((life.only().await.version, life.to_do(3).await), (2, 1));
    // Older code takes back no call of ours.
    there.tells(1);
    life.instances.test(Some(&tenant(0))).await.unwrap();
    life.instances.accept(&tenant(0), &ana()).await.unwrap();
    let row = life.only().await;
    assert_eq!((row.version, row.drift), (2, None));
}
