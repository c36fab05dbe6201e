//! The kill under load: how long it takes until every evaluation that begins is answered with legacy, and every stream of changes
//! has its event. The daemon is a process of its own; its clients are polling and streaming ones, as OpenFeature's SDKs are.

mod client;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::ActKey;
use cutover_shared::mapping::{MapAct, Mode};
use cutover_shared::rpc::{Act, Receipt};
use cutover_tui::conn::{Conn, Introduction};
use tokio::task::JoinSet;

use self::client::{Clients, poll, stream};
use super::gateway::client::float;
use super::gateway::server::{Server, home};
use super::mapping::LoadError;
use super::meter::Times;
use super::{Bar, Report};

pub use super::gateway::Program;

/// Quiet before each kill, so that what an unkill has told is no event of the kill's.
const QUIET: Duration = Duration::from_millis(300);

/// What has not come by then never comes.
const NEVER: Duration = Duration::from_secs(30);

/// How big the load is.
#[derive(Debug, Clone)]
pub struct KillLoad {
    /// How often it is killed.
    pub kills: usize,
    /// Clients that ask for all flags again and again.
    pub polling: usize,
    /// Clients that hold a stream.
    pub streaming: usize,
    /// Questions of all polling clients together, in a second.
    pub rate: f64,
    /// A bar that only a gross failure misses: for machines that do other things meanwhile.
    pub small: bool,
    /// A folder on the disk to be measured; what is written there is removed afterwards.
    pub folder: PathBuf,
    /// The daemon.
    pub program: Program,
}

/// Takes all figures.
///
/// # Errors
/// [`LoadError`] when something fails; a figure that misses its bar is no error.
pub async fn run(load: &KillLoad) -> Result<Report, LoadError> {
    let folder = tempfile::Builder::new().prefix("cutover-kill-").tempdir_in(&load.folder)?;
    let home = home(&load.program, &folder.path().join("home")).await?;
    let text = std::fs::read_to_string(home.config())?;
    let text = text.replace("[rollout]\n", "[rollout]\ngit_sandbox = \"live\"\n");
    home.write("cutover.toml", text.as_bytes())?;
    let server = Server::daemon(&load.program, &home).await?;
    let introduction = Introduction { purpose: "kill bench", role: None };
    let conn = Conn::open(&home.socket(), &introduction).await.map_err(wrong)?;

    let clock = Clock::system();
    let clients = Arc::new(Clients::new(clock.clone(), load.streaming));
    let mut tasks = JoinSet::new();
    for number in 0..load.streaming {
        tasks.spawn(stream(clients.clone(), server.address(), number));
    }
    for number in 0..load.polling {
        let every = Duration::from_secs_f64(float(load.polling as u64) / load.rate);
        let first = every.mul_f64(float(number as u64) / float(load.polling as u64));
        tasks.spawn(poll(clients.clone(), server.address(), first, every));
    }
    // The doors are open before everything is read.
    let end = clock.monotonic() + NEVER;
    while let Err(error) = unkill(&conn).await {
        if clock.monotonic() > end {
            return Err(error);
        }
        clock.sleep(QUIET).await;
    }
    let mut kills = Vec::new();
    let begun = clock.monotonic();
    for _ in 0..load.kills {
        settled(&clients).await?;
        kills.push(measured(&conn, &clients).await?);
        unkill(&conn).await?;
    }
    let took = clock.monotonic() - begun;
    let (asked, failed) = clients.counts();
    tasks.shutdown().await;
    server.kill().await?;
    Ok(report(load, &kills, float(asked) / took.as_secs_f64(), failed))
}

/// One kill.
#[derive(Debug, Clone, Copy)]
struct Kill {
    /// Until the last evaluation began that was answered with the target.
    legacy: Duration,
    /// Until the last stream had its event.
    told: Duration,
    /// Until the receipt.
    receipt: Duration,
    /// Evaluations that began after the receipt and were answered with the target.
    late: u64,
}

async fn measured(conn: &Conn, clients: &Clients) -> Result<Kill, LoadError> {
    let clock = clients.clock();
    let begun = clock.monotonic();
    let act = Act::Kill { reason: "bench".to_owned(), rollout: None };
    match conn.act(ActKey::fresh(), act).await.map_err(wrong)? {
        Receipt::Kill(receipt) if receipt.stored => {}
        other => return Err(LoadError::Wrong(format!("another receipt: {other:?}"))),
    }
    let receipt = clock.monotonic();
    let told = clients.all_told_since(begun);
    let told = clock.timeout(NEVER, told).await;
    let told = told.map_err(|_| LoadError::Wrong("a stream was not told of a kill".to_owned()))?;
    // Those that began before the receipt have ended by then, and some began after it.
    clock.sleep(QUIET).await;
    let (last, late) = clients.targets(begun, receipt);
    Ok(Kill {
        legacy: last.saturating_sub(begun),
        told: told.saturating_sub(begun),
        receipt: receipt.saturating_sub(begun),
        late,
    })
}

async fn unkill(conn: &Conn) -> Result<(), LoadError> {
    let act = Act::Map(MapAct::SetMode { mode: Some(Mode::On), canary: None });
    conn.act(ActKey::fresh(), act).await.map(drop).map_err(wrong)
}

/// Waits until the target answers and nothing is told any more.
async fn settled(clients: &Clients) -> Result<(), LoadError> {
    let clock = clients.clock();
    let end = clock.monotonic() + NEVER;
    loop {
        let now = clock.monotonic();
        clock.sleep(QUIET).await;
        if clients.is_quiet_since(now) {
            return Ok(());
        }
        if clock.monotonic() > end {
            return Err(LoadError::Wrong("the target does not answer after an unkill".to_owned()));
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> LoadError {
    LoadError::Wrong(error.to_string())
}

fn report(load: &KillLoad, kills: &[Kill], rate: f64, failed: u64) -> Report {
    let times = |of: fn(&Kill) -> Duration| {
        let mut times = Times::default();
        kills.iter().for_each(|kill| times.add(of(kill)));
        times
    };
    let mut report = Report::default();
    let whole = times(|kill| kill.legacy.max(kill.told));
    let bar = Bar::Below(if load.small { 1_000.0 } else { 100.0 });
    report.add("kill, until legacy answers and all streams know: p50", whole.median(), "ms", Bar::None);
    report.add("kill, until legacy answers and all streams know: p99", whole.permille(990), "ms", bar);
    for (name, of) in [
        ("last evaluation with the target began", times(|kill| kill.legacy)),
        ("last stream had its event", times(|kill| kill.told)),
        ("receipt, marker and store included", times(|kill| kill.receipt)),
    ] {
        report.add(format!("{name}: p50"), of.median(), "ms", Bar::None);
        report.add(format!("{name}: p99"), of.permille(990), "ms", Bar::None);
    }
    let late: u64 = kills.iter().map(|kill| kill.late).sum();
    report.add("evaluations with the target after a receipt", float(late), "", Bar::Is(0.0));
    let least = load.rate * if load.small { 0.5 } else { 0.9 };
    report.add("evaluations", rate, "/s", Bar::AtLeast(least));
    report.add("not answered with 200", float(failed), "", Bar::Is(0.0));
    report
}
