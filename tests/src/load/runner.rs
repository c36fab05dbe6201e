//! What cargo and test runners give to a benchmark besides its own options.

use clap::Args;

/// Hidden flags of whoever runs the benchmark, flattened into its own options.
#[derive(Debug, Args)]
pub struct RunnerFlags {
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

impl RunnerFlags {
    /// `cargo bench` calls, and nobody who only looks for tests.
    pub fn is_measuring(&self) -> bool {
        self.bench && !self.list
    }
}
