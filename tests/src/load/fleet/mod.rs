//! How many tenants' databases a second get their migrations: our drivers' sessions, a bare loop over the same SQL, and
//! `sqlx migrate run` by `xargs -P`, in turns within one run.

mod arms;
mod peers;

use std::io::Write;
use std::path::PathBuf;

use super::{Bar, Report};

/// Migrations of each tenant: a table and an index.
pub const MIGRATIONS: u32 = 5;

/// What is measured, and how much of it.
#[derive(Clone, Debug)]
pub struct FleetLoad {
    pub databases: usize,
    pub files: usize,
    pub parallel: usize,
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
    #[error("{0}")]
    Arm(String),
}

/// The way up of one migration.
fn up(number: u32) -> String {
    format!(
        "CREATE TABLE t{number} (id bigint PRIMARY KEY, name text NOT NULL, made_at bigint);\n\
         CREATE INDEX t{number}_name ON t{number} (name);\n"
    )
}

/// Measures all arms, in turns, and holds ours against the others.
///
/// # Errors
/// An arm does not get to its end, or the ends differ.
pub async fn run(load: FleetLoad, out: &mut impl Write) -> Result<Report, FleetLoadError> {
    let mut report = Report::default();
    let server = arms::Server::start().await?;
    let sqlx = peers::sqlx(load.sqlx.clone());
    if sqlx.is_none() {
        let _ = writeln!(
            out,
            "no `sqlx` on PATH: its arm is left out (`cargo install sqlx-cli --no-default-features -F postgres`)"
        );
    }
    let mut best = Best::default();
    for round in 0..load.rounds {
        // Each round begins with another arm, so that none always follows the same one.
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => {
                    let tenants = server.tenants("bare", load.databases).await?;
                    best.bare = best.bare.max(arms::bare(&tenants, load.parallel).await?);
                    server.check(&tenants, false).await?;
                    server.drop(&tenants).await?;
                }
                1 => {
                    let tenants = server.tenants("ours", load.databases).await?;
                    best.ours = best.ours.max(arms::ours(&tenants, load.parallel).await?);
                    best.ours_again = best.ours_again.max(arms::ours(&tenants, load.parallel).await?);
                    server.check(&tenants, true).await?;
                    server.drop(&tenants).await?;
                }
                _ => {
                    let Some(program) = &sqlx else { continue };
                    let tenants = server.tenants("sqlx", load.databases).await?;
                    let source = peers::source(&load.folder)?;
                    best.sqlx =
                        best.sqlx.max(peers::migrate(program, source.path(), &tenants, load.parallel)?);
                    best.sqlx_again =
                        best.sqlx_again.max(peers::migrate(program, source.path(), &tenants, load.parallel)?);
                    server.check(&tenants, false).await?;
                    server.drop(&tenants).await?;
                }
            }
        }
        best.bare_files =
            best.bare_files.max(arms::bare_files(&load.folder, load.files, load.parallel).await?);
        best.our_files = best.our_files.max(arms::our_files(&load.folder, load.files, load.parallel).await?);
    }
    let bar = |least: f64| Bar::AtLeast(if load.small { least / 4.0 } else { least });
    report.add("PostgreSQL, ours", best.ours, "tenants/s", Bar::None);
    report.add("PostgreSQL, ours, nothing to do", best.ours_again, "tenants/s", Bar::None);
    report.add("PostgreSQL, bare loop", best.bare, "tenants/s", Bar::None);
    report.add("ours / bare loop", best.ours / best.bare, "times", bar(0.9));
    if sqlx.is_some() {
        report.add("PostgreSQL, sqlx by xargs", best.sqlx, "tenants/s", Bar::None);
        report.add("PostgreSQL, sqlx by xargs, nothing to do", best.sqlx_again, "tenants/s", Bar::None);
        report.add("ours / sqlx", best.ours / best.sqlx, "times", bar(1.5));
        report.add("ours / sqlx, nothing to do", best.ours_again / best.sqlx_again, "times", bar(2.0));
    }
    report.add("SQLite, ours", best.our_files, "tenants/s", Bar::None);
    report.add("SQLite, bare loop", best.bare_files, "tenants/s", Bar::None);
    report.add("ours / bare loop on SQLite", best.our_files / best.bare_files, "times", bar(0.5));
    Ok(report)
}

/// The best round of each arm, in tenants a second.
#[derive(Default)]
struct Best {
    ours: f64,
    ours_again: f64,
    bare: f64,
    sqlx: f64,
    sqlx_again: f64,
    our_files: f64,
    bare_files: f64,
}
