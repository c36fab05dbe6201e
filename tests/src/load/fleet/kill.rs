//! A daemon that is killed again and again while it migrates a fleet: the end must be as if nobody had, and nothing may have been run
//! twice. Each migration writes a row into a table that was there before and that refuses nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::fleet::{
    DriverKind, FleetAct, FleetAnswer, FleetQuery, FleetReceipt, FleetScope, NewInstance, StepStatus,
};
use cutover_shared::ids::{ActKey, RunId, TenantId};
use cutover_shared::mapping::{MapAct, Mode};
use cutover_shared::page::PageAsk;
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::run::{RunAct, RunAnswer, RunQuery, RunState, RunView};
use cutover_tui::conn::{Conn, Introduction};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::arms::{self, Server};
use super::product::instance;
use super::{FleetLoadError, MIGRATIONS, arm, up};
use crate::github_sim::TestKey;
use crate::harness::{Daemon, Home};
use crate::load::{Bar, Report};
use crate::world::rng::Rng;

/// What is there before the first migration.
const TOLD: &str = "CREATE TABLE told (version bigint NOT NULL)";

/// Between two looks at the run.
const LOOK: Duration = Duration::from_millis(5);

/// A daemon that is killed by the clock lives no longer than this after its start, in milliseconds.
const SHORT_LIFE: usize = 400;

/// A run that takes longer has come to a stand.
const NEVER: Duration = Duration::from_secs(900);

/// How much is killed.
#[derive(Clone, Debug)]
pub struct KillLoad {
    pub databases: usize,
    pub files: usize,
    pub kills: usize,
    /// Decides the moments.
    pub seed: u64,
    pub folder: PathBuf,
    /// A program that plays the daemon's role.
    pub program: PathBuf,
}

/// Kills a daemon again and again, and looks at what is left.
///
/// # Errors
/// Something fails that is not what is measured.
pub async fn killed(load: &KillLoad) -> Result<Report, FleetLoadError> {
    let failed = |error| FleetLoadError::File("making a folder", error);
    let folder = tempfile::Builder::new().prefix("fleet-kill-").tempdir_in(&load.folder).map_err(failed)?;
    let server = Server::start().await?;
    let mut undisturbed = Course::new(load, &folder.path().join("undisturbed"), &server, 2, 2).await?;
    undisturbed.begin().await?;
    undisturbed.ended().await?;
    let model: Vec<String> = undisturbed.tenants.states().await?;
    undisturbed.daemon.stop().await?;
    server.drop(&undisturbed.tenants.databases).await?;

    let mut course =
        Course::new(load, &folder.path().join("killed"), &server, load.databases, load.files).await?;
    course.begin().await?;
    let (course, kills) = course.kill(load).await?;
    let run = course.ended().await?;
    let states = course.tenants.states().await?;
    // The first of the model is a database, the last is a file.
    let as_undisturbed = |(at, state): (usize, &String)| {
        let like = if at < load.databases { model.first() } else { model.last() };
        like == Some(state)
    };
    let same = states.iter().enumerate().filter(|one| as_undisturbed(*one)).count();
    let twice = states.iter().filter(|state| has_twice(state)).count();
    let (told, doubled) = course.history().await?;
    let version = course.at_newest().await?;
    course.daemon.stop().await?;
    server.drop(&course.tenants.databases).await?;

    let tenants = load.databases + load.files;
    let steps = (tenants as u64) * u64::from(MIGRATIONS);
    let mut report = Report::default();
    let is = |count: usize| Bar::Is(count as f64);
    report.add("kills while the run was under way", kills as f64, "", is(load.kills));
    report.add("steps that ended as done", run.progress.counts.done as f64, "", Bar::Is(steps as f64));
    report.add("tenants as after an undisturbed run", same as f64, "", is(tenants));
    report.add("tenants with a step that was run twice", twice as f64, "", is(0));
    report.add("tenants at the newest version in our book", version as f64, "", Bar::Is(tenants as f64));
    report.add("steps that the history tells as completed", told as f64, "", Bar::Is(steps as f64));
    report.add("of those, more than once", doubled as f64, "", is(0));
    Ok(report)
}

/// Whether the table that counts says of a version that it was run more than once.
fn has_twice(state: &str) -> bool {
    state.lines().filter_map(|line| line.strip_prefix("told ")).any(|line| !line.ends_with(" 1"))
}

struct Tenants {
    databases: Vec<String>,
    files: Vec<String>,
}

