//! The judge between a real recorder and real rollouts, on a real store and a clock that stands.

use std::sync::Arc;

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{BaselineMeasure, ChangeView, Operation, Side};
use cutover_shared::verdict::{Reading, ReadingState};
use tempfile::TempDir;

use super::*;
use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::rollout::book::RolloutSettings;
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::metrics::{Flush, Histogram, Outcome, Sample};
use crate::rollout::router::Router;
use crate::rollout::second::RepairLimits;
use crate::rollout::stages::Track;
use crate::run::Brake;
use crate::store::{
    CatalogOp, Lane, MismatchOp, NewMismatch, RolloutMetricOp, RolloutOp, Unit, open, sample,
};

mod hardship;
mod stay;

const NAME: RolloutName = RolloutName::GithubAuth;
const HOUR: Duration = Duration::from_secs(3_600);

fn stage(text: &str) -> Stage {
    text.parse().unwrap()
}

struct House {
    dir: TempDir,
    clock: Clock,
}

struct Life {
    db: Db,
    clock: Clock,
    flush: Flush,
    rollouts: Rollouts,
    automation: Automation,
    sitting: tokio::sync::Mutex<Sitting>,
}

impl House {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: Clock::manual(1_750_000_000_000) }
    }

    async fn sql(&self, statements: &'static str) {
        let url = format!("sqlite:{}/cutover.db", self.dir.path().display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::raw_sql(statements).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// A process on this store. Where nothing is stored yet, its rollout begins in `begin`.
    async fn life(&self, begin: &str) -> Life {
        let url = format!("sqlite:{}/cutover.db", self.dir.path().display());
        let (db, clock) = (open(&url, Faults::none()).await.unwrap(), self.clock.clone());
        let brake = Brake::pulled();
        brake.release(brake.newest().unwrap());
        let judged = Judged::default();
        let recorded =
            Recorded { db: db.clone(), clock: clock.clone(), limits: RepairLimits { age: HOUR, most: 100 } };
        let settings = RolloutSettings {
            track: Track::new(&[10, 50, 100]).unwrap(),
            rules: Rules::default(),
            shadow_buckets: 10_000,
            initial: [Stage::Off; 2],
        };
        let evidence = Arc::new(JudgedEvidence { recorded, judged: judged.clone() });
        let router = Router::new(brake);
        let rollouts = Rollouts::new(db.clone(), clock.clone(), router, settings, evidence, self.dir.path());
        let begin = stage(begin);
        rollouts.load(|_| begin).await.unwrap();
        let windows = Windows::new(db.clone(), clock.clone());
        let moments = Arc::new(|_| Vec::new());
        let recorder = Recorder::new();
        let flush = Flush::new(db.clone(), clock.clone(), recorder.clone(), windows, Metrics::new(), moments);
        flush.begin().await.unwrap();
        let critical_functions = ["import".to_owned(), "push".to_owned()].into();
        let settings = Settings { consistency_from: Some(100), critical_functions, ..Settings::default() };
        let automation = Automation {
            db: db.clone(),
            clock: clock.clone(),
            rollouts: rollouts.clone(),
            windows: flush.windows().clone(),
            recorder,
            judged,
            settings: [settings.clone(), settings],
        };
        let sitting = tokio::sync::Mutex::new(Sitting::new(automation.clone(), NAME));
        Life { db, clock, flush, rollouts, automation, sitting }
    }
}

impl Life {
    async fn judge(&self) -> Result<(), Trouble> {
        self.sitting.lock().await.judge().await
    }

    async fn tenants(&self, count: usize) {
        let rows = sample::tenants(0..count, |n| format!("t-{n}"));
        let unit = Unit::new().with(CatalogOp::PutLinks { rows });
        self.db.write(Lane::Handler, unit).await.unwrap();
    }

    fn calls(&self, side: Side, outcome: Outcome, count: usize, ms: u64) {
        for n in 0..count {
            let tenant = format!("t-{}", n % 7);
            self.automation.recorder.record(&Sample {
                operation: Operation::List,
                side,
                tenant: &tenant,
                outcome,
                latency: Duration::from_millis(ms),
                answered: true,
            });
        }
    }

    /// Ends the window, and has it judged.
    async fn window(&self) {
        self.clock.advance(Duration::from_secs(6));
        self.flush.flush().await.unwrap();
        self.clock.advance(Duration::from_secs(4));
        self.flush.flush().await.unwrap();
        self.judge().await.unwrap();
    }

    /// The legacy arm as it was: 80 ms.
    async fn baseline(&self) {
        let from = self.clock.now();
        self.calls(Side::Legacy, Outcome::Ok, 400, 80);
        self.clock.advance(Duration::from_secs(12));
        self.flush.flush().await.unwrap();
        let to = self.clock.now();
        self.flush.windows().record_baseline(NAME, from - 10_000, to, &Who::daemon()).await.unwrap();
    }

    fn stage(&self) -> Stage {
        self.rollouts.state(NAME).unwrap().1.stage
    }

    async fn newest(&self) -> ChangeView {
        self.rollouts.changes(NAME, &PageAsk::first(1)).await.unwrap().rows.remove(0)
    }

    /// One that fails, with whatever else is in the window good.
    async fn until_back(&self, most: usize, each: impl Fn(&Self)) -> usize {
        let before = self.stage();
        for n in 1..=most {
            each(self);
            self.window().await;
            if self.stage() != before {
                return n;
            }
        }
        panic!("no rollback within {most} windows: {:?}", self.automation.judged.of(NAME));
    }
}

#[tokio::test]
async fn a_good_target_stays_and_is_said_to_lack_data_until_it_does_not() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    for _ in 0..10 {
        life.calls(Side::Target, Outcome::Ok, 99, 80);
        life.calls(Side::Target, Outcome::Error, 1, 80);
        life.window().await;
    }
    assert_eq!(life.stage(), stage("canary-50"));
    let judgement = life.automation.judged.of(NAME).unwrap();
    assert_eq!(judgement.verdict, Verdict::NotEnoughData, "nothing was compared");
    let claim = judgement.claim.unwrap();
    assert_eq!((claim.compared, claim.missing), (0, 29_956));
    let (state, text) = said(&judgement);
    assert!(state == CriterionState::Unknown && text.contains("29956"), "{text}");
    for _ in 0..30_000 {
        life.automation.recorder.compared(Operation::List, true);
    }
    life.calls(Side::Target, Outcome::Ok, 100, 80);
    life.window().await;
    let judgement = life.automation.judged.of(NAME).unwrap();
    assert_eq!(judgement.verdict, Verdict::Pass, "{judgement:?}");
}

