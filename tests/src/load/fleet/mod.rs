//! How many tenants' databases a second get their migrations: the whole of the fleet, a bare loop over the same SQL, and
//! `sqlx migrate run` by `xargs -P`, in turns within one run. Beside it what the fleet does with outages, and a daemon that is killed.

mod arms;
pub mod ill;
pub mod kill;
mod peers;
mod product;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
    /// Times that each arm is measured over the first number of databases, and over the files; half as often over others.
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
        let mut rounds = Rounds::default();
        // Large numbers take long, and differ less.
        for round in 0..if at == 0 { load.rounds } else { load.rounds.div_ceil(2) } {
            // Each round begins with another arm, so that none always follows the same one.
            for turn in 0..ARMS.len() {
                let arm = ARMS[(round * 4 + turn) % ARMS.len()];
                let took = bench.databases(arm, *databases, &mut rounds).await?;
                let _ = writeln!(out, "{databases} databases, {arm:?}: {took}");
            }
        }
        rounds.report(*databases, load.small, &mut report);
    }
    bench.drop_kept().await?;
    let mut rounds = Rounds::default();
    for _ in 0..load.rounds {
        for arm in [Arm::Bare(8), Arm::Product, Arm::Bare(16), Arm::Sessions, Arm::OneWave] {
            let took = bench.files(arm, &mut rounds).await?;
            let _ = writeln!(out, "{} files, {arm:?}: {took}", load.files);
        }
    }
    rounds.report_files(load.files, load.small, &mut report);
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
    async fn databases(&self, arm: Arm, count: usize, rounds: &mut Rounds) -> Result<String, FleetLoadError> {
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
                rounds.product(arm, self.product(arm, DriverKind::Postgres, &tenants).await?)
            }
            (Arm::Sessions, _) => {
                let rate = arms::sessions(DriverKind::Postgres, &tenants, 8).await?;
                let looks = arms::looks(&tenants, 8).await?;
                rounds.add(SESSIONS, 8, rate);
                rounds.add(LOOKS, 8, looks);
                format!("{rate:.0}/s, then connecting and reading alone {looks:.0}/s")
            }
            (Arm::Least, _) => rounds.one(LEAST, 8, arms::least(&tenants, 8).await?),
            (Arm::Sqlx(parallel), Some(program)) => {
                let source = peers::source(&self.load.folder)?;
                let first = peers::migrate(program, source.path(), &tenants, parallel)?;
                let again = peers::migrate(program, source.path(), &tenants, parallel)?;
                rounds.add(SQLX, parallel, first);
                rounds.add(SQLX_AGAIN, parallel, again);
                format!("{first:.0}/s, again {again:.0}/s")
            }
            (Arm::Bare(parallel) | Arm::Sqlx(parallel), _) => {
                rounds.one(BARE, parallel, arms::bare(&tenants, parallel).await?)
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

    async fn files(&self, arm: Arm, rounds: &mut Rounds) -> Result<String, FleetLoadError> {
        let folder = product::folder(&self.load.folder)?;
        let paths = arms::made(folder.path(), self.load.files, OWN).await?;
        self.settle().await;
        let said = match arm {
            Arm::Product | Arm::OneWave => {
                rounds.product(arm, self.product(arm, DriverKind::Sqlite, &paths).await?)
            }
            Arm::Sessions => rounds.one(SESSIONS, 16, arms::sessions(DriverKind::Sqlite, &paths, 16).await?),
            Arm::Bare(parallel) | Arm::Sqlx(parallel) => {
                rounds.one(BARE, parallel, arms::bare_files(&paths, parallel).await?)
            }
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

/// What each arm reached, in tenants a second, by what was measured and with how many at once.
#[derive(Default)]
struct Rounds(BTreeMap<(&'static str, usize), Vec<f64>>);

/// How many go at once is not ours to say.
const OWN_LIMITS: usize = 0;

const APPLY: &str = "apply";
const ONE_WAVE: &str = "apply in one wave";
const WHOLE: &str = "plan and apply";
const AGAIN: &str = "nothing to do";
const SESSIONS: &str = "our sessions alone";
const BARE: &str = "bare loop";
const LEAST: &str = "all in one transaction, nothing kept";
const LOOKS: &str = "connecting and reading alone";
const SQLX: &str = "sqlx";
const SQLX_AGAIN: &str = "sqlx, nothing to do";

impl Rounds {
    fn add(&mut self, what: &'static str, parallel: usize, rate: f64) {
        self.0.entry((what, parallel)).or_default().push(rate);
    }

    /// The median of an arm; of several that differ in how many go at once, that of the best. The best round of each would favour whoever
    /// has more arms: the machine differs more from second to second than the arms do.
    fn of(&self, what: &str) -> f64 {
        let arms = self.0.iter().filter(|((name, _), _)| *name == what);
        arms.map(|(_, rates)| median(rates)).fold(0.0, f64::max)
    }

    /// Adds it, and says it.
    fn one(&mut self, what: &'static str, parallel: usize, rate: f64) -> String {
        self.add(what, parallel, rate);
        format!("{rate:.0}/s")
    }

    fn product(&mut self, arm: Arm, rates: Rates) -> String {
        if matches!(arm, Arm::OneWave) {
            self.add(ONE_WAVE, OWN_LIMITS, rates.apply);
        } else {
            self.add(APPLY, OWN_LIMITS, rates.apply);
            self.add(WHOLE, OWN_LIMITS, rates.whole);
        }
        // Nobody is asked in waves: both arms do the same here.
        self.add(AGAIN, OWN_LIMITS, rates.again);
        format!("{:.0}/s, with the plan {:.0}/s, again {:.0}/s", rates.apply, rates.whole, rates.again)
    }

    fn report(&self, databases: usize, small: bool, report: &mut Report) {
        let bar = |least: f64| Bar::AtLeast(if small { least / 4.0 } else { least });
        let mut add = |what: &str, value, unit, bar| {
            report.add(format!("{databases} databases: {what}"), value, unit, bar);
        };
        for what in [APPLY, WHOLE, AGAIN, SESSIONS, BARE, LEAST, LOOKS] {
            add(what, self.of(what), "tenants/s", Bar::None);
        }
        let (apply, again, bare) = (self.of(APPLY), self.of(AGAIN), self.of(BARE));
        add("apply / bare loop", apply / bare, "times", bar(0.9));
        add("apply in one wave / bare loop", self.of(ONE_WAVE) / bare, "times", Bar::None);
        let (sqlx, sqlx_again) = (self.of(SQLX), self.of(SQLX_AGAIN));
        if sqlx > 0.0 {
            add(SQLX, sqlx, "tenants/s", Bar::None);
            add(SQLX_AGAIN, sqlx_again, "tenants/s", Bar::None);
            add("apply / sqlx", apply / sqlx, "times", bar(1.5));
            // `sqlx` has no plan that asks each tenant first; both readings of the bar stand.
            add("plan and apply / sqlx", self.of(WHOLE) / sqlx, "times", bar(1.5));
            add("ours / sqlx, nothing to do", again / sqlx_again, "times", bar(2.0));
            // What nobody could pass here.
            add("bare loop / sqlx", bare / sqlx, "times", Bar::None);
            add("all in one transaction / sqlx", self.of(LEAST) / sqlx, "times", Bar::None);
            let looks = self.of(LOOKS) / sqlx_again;
            add("connecting and reading / sqlx, nothing to do", looks, "times", Bar::None);
        }
    }

    fn report_files(&self, files: usize, small: bool, report: &mut Report) {
        let mut add =
            |what: &str, value, unit, bar| report.add(format!("{files} files: {what}"), value, unit, bar);
        for what in [APPLY, WHOLE, AGAIN, SESSIONS, BARE] {
            add(what, self.of(what), "tenants/s", Bar::None);
        }
        let (apply, bare) = (self.of(APPLY), self.of(BARE));
        add("apply / bare loop", apply / bare, "times", Bar::AtLeast(if small { 0.125 } else { 0.5 }));
        add("apply in one wave / bare loop", self.of(ONE_WAVE) / bare, "times", Bar::None);
    }
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |place: usize| sorted.get(place).copied().unwrap_or_default();
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_counts_by_its_median_and_the_best_of_several_arms_by_theirs() {
        let mut rounds = Rounds::default();
        assert_eq!(rounds.of(BARE), 0.0);
        for rate in [90.0, 200.0, 80.0] {
            rounds.add(BARE, 4, rate);
        }
        for rate in [101.0, 97.0] {
            rounds.add(BARE, 8, rate);
        }
        rounds.add(APPLY, OWN_LIMITS, 70.0);
        rounds.add(ONE_WAVE, OWN_LIMITS, 300.0);
        assert_eq!((rounds.of(BARE), rounds.of(APPLY)), (99.0, 70.0));
    }
}
