//! The judge's bars. `cargo bench --locked -p cutover-tests --bench judge -- --trials 10000`

use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::judge::{JudgeLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Simulates rollouts with known faults and without, judges them by our rule and by others', and says which bars are missed.
#[derive(Debug, Parser)]
#[command(name = "judge")]
struct Options {
    /// Trials of each case [default: 10000, with --small 2000].
    #[arg(long)]
    trials: Option<u64>,
    /// Fewer trials, and not the cases of thousands of windows.
    #[arg(long)]
    small: bool,
    /// Decides every call.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    #[command(flatten)]
    runner: RunnerFlags,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.runner.is_measuring() {
        return ExitCode::SUCCESS;
    }
    let trials = options.trials.unwrap_or(if options.small { 2_000 } else { 10_000 });
    let load = JudgeLoad { trials, small: options.small, seed: options.seed };
    let mut out = std::io::stdout();
    let measured = run(&load).map(|(table, report)| {
        use std::io::Write as _;
        let _ = writeln!(out, "{table}");
        report
    });
    conclude(&mut std::io::stdout(), &format!("{trials} trials, seed {}", options.seed), measured)
}
