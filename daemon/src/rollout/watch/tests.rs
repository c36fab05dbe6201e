//! The watch on a real recorder, real rollouts and a real store; the clock stands.

use std::sync::atomic::{AtomicU64, Ordering};

use cutover_shared::rollout::{CriterionState, Operation, Side};
use cutover_shared::verdict::WorthOutcome;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::rollout::book::RolloutSettings;
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::metrics::{Flush, Outcome, Recorder, Sample};
use crate::rollout::router::Router;
use crate::rollout::second::RepairLimits;
use crate::rollout::stages::Track;
use crate::run::Brake;
use crate::store::open;

const NAME: RolloutName = RolloutName::GithubAuth;
const MINUTES: i64 = 60_000;
const START: i64 = 1_750_000_000_000;
const QUARTER: Duration = Duration::from_secs(15 * 60);

struct House {
    dir: TempDir,
    clock: Clock,
    /// What the queue says, milliseconds and one more; 0: nobody waited.
    waited: Arc<AtomicU64>,
}

struct Life {
    clock: Clock,
    flush: Flush,
    rollouts: Rollouts,
    watch: Watch,
    db: Db,
}

impl House {
    fn new() -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(START));
        Self { dir, clock, waited: Arc::default() }
    }

    async fn life(&self, settings: WorthSettings) -> Life {
        let url = format!("sqlite:{}/cutover.db", self.dir.path().display());
        let (db, clock) = (open(&url, Faults::none()).await.unwrap(), self.clock.clone());
        let limits = RepairLimits { age: QUARTER, most: 100 };
        let recorded = Recorded { db: db.clone(), clock: clock.clone(), limits };
        let set = RolloutSettings {
            track: Track::new(&[10, 50, 100]).unwrap(),
            rules: Rules::default(),
            shadow_buckets: 10_000,
            initial: [Stage::Off; 2],
        };
        let router = Router::new(Brake::pulled());
        let (evidence, dir) = (Arc::new(recorded), self.dir.path());
        let rollouts = Rollouts::new(db.clone(), clock.clone(), router, set, evidence, dir);
        rollouts.load(|_| Stage::Off).await.unwrap();
        let windows = Windows::new(db.clone(), clock.clone());
        let moments = Arc::new(|_| Vec::new());
        let flush =
            Flush::new(db.clone(), clock.clone(), Recorder::new(), windows.clone(), Metrics::new(), moments);
        flush.begin().await.unwrap();
        let waited = self.waited.clone();
        let wait: LongestWait =
            Arc::new(move || waited.swap(0, Ordering::Relaxed).checked_sub(1).map(Duration::from_millis));
        let watch = Watch::new(WatchParts {
            db: db.clone(),
            clock: clock.clone(),
            rollouts: rollouts.clone(),
            windows,
            settings,
            every: QUARTER,
            cost: Cost::Unknown,
            waits: [Some(wait), None],
        });
        watch.load().await.unwrap();
        Life { clock, flush, rollouts, watch, db }
    }
}

/// Long enough is two hours, reviewed after ten.
fn settings() -> WorthSettings {
    WorthSettings { long_enough_ms: 120 * MINUTES, review_ms: 600 * MINUTES, ..WorthSettings::default() }
}

impl Life {
    /// Legacy calls of so many milliseconds each, then a quarter of an hour, then a sample.
    async fn quarter(&self, calls: usize, ms: u64) {
        for n in 0..calls {
            let outcome = if n % 10 == 0 { Outcome::Error } else { Outcome::Ok };
            let latency = Duration::from_millis(ms);
            for side in [Side::Legacy, Side::Target] {
                // The target is fast, and not what is asked about.
                let latency = if side == Side::Legacy { latency } else { Duration::from_millis(1) };
                self.flush.recorder().record(&Sample {
                    operation: Operation::Import,
                    side,
                    tenant: "acme",
                    outcome,
                    latency,
                    answered: true,
                });
            }
        }
        self.flush.flush().await.unwrap();
        self.clock.advance(QUARTER);
        self.flush.flush().await.unwrap();
        self.watch.sample(NAME).await.unwrap();
    }

