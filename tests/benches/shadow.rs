//! The shadow's bar. `cargo bench -p cutover-tests --bench shadow -- --small`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::shadow::{ShadowLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Measures what a caller waits longer for because of a shadow whose target hangs.
#[derive(Debug, Parser)]
#[command(name = "shadow")]
struct Options {
    /// Calls without, and as many with a shadow.
    #[arg(long, default_value_t = 1_000_000)]
    calls: usize,
    /// A twentieth of the calls: some seconds.
    #[arg(long)]
    small: bool,
    /// Where to write.
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
    let calls = if options.small { options.calls / 20 } else { options.calls };
    let load = ShadowLoad { calls, folder: options.folder };
    conclude(&mut std::io::stdout(), &format!("{calls} calls"), run(&load).await)
}
