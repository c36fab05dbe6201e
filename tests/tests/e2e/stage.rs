//! A world with its GitHub, a home, a command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::audit::{AuditAnswer, AuditQuery, AuditView};
use cutover_shared::ids::{ActKey, RunId};
use cutover_shared::mapping::{MapAct, MapAnswer, MapQuery, MapReceipt, MapScope, ModeView};
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Act, Answer, Query, Receipt, Role, Topic};
use cutover_shared::run::{RunAct, RunAnswer, RunQuery, RunState, RunView};
use cutover_tests::github_sim::{Sim, SimSettings};
use cutover_tests::harness::{Cli, Daemon, Home, Said};
use cutover_tests::world::{Catalog, World, WorldSpec};
use cutover_tui::conn::{Conn, Introduction};
use serde_json::Value;
use tempfile::TempDir;

/// Plays the roles of both programs.
pub const EXE: &str = env!("CARGO_BIN_EXE_cutover-demo");

/// Small chunks, so that a small world has many of them.
const SETTINGS: &str =
    "[run]\nchunk = 16\n\n[mapping]\ncanary_observation = \"0s\"\nprobe_budget = 1000000\n";

/// Repositories of the usual world.
pub const REPOS: usize = 120;

pub struct Stage {
    pub home: Home,
    pub cli: Cli,
    pub sim: Arc<Sim>,
    pub catalog: Arc<Catalog>,
    pub file: PathBuf,
    more: String,
    _dir: TempDir,
}

impl Stage {
    /// Six tenants, 120 repositories.
    pub async fn new() -> Self {
        Self::of(REPOS, None, "").await
    }

    /// A world of `repos`, with `more` settings for `[mapping]` and later sections.
    pub async fn of(repos: usize, installations: Option<usize>, more: &str) -> Self {
        let made = World::generate(&WorldSpec { seed: 7, tenants: 6, repos, installations }).unwrap();
        let sim = Arc::new(Sim::start(made.world, Clock::system(), SimSettings::default()).await.unwrap());
        let dir = TempDir::with_prefix("cutover-e2e-").unwrap();
        let stage = Self::at(dir, sim, Arc::new(made.catalog), more);
        stage.home.init(Path::new(EXE)).await.unwrap();
        stage
    }

    fn at(dir: TempDir, sim: Arc<Sim>, catalog: Arc<Catalog>, more: &str) -> Self {
        let home = Home::new(dir.path()).unwrap();
        let settings = format!("{SETTINGS}{more}");
        home.configure(&sim.api_base(), sim.app_id(), sim.private_key_pem(), &settings).unwrap();
        let file = home.write("catalog.csv", catalog.csv().unwrap().as_bytes()).unwrap();
        Self { cli: Cli::new(EXE, &home), home, sim, catalog, file, more: more.to_owned(), _dir: dir }
    }

    /// A home of its own with a copy of the state, for a stopped daemon only.
    pub fn fork(&self) -> Self {
        let dir = TempDir::with_prefix("cutover-e2e-").unwrap();
        let other = Self::at(dir, self.sim.clone(), self.catalog.clone(), &self.more);
        copy(&self.home.state(), &other.home.state());
        other
    }

    /// Changes the text of the configuration.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.home.config()).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        self.home.write("cutover.toml", text.replace(from, to).as_bytes()).unwrap();
    }

    pub async fn daemon(&self) -> Daemon {
        Daemon::start(Path::new(EXE), &self.home, None).await.unwrap()
    }

    pub async fn connect(&self) -> Conn {
        self.connect_as(None).await
    }

    pub async fn connect_as(&self, role: Option<Role>) -> Conn {
        Conn::open(&self.home.socket(), &Introduction { purpose: "e2e", role }).await.unwrap()
    }

    /// Calls and demands one of these exit codes.
    pub async fn say(&self, codes: &[i32], args: &[&str]) -> Said {
        self.cli.expect(codes, args).await.unwrap()
    }

    pub async fn ask(&self, codes: &[i32], args: &[&str]) -> Value {
        self.cli.json(codes, args).await.unwrap()
    }

    pub async fn import(&self) -> Value {
        self.ask(&[0], &["catalog", "import", &self.file.display().to_string()]).await
    }

    /// The whole catalog with its mappings.
    pub async fn world(&self) -> String {
        self.say(&[0], &["catalog", "list", "--all-rows", "--json"]).await.stdout
    }

    /// The text of every log file.
    pub fn log(&self) -> String {
        let Ok(dir) = std::fs::read_dir(self.home.state().join("log")) else { return String::new() };
        dir.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
    }
}

/// Plans until no check at GitHub is owed any more.
pub async fn plan(conn: &Conn) -> RunView {
    plan_of(conn, MapScope::All, false).await
}

