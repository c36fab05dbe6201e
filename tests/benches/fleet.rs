//! The fleet's bars that need no runner. `cargo bench -p cutover-tests --bench fleet -- --small`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::fleet::{FleetLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures how many tenants' databases a second get five migrations, beside a bare loop and beside `sqlx migrate run`, in turns.
#[derive(Debug, Parser)]
#[command(name = "fleet")]
struct Options {
    /// PostgreSQL databases.
    #[arg(long, default_value_t = 100)]
    databases: usize,
    /// SQLite files.
    #[arg(long, default_value_t = 1_000)]
    files: usize,
    /// Databases at once, in each arm.
    #[arg(long, default_value_t = 8)]
    parallel: usize,
    /// Times that each arm is measured, in turns; the best counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One short round, and bars that only a gross failure misses.
    #[arg(long)]
    small: bool,
    /// The program `sqlx` [default: the one that is found on PATH; without one that arm is left out, and told].
    #[arg(long, value_name = "FILE")]
    sqlx: Option<PathBuf>,
    /// Where to write; the disk that is measured.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    folder: PathBuf,
    #[command(flatten)]
    runner: RunnerFlags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if !options.runner.is_measuring() {
        return ExitCode::SUCCESS;
    }
    let load = FleetLoad {
        databases: if options.small { 16 } else { options.databases },
        files: if options.small { 50 } else { options.files },
        parallel: options.parallel,
        rounds: if options.small { 1 } else { options.rounds },
        small: options.small,
        sqlx: options.sqlx,
        folder: options.folder,
    };
    let out = &mut std::io::stdout();
    let measured = run(load, out).await;
    conclude(out, "tenants' databases, five migrations each", measured)
}