#[tokio::test]
async fn errors_go_back_to_legacy_with_their_reason() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    let windows = life
        .until_back(2, |life| {
            life.calls(Side::Target, Outcome::Ok, 70, 80);
            life.calls(Side::Target, Outcome::Error, 30, 80);
        })
        .await;
    assert!(windows <= 2);
    let change = life.newest().await;
    assert_eq!((change.act.as_str(), change.to), ("auto-rollback", Stage::Shadow));
    assert!(change.reason.starts_with("error rate"), "{}", change.reason);
    assert_eq!(change.detail["evidence"]["verdict"], "breach");
    // Armed anew: what was seen before the way back does not go back once more.
    life.calls(Side::Target, Outcome::Ok, 100, 80);
    life.window().await;
    assert_eq!(life.stage(), Stage::Shadow);
}

#[tokio::test]
async fn slowness_is_judged_by_the_baseline() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.calls(Side::Target, Outcome::Ok, 300, 150);
    life.window().await;
    assert_eq!(life.stage(), stage("canary-10"), "slower, and not twice as slow");
    life.until_back(6, |life| life.calls(Side::Target, Outcome::Ok, 200, 400)).await;
    let change = life.newest().await;
    assert!(change.reason.starts_with("latency p95"), "{}", change.reason);
    assert_eq!(change.to, stage("shadow"));
}

#[tokio::test]
async fn differing_answers_go_back_long_before_the_claim_has_its_floor() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.until_back(3, |life| {
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        (0..100).for_each(|n| life.automation.recorder.compared(Operation::List, n % 10 != 0));
    })
    .await;
    let change = life.newest().await;
    assert!(change.reason.starts_with("consistency"), "{}", change.reason);
}

#[tokio::test]
async fn gross_breakage_goes_back_without_waiting_for_a_window() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.judge().await.unwrap();
    life.calls(Side::Target, Outcome::Gross, 9, 10);
    life.judge().await.unwrap();
    assert_eq!(life.stage(), stage("canary-10"), "nine are not ten");
    life.calls(Side::Target, Outcome::Gross, 1, 10);
    life.judge().await.unwrap();
    assert_eq!(life.stage(), stage("shadow"));
    assert!(life.newest().await.reason.starts_with("gross failures"));
}

#[tokio::test]
async fn no_traffic_neither_goes_back_nor_passes() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    for _ in 0..20 {
        life.window().await;
    }
    assert_eq!(life.stage(), stage("canary-10"));
    assert_eq!(life.automation.judged.of(NAME).unwrap().verdict, Verdict::NotEnoughData);
}

#[tokio::test]
async fn a_frozen_rollout_is_judged_and_not_moved() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.rollouts.freeze(NAME, "sales", &Who::daemon()).await.unwrap();
    for _ in 0..3 {
        life.calls(Side::Target, Outcome::Error, 100, 80);
        life.window().await;
    }
    assert_eq!(life.stage(), stage("canary-10"));
    assert_eq!(life.automation.judged.of(NAME).unwrap().verdict, Verdict::Breach);
    life.rollouts.unfreeze(NAME, &Who::daemon()).await.unwrap();
    life.judge().await.unwrap();
    assert_eq!(life.stage(), stage("shadow"));
}

