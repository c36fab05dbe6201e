//! The way of a whole catalog through the mapping: import, sweep, plan, CSV, apply, undo, matching alone.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::audit::Who;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::github::{GitHub, GitHubSettings, SetupError};
use cutover_daemon::mapping::catalog::import::{ImportError, Importer};
use cutover_daemon::mapping::kind::MapEmbedded;
use cutover_daemon::mapping::matching::judge_all;
use cutover_daemon::mapping::next_steps::Context;
use cutover_daemon::mapping::planner::{PlanError, Planner};
use cutover_daemon::mapping::sweep::{SweepError, Sweeper};
use cutover_daemon::mapping::{load, report};
use cutover_daemon::run::{Brake, Engine, EngineSettings, OpenGate, RunError};
use cutover_daemon::seal::{Seal, SealError};
use cutover_daemon::store::{Db, OpenError, ReadError, open};
use cutover_shared::catalog::{CatalogFormat, CatalogReceipt, Contents};
use cutover_shared::error::RpcError;
use cutover_shared::ids::RunId;
use cutover_shared::mapping::{MapScope, MappingStatus, PlanItem, PlanSummary};
use cutover_shared::run::{RunState, RunView};

use super::stand_in::StandIn;
use super::{Bar, Report, meter};
use crate::harness::HarnessError;

/// How big the load is.
#[derive(Debug, Clone)]
pub struct MappingLoad {
    /// Rows of the catalog.
    pub projects: usize,
    /// Installations of the App.
    pub installations: usize,
    /// The application's tenants.
    pub tenants: usize,
    /// Decides the world.
    pub seed: u64,
    /// A folder on the disk to be measured; everything is written to a folder in it that is removed afterwards.
    pub folder: PathBuf,
    /// The program `github-sim`.
    pub stand_in: PathBuf,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The stand-in did not say where it listens.
    #[error("the stand-in did not start")]
    StandIn,
    /// The GitHub client.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The seal.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store again.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The import.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The sweep.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The daemon, the command line or the terminal.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// The daemon's words.
    #[error("the daemon: {0}")]
    Rpc(#[from] RpcError),
    /// Something is not as it must be for the figures to mean anything.
    #[error("{0}")]
    Wrong(String),
}

/// Bytes of an upload's part.
const PART: usize = 1 << 20;
/// Plans until nothing is owed, at most.
const MOST_PLANS: usize = 8;

struct Parts {
    db: Db,
    github: GitHub,
    sweeper: Sweeper,
    planner: Planner,
    engine: Engine,
    importer: Importer,
    clock: Clock,
    report: Report,
}

/// Takes all figures.
///
/// # Errors
/// [`LoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &MappingLoad) -> Result<Report, LoadError> {
    let clock = Clock::system();
    let folder = tempfile::tempdir_in(&load.folder)?;
    let stand_in = StandIn::start(&load.stand_in, load, folder.path()).await?;
    let mut parts = Parts::new(&stand_in, folder.path(), clock).await?;
    parts.import(&stand_in.catalog).await?;
    parts.sweep().await?;
    let plan = parts.plans(folder.path()).await?;
    let durable = meter::durable_writes_a_second(folder.path(), &parts.clock)?;
    parts.report.add("disk: durable 4 KiB writes", durable, "/s", Bar::None);
    parts.apply_and_undo(&plan, durable).await?;
    let peak = meter::Process::this().peak_mib().unwrap_or(f64::INFINITY);
    parts.report.add("peak memory so far", peak, "MiB", Bar::Below(400.0));
    parts.matching().await?;
    Ok(parts.report)
}

fn who() -> Who {
    Who { operator: "load".into(), origin: "load".to_owned() }
}

fn wrong(why: impl Into<String>) -> LoadError {
    LoadError::Wrong(why.into())
}

/// Counts here are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

impl Parts {
    async fn new(stand_in: &StandIn, folder: &Path, clock: Clock) -> Result<Self, LoadError> {
        let url = format!("sqlite:{}", folder.join("cutover.db").display());
        let db = open(&url, Faults::none()).await?;
        let key = std::fs::read_to_string(&stand_in.key)?.into();
        let mut settings =
            GitHubSettings::new(stand_in.hello.api_base.as_str(), stand_in.hello.app_id, vec![key]);
        // GitHub's pace is not what is measured.
        settings.points_per_minute = 1_000_000;
        let github = GitHub::new(&settings, clock.clone())?;
        let seal =
            Arc::new(Seal::new(vec![("load".to_owned(), secrecy::SecretBox::new(Box::new([1; 32])))])?);
        let brake = Brake::pulled();
        if let Some(pull) = brake.newest() {
            brake.release(pull);
        }
        let engine = Engine::new(
            db.clone(),
            clock.clone(),
            Faults::none(),
            brake,
            EngineSettings::default(),
            Arc::new(OpenGate),
            vec![Arc::new(MapEmbedded::new(db.clone(), Arc::clone(&seal)))],
        );
        let sweeper = Sweeper::new(db.clone(), github.clone(), clock.clone(), 16);
        let planner = Planner {
            db: db.clone(),
            github: github.clone(),
            sweeper: sweeper.clone(),
            seal: Arc::clone(&seal),
            clock: clock.clone(),
            engine: engine.clone(),
            app_database: None,
            probe_budget: usize::MAX,
            index_max_age: std::time::Duration::from_secs(86_400),
            app_slug: None,
        };
        let importer = Importer::new(db.clone(), seal, clock.clone());
        Ok(Self { db, github, sweeper, planner, engine, importer, clock, report: Report::default() })
    }

