//! What a routed call costs: the decision and its record, and whether a record is ever lost.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::metrics::Metrics;
use cutover_daemon::rollout::metrics::{Flush, FlushError, Outcome, Recorder, Sample, Windows};
use cutover_daemon::rollout::router::Router;
use cutover_daemon::rollout::state::{Lists, State};
use cutover_daemon::run::Brake;
use cutover_daemon::store::{Db, OpenError, ReadError, open};
use cutover_shared::rollout::{Operation, Percent, RolloutName, Stage};
use serde::Deserialize;

use super::{Bar, Report};

/// Calls between two looks at the clock, which is coarser and dearer than one call.
const BATCH: usize = 100;

const WARM: usize = 300;

const TENANTS: usize = 1_000;

/// Nanoseconds: the bar of a decision with its record.
const MOST_NS: f64 = 200.0;

/// Calls a second at which other recorders lose some.
const PACE: u64 = 200;

const BURST: u64 = 50_000;

/// How much is measured.
#[derive(Debug, Clone)]
pub struct DecideLoad {
    /// Batches of a hundred calls.
    pub batches: usize,
    pub threads: usize,
    /// Of calls at 200 a second.
    pub seconds: u64,
    /// What the bar on time is multiplied with, where others use the machine.
    pub slack: f64,
    /// A folder on the disk to be written; everything goes to a folder in it that is removed afterwards.
    pub folder: PathBuf,
    /// The program of `tests/peers/flags`.
    pub peers: Option<PathBuf>,
    /// How often this process has allocated until now.
    pub allocations: fn() -> usize,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Flush(#[from] FlushError),
    #[error("the plan can't be made: {0}")]
    Plan(String),
    #[error("{0}")]
    Peers(String),
    #[error("a thread that was measured ended badly")]
    Thread,
}

#[derive(Clone)]
struct Way {
    router: Router,
    recorder: Recorder,
    tenants: Arc<[String]>,
}

impl Way {
    fn new(recorder: Recorder) -> Result<Self, LoadError> {
        let brake = Brake::pulled();
        brake.newest().map(|pull| brake.release(pull));
        let (router, name) = (Router::new(brake), RolloutName::GithubAuth);
        let bad = |error: &dyn std::fmt::Display| LoadError::Plan(error.to_string());
        let percent = Percent::new(10).ok_or_else(|| bad(&"10 % is no share"))?;
        let state = State::begin(name, Stage::Canary(percent), 0);
        let plan = state.plan(name, 1, Lists::default(), 1_000).map_err(|error| bad(&error))?;
        router.publish(plan);
        let tenants = (0..TENANTS).map(|at| format!("tenant-{at}")).collect();
        Ok(Self { router, recorder, tenants })
    }

    /// One routed call, but for the call itself.
    fn call(&self, at: usize) {
        let (operation, tenant) = (Operation::Import, self.tenants[at % TENANTS].as_str());
        let decision = black_box(self.router.decide(operation, tenant));
        self.router.begins(decision.side);
        // 1 in 64 fails, and latencies spread over a few hundred buckets, as they do.
        let outcome = if at.is_multiple_of(64) { Outcome::Error } else { Outcome::Ok };
        let latency = Duration::from_micros((at as u64).wrapping_mul(7_919) % 90_000);
        self.recorder.record(&Sample {
            operation,
            side: decision.side,
            tenant,
            outcome,
            latency,
            answered: true,
        });
    }

    /// Nanoseconds for each call of each batch.
    fn time(&self, clock: &Clock, batches: usize, from: usize) -> Vec<f64> {
        let mut times = Vec::with_capacity(batches);
        for batch in 0..WARM + batches {
            let start = clock.monotonic();
            for call in 0..BATCH {
                self.call(from + batch * BATCH + call);
            }
            if batch >= WARM {
                times.push((clock.monotonic() - start).as_secs_f64() * 1e9 / BATCH as f64);
            }
        }
        times
    }
}

fn permille(times: &mut [f64], share: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    let at = (times.len() * share).div_ceil(1_000).saturating_sub(1);
    times.get(at).copied().unwrap_or(f64::INFINITY)
}

/// Takes all figures.
///
/// # Errors
/// [`LoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &DecideLoad) -> Result<Report, LoadError> {
    let (mut report, clock) = (Report::default(), Clock::system());
    let way = Way::new(Recorder::new())?;
    let mut times = way.time(&clock, load.batches, 0);
    let own = permille(&mut times, 500);
    report.add("decision and record, median of batches", own, "ns", Bar::Below(MOST_NS * load.slack));
    report.add("the same, 99 of 100", permille(&mut times, 990), "ns", Bar::None);
    let before = (load.allocations)();
    (0..100_000).for_each(|at| way.call(at));
    let made = (load.allocations)() - before;
    report.add("allocations in 100,000 calls", made as f64, "", Bar::Is(0.0));
    threads(load, &way, &clock, &mut report)?;
    lossless(load, &clock, &mut report).await?;
    if let Some(peers) = &load.peers {
        beside(peers, own, &mut report)?;
    }
    Ok(report)
}

