//! The mapping's bars. `cargo bench -p cutover-tests --bench mapping -- --projects 100000 --installations 2000`

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::mapping::{MappingLoad, run};

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
    let load = MappingLoad {
        projects: options.projects,
        installations: options.installations,
        tenants: options.tenants.unwrap_or(options.installations),
        seed: options.seed,
        folder: options.folder,
        stand_in: PathBuf::from(env!("CARGO_BIN_EXE_github-sim")),
    };
    let mut out = std::io::stdout();
    match run(&load).await {
        Ok(report) => {
            let missed = report.missed();
            let verdict = if missed.is_empty() {
                "every bar is kept".to_owned()
            } else {
                format!("missed: {}", missed.join(", "))
            };
            let _ = writeln!(
                out,
                "{} projects, {} installations, seed {}\n{report}{verdict}",
                load.projects, load.installations, load.seed
            );
            if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(out, "no figures: {error}");
            ExitCode::FAILURE
        }
    }
}
