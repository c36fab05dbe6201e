//! The mapping's bars. `cargo bench -p cutover-tests --bench mapping -- --projects 100000 --installations 2000`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::mapping::{MappingLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures import, sweep, plan, apply and undo against a stand-in of its own, and says which bars are missed.
#[derive(Debug, Parser)]
#[command(name = "mapping")]
struct Options {
    /// Rows of the catalog.
    #[arg(long, default_value_t = 5_000)]
    projects: usize,
    /// Installations of the App.
    #[arg(long, default_value_t = 100)]
    installations: usize,
    /// Tenants of the application [default: as many as installations].
    #[arg(long)]
    tenants: Option<usize>,
    /// Decides the world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
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
    let load = MappingLoad {
        projects: options.projects,
        installations: options.installations,
        tenants: options.tenants.unwrap_or(options.installations),
        seed: options.seed,
        folder: options.folder,
        stand_in: PathBuf::from(env!("CARGO_BIN_EXE_github-sim")),
    };
    let (projects, installations, seed) = (load.projects, load.installations, load.seed);
    let subject = format!("{projects} projects, {installations} installations, seed {seed}");
    conclude(&mut std::io::stdout(), &subject, run(&load).await)
}
