//! A fleet of SQLite files, a folder of migrations, and a daemon's life over them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cutover_shared::fleet::{DriverKind, FleetScope};
use cutover_shared::ids::TenantId;
use cutover_shared::run::RunView;
use secrecy::{SecretBox, SecretString};
use sqlx::{Connection as _, Row as _};
use tokio_util::task::TaskTracker;

use super::flaky::Flaky;
use crate::audit::Who;
use crate::client::Client;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::fleet::Fleet;
use crate::fleet::credential;
use crate::fleet::drivers::Drivers;
use crate::fleet::instance::{Instances, Ring};
use crate::fleet::kind::{FleetKind, Inner};
use crate::fleet::limit::Limits;
use crate::fleet::live::Live;
use crate::fleet::settings::{Settings, sample};
use crate::fleet::wave::Waves;
use crate::run::{Brake, Engine, EngineSettings, OpenGate};
use crate::seal::Seal;
use crate::store::sample::instance;
use crate::store::{Db, FleetOp, InstanceFilter, InstanceRow, Lane, Unit, open};

pub(super) fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

pub(super) struct World {
    pub(super) dir: PathBuf,
}

pub(super) struct Life {
    pub(super) db: Db,
    pub(super) engine: Engine,
    pub(super) fleet: Fleet,
    pub(super) instances: Instances,
}

/// Places of the tenants: the first two are canaries, then two for each of the 10 %, then the others.
pub(super) fn place(at: usize) -> u32 {
    match at {
        0 | 1 => 0,
        2..=5 => 1_000 + u32::try_from(at).unwrap(),
        _ => 500_000 + u32::try_from(at).unwrap(),
    }
}

pub(super) fn tenant(at: usize) -> TenantId {
    TenantId(format!("t{at:02}"))
}

