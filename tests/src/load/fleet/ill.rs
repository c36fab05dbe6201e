//! A fleet as it is in bad times: some are down, a few fail, a few were changed by hand. All others must be done, and each of these named
//! with its cause and what a person does next.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cutover_daemon::fleet::settings::Settings;
use cutover_shared::fleet::{DriverKind, ErrorClass};
use cutover_shared::ids::TenantId;
use cutover_shared::run::RunState;
use sqlx::{Connection as _, SqliteConnection};

use super::product::{self, Product, tenant};
use super::{FleetLoadError, MIGRATIONS, arm, arms};
use crate::load::{Bar, Report};

/// Everybody has two users; of some, both have one address.
const OWN: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT); INSERT INTO users (email) VALUES ('a@x'), ('b@x')";
const SAME: &str = "UPDATE users SET email = 'same@x'";
const UNIQUE: &str = "CREATE UNIQUE INDEX users_email ON users (email);";
const BY_HAND: &str = "ALTER TABLE t1 ADD COLUMN colour TEXT";

/// The migration that fails for some.
const FAILING: u32 = 3;

/// How big the fleet is.
#[derive(Clone, Debug)]
pub struct IllLoad {
    /// A hundred at least.
    pub tenants: usize,
    pub folder: PathBuf,
}

/// What is the matter with a tenant, by its number: the first ten of each hundred are down, half of them since the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ill {
    Well,
    Down,
    DownSincePlan,
    Failing,
    Drifted,
}

fn ill_of(number: usize) -> Ill {
    match number % 100 {
        0..=4 => Ill::Down,
        5..=9 => Ill::DownSincePlan,
        10 => Ill::Failing,
        11 => Ill::Drifted,
        _ => Ill::Well,
    }
}

/// Lets such a fleet be migrated and counts who is done and who is named.
///
/// # Errors
/// Something fails that is not meant to.
pub async fn ill(load: &IllLoad) -> Result<Report, FleetLoadError> {
    let failed = |error| FleetLoadError::File("preparing the fleet", error);
    let folder = product::folder(&load.folder)?;
    let unique = folder.path().join("migrations").join(format!("{FAILING:04}_m{FAILING}.up.sql"));
    std::fs::write(unique, UNIQUE).map_err(failed)?;
    let paths = arms::made(folder.path(), load.tenants, OWN).await?;
    // Whoever expects so many failures says so: with the usual limits the run halts at the sixth.
    let bad_times =
        |settings: Settings| Settings { halt_failures: 1_000_000, halt_permille: 1_000, ..settings };
    let product = Product::new(folder, bad_times).await?;
    product.enter(DriverKind::Sqlite, &paths).await?;
    let (first, _) = product.apply(&product.plan(1).await?).await?;
    if first.state != RunState::Done {
        return Err(arm(format!("the first migration ended as {}", first.state)));
    }
    let of = |ill: Ill| {
        paths.iter().enumerate().filter(move |(number, _)| ill_of(*number) == ill).map(|(_, path)| path)
    };
    for path in of(Ill::Failing) {
        say(path, SAME).await?;
    }
    for path in of(Ill::Drifted) {
        say(path, BY_HAND).await?;
    }
    for path in of(Ill::Down) {
        std::fs::rename(path, format!("{path}.away")).map_err(failed)?;
    }
    let plan = product.plan(MIGRATIONS).await?;
    for path in of(Ill::DownSincePlan) {
        std::fs::rename(path, format!("{path}.away")).map_err(failed)?;
    }
    let (run, _) = product.apply(&plan).await?;
    let result = product.fleet.result(&run.id).await.map_err(arm)?;
    let named = product.reasons(&run.id).await?;
    let failures = product.fleet.status().await.map_err(arm)?.failures;

    let count = |ill: Ill| of(ill).count() as f64;
    let mut report = Report::default();
    let is_done = f64::from(u8::from(run.state == RunState::Done));
    report.add("the run got to its end", is_done, "", Bar::Is(1.0));
    let mut done = 0.0;
    for path in of(Ill::Well) {
        done += f64::from(u8::from(is_at_end(Path::new(path)).await?));
    }
    // The files go with it.
    product.end().await;
    report.add("well, and at the newest version", done, "", Bar::Is(count(Ill::Well)));
    report.add("told as done", result.succeeded as f64, "", Bar::Is(count(Ill::Well)));
    for (name, ill, word, class) in [
        ("down, and named with cause and next step", Ill::Down, "unreachable: ", ErrorClass::Connection),
        ("down since the plan, likewise", Ill::DownSincePlan, "unreachable: ", ErrorClass::Connection),
        ("changed by hand, likewise", Ill::Drifted, "drifted: ", ErrorClass::SchemaMismatch),
    ] {
        let right =
            of_kind(&named, ill).filter(|why| why.starts_with(word) && why.ends_with(class.next_step()));
        report.add(name, right.count() as f64, "", Bar::Is(count(ill)));
    }
    let right = of_kind(&named, Ill::Failing)
        .filter(|why| why.contains("0003_m3.up.sql:1: UNIQUE constraint failed"));
    report.add("failed, and named with the cause", right.count() as f64, "", Bar::Is(count(Ill::Failing)));
    let next = ErrorClass::MigrationBug.next_step();
    let grouped: u64 = failures.iter().filter(|one| one.next == next).map(|one| one.tenants).sum();
    report.add("groups of failures", failures.len() as f64, "", Bar::Is(1.0));
    report.add("in a group with its next step", grouped as f64, "", Bar::Is(count(Ill::Failing)));
    Ok(report)
}

/// Why those with this ill did not succeed.
fn of_kind(named: &BTreeMap<TenantId, String>, ill: Ill) -> impl Iterator<Item = &String> {
    let all = (0..).map_while(|number| (number < 100_000).then_some(number));
    all.filter(move |number| ill_of(*number) == ill).filter_map(|number| named.get(&tenant(number)))
}

async fn say(path: &str, sql: &'static str) -> Result<(), FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("preparing a tenant", error);
    let mut connection = SqliteConnection::connect(path).await.map_err(failed)?;
    sqlx::raw_sql(sql).execute(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

async fn is_at_end(path: &Path) -> Result<bool, FleetLoadError> {
    let failed = |error| FleetLoadError::Sql("looking at the end", error);
    let mut connection = SqliteConnection::connect(&path.display().to_string()).await.map_err(failed)?;
    let version: i64 = sqlx::query_scalar("SELECT max(version) FROM cutover_migrations")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(version == i64::from(MIGRATIONS))
}