#[tokio::test]
async fn what_was_seen_outlives_a_restart() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    let bad = |life: &Life| {
        life.calls(Side::Target, Outcome::Ok, 90, 80);
        life.calls(Side::Target, Outcome::Error, 10, 80);
    };
    bad(&life);
    life.window().await;
    assert_eq!(life.stage(), stage("canary-10"), "one window is no proof");
    let before = life.automation.judged.of(NAME).unwrap().readings;
    life.flush.stop().await.unwrap();
    life.db.close().await;

    let life = house.life("off").await;
    life.judge().await.unwrap();
    assert_eq!(life.automation.judged.of(NAME).unwrap().readings, before);
    let windows = life.until_back(12, bad).await;
    let fresh = House::new();
    let alone = fresh.life("canary-10").await;
    alone.tenants(30).await;
    alone.baseline().await;
    let anew = alone.until_back(12, bad).await;
    assert!(windows < anew, "{windows} after one that was seen before, {anew} without");
}

#[tokio::test]
async fn a_stage_that_is_not_judged_says_nothing() {
    let house = House::new();
    let life = house.life("dual-write").await;
    life.tenants(3).await;
    life.calls(Side::Target, Outcome::Gross, 100, 80);
    life.window().await;
    assert_eq!((life.automation.judged.of(NAME), life.stage()), (None, Stage::DualWrite));
}

#[tokio::test]
async fn arming_is_recorded_with_what_fired() {
    let house = House::new();
    let life = house.life("shadow").await;
    life.tenants(3).await;
    life.judge().await.unwrap();
    let facts = life.rollouts.standing(NAME).await.unwrap().facts;
    let proof = facts.armed.unwrap();
    assert!(!proof.ok && proof.text.contains("slowness is not watched"), "{proof:?}");
    let house = House::new();
    let life = house.life("shadow").await;
    life.tenants(3).await;
    life.baseline().await;
    life.judge().await.unwrap();
    let proof = life.rollouts.standing(NAME).await.unwrap().facts.armed.unwrap();
    for trigger in ["latency_p95", "consistency", "disruption", "wrong_data", "critical_function"] {
        assert!(proof.ok && proof.text.contains(trigger), "{proof:?}");
    }
    assert!(!proof.text.contains("critical_incident"), "what nobody feeds is not armed: {proof:?}");
}

/// One call of an operation by a tenant, answered by the target.
fn call(life: &Life, operation: Operation, tenant: usize, outcome: Outcome) {
    let tenant = format!("t-{tenant}");
    let latency = Duration::from_millis(80);
    let sample = Sample { operation, side: Side::Target, tenant: &tenant, outcome, latency, answered: true };
    life.automation.recorder.record(&sample);
}

#[tokio::test]
async fn a_critical_operation_that_fails_goes_back_however_small_its_share() {
    let fails = async |tenants: usize, operation| {
        let house = House::new();
        let life = house.life("canary-10").await;
        life.tenants(30).await;
        life.baseline().await;
        life.calls(Side::Target, Outcome::Ok, 2_000, 80);
        for n in 0..10 {
            call(&life, operation, n % tenants, Outcome::Error);
            life.calls(Side::Target, Outcome::Ok, 30, 80);
        }
        life.window().await;
        (life.stage().to_string(), life.newest().await.reason)
    };
    let (stage, reason) = fails(3, Operation::Import).await;
    assert!(stage == "shadow" && reason.starts_with("critical function"), "{stage} {reason}");
    assert_eq!(fails(2, Operation::Import).await.0, "canary-10", "two tenants are no proof");
}

#[tokio::test]
async fn a_disruption_of_a_quarter_of_an_hour_goes_back_without_a_floor_of_calls() {
    let lasts = async |minutes: usize, tenants: usize| {
        let house = House::new();
        let life = house.life("canary-10").await;
        life.tenants(30).await;
        life.baseline().await;
        life.judge().await.unwrap();
        for n in 0..minutes {
            // Errors of their own kind each, and far too few for the error rate.
            call(&life, Operation::List, n % tenants, Outcome::Error);
            life.window().await;
            life.clock.advance(Duration::from_secs(50));
        }
        (life.stage().to_string(), life.newest().await.reason)
    };
    let (stage, reason) = lasts(17, 3).await;
    assert!(stage == "shadow" && reason.starts_with("disruption"), "{stage} {reason}");
    assert_eq!(lasts(14, 3).await.0, "canary-10");
    assert_eq!(lasts(17, 1).await.0, "canary-10", "one tenant's own trouble is no disruption");
}

