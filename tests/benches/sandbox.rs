//! The git sandbox's bars. `cargo bench -p cutover-tests --bench sandbox -- --small`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use cutover_tests::load::sandbox::{SandboxLoad, run};
use cutover_tests::load::{RunnerFlags, conclude};

/// Clones a warm repository over HTTP with both arms, and says whether the pooled one is so many times faster.
#[derive(Debug, Parser)]
#[command(name = "sandbox")]
struct Options {
    /// A repository of 400 files and 1,000 commits, and fewer clones: under a minute.
    #[arg(long)]
    small: bool,
    /// Files of the work tree, 4 KiB each [default: 1000, small 400].
    #[arg(long)]
    files: Option<usize>,
    /// Commits, each of which writes ten files anew [default: 3000, small 1000].
    #[arg(long)]
    commits: Option<usize>,
    /// Clones of each arm [default: 15, small 7].
    #[arg(long)]
    rounds: Option<usize>,
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
    let (files, commits, rounds) = if options.small { (400, 1_000, 7) } else { (1_000, 3_000, 15) };
    let load = SandboxLoad {
        files: options.files.unwrap_or(files),
        commits: options.commits.unwrap_or(commits),
        rounds: options.rounds.unwrap_or(rounds),
        small: options.small,
        folder: options.folder,
    };
    let subject =
        format!("{} files, {} commits, {} clones of each arm", load.files, load.commits, load.rounds);
    conclude(&mut std::io::stdout(), &subject, run(&load).await)
}
