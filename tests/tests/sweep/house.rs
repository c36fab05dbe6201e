//! The stand-in, a state folder, and lives of the daemon's mapping parts on them, on a clock that only moves when moved.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::audit::Who;
use cutover_daemon::clock::{Clock, Millis};
use cutover_daemon::faults::Faults;
use cutover_daemon::github::{GitHub, GitHubSettings};
use cutover_daemon::mapping::catalog::import::Importer;
use cutover_daemon::mapping::kind::MapEmbedded;
use cutover_daemon::mapping::planner::Planner;
use cutover_daemon::mapping::sweep::Sweeper;
use cutover_daemon::run::{Brake, Engine, EngineSettings, OpenGate};
use cutover_daemon::seal::Seal;
use cutover_daemon::store::{Db, InstallationRow, RepositoryRow, open};
use cutover_shared::catalog::{CatalogFormat, CatalogReceipt, Contents, ImportReceipt};
use cutover_shared::ids::{LinkKey, ProjectId, RunId};
use cutover_shared::mapping::{MapScope, PlanItem, PlanSummary};
use cutover_shared::run::{RunState, RunView};
use cutover_tests::github_sim::{Sim, SimSettings};
use cutover_tests::world::{Catalog, CatalogRow, World, WorldSpec};
use tempfile::TempDir;

pub(crate) const START: Millis = 1_780_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// What outlives the daemon.
pub(crate) struct House {
    pub(crate) sim: Sim,
    pub(crate) clock: Clock,
    pub(crate) catalog: Catalog,
    dir: TempDir,
}

/// One life of the daemon's parts.
pub(crate) struct Life {
    pub(crate) db: Db,
    pub(crate) github: GitHub,
    pub(crate) sweeper: Sweeper,
    pub(crate) planner: Planner,
    pub(crate) engine: Engine,
    importer: Importer,
}

pub(crate) fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

pub(crate) fn key(row: &CatalogRow) -> LinkKey {
    LinkKey::new(&ProjectId(row.project_id.clone()), &row.repo_full_name)
}

impl House {
    pub(crate) async fn of(tenants: usize, repos: usize, seed: u64) -> Self {
        let made = World::generate(&WorldSpec { seed, tenants, repos, installations: None }).unwrap();
        Self::on(made.world, made.catalog).await
    }

    pub(crate) async fn on(world: World, catalog: Catalog) -> Self {
        let clock = Clock::manual(START);
        let settings = SimSettings { log_capacity: 200_000, ..SimSettings::default() };
        let sim = Sim::start(world, clock.clone(), settings).await.unwrap();
        Self { sim, clock, catalog, dir: tempfile::tempdir().unwrap() }
    }

    /// A life on the store of this name, with eight installations read at once.
    pub(crate) async fn life(&self, store: &str) -> Life {
        self.life_with(store, 8).await
    }

