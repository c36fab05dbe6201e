//! Promise 4: SIGKILL at any point of any run, then start: it goes on, nothing twice, nothing skipped. And promise 5:
//! undo puts back what was there.

use std::path::Path;

use cutover_daemon::run::CRASH_POINTS;
use cutover_shared::audit::AuditView;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::MapScope;
use cutover_shared::run::{RunState, RunView};
use cutover_tests::github_sim::RouteKind;
use cutover_tests::harness::{Daemon, Ended, HarnessError, Said};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::stage::{EXE, REPOS, Stage, audit, plan, plan_of, set_going, until_state};

/// Scenarios at once: each is a daemon and a command line that mostly wait for the disk.
const AT_ONCE: usize = 3;

/// Points that only effects outside our own store pass.
const OUTSIDE: &[&str] = &["run.intent.after", "run.effect.after", "run.outcome.after", "run.resolve.after"];

/// An operator who starts the daemon again whenever it was killed, and goes on where the run stands.
pub struct Script<'a> {
    stage: &'a Stage,
    daemon: Option<Daemon>,
    /// Where the next start is killed.
    pub crash_at: Option<String>,
    crashes: u32,
}

impl<'a> Script<'a> {
    pub async fn begin(stage: &'a Stage, crash_at: &str) -> Self {
        let mut script = Self { stage, daemon: None, crash_at: Some(crash_at.to_owned()), crashes: 0 };
        script.up().await;
        script
    }

