//! The GitHub stand-in as a program: serves a generated world until SIGINT or SIGTERM.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Parser;
use cutover_daemon::clock::Clock;
use cutover_tests::github_sim::{Sim, SimSettings};
use cutover_tests::world::{World, WorldSpec};
use tokio::signal::unix::{SignalKind, signal};

/// A behavioural stand-in for GitHub's API. Prints one line of JSON once it listens.
#[derive(Debug, Parser)]
#[command(name = "github-sim", version)]
struct Options {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Tenants of the application.
    #[arg(long, default_value_t = 50)]
    tenants: usize,
    /// Rows of the application's catalog.
    #[arg(long, default_value_t = 2_000)]
    repos: usize,
    /// Installations of the App [default: by tenants and repos].
    #[arg(long)]
    installations: Option<usize>,
    /// Decides everything in the world; the same seed makes the same world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Path before every route, such as /api/v3.
    #[arg(long, default_value = "")]
    prefix: String,
    /// Write the application's catalog here, as CSV. It holds made-up tokens.
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// Write the App's private key here, as PEM.
    #[arg(long)]
    key: Option<PathBuf>,
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let made = World::generate(&WorldSpec {
        seed: options.seed,
        tenants: options.tenants,
        repos: options.repos,
        installations: options.installations,
    })?;
    if let Some(path) = &options.catalog {
        let mut out = BufWriter::new(private_file(path)?);
        made.catalog.write_csv(&mut out)?;
        out.flush()?;
    }
    let settings = SimSettings { listen: options.listen, prefix: options.prefix, ..SimSettings::default() };
    // Before the line below, so that whoever reads it may stop us at once.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let sim = Sim::start(made.world, Clock::system(), settings).await?;
    if let Some(path) = &options.key {
        private_file(path)?.write_all(sim.private_key_pem().as_bytes())?;
    }
    let line = serde_json::json!({
        "api_base": sim.api_base(),
        "app_id": sim.app_id(),
        "client_id": sim.client_id(),
        "client_secret": sim.client_secret(),
    });
    writeln!(std::io::stdout(), "{line}")?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sim.stop().await;
    Ok(())
}

/// A file for its owner only, whatever it was before.
fn private_file(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::PermissionsExt;
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    Ok(file)
}