/// All at once into the same counters. A thread that waits for a lock goes to sleep by itself, and the kernel counts that.
fn threads(load: &DecideLoad, way: &Way, clock: &Clock, report: &mut Report) -> Result<(), LoadError> {
    let mut times = Vec::new();
    let mut naps = 0.0;
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..load.threads)
            .map(|thread| {
                scope.spawn(move || {
                    let before = naps_of_this_thread();
                    let times = way.time(clock, load.batches / load.threads.max(1), thread * 7_777);
                    (times, naps_of_this_thread() - before)
                })
            })
            .collect();
        for thread in started {
            let (own, slept) = thread.join().map_err(|_| LoadError::Thread)?;
            times.extend(own);
            naps += slept;
        }
        Ok::<(), LoadError>(())
    })?;
    let name = format!("{} threads at once, median of batches", load.threads);
    report.add(name, permille(&mut times, 500), "ns", Bar::None);
    report.add("the same, 99 of 100", permille(&mut times, 990), "ns", Bar::None);
    report.add("times that a thread went to sleep", naps, "", Bar::Is(0.0));
    Ok(())
}

fn naps_of_this_thread() -> f64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0.0)
}

/// Through the real flush into a real store: at a pace, then in a burst.
async fn lossless(load: &DecideLoad, clock: &Clock, report: &mut Report) -> Result<(), LoadError> {
    let folder = tempfile::Builder::new().prefix("cutover-decide-").tempdir_in(&load.folder)?;
    let db = store(folder.path()).await?;
    let windows = Windows::new(db.clone(), clock.clone());
    let (recorder, metrics) = (Recorder::new(), Metrics::new());
    let flush =
        Flush::new(db.clone(), clock.clone(), recorder.clone(), windows, metrics, Arc::new(|_| Vec::new()));
    flush.begin().await?;
    let working = tokio::spawn(flush.clone().work());
    let way = Way::new(recorder)?;
    let (start, calls) = (clock.monotonic(), PACE * load.seconds);
    for call in 0..calls {
        clock.sleep_until(start + Duration::from_micros(call * 1_000_000 / PACE)).await;
        way.call(usize::try_from(call).unwrap_or_default());
    }
    flush.flush().await?;
    let stored = stored(&db).await?;
    report.add(
        format!("calls at {PACE} a second, not in the store"),
        (calls - stored.0) as f64,
        "",
        Bar::Is(0.0),
    );
    let began = clock.monotonic();
    let burst = tokio::task::spawn_blocking(move || {
        (0..BURST).for_each(|call| way.call(usize::try_from(call).unwrap_or_default()));
    });
    burst.await.map_err(|_| LoadError::Thread)?;
    let took = (clock.monotonic() - began).as_secs_f64() * 1e3;
    report.add(format!("a burst of {BURST} calls"), took, "ms", Bar::None);
    working.abort();
    let _ = working.await;
    flush.stop().await?;
    let (all, of_tenants) = self::stored(&db).await?;
    report.add("of those, not in the store", (calls + BURST).abs_diff(all) as f64, "", Bar::Is(0.0));
    report.add("and not with their tenant", (calls + BURST).abs_diff(of_tenants) as f64, "", Bar::Is(0.0));
    db.close().await;
    Ok(())
}

async fn store(folder: &Path) -> Result<Db, OpenError> {
    open(&format!("sqlite:{}", folder.join("cutover.db").display()), Faults::none()).await
}

/// Calls in windows, and with their tenants.
async fn stored(db: &Db) -> Result<(u64, u64), ReadError> {
    let name = RolloutName::GithubAuth;
    let windows = db.rollout_windows(name, 0, i64::MAX, 100_000).await?;
    let tenants = db.rollout_tenants(name, 0, 100_000).await?;
    let calls = |all: &mut dyn Iterator<Item = u64>| all.sum();
    Ok((calls(&mut windows.iter().map(|row| row.calls)), calls(&mut tenants.iter().map(|day| day.calls))))
}

#[derive(Deserialize)]
struct PeerFigures {
    p50: f64,
    p99: f64,
}

/// Others, in the same run on the same machine.
fn beside(program: &Path, own: f64, report: &mut Report) -> Result<(), LoadError> {
    let output = std::process::Command::new(program).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).chars().take(400).collect::<String>();
        return Err(LoadError::Peers(format!("the peers ended with {}: {said}", output.status)));
    }
    let figures: BTreeMap<String, PeerFigures> = serde_json::from_slice(&output.stdout)
        .map_err(|error| LoadError::Peers(format!("the peers' figures can't be read: {error}")))?;
    for (name, PeerFigures { p50, p99 }) in figures {
        report.add(format!("{name}, median of batches"), p50, "ns", Bar::None);
        report.add("  99 of 100", p99, "ns", Bar::None);
        report.add("  median to ours", p50 / own, "times", Bar::None);
    }
    Ok(())
}