    pub(crate) async fn life_with(&self, store: &str, parallel: usize) -> Life {
        let clock = self.clock.clone();
        let url = format!("sqlite:{}/{store}.db", self.dir.path().display());
        let db = open(&url, Faults::none()).await.unwrap();
        let key = self.sim.private_key_pem().into();
        let mut settings = GitHubSettings::new(self.sim.api_base(), self.sim.app_id(), vec![key]);
        settings.points_per_minute = 1_000_000;
        // The clock may run ahead of the wire.
        settings.request_timeout = 100 * HOUR;
        let github = GitHub::new(&settings, clock.clone()).unwrap();
        let seal =
            Arc::new(Seal::new(vec![("k1".to_owned(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap());
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
        let sweeper = Sweeper::new(db.clone(), github.clone(), clock.clone(), parallel);
        let planner = Planner {
            db: db.clone(),
            github: github.clone(),
            sweeper: sweeper.clone(),
            seal: Arc::clone(&seal),
            clock: clock.clone(),
            engine: engine.clone(),
            app_database: None,
            probe_budget: 100_000,
            index_max_age: std::time::Duration::from_secs(86_400),
            app_slug: None,
        };
        let importer = Importer::new(db.clone(), seal, clock);
        Life { db, github, sweeper, planner, engine, importer }
    }

    /// A life whose store holds the catalog.
    pub(crate) async fn imported(&self, store: &str) -> Life {
        let life = self.life(store).await;
        let receipt = life.import(&self.catalog).await;
        assert_eq!(receipt.added, u64::try_from(self.catalog.rows.len()).unwrap());
        life
    }

    /// Runs `work` to its end and moves the clock whenever the stand-in has nothing to do meanwhile.
    pub(crate) async fn pump<T>(&self, work: impl Future<Output = T>) -> T {
        let real = Clock::system();
        tokio::pin!(work);
        loop {
            match real.timeout(Duration::from_millis(5), &mut work).await {
                Ok(out) => return out,
                Err(_) if self.sim.calls().in_flight() == 0 => self.clock.advance(Duration::from_millis(500)),
                Err(_) => {}
            }
        }
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        };
        let waited = Clock::system().timeout(Duration::from_secs(60), waiting).await;
        assert!(waited.is_ok(), "{what} did not come");
    }
}

impl Life {
    pub(crate) async fn import(&self, catalog: &Catalog) -> ImportReceipt {
        let begun = self.importer.begin(CatalogFormat::Csv, Contents::Links, &ana()).await.unwrap();
        let CatalogReceipt::Opened { upload } = begun else { panic!("{begun:?}") };
        let csv = catalog.csv().unwrap();
        for (part, bytes) in csv.as_bytes().chunks(1_000_000).enumerate() {
            let text = std::str::from_utf8(bytes).unwrap();
            self.importer.chunk(&upload, u64::try_from(part).unwrap(), text).await.unwrap();
        }
        match self.importer.commit(&upload, false, &ana()).await.unwrap() {
            CatalogReceipt::Imported(receipt) => *receipt,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn plan(&self, refresh: bool) -> RunView {
        self.planner.plan(&MapScope::All, refresh, &ana()).await.unwrap()
    }

    /// Plans until no check is owed any more. The last plan.
    pub(crate) async fn settled(&self, refresh: bool) -> RunView {
        let mut run = self.plan(refresh).await;
        for _ in 0..6 {
            if summary(&run).probes_owed == 0 {
                return run;
            }
            run = self.plan(false).await;
        }
        panic!("still owed: {:?}", summary(&run));
    }

    pub(crate) async fn items(&self, run: &RunId) -> BTreeMap<LinkKey, PlanItem> {
        let (mut items, mut after) = (BTreeMap::new(), None);
        loop {
            let page = self.db.items(run, None, after, 500).await.unwrap();
            let Some(last) = page.last() else { return items };
            after = Some(last.ord);
            for item in page {
                let item: PlanItem = serde_json::from_str(&item.body).unwrap();
                assert!(items.insert(item.key.clone(), item).is_none(), "each key once");
            }
        }
    }

    /// Approves and applies, or undoes, and waits for the end.
    pub(crate) async fn apply(&self, run: &RunView) -> RunView {
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap();
        self.engine.apply(&run.id, None, &ana()).await.unwrap();
        self.ended(&run.id).await
    }

    pub(crate) async fn undo(&self, run: &RunView) -> RunView {
        self.engine.undo(&run.id, None, &ana()).await.unwrap();
        self.ended(&run.id).await
    }

    async fn ended(&self, id: &RunId) -> RunView {
        use RunState as S;
        let mut versions = self.db.versions();
        let waiting = async {
            loop {
                let view = self.engine.view(id).await.unwrap();
                if matches!(view.state, S::Done | S::Failed | S::Undone | S::Cancelled | S::Paused) {
                    return view;
                }
                versions.changed().await.unwrap();
            }
        };
        Clock::system().timeout(Duration::from_secs(120), waiting).await.unwrap()
    }

    /// Bodies of all stored mappings of the catalog.
    pub(crate) async fn mappings(&self, catalog: &Catalog) -> BTreeMap<LinkKey, String> {
        let keys: Vec<LinkKey> = catalog.rows.iter().map(key).collect();
        let rows = self.db.mappings(&keys).await.unwrap();
        rows.into_iter().map(|row| (row.key, row.body)).collect()
    }

    /// The whole index as stored.
    pub(crate) async fn index(&self) -> (Vec<InstallationRow>, Vec<RepositoryRow>) {
        let host = self.github.host_id();
        let installations = self.db.installations(host, None, 100_000).await.unwrap();
        (installations, self.db.repositories(host, None, 1_000_000).await.unwrap())
    }
}

pub(crate) fn summary(run: &RunView) -> PlanSummary {
    serde_json::from_value(run.summary.clone()).unwrap()
}