    fn reading(&self, measure: WorthMeasure) -> cutover_shared::verdict::WorthReading {
        let view = self.watch.view(NAME).unwrap();
        view.worth.readings.into_iter().find(|reading| reading.measure == measure).unwrap()
    }

    fn outcome(&self) -> WorthOutcome {
        self.watch.view(NAME).unwrap().worth.outcome
    }

    async fn criterion(&self) -> (CriterionState, bool, String) {
        let standing = self.rollouts.standing(NAME).await.unwrap();
        let one = standing.criteria.into_iter().find(|one| one.name == "worth").unwrap();
        (one.state, one.may_override, one.text)
    }
}

#[tokio::test]
async fn the_legacy_arm_is_sampled_and_two_hours_without_a_dip_are_shown_with_since_when() {
    let house = House::new();
    let life = house.life(settings()).await;
    assert_eq!(life.reading(WorthMeasure::P95).value, None, "nothing was called: that is no sample");
    for _ in 0..8 {
        life.quarter(100, 20_000).await;
    }
    let p95 = life.reading(WorthMeasure::P95);
    assert!(p95.value.unwrap().abs_diff(20_000) <= 200, "{p95:?}");
    assert_eq!((life.outcome(), p95.missing_ms), (WorthOutcome::Watching, 15 * MINUTES));
    life.quarter(100, 20_000).await;
    assert_eq!(life.outcome(), WorthOutcome::Migrate);
    let exceeded = life.reading(WorthMeasure::P95).exceeded.unwrap();
    assert_eq!((exceeded.since_ms, exceeded.samples), (START + 15 * MINUTES, 9));
    assert_eq!(life.reading(WorthMeasure::ErrorRate).value, Some(100_000));
    // 400 calls of 20 s in an hour.
    assert_eq!(life.reading(WorthMeasure::Concurrency).value, Some(3));
}

#[tokio::test]
async fn what_has_no_source_says_so_and_never_counts_as_kept() {
    let house = House::new();
    let mut set = settings();
    set.thresholds.retain(|measure, _| matches!(measure, WorthMeasure::P95 | WorthMeasure::CostPerCall));
    let life = house.life(set).await;
    for _ in 0..42 {
        life.quarter(10, 5).await;
    }
    let cost = life.reading(WorthMeasure::CostPerCall);
    assert_eq!((cost.source, cost.value, cost.exceeded), (None, None, None));
    assert!(life.reading(WorthMeasure::P95).source.is_some());
    // The period is over, and all that could be measured is well: it is still not said that it is not needed.
    assert_eq!((life.outcome(), life.watch.view(NAME).unwrap().due), (WorthOutcome::Watching, true));
    let mut known = settings();
    known.thresholds.retain(|measure, _| *measure == WorthMeasure::P95);
    let life = house.life(known).await;
    assert_eq!(life.outcome(), WorthOutcome::NotNeeded);
}

#[tokio::test]
async fn a_restart_goes_on_and_a_daemon_that_was_down_leaves_a_hole() {
    let house = House::new();
    for _ in 0..9 {
        house.life(settings()).await.quarter(100, 20_000).await;
    }
    assert_eq!(house.life(settings()).await.outcome(), WorthOutcome::Migrate);

    let house = House::new();
    for _ in 0..8 {
        house.life(settings()).await.quarter(100, 20_000).await;
    }
    house.clock.advance(Duration::from_secs(3_000));
    let life = house.life(settings()).await;
    life.quarter(100, 20_000).await;
    let p95 = life.reading(WorthMeasure::P95);
    assert_eq!(life.outcome(), WorthOutcome::Watching);
    assert_eq!((p95.last_hole_ms, p95.exceeded.unwrap().samples), (Some(life.clock.now()), 1));
}