impl Tenants {
    fn rows(&self) -> Vec<NewInstance> {
        let databases = self.databases.iter().map(|url| (DriverKind::Postgres, url));
        let all = databases.chain(self.files.iter().map(|path| (DriverKind::Sqlite, path)));
        (0..).zip(all).map(|(number, (driver, url))| instance(number, driver, url)).collect()
    }

    /// What each has, as lines.
    async fn states(&self) -> Result<Vec<String>, FleetLoadError> {
        let failed = |error| FleetLoadError::Sql("looking at the end", error);
        let mut states = Vec::with_capacity(self.databases.len() + self.files.len());
        for url in &self.databases {
            let mut connection = PgConnection::connect(url).await.map_err(failed)?;
            let lines: Vec<String> =
                sqlx::query_scalar(POSTGRES_STATE).fetch_all(&mut connection).await.map_err(failed)?;
            connection.close().await.map_err(failed)?;
            states.push(lines.join("\n"));
        }
        for path in &self.files {
            let mut connection = SqliteConnection::connect(path).await.map_err(failed)?;
            let lines: Vec<String> =
                sqlx::query_scalar(SQLITE_STATE).fetch_all(&mut connection).await.map_err(failed)?;
            connection.close().await.map_err(failed)?;
            states.push(lines.join("\n"));
        }
        Ok(states)
    }
}

const POSTGRES_STATE: &str = "SELECT line FROM (\
     SELECT 'has ' || relname AS line FROM pg_class WHERE relnamespace = 'public'::regnamespace \
     UNION ALL SELECT concat_ws(' ', 'ledger', version, id, checksum, part_way) FROM cutover_migrations \
     UNION ALL SELECT concat_ws(' ', 'told', version, count(*)) FROM told GROUP BY version) x ORDER BY line";

const SQLITE_STATE: &str = "SELECT line FROM (\
     SELECT 'has ' || name AS line FROM sqlite_schema \
     UNION ALL SELECT 'ledger ' || version || ' ' || id || ' ' || checksum || ' ' || coalesce(part_way, '') FROM cutover_migrations \
     UNION ALL SELECT 'told ' || version || ' ' || count(*) FROM told GROUP BY version) ORDER BY line";

/// A run in a daemon of its own.
struct Course {
    program: PathBuf,
    home: Home,
    tenants: Tenants,
    daemon: Daemon,
    conn: Conn,
    run: RunId,
    clock: Clock,
}

impl Course {
    async fn new(
        load: &KillLoad,
        dir: &Path,
        server: &Server,
        databases: usize,
        files: usize,
    ) -> Result<Self, FleetLoadError> {
        let failed = |error| FleetLoadError::File("writing migrations", error);
        let home = Home::new(dir)?;
        let (migrations, data) = (dir.join("migrations"), dir.join("data"));
        std::fs::create_dir(&migrations).map_err(failed)?;
        std::fs::create_dir(&data).map_err(failed)?;
        for number in 1..=MIGRATIONS {
            let text = format!("{}INSERT INTO told VALUES ({number});\n", up(number));
            std::fs::write(migrations.join(format!("{number:04}_m{number}.up.sql")), text).map_err(failed)?;
        }
        let tenants = Tenants {
            databases: server.tenants("killed", databases, TOLD).await?,
            files: arms::made(&data, files, TOLD).await?,
        };
        let more = format!("\n[fleet]\nfolder = {:?}\n", migrations.display().to_string());
        home.configure("http://127.0.0.1:9", 1, TestKey::First.private_pem(), &more)?;
        home.init(&load.program).await?;
        let daemon = Daemon::start(&load.program, &home, None).await?;
        let conn = open(&home).await?;
        let (program, run, clock) = (load.program.clone(), RunId(String::new()), Clock::system());
        Ok(Self { program, home, tenants, daemon, conn, run, clock })
    }