pub async fn plan_of(conn: &Conn, scope: MapScope, refresh: bool) -> RunView {
    let mut refresh = refresh;
    for _ in 0..8 {
        let act = Act::Map(MapAct::Plan { scope: scope.clone(), refresh });
        let Receipt::Map(MapReceipt::Planned(run)) = conn.act(ActKey::fresh(), act).await.unwrap() else {
            panic!("another receipt");
        };
        if run.summary["probes_owed"] == 0 {
            return *run;
        }
        refresh = false;
    }
    panic!("checks are owed for ever");
}

pub async fn act(conn: &Conn, act: RunAct) -> RunView {
    match conn.act(ActKey::fresh(), Act::Run(act)).await.unwrap() {
        Receipt::Run(run) => *run,
        other => panic!("another receipt: {other:?}"),
    }
}

/// Approves and starts a plan.
pub async fn set_going(conn: &Conn, run: &RunView, rate: Option<u32>) {
    let (id, digest) = (run.id.clone(), run.digest.clone());
    act(conn, RunAct::Approve { id: id.clone(), digest, override_reason: Some("e2e".into()) }).await;
    act(conn, RunAct::Apply { id, rate }).await;
}

pub async fn show(conn: &Conn, id: &RunId) -> RunView {
    match conn.query(Query::Run(RunQuery::Show { id: id.clone() })).await.unwrap() {
        Answer::Run(RunAnswer::Show(run)) => *run,
        other => panic!("another answer: {other:?}"),
    }
}

/// What takes longer never comes.
const NEVER: Duration = Duration::from_secs(120);

pub async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    Clock::system().timeout(NEVER, work).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until the run is as wanted, woken by the daemon.
pub async fn until(conn: &Conn, id: &RunId, wanted: impl Fn(&RunView) -> bool) -> RunView {
    in_time("the run", look_until(conn, id, wanted)).await
}

async fn look_until(conn: &Conn, id: &RunId, wanted: impl Fn(&RunView) -> bool) -> RunView {
    let mut changes = conn.changes(0, Vec::new()).await.unwrap();
    loop {
        let run = show(conn, id).await;
        if wanted(&run) {
            return run;
        }
        assert!(!ended(run.state), "the run ended otherwise: {run:?}");
        let seen = changes.versions.into_iter().filter(|(topic, _)| *topic == Topic::Runs).collect();
        changes = conn.changes(changes.epoch, seen).await.unwrap();
    }
}

fn ended(state: RunState) -> bool {
    matches!(state, RunState::Done | RunState::Undone | RunState::Failed | RunState::Cancelled)
}

pub async fn until_state(conn: &Conn, id: &RunId, state: RunState) -> RunView {
    until(conn, id, |run| run.state == state).await
}

/// Waits until some of a moving run is done.
pub async fn until_moving(conn: &Conn, id: &RunId) -> RunView {
    until(conn, id, |run| run.state == RunState::Applying && run.progress.counts.done >= 8).await
}

pub async fn mode(conn: &Conn) -> ModeView {
    match conn.query(Query::Map(MapQuery::Mode)).await.unwrap() {
        Answer::Map(MapAnswer::Mode(view)) => view,
        other => panic!("another answer: {other:?}"),
    }
}

/// Every record of the audit, oldest first.
pub async fn audit(conn: &Conn) -> Vec<AuditView> {
    let (mut records, mut page) = (Vec::new(), PageAsk::first(500));
    loop {
        let answer = conn.query(Query::Audit(AuditQuery::Export { page: page.clone() })).await.unwrap();
        let Answer::Audit(AuditAnswer::List(part)) = answer else { panic!("another answer") };
        records.extend(part.rows);
        match part.next {
            Some(next) => page.after = Some(next),
            None => return records,
        }
    }
}

/// Waits until the audit has a record of this act, and answers all of them.
pub async fn until_audited(conn: &Conn, act: &str) -> Vec<AuditView> {
    in_time(act, look_until_audited(conn, act)).await
}

async fn look_until_audited(conn: &Conn, act: &str) -> Vec<AuditView> {
    let mut changes = conn.changes(0, Vec::new()).await.unwrap();
    loop {
        let found: Vec<_> = audit(conn).await.into_iter().filter(|record| record.act == act).collect();
        if !found.is_empty() {
            return found;
        }
        let seen = changes.versions.into_iter().filter(|(topic, _)| *topic == Topic::Audit).collect();
        changes = conn.changes(changes.epoch, seen).await.unwrap();
    }
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, kind) = entry.map(|entry| (entry.path(), entry.file_type().unwrap())).unwrap();
        let target = to.join(entry.file_name().unwrap());
        if kind.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}
