//! Promise 1 at full size: deliveries with doubles and in disorder, a daemon that is killed at random moments, a store that goes
//! away and comes back. What was answered with 202 is in the store once, with one set of effects.

mod deliveries;
mod proof;
mod send;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use tokio::process::Command;

use super::gateway::Program;
use super::gateway::client::float;
use super::gateway::server::{Server, home};
use super::mapping::LoadError;
use super::{Bar, Report};
use crate::world::rng::Rng;

use self::send::Sender;

/// How big the storm is.
#[derive(Debug, Clone)]
pub struct Storm {
    /// Different deliveries.
    pub deliveries: u64,
    /// SIGKILLs.
    pub kills: u32,
    /// Times that the store takes nothing for a while.
    pub outages: u32,
    /// Connections at once.
    pub connections: usize,
    /// A folder on the disk to be used; everything is written to a folder in it that is removed afterwards.
    pub folder: PathBuf,
    /// The daemon.
    pub program: Program,
    /// Decides deliveries, kills and outages.
    pub seed: u64,
}

/// How often the storm looks at what has come.
const LOOK: Duration = Duration::from_millis(5);

/// Deliveries that have to be refused before a store comes back.
const REFUSED: u64 = 20;

/// A storm that does not move for so long has failed.
const STILL: Duration = Duration::from_secs(120);

/// What is not growth of memory, in MiB.
const SLACK: f64 = 32.0;

#[derive(Clone, Copy, Debug)]
enum Blow {
    Kill,
    Outage,
}

struct Run<'a> {
    storm: &'a Storm,
    home: crate::harness::Home,
    clock: Clock,
    sender: Arc<Sender>,
    /// The most memory that each daemon held, in MiB, in the order of their lives.
    held: Vec<f64>,
}

/// Lets it blow, and looks at what is left.
///
/// # Errors
/// [`LoadError`] when something fails that is not measured; a figure that misses its bar is no error.
pub async fn run(storm: &Storm) -> Result<Report, LoadError> {
    let folder = tempfile::Builder::new().prefix("cutover-storm-").tempdir_in(&storm.folder)?;
    let home = home(&storm.program, &folder.path().join("home")).await?;
    let server = Server::daemon(&storm.program, &home).await?;
    let clock = Clock::system();
    let sender = Arc::new(Sender::new(storm, server.address()));
    let start = clock.monotonic();
    let mut run = Run { storm, home, clock, sender, held: Vec::new() };
    let sending = tokio::spawn(run.sender.clone().send_all());
    let server = run.blow(server).await?;
    let sent = sending.await.map_err(|error| LoadError::Wrong(error.to_string()))?;
    sent?;
    let took = (run.clock.monotonic() - start).as_secs_f64();
    let mut report = Report::default();
    let sender = &run.sender;
    report.add("different deliveries", float(storm.deliveries), "", Bar::None);
    report.add("answered with 202, doubles too", float(sender.taken.load(Ordering::Relaxed)), "", Bar::None);
    report.add("kills", f64::from(storm.kills), "", Bar::None);
    report.add("outages of the store", f64::from(storm.outages), "", Bar::None);
    let refused = sender.refused.load(Ordering::Relaxed);
    let least = if storm.outages > 0 { 1.0 } else { 0.0 };
    report.add("answered with 503", float(refused), "", Bar::AtLeast(least));
    report.add("not answered", float(sender.broken.load(Ordering::Relaxed)), "", Bar::None);
    report.add("sent", took, "s", Bar::None);
    let store = run.home.state().join("cutover.db");
    let start = run.clock.monotonic();
    proof::settled(&store, &run.clock, STILL).await?;
    run.held.push(server.process().peak_mib().unwrap_or(f64::INFINITY));
    report.add(
        "handled after the last was sent",
        (run.clock.monotonic() - start).as_secs_f64(),
        "s",
        Bar::None,
    );
    // What is in memory only must not be what is proven.
    server.kill().await?;
    proof::prove(storm, &store, &mut report).await?;
    let (first, last) = run.held.split_at(run.held.len() / 2);
    let most = |held: &[f64]| held.iter().copied().fold(0.0, f64::max);
    let early = if first.is_empty() { most(last) } else { most(first) };
    report.add("memory at most, first half", early, "MiB", Bar::None);
    report.add("memory at most, last half", most(last), "MiB", Bar::Below(early * 1.15 + SLACK));
    Ok(report)
}

impl Run<'_> {
    /// Kills and outages, at moments that the seed decides, spread over all that is to be taken.
    async fn blow(&mut self, mut server: Server) -> Result<Server, LoadError> {
        let mut rng = Rng::of(&[self.storm.seed, 0x5704]);
        let kills = (0..self.storm.kills).map(|_| Blow::Kill);
        let mut blows: Vec<Blow> = kills.chain((0..self.storm.outages).map(|_| Blow::Outage)).collect();
        rng.shuffle(&mut blows);
        let share = self.storm.deliveries / (blows.len() as u64 + 1);
        for (number, blow) in (0_u64..).zip(blows) {
            let spread = usize::try_from(share).unwrap_or(usize::MAX);
            let at = number * share + rng.below(spread.max(1)) as u64;
            self.until(|sender| sender.different.load(Ordering::Relaxed) >= at).await?;
            match blow {
                Blow::Kill => {
                    self.held.push(server.process().peak_mib().unwrap_or(f64::INFINITY));
                    server.kill().await?;
                    server = Server::daemon(&self.storm.program, &self.home).await?;
                    self.sender.moved(server.address());
                }
                Blow::Outage => self.outage(&server).await?,
            }
        }
        Ok(server)
    }

    /// No file of the daemon may grow, as on a full disk, until some deliveries were refused.
    async fn outage(&self, server: &Server) -> Result<(), LoadError> {
        let before = self.sender.refused.load(Ordering::Relaxed);
        limit(server.pid(), "4096:").await?;
        let over =
            |sender: &Sender| sender.refused.load(Ordering::Relaxed) >= before + REFUSED || sender.is_done();
        let waited = self.until(over).await;
        limit(server.pid(), "unlimited:").await?;
        waited
    }

    async fn until(&self, is_so: impl Fn(&Sender) -> bool) -> Result<(), LoadError> {
        let end = self.clock.monotonic() + STILL;
        while !is_so(&self.sender) {
            if self.clock.monotonic() > end {
                return Err(LoadError::Wrong("the storm stands still".to_owned()));
            }
            self.clock.sleep(LOOK).await;
        }
        Ok(())
    }
}

/// Sets the largest file that a process may write.
async fn limit(pid: u32, fsize: &str) -> Result<(), LoadError> {
    let mut command = Command::new("prlimit");
    command.arg(format!("--pid={pid}")).arg(format!("--fsize={fsize}"));
    let status = command.status().await?;
    if status.success() {
        return Ok(());
    }
    Err(LoadError::Wrong(format!("prlimit ended with {status}")))
}
