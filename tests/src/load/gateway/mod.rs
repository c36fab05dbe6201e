//! The gateway under load: what a delivery that is durable costs beside the same insert without HTTP, beside the door that keeps
//! nothing, and beside receivers that others use.

mod bodies;
mod ceiling;
pub(crate) mod client;
mod door;
mod long;
pub(crate) mod payload;
pub(crate) mod server;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;

use self::client::{Drive, Outcome, Until, drive, float};
use self::payload::Signed;
use self::server::Server;
use super::mapping::LoadError;
use super::{Bar, Report};

pub use self::door::serve_door;
pub use self::server::Program;

/// Before the figures are taken.
const WARM_UP: Duration = Duration::from_secs(2);

/// The share of the peak at which latency is measured.
const SHARE: f64 = 0.7;

/// How big the load is.
#[derive(Debug, Clone)]
pub struct GatewayLoad {
    /// Of one measurement.
    pub length: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Times that each receiver is measured, in turns.
    pub rounds: usize,
    /// Bars that only a gross failure misses: for machines that do other things meanwhile.
    pub small: bool,
    /// A folder on the disk to be measured; everything is written to a folder in it that is removed afterwards.
    pub folder: PathBuf,
    /// The daemon.
    pub program: Program,
    /// A benchmark that serves the door alone when it is told to.
    pub door: PathBuf,
    /// Where `tests/peers/install` has put the other receivers; without it they are left out.
    pub peers: Option<PathBuf>,
    /// Decides the payloads.
    pub seed: u64,
}

/// A receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arm {
    Durable,
    Matched,
    Ceiling,
    Door,
    Probot,
    Octokit,
}

impl Arm {
    const ALL: [Self; 6] =
        [Self::Durable, Self::Matched, Self::Ceiling, Self::Door, Self::Probot, Self::Octokit];

    fn name(self) -> &'static str {
        match self {
            Self::Durable => "durable 202",
            Self::Matched => "durable 202, each held against a workflow",
            Self::Ceiling => "insert only, no HTTP",
            Self::Door => "door alone, not stored",
            Self::Probot => "probot, not stored",
            Self::Octokit => "@octokit/webhooks, not stored",
        }
    }

    fn is_peer(self) -> bool {
        matches!(self, Self::Probot | Self::Octokit)
    }
}

/// One receiver in one round.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
    /// At [`SHARE`] of the peak.
    paced_p50: f64,
    paced_p99: f64,
    /// MiB, at most.
    memory: f64,
    /// Processor time for one delivery, in microseconds.
    cpu: f64,
    errors: u64,
}

/// Takes all figures.
///
/// # Errors
/// [`LoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &GatewayLoad) -> Result<Report, LoadError> {
    let payloads = Arc::new(payload::pushes(load.seed)?);
    let arms: Vec<Arm> = Arm::ALL.into_iter().filter(|arm| load.peers.is_some() || !arm.is_peer()).collect();
    let mut rounds: Vec<Vec<Figures>> = vec![Vec::new(); arms.len()];
    for round in 0..load.rounds {
        // Another one begins each time.
        for turn in 0..arms.len() {
            let at = (round + turn) % arms.len();
            let (Some(arm), Some(of)) = (arms.get(at), rounds.get_mut(at)) else { continue };
            of.push(measure(load, *arm, &payloads).await?);
        }
    }
    let mut report = Report::default();
    let bytes: usize = payloads.iter().map(|payload| payload.body.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    report.add("bytes of a payload", bytes as f64 / payloads.len() as f64, "", Bar::None);
    let all: Vec<_> = arms.into_iter().zip(rounds).collect();
    for (arm, figures) in &all {
        show(load, *arm, figures, &mut report);
    }
    ratios(load, &all, &mut report);
    Ok(report)
}

