//! The kill's bar. `cargo bench -p cutover-tests --bench kill`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::kill::{KillLoad, Program, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures how long a kill takes until every flag client has it, and says which bars are missed.
#[derive(Debug, Parser)]
#[command(name = "kill")]
struct Options {
    /// How often it is killed.
    #[arg(long, default_value_t = 200)]
    kills: usize,
    /// Clients that ask for all flags again and again.
    #[arg(long, default_value_t = 100)]
    polling: usize,
    /// Clients that hold a stream of changes.
    #[arg(long, default_value_t = 100)]
    streaming: usize,
    /// Questions of all polling clients together, in a second.
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Twenty kills, and bars that only a gross failure misses.
    #[arg(long)]
    small: bool,
    /// The program to be measured, built with --release; an absolute path, because `cargo bench` runs elsewhere [default: the demo's program in the same role].
    #[arg(long, value_name = "FILE")]
    daemon: Option<PathBuf>,
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
    let load = KillLoad {
        kills: if options.small { 20 } else { options.kills },
        polling: options.polling,
        streaming: options.streaming,
        rate: options.rate,
        small: options.small,
        folder: options.folder,
        program: Program { roles: PathBuf::from(env!("CARGO_BIN_EXE_cutover-demo")), daemon: options.daemon },
    };
    let (kills, polling, streaming) = (load.kills, load.polling, load.streaming);
    let subject = format!("{kills} kills, {polling} polling and {streaming} streaming clients");
    conclude(&mut std::io::stdout(), &subject, run(&load).await)
}
