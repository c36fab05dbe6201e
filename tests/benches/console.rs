//! The console's bars. `cargo bench -p cutover-tests --bench console -- --projects 100000`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::console::{ConsoleLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures frames, start, idleness and memory of the console in front of a daemon of its own, and says which bars are
/// missed.
#[derive(Debug, Parser)]
#[command(name = "console")]
struct Options {
    /// Rows of the catalog [default: 100000, small: 2000].
    #[arg(long)]
    projects: Option<usize>,
    /// Installations of the App, and tenants of the application [default: a 50th of the rows].
    #[arg(long)]
    installations: Option<usize>,
    /// Fewer repetitions, and four times as long for everything.
    #[arg(long)]
    small: bool,
    /// The program to be measured, built with --release; an absolute path, because `cargo bench` runs elsewhere [default: the demo's program in the same role].
    #[arg(long, value_name = "FILE")]
    cutover: Option<PathBuf>,
    /// Decides the world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Where to write; a socket's path must stay short [default: the system's folder].
    #[arg(long)]
    folder: Option<PathBuf>,
    #[command(flatten)]
    runner: RunnerFlags,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if !options.runner.is_measuring() {
        return ExitCode::SUCCESS;
    }
    let projects = options.projects.unwrap_or(if options.small { 2_000 } else { 100_000 });
    let load = ConsoleLoad {
        projects,
        installations: options.installations.unwrap_or((projects / 50).max(1)),
        seed: options.seed,
        small: options.small,
        folder: options.folder.unwrap_or_else(std::env::temp_dir),
        stand_in: PathBuf::from(env!("CARGO_BIN_EXE_github-sim")),
        roles: PathBuf::from(env!("CARGO_BIN_EXE_cutover-demo")),
        cutover: options.cutover,
    };
    let program = load.cutover.as_deref().unwrap_or(&load.roles).display();
    let subject = format!("{} projects, seed {}, {program}", load.projects, load.seed);
    conclude(&mut std::io::stdout(), &subject, Box::pin(run(&load)).await)
}
