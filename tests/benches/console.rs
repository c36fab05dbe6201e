//! The console's bars. `cargo bench -p cutover-tests --bench console -- --projects 100000`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::console::{ConsoleLoad, run};

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
    /// Given by `cargo bench`; without it nothing is measured, because nothing would be optimised.
    #[arg(long, hide = true)]
    bench: bool,
    /// Asked by test runners that look for tests here; there are none.
    #[arg(long, hide = true)]
    list: bool,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    ignored: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench || options.list {
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
    let mut out = std::io::stdout();
    match Box::pin(run(&load)).await {
        Ok(report) => {
            let missed = report.missed();
            let verdict = if missed.is_empty() {
                "every bar is kept".to_owned()
            } else {
                format!("missed: {}", missed.join(", "))
            };
            let program = load.cutover.as_deref().unwrap_or(&load.roles);
            let _ = writeln!(
                out,
                "{} projects, seed {}, {}\n{report}{verdict}",
                load.projects,
                load.seed,
                program.display()
            );
            if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(out, "no figures: {error}");
            ExitCode::FAILURE
        }
    }
}