    async fn up(&mut self) {
        loop {
            let crash_at = self.crash_at.take();
            match Daemon::start(Path::new(EXE), &self.stage.home, crash_at.as_deref()).await {
                Ok(daemon) => {
                    self.daemon = Some(daemon);
                    return;
                }
                // Killed before it served.
                Err(HarnessError::NotStarted { code: None, .. }) => self.crashes += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }

    async fn again(&mut self, ended: Result<Ended, HarnessError>) {
        assert_eq!(ended.unwrap(), Ended::Signal(9));
        self.crashes += 1;
        self.up().await;
    }

    /// Calls; none when the daemon was killed under the call, and is up again.
    async fn call(&mut self, args: &[&str]) -> Option<Said> {
        let before = self.crashes;
        let call = self.stage.cli.call(args);
        let mut call = std::pin::pin!(call);
        let said = loop {
            let mut daemon = self.daemon.take().unwrap();
            tokio::select! {
                biased;
                said = &mut call => {
                    self.daemon = Some(daemon);
                    break said.unwrap();
                }
                ended = daemon.end() => self.again(ended).await,
            }
        };
        if said.code != 4 {
            assert!(
                matches!(said.code, 0 | 1),
                "cutover {} ended with {}: {}",
                args.join(" "),
                said.code,
                said.stderr
            );
            return Some(said);
        }
        if self.crashes == before {
            let ended = self.daemon.take().unwrap().end().await;
            self.again(ended).await;
        }
        None
    }

    pub async fn json(&mut self, args: &[&str]) -> Value {
        let args: Vec<_> = args.iter().copied().chain(["--json"]).collect();
        loop {
            if let Some(said) = self.call(&args).await {
                return serde_json::from_str(&said.stdout).unwrap();
            }
        }
    }

    /// Brings a run to `target`, doing what its state asks for.
    pub async fn bring(&mut self, id: &str, target: RunState) -> RunView {
        for _ in 0..40 {
            let run: RunView = serde_json::from_value(self.json(&["run", "show", id]).await).unwrap();
            match run.state {
                state if state == target => return run,
                RunState::Planned => {
                    let digest = run.digest.0.clone();
                    self.call(&["run", "approve", id, "--digest", &digest, "--override", "e2e"]).await;
                }
                RunState::Approved => drop(self.call(&["map", "apply", id, "--detach"]).await),
                RunState::Done => drop(self.call(&["run", "undo", id, "--detach"]).await),
                state if state.is_moving() => drop(self.call(&["watch", id]).await),
                state => panic!("the run is {state}: {:?}", run.reason),
            }
        }
        panic!("the run never came to {target}");
    }

    pub async fn end(self) -> u32 {
        assert_eq!(self.daemon.unwrap().stop().await.unwrap(), Ended::Code(0));
        self.crashes
    }
}

/// Items in the chunks that the audit tells of.
pub fn in_chunks(records: &[AuditView], run: &str, direction: &str) -> u64 {
    let chunks = records.iter().filter(|record| {
        record.act == "run.chunk" && record.subject == run && record.detail["direction"] == direction
    });
    chunks.map(|record| record.detail["items"].as_u64().unwrap()).sum()
}

/// A stage with everything imported, read and answered, and a stopped daemon; the world before and after a run. Some
/// tenants are mapped already, and an owner of theirs has taken the App away since: the run finds mappings to make, to
/// change, and to leave.
async fn prepared() -> (Stage, String, String) {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let mapped = stage.catalog.truths.iter().position(|truth| truth.installation_id.is_some()).unwrap();
    let tenant = &stage.catalog.rows[mapped].tenant_id;
    let other = stage.catalog.rows.iter().map(|row| &row.tenant_id).find(|id| *id != tenant).unwrap();
    for tenant in [tenant, other] {
        let run = plan_of(&conn, MapScope::Tenant(TenantId(tenant.clone())), false).await;
        set_going(&conn, &run, None).await;
        until_state(&conn, &run.id, RunState::Done).await;
    }
    stage.sim.world().uninstall(stage.catalog.truths[mapped].installation_id.unwrap()).unwrap();
    plan_of(&conn, MapScope::All, true).await;
    let before = stage.world().await;
    daemon.stop().await.unwrap();

    let undisturbed = stage.fork();
    let daemon = undisturbed.daemon().await;
    let conn = undisturbed.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, None).await;
    let counts = until_state(&conn, &run.id, RunState::Done).await.progress.counts;
    assert!(counts.done > 64 && counts.skipped > 0, "{counts:?}");
    let after = undisturbed.world().await;
    assert_ne!(before, after);
    daemon.stop().await.unwrap();
    (stage, before, after)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_plan_apply_and_verify_changes_nothing_in_the_end() {
    let (stage, before, after) = prepared().await;
    let mut scenarios = Vec::new();
    for point in CRASH_POINTS {
        let passes: &[u32] = match *point {
            "run.chunk.before" | "run.chunk.after" => &[1, 4, 8],
            "store.commit.before" => &[1, 2, 4, 6, 9, 14, 18, 19],
            "store.commit.after" => &[1, 3, 5, 7, 11, 17, 19],
            _ => &[1],
        };
        scenarios.extend(passes.iter().map(|n| (*point, *n)));
    }
    let (stage, before, after) = (&stage, &before, &after);
    stream::iter(scenarios)
        .map(|(point, n)| async move {
            let stage = stage.fork();
            let at = format!("{point}:{n}");
            let mut script = Script::begin(&stage, &at).await;
            let planned = script.json(&["map", "plan", "--all"]).await;
            let id = planned["id"].as_str().unwrap();
            let run = script.bring(id, RunState::Done).await;
            assert_eq!(run.progress.counts.total(), REPOS as u64, "{at}");
            assert_eq!(run.progress.counts.done + run.progress.counts.skipped, REPOS as u64, "{at}");
            assert_eq!(&stage.world().await, after, "{at}: the world after the run");
            let records = audit(&stage.connect().await).await;
            assert_eq!(in_chunks(&records, id, "apply"), REPOS as u64, "{at}: each item in one chunk");

            let run = script.bring(id, RunState::Undone).await;
            assert_eq!(run.progress.counts.superseded, 0, "{at}");
            assert_eq!(&stage.world().await, before, "{at}: the world after undo");
            stage.say(&[0], &["audit", "verify"]).await;
            assert_eq!(script.end().await, u32::from(!OUTSIDE.contains(&point)), "{at}: crashes");
            Ok::<_, std::convert::Infallible>(())
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_point_of_undo_brings_back_the_world_before() {
    let (stage, before, after) = prepared().await;
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, None).await;
    let done = until_state(&conn, &run.id, RunState::Done).await.progress.counts.done;
    assert_eq!(stage.world().await, after);
    daemon.stop().await.unwrap();

    let id = run.id.as_str();
    let mut scenarios = Vec::new();
    for point in
        CRASH_POINTS.iter().filter(|point| !OUTSIDE.contains(point) && !point.starts_with("run.plan"))
    {
        let passes: &[u32] = match *point {
            "run.chunk.before" | "run.chunk.after" => &[1, 5],
            "store.commit.before" => &[2, 3, 5, 9, 11],
            "store.commit.after" => &[3, 4, 7, 11],
            _ => &[1],
        };
        scenarios.extend(passes.iter().map(|n| (*point, *n)));
    }
    let (stage, before) = (&stage, &before);
    stream::iter(scenarios)
        .map(|(point, n)| async move {
            let stage = stage.fork();
            let at = format!("{point}:{n}");
            let mut script = Script::begin(&stage, &at).await;
            let run = script.bring(id, RunState::Undone).await;
            assert_eq!(run.progress.counts.undone, done, "{at}");
            assert_eq!(run.progress.counts.total(), REPOS as u64, "{at}");
            assert_eq!(&stage.world().await, before, "{at}: the world after undo");
            let records = audit(&stage.connect().await).await;
            assert_eq!(in_chunks(&records, id, "undo"), done, "{at}: each item in one chunk");
            stage.say(&[0], &["audit", "verify"]).await;
            assert_eq!(script.end().await, 1, "{at}: crashes");
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_an_import_leaves_the_whole_catalog_exactly_once() {
    const ROWS: usize = 700;
    let stage = Stage::of(ROWS, None, "").await;
    // What a first start stores is not counted among the commits below.
    stage.daemon().await.stop().await.unwrap();
    let whole = {
        let stage = stage.fork();
        let _daemon = stage.daemon().await;
        assert_eq!(stage.import().await["added"], ROWS);
        stage.world().await
    };
    // From the start, which stores a little of its own, over the upload that is opened to the last of three chunks and the receipt.
    let points = (3..=20).map(|n| ("before", n)).chain([("after", 10), ("after", 12), ("after", 14)]);
    let (stage, whole) = (&stage, &whole);
    let met: Vec<Option<(u32, usize)>> = stream::iter(points)
        .map(|(when, n)| async move {
            let stage = stage.fork();
            let at = format!("store.commit.{when}:{n}");
            let mut script = Script::begin(&stage, &at).await;
            let file = stage.file.display().to_string();
            if script.call(&["catalog", "import", &file]).await.is_some() {
                // The kill met the start, or had nothing to meet; the import went through without it.
                assert_eq!(&stage.world().await, whole, "{at}");
                return None;
            }
            let found = stage.world().await;
            let rows = serde_json::from_str::<Value>(&found).unwrap()["rows"].as_array().unwrap().len();
            assert!(rows == 0 || &found == whole, "{at}: {rows} rows are neither none nor all");

            let again = script.json(&["catalog", "import", &file]).await;
            assert_eq!(again["added"].as_u64().unwrap() + again["unchanged"].as_u64().unwrap(), ROWS as u64);
            assert_eq!((&again["changed"], &again["repositories"]), (&0.into(), &ROWS.into()), "{at}");
            assert!(
                again["revision"].as_i64().unwrap() >= 1,
                "{at}: the catalog changed: {}",
                again["revision"]
            );
            assert_eq!(&stage.world().await, whole, "{at}");
            stage.say(&[0], &["audit", "verify"]).await;
            assert_eq!(script.end().await, 1, "{at}: crashes");
            (when == "before").then_some((n, rows))
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut met: Vec<_> = met.into_iter().flatten().collect();
    met.sort_unstable();
    assert!(met.len() >= 6, "kills in the middle: {met:?}");
    // An import that was being taken is taken: from some commit on it is there, whenever the kill came.
    assert!(met.first().is_some_and(|(_, rows)| *rows == 0), "{met:?}");
    assert!(met.last().is_some_and(|(_, rows)| *rows == ROWS), "{met:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_sweep_is_gone_on_with() {
    let stage = Stage::of(REPOS, Some(30), "sweep_parallel = 1\n").await;
    let installations = stage.sim.world().read(cutover_tests::world::World::installation_count) as u64;
    let daemon = stage.daemon().await;
    stage.import().await;
    daemon.stop().await.unwrap();
    let undisturbed = {
        let stage = stage.fork();
        let _daemon = stage.daemon().await;
        plan(&stage.connect().await).await.digest
    };

    let mut script = Script::begin(&stage, "store.commit.before:20").await;
    assert!(script.call(&["map", "plan", "--all"]).await.is_none(), "the kill came");
    stage.sim.calls().reset();
    let conn = stage.connect().await;
    let again = plan(&conn).await;
    assert_eq!(again.digest, undisturbed, "the same world, the same plan");
    let calls = stage.sim.calls();
    let (lists, mints) = (calls.count(RouteKind::InstallationRepositories), calls.count(RouteKind::Mint));
    assert!(lists < installations - 5, "{lists} of {installations} were read again");
    assert!(mints < installations, "{mints} mints for {installations} installations");
    assert_eq!(calls.count(RouteKind::ListInstallations), 0, "the list of installations was read before");
    assert_eq!(script.end().await, 1);
}