/// The payload's bytes go to a folder of their own, that is gone afterwards.
async fn measure(load: &GatewayLoad, arm: Arm, payloads: &Arc<Vec<Signed>>) -> Result<Figures, LoadError> {
    let folder = tempfile::Builder::new().prefix("cutover-gateway-").tempdir_in(&load.folder)?;
    let server = match (arm, &load.peers) {
        (Arm::Ceiling, _) => {
            let (taken, took) =
                ceiling::insert(folder.path(), payloads, load.connections, WARM_UP, load.length).await?;
            return Ok(Figures { rate: float(taken) / took.as_secs_f64(), ..Figures::default() });
        }
        (Arm::Durable | Arm::Matched, _) => {
            let home = server::home(&load.program, &folder.path().join("home")).await?;
            let server = Server::daemon(&load.program, &home).await?;
            if arm == Arm::Matched {
                server.watch_pushes().await?;
            }
            server
        }
        (Arm::Probot, Some(peers)) => Server::probot(peers, folder.path()).await?,
        (Arm::Octokit, Some(peers)) => Server::octokit(peers).await?,
        _ => Server::door(&load.door, folder.path()).await?,
    };
    let send = |run, until, pace| {
        drive(Drive {
            target: server.target.clone(),
            payloads: payloads.clone(),
            connections: load.connections,
            until,
            pace,
            run,
        })
    };
    let warm = send(1, Until::Time(WARM_UP), None).await?;
    let cpu = server.process().cpu_seconds().unwrap_or(f64::NAN);
    let peak = send(2, Until::Time(load.length), None).await?;
    let cpu = server.process().cpu_seconds().unwrap_or(f64::NAN) - cpu;
    let paced = send(3, Until::Time(load.length), Some(peak.rate() * SHARE)).await?;
    let memory = server.process().peak_mib().unwrap_or(f64::INFINITY);
    server.kill().await?;
    for outcome in [&warm, &peak, &paced] {
        complain(arm, outcome);
    }
    Ok(Figures {
        rate: peak.rate(),
        p50: peak.times.median(),
        p99: peak.times.permille(990),
        paced_p50: paced.times.median(),
        paced_p99: paced.times.permille(990),
        memory,
        cpu: cpu / float(peak.taken.max(1)) * 1e6,
        errors: warm.errors() + peak.errors() + paced.errors(),
    })
}

#[expect(clippy::print_stderr, reason = "a figure without what went wrong helps nobody")]
fn complain(arm: Arm, outcome: &Outcome) {
    if outcome.errors() > 0 {
        eprintln!("{}: answers that are not 2xx (0: none at all): {:?}", arm.name(), outcome.refused);
    }
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn show(load: &GatewayLoad, arm: Arm, figures: &[Figures], report: &mut Report) {
    let name = arm.name();
    report.add(name, median(figures, |f| f.rate), "/s", Bar::None);
    let slowest = figures.iter().map(|f| f.rate).fold(f64::INFINITY, f64::min);
    report.add(format!("{name}: slowest round"), slowest, "/s", Bar::None);
    if arm == Arm::Ceiling {
        return;
    }
    report.add(format!("{name}: p50 at the peak"), median(figures, |f| f.p50), "ms", Bar::None);
    report.add(format!("{name}: p99 at the peak"), median(figures, |f| f.p99), "ms", Bar::None);
    report.add(format!("{name}: p50 at 70 % of it"), median(figures, |f| f.paced_p50), "ms", Bar::None);
    let bar = if arm == Arm::Durable && !load.small { Bar::Below(25.0) } else { Bar::None };
    report.add(format!("{name}: p99 at 70 % of it"), median(figures, |f| f.paced_p99), "ms", bar);
    report.add(format!("{name}: memory at most"), median(figures, |f| f.memory), "MiB", Bar::None);
    report.add(format!("{name}: processor time of one"), median(figures, |f| f.cpu), "us", Bar::None);
    let errors: u64 = figures.iter().map(|f| f.errors).sum();
    report.add(format!("{name}: not answered with 2xx"), float(errors), "", Bar::Is(0.0));
}

/// Of figures of the same round, which the machine's other work meets alike.
fn ratios(load: &GatewayLoad, all: &[(Arm, Vec<Figures>)], report: &mut Report) {
    let rates = |arm| all.iter().find(|(of, _)| *of == arm).map(|(_, figures)| figures);
    let mut add = |what: &str, of: Arm, to: Arm, bar: Bar| {
        let (Some(of), Some(to)) = (rates(of), rates(to)) else { return };
        let mut each: Vec<f64> = of.iter().zip(to).map(|(of, to)| of.rate / to.rate).collect();
        each.sort_by(f64::total_cmp);
        let middle = each.get(each.len() / 2).copied().unwrap_or(f64::NAN);
        report.add(what, middle, "x", bar);
    };
    let full = |bar| if load.small { Bar::None } else { bar };
    let ceiling = if load.small { 0.2 } else { 0.7 };
    add("durable 202 / insert only", Arm::Durable, Arm::Ceiling, Bar::AtLeast(ceiling));
    add("durable 202 / probot (aim 1.5)", Arm::Durable, Arm::Probot, full(Bar::AtLeast(1.0)));
    add("durable 202 / @octokit/webhooks (aim 1)", Arm::Durable, Arm::Octokit, Bar::None);
    add("door alone / @octokit/webhooks", Arm::Door, Arm::Octokit, full(Bar::AtLeast(2.0)));
}

/// Whether memory stays where it is over so many deliveries.
///
/// # Errors
/// As [`run`].
pub async fn run_long(load: &GatewayLoad, deliveries: u64) -> Result<Report, LoadError> {
    long::run(load, deliveries).await
}

/// The largest bodies, several at once.
///
/// # Errors
/// As [`run`].
pub async fn run_bodies(load: &GatewayLoad) -> Result<Report, LoadError> {
    bodies::run(load, &Clock::system()).await
}