    async fn import(&mut self, catalog: &Path) -> Result<(), LoadError> {
        let csv = std::fs::read(catalog)?;
        let start = self.clock.monotonic();
        let CatalogReceipt::Opened { upload } =
            self.importer.begin(CatalogFormat::Csv, Contents::Links, &who()).await?
        else {
            return Err(wrong("no upload was opened"));
        };
        for (part, bytes) in (0_u64..).zip(csv.chunks(PART)) {
            // The stand-in's names are ASCII, so no part cuts a letter.
            let text = std::str::from_utf8(bytes).map_err(|_| wrong("the catalog is not ASCII"))?;
            self.importer.chunk(&upload, part, text).await?;
        }
        let CatalogReceipt::Imported(receipt) = self.importer.commit(&upload, false, &who()).await? else {
            return Err(wrong("the catalog was refused"));
        };
        let took = self.since(start);
        self.report.add("import: repositories of projects", float(receipt.added), "", Bar::None);
        self.report.add("import", took, "s", Bar::None);
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), LoadError> {
        let start = self.clock.monotonic();
        self.sweeper.sweep().await?;
        let took = self.since(start);
        let made = self.github.calls();
        let (live, pages) = self.price().await?;
        self.report.add("sweep", took, "s", Bar::None);
        self.report.add("sweep: mints", float(made.mints), "", Bar::Is(live));
        self.report.add("sweep: pages", float(made.pages), "", Bar::Is(pages));
        self.report.add("sweep: calls", float(made.requests), "", Bar::Is(live + pages));
        Ok(())
    }