#[tokio::test]
async fn another_threshold_begins_its_measure_anew_and_no_other() {
    let house = House::new();
    for _ in 0..9 {
        house.life(settings()).await.quarter(100, 20_000).await;
    }
    let mut set = settings();
    set.thresholds.insert(WorthMeasure::P95, 15_000);
    let life = house.life(set).await;
    assert_eq!((life.reading(WorthMeasure::P95).value, life.outcome()), (None, WorthOutcome::Migrate));
    assert_eq!(life.reading(WorthMeasure::ErrorRate).missing_ms, 0);
}

#[tokio::test]
async fn a_wait_counts_for_a_day() {
    let house = House::new();
    let life = house.life(settings()).await;
    life.quarter(0, 0).await;
    assert_eq!(life.reading(WorthMeasure::PoolWait).value, None);
    house.waited.store(7_001, Ordering::Relaxed);
    life.quarter(0, 0).await;
    house.waited.store(3, Ordering::Relaxed);
    life.quarter(0, 0).await;
    assert_eq!(life.reading(WorthMeasure::PoolWait).value, Some(7_000));
    for _ in 0..96 {
        house.waited.store(3, Ordering::Relaxed);
        life.quarter(0, 0).await;
    }
    assert_eq!(life.reading(WorthMeasure::PoolWait).value, Some(2));
}

#[tokio::test]
async fn who_decides_that_it_is_not_needed_closes_the_phases_until_it_is_decided_anew() {
    let house = House::new();
    let life = house.life(settings()).await;
    assert_eq!(life.criterion().await.0, CriterionState::Holds, "nobody has to decide");
    for _ in 0..9 {
        life.quarter(100, 20_000).await;
    }
    let who = Who::daemon();
    let change = life.watch.decide(NAME, WorthDecision::NotNeeded, "soon gone", &who).await.unwrap().unwrap();
    assert_eq!((change.act.as_str(), change.reason.as_str()), ("decide", "soon gone"));
    assert_eq!(change.detail["worth"]["outcome"], "migrate", "with the evidence of that moment");
    let (state, may_override, text) = life.criterion().await;
    assert_eq!((state, may_override), (CriterionState::Fails, false), "{text}");
    assert!(text.contains("soon gone"), "{text}");
    // What was long enough before is settled; what goes on is long enough again with the next sample.
    assert_eq!(life.outcome(), WorthOutcome::Migrate);
    assert_eq!(life.watch.overdue(), []);

    // After a crash between the decision and its review the start reads it out of the decision.
    let stale = json!(WorthWatch::begin(settings(), START)).to_string();
    let unit = Unit::new().with(RolloutOp::Worth { name: NAME, at: START, watch: stale });
    life.db.write(Lane::Handler, unit).await.unwrap();
    house.clock.advance(Duration::from_secs(9 * 3_600));
    let life = house.life(settings()).await;
    assert_eq!(life.criterion().await.0, CriterionState::Fails);
    // The other rollout's is: nobody has decided anything there.
    let others: Vec<_> = life.watch.overdue().iter().map(|review| (review.name, review.closed)).collect();
    assert_eq!(others, [(RolloutName::GitSandbox, false)]);
    house.clock.advance(Duration::from_secs(3_600));
    let overdue = life.watch.overdue();
    assert_eq!((overdue[0].name, overdue[0].closed), (NAME, true), "{overdue:?}");

    // The same again is the review.
    life.watch.decide(NAME, WorthDecision::NotNeeded, "still", &who).await.unwrap().unwrap();
    assert!(life.watch.overdue().iter().all(|review| review.name != NAME));
    life.watch.decide(NAME, WorthDecision::Migrate, "it grew", &who).await.unwrap();
    assert_eq!(life.criterion().await.0, CriterionState::Holds);
    house.clock.advance(Duration::from_secs(11 * 3_600));
    assert!(life.watch.overdue().iter().all(|review| review.name != NAME), "who migrates has no review");
}

proptest! {
    #[test]
    fn a_cost_is_whole_millionths_or_nothing(units in any::<f64>()) {
        match micros(units) {
            Some(micros) => prop_assert!((micros as f64 - units * 1e6).abs() <= 0.5 + units * 1e-9),
            None => prop_assert!(!(0.0..1e12).contains(&units)),
        }
    }
}
