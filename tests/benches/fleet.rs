//! The fleet's bars. `cargo bench -p cutover-tests --bench fleet`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::fleet::ill::{IllLoad, ill};
use cutover_tests::load::fleet::kill::{KillLoad, killed};
use cutover_tests::load::fleet::{FleetLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures how many tenants' databases a second get five migrations, beside bare loops and beside `sqlx migrate run`, in turns; then
/// what a fleet with outages, failures and drift comes to, and a daemon that is killed again and again.
#[derive(Debug, Parser)]
#[command(name = "fleet")]
struct Options {
    /// Numbers of PostgreSQL databases, each measured by itself; 0: none.
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    databases: Vec<usize>,
    /// SQLite files.
    #[arg(long, default_value_t = 10_000)]
    files: usize,
    /// Times that each arm is measured over the first number of databases and over the files, and half as often over further numbers, in
    /// turns; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// One short round, and bars that only a gross failure misses.
    #[arg(long)]
    small: bool,
    /// The kills alone.
    #[arg(long)]
    kill: bool,
    /// Outages, failures and drift alone.
    #[arg(long)]
    ill: bool,
    /// Decides the moments of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program `sqlx` [default: the one that is found on PATH; without one that arm is left out, and told].
    #[arg(long, value_name = "FILE", env = "SQLX")]
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
    let out = &mut std::io::stdout();
    let (small, all) = (options.small, !options.kill && !options.ill);
    let mut codes = Vec::new();
    if all {
        let load = FleetLoad {
            databases: if small { vec![24] } else { options.databases },
            files: if small { 200 } else { options.files },
            rounds: if small { 1 } else { options.rounds },
            small,
            sqlx: options.sqlx,
            folder: options.folder.clone(),
        };
        let measured = run(load, out).await;
        codes.push(conclude(out, "tenants' databases, five migrations each", measured));
    }
    if all || options.ill {
        let load = IllLoad { tenants: if small { 200 } else { 1_000 }, folder: options.folder.clone() };
        let measured = ill(&load).await;
        codes.push(conclude(
            out,
            "a fleet of which 10 % are down, 1 % fail and 1 % were changed by hand",
            measured,
        ));
    }
    if all || options.kill {
        let load = KillLoad {
            databases: if small { 20 } else { 500 },
            files: if small { 80 } else { 500 },
            kills: if small { 6 } else { 50 },
            seed: options.seed,
            folder: options.folder,
            program: PathBuf::from(env!("CARGO_BIN_EXE_cutover-demo")),
        };
        let subject =
            format!("{} tenants, a daemon killed {} times", load.databases + load.files, load.kills);
        let measured = killed(&load).await;
        codes.push(conclude(out, &subject, measured));
    }
    if codes.iter().all(|code| *code == ExitCode::SUCCESS) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
