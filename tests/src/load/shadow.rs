//! What a shadow costs the caller while its target hangs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::rollout::router::Router;
use cutover_daemon::rollout::shadow::{Asked, Shadow, ShadowParts, ShadowSettings};
use cutover_daemon::rollout::state::{Lists, State};
use cutover_daemon::rollout::tally::{Call, Counted, Outcome, Tally};
use cutover_daemon::run::Brake;
use cutover_daemon::store::{OpenError, open};
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};

use super::{Bar, Report};

/// Calls that come together; then the caller rests a moment, so that what was started gets to run.
const BURST: usize = 32;
const REST: Duration = Duration::from_millis(1);

/// As many as the configuration takes.
const PARALLEL: usize = 64;

/// How long the target hangs until its shadow is given up. Short, so that places are taken and freed all the time.
const HANGS: Duration = Duration::from_millis(200);

/// Milliseconds that a shadow may add at the 99th percentile.
const BAR: f64 = 1.0;

/// What is measured.
#[derive(Debug, Clone)]
pub struct ShadowLoad {
    /// Calls of each kind.
    pub calls: usize,
    /// Where the store lies.
    pub folder: PathBuf,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum ShadowError {
    /// The folder can't be used.
    #[error(transparent)]
    Folder(#[from] std::io::Error),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The rollout's state decides nothing.
    #[error(transparent)]
    Rollout(#[from] cutover_daemon::rollout::bucket::UnknownAlgorithm),
}

/// The same calls without and with a shadow that hangs.
///
/// # Errors
/// [`ShadowError`] before anything was measured.
pub async fn run(load: &ShadowLoad) -> Result<Report, ShadowError> {
    let dir = tempfile::Builder::new().prefix("shadow").tempdir_in(&load.folder)?;
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await?;
    let (clock, brake) = (Clock::system(), Brake::pulled());
    if let Some(pull) = brake.newest() {
        brake.release(pull);
    }
    let router = Router::new(brake);
    let name = RolloutName::GithubAuth;
    router.publish(State::begin(name, Stage::Shadow, 0).plan(name, 1, Lists::default(), 10_000)?);
    let counted = Arc::new(Counted::default());
    let tally: Arc<dyn Tally> = counted.clone();
    let settings = ShadowSettings { timeout: HANGS, parallel: PARALLEL, calls_per_hour: u64::MAX };
    let shadow = Shadow::new(ShadowParts {
        router: router.clone(),
        clock: clock.clone(),
        db: db.clone(),
        tally: tally.clone(),
        settings,
    });
    // The first round warms caches and the runtime's threads.
    calls(load.calls / 10, &clock, &router, &tally, None).await;
    let mut without = calls(load.calls, &clock, &router, &tally, None).await;
    let mut with = calls(load.calls, &clock, &router, &tally, Some(&shadow)).await;
    while shadow.free() < PARALLEL {
        clock.sleep(REST).await;
    }
    let hung = counted.calls(Operation::Import, Side::Target, Outcome::Gross, false);
    let shed = counted.sheds(Operation::Import);
    db.close().await;

    let mut report = Report::default();
    let at = |of: &mut Vec<Duration>, permille: usize| {
        of.sort_unstable();
        of.get(of.len().saturating_sub(1) * permille / 1_000).map_or(0.0, |took| took.as_secs_f64() * 1_000.0)
    };
    for (label, permille) in [("p50", 500), ("p99", 990), ("p99.9", 999)] {
        let (alone, beside) = (at(&mut without, permille), at(&mut with, permille));
        report.add(format!("caller alone {label}"), alone, "ms", Bar::None);
        report.add(format!("caller with a hanging shadow {label}"), beside, "ms", Bar::None);
        let bar = if permille == 990 { Bar::Below(BAR) } else { Bar::None };
        report.add(format!("added by the shadow {label}"), beside - alone, "ms", bar);
    }
    report.add(
        "shadows that hung to their time-out",
        count(hung),
        "calls",
        Bar::AtLeast(count(PARALLEL as u64)),
    );
    report.add("shadows that were shed", count(shed), "calls", Bar::None);
    let lost = count(load.calls as u64) - count(hung + shed);
    report.add("shadows without an account", lost, "calls", Bar::Is(0.0));
    Ok(report)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
fn count(n: u64) -> f64 {
    n as f64
}

/// How long each call took, from its decision to its answer.
async fn calls(
    many: usize,
    clock: &Clock,
    router: &Router,
    tally: &Arc<dyn Tally>,
    shadow: Option<&Shadow>,
) -> Vec<Duration> {
    let tenant = TenantId::from("acme");
    let (operation, mut took) = (Operation::Import, Vec::with_capacity(many));
    for n in 0..many {
        let began = clock.monotonic();
        let decision = router.decide(operation, tenant.as_str());
        let call = Call::begin(tally, clock, operation, &tenant, decision.side);
        let answer = std::hint::black_box(async { n }.await);
        call.end(Outcome::Ok, true);
        if let Some(shadow) = shadow.filter(|_| decision.shadow) {
            let (answered, version) = (decision.side, decision.version);
            let asked = Asked { operation, tenant: tenant.clone(), answered, version };
            shadow.start(asked, |_| std::future::pending());
        }
        std::hint::black_box(answer);
        took.push(clock.monotonic().saturating_sub(began));
        if n % BURST == BURST - 1 {
            clock.sleep(REST).await;
        }
    }
    took
}