impl World {
    /// Without tenants and migrations.
    pub(super) fn bare(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("migrations")).unwrap();
        Self { dir: dir.to_owned() }
    }

    pub(super) async fn new(dir: &Path, tenants: usize) -> Self {
        let world = Self::bare(dir);
        for at in 0..tenants {
            let mut c = world.tenant(at, true).await;
            sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT); INSERT INTO users (email) VALUES ('a@x'), ('b@x')")
                .execute(&mut c)
                .await
                .unwrap();
            c.close().await.unwrap();
        }
        world.write(
            "0001_tags.up.sql",
            "CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT);\nCREATE INDEX tags_name ON tags (name);",
        );
        world.write("0001_tags.down.sql", "DROP TABLE tags;");
        world.write("0002_notes.up.sql", "CREATE TABLE notes (id INTEGER PRIMARY KEY, tag INTEGER);");
        world.write("0002_notes.down.sql", "DROP TABLE notes;");
        world
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.join("migrations").join(file), text).unwrap();
    }

    pub(super) fn remove(&self, file: &str) {
        std::fs::remove_file(self.dir.join("migrations").join(file)).unwrap();
    }

    pub(super) fn file(&self, at: usize) -> PathBuf {
        self.dir.join(format!("tenant{at:02}.db"))
    }

    pub(super) async fn tenant(&self, at: usize, create: bool) -> sqlx::SqliteConnection {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(self.file(at)).create_if_missing(create);
        sqlx::SqliteConnection::connect_with(&options).await.unwrap()
    }

    pub(super) async fn run(&self, at: usize, sql: &'static str) {
        let mut c = self.tenant(at, false).await;
        sqlx::raw_sql(sql).execute(&mut c).await.unwrap();
        c.close().await.unwrap();
    }

    /// Tables and indexes of a tenant, and the versions in its ledger.
    pub(super) async fn state(&self, at: usize) -> (Vec<String>, Vec<i64>) {
        let mut c = self.tenant(at, false).await;
        let names = sqlx::query(
            "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'cutover_migrations' ORDER BY name",
        );
        let names = names.fetch_all(&mut c).await.unwrap().iter().map(|row| row.get(0)).collect();
        let versions = sqlx::query_scalar("SELECT version FROM cutover_migrations ORDER BY version");
        let versions = versions.fetch_all(&mut c).await.unwrap_or_default();
        (names, versions)
    }

    pub(super) async fn life(&self, faults: Faults) -> Life {
        self.life_with(faults, Settings { waves: vec![100, 1_000], ..sample() }).await
    }

    pub(super) async fn life_with(&self, faults: Faults, settings: Settings) -> Life {
        let drivers = Drivers::new(settings.http.clone(), Client::new().unwrap(), Clock::system());
        self.life_over(faults, settings, drivers, Clock::system()).await
    }

    pub(super) async fn life_at(&self, faults: Faults, clock: Clock) -> Life {
        let settings = Settings { waves: vec![1_000], ..sample() };
        let drivers = Drivers::new(settings.http.clone(), Client::new().unwrap(), clock.clone());
        self.life_over(faults, settings, drivers, clock).await
    }

    /// Connections to files break as they are told to.
    pub(super) async fn flaky_life(&self) -> (Life, Flaky) {
        let settings = Settings {
            waves: vec![1_000],
            halt_permille: 1_000,
            halt_unreachable_permille: 1_000,
            ..sample()
        };
        let mut drivers = Drivers::new(settings.http.clone(), Client::new().unwrap(), Clock::system());
        let flaky = Flaky::over(drivers.sqlite);
        drivers.sqlite = Arc::new(flaky.clone());
        (self.life_over(Faults::none(), settings, drivers, Clock::system()).await, flaky)
    }

    async fn life_over(&self, faults: Faults, settings: Settings, drivers: Drivers, clock: Clock) -> Life {
        let db = open(&format!("sqlite:{}/cutover.db", self.dir.display()), faults.clone()).await.unwrap();
        let seal = Arc::new(Seal::new(vec![("k1".to_owned(), SecretBox::new(Box::new([7; 32])))]).unwrap());
        let settings = Settings { folder: Some(self.dir.join("migrations")), ..settings };
        let inner = Arc::new(Inner {
            drivers,
            application: None,
            live: Live::new(clock.clone(), f64::MAX, std::time::Duration::MAX),
            limits: Limits::of(&settings),
            looks: Limits::of(&settings),
            waves: Waves::new(&settings.waves),
            tasks: TaskTracker::new(),
            db: db.clone(),
            seal,
            clock: clock.clone(),
            faults: faults.clone(),
            settings,
        });
        let brake = Brake::pulled();
        assert!(brake.newest().is_some_and(|pull| brake.release(pull)));
        let kind = Arc::new(FleetKind(inner.clone()));
        let engine = Engine::new(
            db.clone(),
            clock,
            faults,
            brake,
            EngineSettings::default(),
            Arc::new(OpenGate),
            vec![kind],
        );
        let ring: Ring = Arc::new(|| Err("no ring".to_owned()));
        let instances = Instances::new(inner.clone(), Client::new().unwrap(), ring);
        Life { db, engine: engine.clone(), fleet: Fleet::new(inner, engine), instances }
    }

    /// Enters tenants as instances.
    pub(super) async fn enter(&self, life: &Life, tenants: usize) {
        let row = |at| row(life, at, DriverKind::Sqlite, &self.file(at).display().to_string());
        let rows = (0..tenants).map(row).collect();
        life.db.write(Lane::Handler, Unit::new().with(FleetOp::Instances { rows })).await.unwrap();
    }

    /// Enters the first tenant with a deployment at this address.
    pub(super) async fn enter_deployment(&self, life: &Life, url: &str) {
        let rows = vec![row(life, 0, DriverKind::Http, url)];
        life.db.write(Lane::Handler, Unit::new().with(FleetOp::Instances { rows })).await.unwrap();
    }
}

fn row(life: &Life, at: usize, driver: DriverKind, url: &str) -> InstanceRow {
    let secret = SecretString::from(url.to_owned());
    let key = (driver == DriverKind::Http).then(|| SecretString::from("planted"));
    InstanceRow {
        driver,
        place: url.to_owned(),
        host: "local".to_owned(),
        server: "local".to_owned(),
        sealed: credential::close(&life.fleet.inner.seal, &tenant(at), &secret, key.as_ref()).unwrap(),
        ..instance(tenant(at).as_str(), place(at))
    }
}

impl Life {
    pub(super) async fn going(&self, to: u32) -> RunView {
        let run = self.fleet.plan(&FleetScope::All, Some(to), false, &ana()).await.unwrap();
        self.go(&run).await
    }

    /// Plans for all, applies, and waits for the end.
    pub(super) async fn to_end(&self, to: u32) -> RunView {
        let run = self.going(to).await;
        self.engine.ended(&run.id).await
    }

    pub(super) async fn only(&self) -> InstanceRow {
        self.rows().await.pop().unwrap()
    }

    /// Every instance as it is stored.
    pub(super) async fn rows(&self) -> Vec<InstanceRow> {
        self.db.fleet_instances(&InstanceFilter::default(), None, 256).await.unwrap()
    }

    pub(super) async fn go(&self, run: &RunView) -> RunView {
        self.engine.approve(&run.id, &run.digest, None, &ana()).await.unwrap();
        self.engine.apply(&run.id, None, &ana()).await.unwrap()
    }
}
