//! The bars of a routed call. `cargo bench -p cutover-tests --bench decide -- --peers "$PWD/tests/peers/flags/target/release/flag-peers"`

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::decide::{DecideLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts what the whole process allocates.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures decision and record beside other flag engines, and whether a record is lost, and says which bars are missed.
#[derive(Debug, Parser)]
#[command(name = "decide")]
struct Options {
    /// Batches of a hundred calls.
    #[arg(long, default_value_t = 20_000)]
    batches: usize,
    /// Threads that record at once.
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// Seconds of calls at 200 a second.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Fewer batches, fewer seconds, and four times as long for a call.
    #[arg(long)]
    small: bool,
    /// The program of tests/peers/flags, built with --release, an absolute path [default: without it].
    #[arg(long, value_name = "FILE")]
    peers: Option<PathBuf>,
    /// Where to write; the disk that is measured.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    folder: PathBuf,
    #[command(flatten)]
    runner: RunnerFlags,
}

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if !options.runner.is_measuring() {
        return ExitCode::SUCCESS;
    }
    let small = options.small;
    let load = DecideLoad {
        batches: if small { 2_000 } else { options.batches },
        threads: options.threads,
        seconds: if small { 3 } else { options.seconds },
        slack: if small { 4.0 } else { 1.0 },
        folder: options.folder,
        peers: options.peers,
        allocations,
    };
    let subject = format!(
        "decision and record: {} batches of 100 calls, {} threads, {} s at 200 calls a second",
        load.batches, load.threads, load.seconds
    );
    conclude(&mut std::io::stdout(), &subject, run(&load).await)
}
