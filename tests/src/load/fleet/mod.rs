//! How many tenants' databases a second get their migrations: the whole of the fleet, a bare loop over the same SQL, and
//! `sqlx migrate run` by `xargs -P`, in turns within one run. Beside it what the fleet does with outages, and a daemon that is killed.

mod arms;
pub mod ill;
pub mod kill;
mod peers;
mod product;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::fleet::settings::Settings;
use cutover_shared::fleet::DriverKind;

use self::arms::Server;
use self::product::{Product, Rates};
use super::{Bar, Report};

/// Migrations of each tenant: a table and an index.
pub const MIGRATIONS: u32 = 5;

/// What is measured, and how much of it.
#[derive(Clone, Debug)]
pub struct FleetLoad {
    /// PostgreSQL databases, one measurement each.
    pub databases: Vec<usize>,
    pub files: usize,
    /// Times that each arm is measured over the first number of databases, and over the files; over others once.
    pub rounds: usize,
    pub small: bool,
    pub sqlx: Option<PathBuf>,
    pub folder: PathBuf,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum FleetLoadError {
    #[error(transparent)]
    Postgres(#[from] crate::services::PostgresError),
    #[error("{0}: {1}")]
    Sql(&'static str, sqlx::Error),
    #[error("{0}: {1}")]
    File(&'static str, std::io::Error),
    #[error("a step failed: {0}")]
    Step(#[from] cutover_daemon::fleet::driver::StepError),
    #[error(transparent)]
    Harness(#[from] crate::harness::HarnessError),
    #[error("the daemon: {0}")]
    Rpc(#[from] cutover_shared::error::RpcError),
    #[error("{0}")]
    Arm(String),
}

fn arm(why: impl std::fmt::Display) -> FleetLoadError {
    FleetLoadError::Arm(why.to_string())
}

/// The way up of one migration.
fn up(number: u32) -> String {
    format!(
        "CREATE TABLE t{number} (id bigint PRIMARY KEY, name text NOT NULL, made_at bigint);\n\
         CREATE INDEX t{number}_name ON t{number} (name);\n"
    )
}

/// Files and databases are not quite empty.
const OWN: &str = "CREATE TABLE own (id bigint PRIMARY KEY)";

/// From dropping databases or files to measuring the next arm.
const SETTLED: Duration = Duration::from_secs(65);

/// Databases of arms that are over are kept up to this many, so that dropping them weighs on no arm in between.
const KEPT: usize = 1_500;

/// Who is measured; with how many at once, where that is not ours to say.
#[derive(Clone, Copy, Debug)]
enum Arm {
    Product,
    /// The same, all tenants in one wave, as the loops have them.
    OneWave,
    Sessions,
    Bare(usize),
    Sqlx(usize),
    /// All migrations in one transaction and nothing else: what their SQL costs in any case.
    Least,
}

const ARMS: [Arm; 9] = [
    Arm::Bare(8),
    Arm::Product,
    Arm::Sqlx(8),
    Arm::Least,
    Arm::Bare(16),
    Arm::OneWave,
    Arm::Sqlx(4),
    Arm::Bare(4),
    Arm::Sessions,
];

/// Measures all arms, in turns, and holds ours against the others.
///
/// # Errors
/// An arm does not get to its end, or the ends differ.
pub async fn run(load: FleetLoad, out: &mut impl Write) -> Result<Report, FleetLoadError> {
    let mut report = Report::default();
    let sqlx = peers::sqlx(load.sqlx.clone());
    if sqlx.is_none() {
        let how = "cargo install sqlx-cli --version 0.9.0 --no-default-features --features postgres,rustls";
        let _ = writeln!(out, "no `sqlx` on PATH: its arm is left out (`{how}`)");
    }
    let server = Server::start().await?;
    let (clock, kept) = (Clock::system(), RefCell::new(Vec::new()));
    let bench =
        Bench { load: &load, server, sqlx, clock, kept, arms: Cell::new(0), dropped: Cell::new(None) };
    for (at, databases) in load.databases.iter().filter(|count| **count > 0).enumerate() {
        let mut best = Best::default();
        // Large numbers take long, and differ less.
        for round in 0..if at == 0 { load.rounds } else { load.rounds.div_ceil(2) } {
            // Each round begins with another arm, so that none always follows the same one.
            for turn in 0..ARMS.len() {
                let arm = ARMS[(round * 4 + turn) % ARMS.len()];
                let took = bench.databases(arm, *databases, &mut best).await?;
                let _ = writeln!(out, "{databases} databases, {arm:?}: {took}");
            }
        }
        best.report(*databases, load.small, &mut report);
    }
    bench.drop_kept().await?;
    let mut best = Best::default();
    for _ in 0..load.rounds {
        for arm in [Arm::Bare(8), Arm::Product, Arm::Bare(16), Arm::Sessions, Arm::OneWave] {
            let took = bench.files(arm, &mut best).await?;
            let _ = writeln!(out, "{} files, {arm:?}: {took}", load.files);
        }
    }
    best.report_files(load.files, load.small, &mut report);
    Ok(report)
}

/// What all arms are measured with.
struct Bench<'a> {
    load: &'a FleetLoad,
    server: Server,
    sqlx: Option<PathBuf>,
    clock: Clock,
    /// Databases of arms that are over.
    kept: RefCell<Vec<String>>,
    arms: Cell<usize>,
    /// When databases or files were dropped last.
    dropped: Cell<Option<Duration>>,
}

impl Bench<'_> {
    /// One arm over databases that are made for it; what it took, as people read it.
    async fn databases(&self, arm: Arm, count: usize, best: &mut Best) -> Result<String, FleetLoadError> {
        if matches!(arm, Arm::Sqlx(_)) && self.sqlx.is_none() {
            return Ok("left out".to_owned());
        }
        if self.kept.borrow().len() + count > KEPT {
            self.drop_kept().await?;
        }
        self.arms.set(self.arms.get() + 1);
        let tenants = self.server.tenants(&format!("arm_{}", self.arms.get()), count, OWN).await?;
        self.kept.borrow_mut().extend(tenants.iter().cloned());
        self.settle().await;
        let said = match (arm, &self.sqlx) {
            (Arm::Product | Arm::OneWave, _) => {
                best.product(arm, self.product(arm, DriverKind::Postgres, &tenants).await?)
            }
            (Arm::Sessions, _) => {
                let rate = arms::sessions(DriverKind::Postgres, &tenants, 8).await?;
                best.sessions(rate, arms::looks(&tenants, 8).await?)
            }
            (Arm::Least, _) => best.least(arms::least(&tenants, 8).await?),
            (Arm::Sqlx(parallel), Some(program)) => {
                let source = peers::source(&self.load.folder)?;
                let first = peers::migrate(program, source.path(), &tenants, parallel)?;
                let again = peers::migrate(program, source.path(), &tenants, parallel)?;
                best.sqlx(first, again)
            }
            (Arm::Bare(parallel) | Arm::Sqlx(parallel), _) => {
                best.bare(arms::bare(&tenants, parallel).await?)
            }
        };
        let is_ours = matches!(arm, Arm::Product | Arm::OneWave | Arm::Sessions);
        self.server.check(&tenants, is_ours).await?;
        Ok(said)
    }

    async fn drop_kept(&self) -> Result<(), FleetLoadError> {
        let kept = self.kept.take();
        if kept.is_empty() {
            return Ok(());
        }
        self.server.drop(&kept).await?;
        self.freed();
        Ok(())
    }

    /// Files were taken away.
    fn freed(&self) {
        // What is not on the disk yet counts as freed just now for much longer.
        nix::unistd::sync();
        self.dropped.set(Some(self.clock.monotonic()));
    }

    /// Waits until what was dropped before weighs on nobody: whenever ext4 makes a file, it passes over each inode that was freed in the last
    /// minute.
    async fn settle(&self) {
        if let Some(dropped) = self.dropped.get().filter(|_| !self.load.small) {
            self.clock.sleep((dropped + SETTLED).saturating_sub(self.clock.monotonic())).await;
        }
    }

    async fn files(&self, arm: Arm, best: &mut Best) -> Result<String, FleetLoadError> {
        let folder = product::folder(&self.load.folder)?;
        let paths = arms::made(folder.path(), self.load.files, OWN).await?;
        self.settle().await;
        let said = match arm {
            Arm::Product | Arm::OneWave => {
                best.product(arm, self.product(arm, DriverKind::Sqlite, &paths).await?)
            }
            Arm::Sessions => best.sessions(arms::sessions(DriverKind::Sqlite, &paths, 16).await?, 0.0),
            Arm::Bare(parallel) | Arm::Sqlx(parallel) => best.bare(arms::bare_files(&paths, parallel).await?),
            Arm::Least => {
                return Err(FleetLoadError::Arm("the bare loop over files is the least".to_owned()));
            }
        };
        drop(folder);
        self.freed();
        Ok(said)
    }

    async fn product(&self, arm: Arm, driver: DriverKind, urls: &[String]) -> Result<Rates, FleetLoadError> {
        let waves = |settings: Settings| match arm {
            Arm::OneWave => Settings { waves: vec![1_000], ..settings },
            _ => settings,
        };
        let product = Product::new(product::folder(&self.load.folder)?, waves).await?;
        product.enter(driver, urls).await?;
        let rates = product.rates(urls.len()).await?;
        product.end().await;
        Ok(rates)
    }
}

/// The best round of each arm, in tenants a second.
#[derive(Default)]
struct Best {
    ours: Rates,
    one_wave: Rates,
    sessions: f64,
    looks: f64,
    least: f64,
    bare: f64,
    sqlx: f64,
    sqlx_again: f64,
}

impl Best {
    fn product(&mut self, arm: Arm, rates: Rates) -> String {
        let best = if matches!(arm, Arm::OneWave) { &mut self.one_wave } else { &mut self.ours };
        *best = Rates {
            apply: best.apply.max(rates.apply),
            whole: best.whole.max(rates.whole),
            again: best.again.max(rates.again),
        };
        // Nobody is asked in waves: both arms do the same here.
        self.ours.again = self.ours.again.max(rates.again);
        format!("{:.0}/s, with the plan {:.0}/s, again {:.0}/s", rates.apply, rates.whole, rates.again)
    }

    fn sessions(&mut self, rate: f64, looks: f64) -> String {
        self.sessions = self.sessions.max(rate);
        self.looks = self.looks.max(looks);
        if looks == 0.0 {
            return format!("{rate:.0}/s");
        }
        format!("{rate:.0}/s, then connecting and reading alone {looks:.0}/s")
    }

    fn least(&mut self, rate: f64) -> String {
        self.least = self.least.max(rate);
        format!("{rate:.0}/s")
    }

    fn bare(&mut self, rate: f64) -> String {
        self.bare = self.bare.max(rate);
        format!("{rate:.0}/s")
    }

    fn sqlx(&mut self, first: f64, again: f64) -> String {
        self.sqlx = self.sqlx.max(first);
        self.sqlx_again = self.sqlx_again.max(again);
        format!("{first:.0}/s, again {again:.0}/s")
    }

    fn report(&self, databases: usize, small: bool, report: &mut Report) {
        let bar = |least: f64| Bar::AtLeast(if small { least / 4.0 } else { least });
        let mut add = |what: &str, value, unit, bar| {
            report.add(format!("{databases} databases: {what}"), value, unit, bar);
        };
        let ours = &self.ours;
        add("apply", ours.apply, "tenants/s", Bar::None);
        add("plan and apply", ours.whole, "tenants/s", Bar::None);
        add("nothing to do", ours.again, "tenants/s", Bar::None);
        add("our sessions alone", self.sessions, "tenants/s", Bar::None);
        add("bare loop", self.bare, "tenants/s", Bar::None);
        add("all in one transaction, nothing kept", self.least, "tenants/s", Bar::None);
        add("connecting and reading alone", self.looks, "tenants/s", Bar::None);
        add("apply / bare loop", ours.apply / self.bare, "times", bar(0.9));
        add("apply in one wave / bare loop", self.one_wave.apply / self.bare, "times", Bar::None);
        if self.sqlx > 0.0 {
            add("sqlx", self.sqlx, "tenants/s", Bar::None);
            add("sqlx, nothing to do", self.sqlx_again, "tenants/s", Bar::None);
            add("apply / sqlx", ours.apply / self.sqlx, "times", bar(1.5));
            // `sqlx` has no plan that asks each tenant first, so this is no like for like.
            add("plan and apply / sqlx", ours.whole / self.sqlx, "times", Bar::None);
            add("ours / sqlx, nothing to do", ours.again / self.sqlx_again, "times", bar(2.0));
            // What nobody could pass here.
            add("all in one transaction / sqlx", self.least / self.sqlx, "times", Bar::None);
            add(
                "connecting and reading / sqlx, nothing to do",
                self.looks / self.sqlx_again,
                "times",
                Bar::None,
            );
        }
    }

    fn report_files(&self, files: usize, small: bool, report: &mut Report) {
        let mut add =
            |what: &str, value, unit, bar| report.add(format!("{files} files: {what}"), value, unit, bar);
        add("apply", self.ours.apply, "tenants/s", Bar::None);
        add("plan and apply", self.ours.whole, "tenants/s", Bar::None);
        add("nothing to do", self.ours.again, "tenants/s", Bar::None);
        add("our sessions alone", self.sessions, "tenants/s", Bar::None);
        add("bare loop", self.bare, "tenants/s", Bar::None);
        let bar = Bar::AtLeast(if small { 0.125 } else { 0.5 });
        add("apply / bare loop", self.ours.apply / self.bare, "times", bar);
        add("apply in one wave / bare loop", self.one_wave.apply / self.bare, "times", Bar::None);
    }
}
