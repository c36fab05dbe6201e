//! `cutover-demo`: a supervisor that makes a world with its GitHub, starts itself again as daemon and as command line or
//! console, and goes through the whole migration, or lets the operator do so. GitHub lives in the supervisor, so it
//! outlives a killed daemon.

pub mod console;
mod fleet;
mod gateway;
mod keeper;
mod mapping;
mod rollout;
pub mod secrets;
mod stage;
pub mod tour;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::github_sim::SimError;
use crate::harness::HarnessError;
use crate::world::WorldError;

/// What the demo shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Import, sweep, plan, approve, a live run killed and taken up again, verify, undo.
    Mapping,
    /// Installs through the callback, events, missed deliveries, a trigger and an engine that fails; needs --headless.
    Gateway,
    /// A rollout to a good target, from legacy to all tenants; needs --headless.
    Canary,
    /// A target that fails, is slow, and is wrong: each is rolled back; needs --headless.
    BadCanary,
    /// The kill switch under traffic, with the store gone, through a crash, and again and again; needs --headless.
    Kill,
    /// Migrations over 300 tenants' own databases: a wave that halts, the mend, a tenant that goes back; needs --headless.
    Fleet,
}

/// The whole migration on a made-up GitHub, in one command and one temporary folder.
#[derive(Debug, Parser)]
#[command(name = "cutover-demo", version, max_term_width = 100)]
pub struct Options {
    /// Tenants of the application; 300 in the scenario fleet, where nothing else is said.
    #[arg(long, default_value_t = 50, default_value_if("scenario", "fleet", "300"), value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tenants: u32,
    /// Repositories of their projects; fewer than four have no middle to be killed in.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(4..=1_000_000))]
    pub repos: u32,
    /// Decides everything in the world; the same seed makes the same world.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Run without the console and print each step.
    #[arg(long)]
    pub headless: bool,
    /// What to show.
    #[arg(long, value_enum, default_value_t = Scenario::Mapping)]
    pub scenario: Scenario,
    /// Scenario kill: how often the switch is pulled and let go at the end.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub flips: u32,
    /// Scenario kill: from one flip to the next; half of it everything is killed. 0: at once. 10 flips every 30 s take 5 min.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub every: u64,
    /// Scenario fleet: so many of the tenants have a real PostgreSQL database; its programs must be installed.
    #[arg(long, value_name = "TENANTS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub postgres: u32,
    /// Work in this folder and leave it there; else a temporary one that goes away.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Stay so many seconds after each step of a rollout, for whoever looks on from another terminal.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    pub pace: u64,
}

/// Why the demo failed. A check that does not hold is a failure of the product, and is said as such.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{0}")]
    Check(String),
    #[error(transparent)]
    Harness(#[from] HarnessError),
    #[error("the stand-in: {0}")]
    Sim(#[from] SimError),
    #[error("the world: {0}")]
    World(#[from] WorldError),
    #[error("a tenant's database: {0}")]
    Sql(#[from] sqlx::Error),
    #[error(transparent)]
    Postgres(#[from] crate::services::PostgresError),
    #[error("the catalog: {0}")]
    Catalog(#[from] csv::Error),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the daemon refused: {0}")]
    Rpc(#[from] cutover_shared::error::RpcError),
}

/// Plays the scenario; 0 when everything held.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if !options.headless && !terminal {
        complain("the console needs a terminal, and there is none here: run it with --headless");
        return ExitCode::from(2);
    }
    if !options.headless && options.scenario != Scenario::Mapping {
        complain("only the scenario mapping has a tour: run the others with --headless");
        return ExitCode::from(2);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        if options.headless {
            let played = match options.scenario {
                Scenario::Mapping => mapping::play(&options).await,
                Scenario::Gateway => gateway::play(&options).await,
                Scenario::Canary => rollout::canary::play(&options).await,
                Scenario::BadCanary => rollout::bad::play(&options).await,
                Scenario::Kill => rollout::kill::play(&options).await,
                Scenario::Fleet => fleet::play(&options).await,
            };
            played.map(|summary| (summary, 0))
        } else {
            console::play(&options, console::Front::of_this_program()?).await
        }
    });
    runtime.shutdown_background();
    match outcome {
        Ok((text, code)) => {
            say(&text);
            ExitCode::from(code)
        }
        Err(error) => {
            complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The demo is what it prints. A terminal that has gone is no reason to leave anything behind.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Says why the demo failed.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "cutover-demo: {text}");
}