    /// Enters the tenants, plans, approves and applies.
    async fn begin(&mut self) -> Result<(), FleetLoadError> {
        let end = self.clock.monotonic() + NEVER;
        let unkill = || Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: None });
        // The doors are open before everything is read.
        while let Err(error) = self.act(unkill()).await {
            if self.clock.monotonic() > end {
                return Err(error);
            }
            self.clock.sleep(LOOK).await;
        }
        for part in self.tenants.rows().chunks(256) {
            self.act(Act::Fleet(FleetAct::Add { rows: part.to_vec() })).await?;
        }
        let plan = FleetAct::Plan { scope: FleetScope::All, to: Some(MIGRATIONS), refresh: false };
        let plan = match self.act(Act::Fleet(plan)).await? {
            Receipt::Fleet(FleetReceipt::Planned(run)) => run,
            other => return Err(arm(format!("another receipt: {other:?}"))),
        };
        let (id, digest) = (plan.id.clone(), plan.digest.clone());
        self.act(Act::Run(RunAct::Approve { id: id.clone(), digest, override_reason: None })).await?;
        self.act(Act::Run(RunAct::Apply { id: id.clone(), rate: None })).await?;
        self.run = id;
        Ok(())
    }

    /// Kills it: three times of four when so many steps are done, else so long after its start.
    async fn kill(mut self, load: &KillLoad) -> Result<(Self, usize), FleetLoadError> {
        let mut random = Rng::of(&[load.seed]);
        let steps = self.tenants.rows().len() * MIGRATIONS as usize;
        let mut points: Vec<usize> = (0..load.kills).map(|_| random.below(steps)).collect();
        points.sort_unstable();
        let mut kills = 0;
        for point in points {
            if random.permille(250) {
                self.clock.sleep(Duration::from_millis(random.below(SHORT_LIFE) as u64)).await;
            } else {
                while let Some(run) = self.moving().await? {
                    if run.progress.counts.done >= point as u64 {
                        break;
                    }
                    self.clock.sleep(LOOK).await;
                }
                self.clock.sleep(Duration::from_millis(random.below(20) as u64)).await;
            }
            // One that has ended can't be disturbed any more.
            kills += usize::from(self.moving().await?.is_some());
            self.daemon.kill().await?;
            self.daemon = Daemon::start(&self.program, &self.home, None).await?;
            self.conn = open(&self.home).await?;
        }
        Ok((self, kills))
    }

    /// The run, while it is under way.
    async fn moving(&self) -> Result<Option<RunView>, FleetLoadError> {
        Ok(Some(self.view().await?).filter(|run| run.state.is_moving()))
    }

    async fn view(&self) -> Result<RunView, FleetLoadError> {
        match self.conn.query(Query::Run(RunQuery::Show { id: self.run.clone() })).await? {
            Answer::Run(RunAnswer::Show(run)) => Ok(*run),
            other => Err(arm(format!("another answer: {other:?}"))),
        }
    }

    /// The run at its end.
    async fn ended(&self) -> Result<RunView, FleetLoadError> {
        let end = self.clock.monotonic() + NEVER;
        loop {
            let run = self.view().await?;
            if run.state == RunState::Done {
                return Ok(run);
            }
            if !run.state.is_moving() || self.clock.monotonic() > end {
                let why = run.reason.unwrap_or_default();
                return Err(arm(format!("the run stands as {}: {why} {:?}", run.state, run.progress.counts)));
            }
            self.clock.sleep(LOOK).await;
        }
    }

    async fn act(&self, act: Act) -> Result<Receipt, FleetLoadError> {
        Ok(self.conn.act(ActKey::fresh(), act).await?)
    }

    /// Steps that the history tells as completed, and how many of them it tells more than once.
    async fn history(&self) -> Result<(usize, usize), FleetLoadError> {
        let mut told: BTreeMap<(TenantId, u32), usize> = BTreeMap::new();
        let mut page = PageAsk::first(500);
        loop {
            let ask = FleetQuery::History { tenant: None, page: page.clone() };
            let Answer::Fleet(FleetAnswer::History(rows)) = self.conn.query(Query::Fleet(ask)).await? else {
                return Err(arm("another answer about the history"));
            };
            for row in rows.rows.into_iter().filter(|row| row.status == StepStatus::Completed) {
                *told.entry((row.tenant, row.version)).or_default() += 1;
            }
            match rows.next {
                Some(next) => page.after = Some(next),
                None => return Ok((told.len(), told.values().filter(|times| **times > 1).count())),
            }
        }
    }

    /// Tenants that our book has at the newest version, all of it completed.
    async fn at_newest(&self) -> Result<u64, FleetLoadError> {
        let Answer::Fleet(FleetAnswer::Status(status)) =
            self.conn.query(Query::Fleet(FleetQuery::Status)).await?
        else {
            return Err(arm("another answer about the fleet"));
        };
        let at = status
            .cells
            .iter()
            .find(|cell| (cell.version, cell.status) == (MIGRATIONS, StepStatus::Completed));
        Ok(at.map_or(0, |cell| cell.tenants))
    }
}

async fn open(home: &Home) -> Result<Conn, FleetLoadError> {
    let introduction = Introduction { purpose: "fleet bench", role: None };
    Ok(Conn::open(&home.socket(), &introduction).await?)
}