#[tokio::test]
async fn wrong_data_of_some_tenants_goes_back_and_is_no_reason_twice() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    life.calls(Side::Target, Outcome::Ok, 70, 80);
    life.window().await;
    for (n, expected) in [(0, "canary-50"), (1, "canary-50"), (2, "shadow"), (3, "shadow"), (4, "shadow")] {
        let at = life.clock.now();
        let (tenant, difference) = (format!("t-{n}"), "[]".to_owned());
        let new = NewMismatch { operation: Operation::List, tenant, at, version: 1, difference };
        life.db.write(Lane::Handler, Unit::new().with(MismatchOp::Add(new))).await.unwrap();
        life.calls(Side::Target, Outcome::Ok, 10, 80);
        life.window().await;
        assert_eq!(life.stage(), stage(expected), "{n}: {:?}", life.automation.judged.of(NAME));
    }
    let back = life.rollouts.changes(NAME, &PageAsk::first(9)).await.unwrap().rows;
    let back = back.iter().find(|row| row.act == "auto-rollback").unwrap();
    assert!(back.reason.starts_with("wrong data"), "{}", back.reason);
}

/// So many webhooks that ended, `dead` of them given up.
async fn webhooks(life: &Life, house: &House, ended: usize, dead: usize) {
    let url = format!("sqlite:{}/cutover.db", house.dir.path().display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for n in 0..ended {
        let state = if n < dead { "dead" } else { "handled" };
        sqlx::query(
            "INSERT INTO deliveries (guid, event, received_at, digest, bytes, state, ended_at)
             VALUES ($1 || '-' || $2, 'push', $1, 'd', 1, $3, $1)",
        )
        .bind(life.clock.now())
        .bind(i64::try_from(n).unwrap())
        .bind(state)
        .execute(&pool)
        .await
        .unwrap();
    }
    pool.close().await;
}

/// GitHub gave so many tokens.
async fn issued(life: &Life, count: u64, ms: u64) {
    let mut histogram = Histogram::default();
    histogram.add(ms * 1_000, count);
    let (start_at, histogram) = (life.clock.now(), histogram.encode());
    let op = RolloutMetricOp::Issued { start_at, writer: start_at, histogram, before: 0 };
    life.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
}

fn regression(life: &Life, measure: BaselineMeasure) -> Option<Reading> {
    let readings = life.automation.judged.of(NAME).unwrap().readings;
    let named = |one: &Reading| one.name.as_deref() == Some(measure.word());
    readings.into_iter().find(|one| one.trigger == Trigger::Regression && named(one))
}

#[tokio::test]
async fn tokens_and_webhooks_that_are_a_tenth_worse_shut_the_gate_and_no_data_is_no_answer() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    issued(&life, 400, 100).await;
    webhooks(&life, &house, 300, 6).await;
    house.clock.advance(Duration::from_secs(1));
    life.baseline().await;
    let facts = life.rollouts.standing(NAME).await.unwrap().facts;
    let imports = [BaselineMeasure::ImportLatency, BaselineMeasure::ImportSuccess];
    assert_eq!(facts.baseline_lacks, imports, "lists alone were called");

    // The stage that is judged begins after the baseline.
    let way = Way::Stage(Some(stage("canary-10")));
    life.rollouts.back(NAME, way, "e", json!(null), false, &Who::daemon()).await.unwrap();
    house.clock.advance(Duration::from_secs(70));
    life.calls(Side::Target, Outcome::Ok, 400, 80);
    life.window().await;
    let state = |measure| regression(&life, measure).map(|one| (one.state, one.missing));
    let no_data = Some((ReadingState::NotEnoughData, 200));
    assert_eq!(state(BaselineMeasure::TokenIssuance), no_data);
    assert_eq!(state(BaselineMeasure::WebhookFailure), no_data);
    assert_eq!(state(BaselineMeasure::ImportLatency), None, "without a baseline it is not watched");

    issued(&life, 200, 108).await;
    webhooks(&life, &house, 200, 4).await;
    house.clock.advance(Duration::from_secs(60));
    life.window().await;
    let states = |life: &Life| {
        [BaselineMeasure::TokenIssuance, BaselineMeasure::WebhookFailure]
            .map(|measure| regression(life, measure).unwrap().state)
    };
    assert!(
        !states(&life).iter().any(|state| matches!(state, ReadingState::Fired | ReadingState::NotEnoughData))
    );

    issued(&life, 800, 130).await;
    webhooks(&life, &house, 200, 8).await;
    house.clock.advance(Duration::from_secs(60));
    life.window().await;
    assert_eq!(states(&life), [ReadingState::Fired; 2]);
    assert_eq!(life.automation.judged.of(NAME).unwrap().verdict, Verdict::GateFailed);
    assert_eq!(life.stage(), stage("canary-10"), "a gate moves nobody");
}