    /// What a sweep of the world that was found may cost: mints and pages.
    async fn price(&self) -> Result<(f64, f64), LoadError> {
        let host = self.github.host_id();
        let installations = self.db.installations(host, None, u32::MAX).await?;
        let live = installations.iter().filter(|row| row.suspended_at.is_none()).count();
        let mut listed: BTreeMap<i64, u64> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.db.repositories(host, after, 5_000).await?;
            let Some(last) = page.last() else { break };
            after = Some((last.installation, last.id));
            for row in page {
                *listed.entry(row.installation).or_default() += 1;
            }
        }
        let found: u64 = listed.values().map(|rows| rows.div_ceil(100)).sum();
        let count = |rows: usize| u64::try_from(rows).unwrap_or(0);
        let empty = count(live).saturating_sub(count(listed.len()));
        let requests = count(self.db.requests(host).await?.len()).div_ceil(100).max(1);
        let lists = count(installations.len()).div_ceil(100).max(1);
        Ok((float(count(live)), float(found + empty + requests + lists)))
    }

    /// Plans until nothing is owed, then once more with the clock, to CSV. The last plan.
    async fn plans(&mut self, folder: &Path) -> Result<RunView, LoadError> {
        let (mut probes, mut plans, start) = (0, 0, self.clock.monotonic());
        let settled = loop {
            let plan = self.planner.plan(&MapScope::All, false, &who()).await?;
            let found = summary(&plan)?;
            probes += found.probes_made;
            plans += 1;
            if found.probes_owed == 0 {
                break plan;
            }
            if plans == MOST_PLANS {
                return Err(wrong(format!("{} probes are still owed", found.probes_owed)));
            }
        };
        let took = self.since(start);
        let found = summary(&settled)?;
        self.report.add("first plans, with all probes", took, "s", Bar::None);
        self.report.add("first plans", float(plans as u64), "", Bar::None);
        self.report.add("first plans: probes", float(probes), "", Bar::None);
        self.report.add("mapped", float(found.counts.mapped), "", Bar::None);
        self.report.add("pending", float(found.counts.pending), "", Bar::None);
        self.report.add("unmappable", float(found.counts.unmappable), "", Bar::None);

        let start = self.clock.monotonic();
        let plan = self.planner.plan(&MapScope::All, false, &who()).await?;
        let planned = self.since(start);
        let bytes = self.csv(&plan.id, &folder.join("plan.csv")).await?;
        let took = self.since(start);
        self.report.add("plan", planned, "s", Bar::None);
        self.report.add("plan to CSV", took, "s", Bar::Below(10.0));
        self.report.add("plan to CSV: bytes", float(bytes), "", Bar::None);
        let probes = float(summary(&plan)?.probes_made);
        self.report.add("plan of a known world: probes", probes, "", Bar::Is(0.0));
        let same = plan.digest == settled.digest;
        self.report.add("two plans of one world, one digest", f64::from(u8::from(same)), "", Bar::Is(1.0));
        Ok(plan)
    }

    async fn csv(&self, id: &RunId, path: &Path) -> Result<u64, LoadError> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
        let (mut after, mut bytes) = (None, 0);
        loop {
            let page = self.db.items(id, None, after, 500).await?;
            let Some(last) = page.last() else { break };
            let is_first = after.is_none();
            after = Some(last.ord);
            let items = page.iter().map(|item| serde_json::from_str(&item.body));
            let items: Vec<PlanItem> =
                items.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
            let text = report::page(items.iter().map(report::ReportRow::from), is_first);
            bytes += u64::try_from(text.len()).unwrap_or(0);
            out.write_all(text.as_bytes())?;
        }
        out.flush()?;
        Ok(bytes)
    }

    async fn apply_and_undo(&mut self, plan: &RunView, durable: f64) -> Result<(), LoadError> {
        self.engine.approve(&plan.id, &plan.digest, None, &who()).await?;
        let start = self.clock.monotonic();
        self.engine.apply(&plan.id, None, &who()).await?;
        self.until(&plan.id, RunState::Verifying).await?;
        let written = self.since(start);
        let done = self.until(&plan.id, RunState::Done).await?;
        let took = self.since(start);
        let items = float(done.progress.counts.done);
        if items < float(done.progress.counts.total()) {
            return Err(wrong(format!("not everything was applied: {:?}", done.progress.counts)));
        }
        self.report.add("apply, proof and verification included", took, "s", Bar::None);
        self.report.add("apply", items / written, "items/s", Bar::AtLeast(5_000.0));
        self.report.add(
            "apply: items for each durable write of the disk",
            items / written / durable,
            "",
            Bar::None,
        );

        let start = self.clock.monotonic();
        self.engine.undo(&plan.id, None, &who()).await?;
        let undone = self.until(&plan.id, RunState::Undone).await?;
        let took = self.since(start);
        self.report.add(
            "undo, all included",
            float(undone.progress.counts.undone) / took,
            "items/s",
            Bar::None,
        );
        let left = self.db.mapping_counts().await?;
        self.report.add("mappings after the undo", float(left.mapped + left.pending), "", Bar::Is(0.0));
        Ok(())
    }

    /// Waits until the run is in this state, or past it.
    async fn until(&self, id: &RunId, state: RunState) -> Result<RunView, LoadError> {
        let mut versions = self.db.versions();
        loop {
            let view = self.engine.view(id).await?;
            let past = matches!(view.state, RunState::Done | RunState::Undone);
            if view.state == state || past {
                return Ok(view);
            }
            if matches!(view.state, RunState::Failed | RunState::Paused | RunState::Cancelled) {
                return Err(wrong(format!("the run is {}: {:?}", view.state, view.reason)));
            }
            // Asking after each commit would be a load of its own.
            self.clock.sleep(Duration::from_millis(20)).await;
            versions.changed().await.map_err(|_| wrong("the store is closed"))?;
        }
    }

    async fn matching(&mut self) -> Result<(), LoadError> {
        let links = load::scope(&self.db, &MapScope::All).await?;
        let index = load::index(&self.db, self.github.host_id()).await?;
        let answers = load::answers(&self.db).await?;
        let context = Context::new(self.github.web_base(), "cutover");
        let start = self.clock.monotonic();
        let judged = judge_all(&links, &index, &answers, &context);
        let mapped = judged.filter(|(_, verdict)| verdict.status == MappingStatus::Mapped).count();
        let took = self.since(start);
        if mapped == 0 {
            return Err(wrong("nothing is mapped"));
        }
        self.report.add("matching alone", took, "s", Bar::Below(1.0));
        self.report.add("index in memory", float(index.heap_bytes() as u64) / 1_048_576.0, "MiB", Bar::None);
        Ok(())
    }

    fn since(&self, start: Duration) -> f64 {
        (self.clock.monotonic() - start).as_secs_f64()
    }
}

fn summary(plan: &RunView) -> Result<PlanSummary, LoadError> {
    serde_json::from_value(plan.summary.clone()).map_err(|error| wrong(error.to_string()))
}
