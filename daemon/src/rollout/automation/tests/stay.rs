//! From stage to stage: what goes on, what begins anew, and what a judge is armed with.

use cutover_shared::rollout::Ring;
use serde_json::Value;

use super::*;
use crate::rollout::stages::Place;
use crate::store::NewChange;

impl Life {
    async fn back_to(&self, to: &str) {
        let way = Way::Stage(Some(stage(to)));
        self.rollouts.back(NAME, way, "e", json!(null), false, &Who::daemon()).await.unwrap();
    }

    /// Forward as an approved step does it, without its criteria.
    async fn forward(&self, to: &str, ring: Ring) {
        let (after, mut state) = self.rollouts.state(NAME).unwrap();
        let (from, at) = (state.stage, self.clock.now());
        state.placed(Place { stage: stage(to), ring }, None, false, at);
        let (by, reason, detail) = ("ana".to_owned(), String::new(), json!(null));
        let change = NewChange { at, by, act: "stage", from, to: state.stage, reason, detail };
        let body = json!(state).to_string();
        let put = RolloutOp::Put { name: NAME, after, body, change: Box::new(change) };
        self.db.write(Lane::Handler, Unit::new().with(put)).await.unwrap();
        self.rollouts.load(|_| Stage::Off).await.unwrap();
    }

    fn reading(&self, trigger: Trigger) -> Reading {
        let readings = self.automation.judged.of(NAME).unwrap().readings;
        readings.into_iter().find(|one| one.trigger == trigger).unwrap()
    }

    fn compared(&self) -> u64 {
        self.automation.judged.of(NAME).unwrap().claim.unwrap().compared
    }

    async fn armings(&self, house: &House) -> i64 {
        let url = format!("sqlite:{}/cutover.db", house.dir.path().display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM audit WHERE bytes LIKE '%rollout.arm%'")
            .fetch_one(&pool)
            .await
            .unwrap();
        pool.close().await;
        count
    }
}

/// The 2 % of false alarms are of the whole rollout.
#[tokio::test]
async fn a_wider_ring_and_a_way_back_by_hand_go_on_with_the_tests() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.forward("canary-10", Ring::Internal).await;
    let errors = |life: &Life| {
        life.calls(Side::Target, Outcome::Ok, 90, 80);
        life.calls(Side::Target, Outcome::Error, 10, 80);
    };
    errors(&life);
    life.window().await;
    let evidence = life.reading(Trigger::ErrorRate).evidence.unwrap();
    assert!(evidence.log_e_millinats > 0, "{evidence:?}");
    for (to, ring) in [("canary-10", Ring::Beta), ("canary-10", Ring::All)] {
        life.clock.advance(Duration::from_secs(1));
        life.forward(to, ring).await;
        life.judge().await.unwrap();
        let now = life.reading(Trigger::ErrorRate);
        assert_eq!((now.evidence, now.sample), (Some(evidence), 0), "{ring}: its own floor, the same test");
    }
    life.clock.advance(Duration::from_secs(1));
    life.back_to("shadow").await;
    life.judge().await.unwrap();
    assert_eq!(life.reading(Trigger::ErrorRate).evidence, Some(evidence));
}

#[tokio::test]
async fn what_was_compared_before_shadow_began_anew_proves_nothing() {
    let house = House::new();
    let life = house.life("shadow").await;
    life.tenants(30).await;
    life.baseline().await;
    (0..30_000).for_each(|_| life.automation.recorder.compared(Operation::List, true));
    life.calls(Side::Target, Outcome::Ok, 100, 80);
    life.window().await;
    assert_eq!(life.compared(), 30_000);
    life.clock.advance(Duration::from_secs(1));
    life.back_to("off").await;
    life.window().await;
    assert_eq!(life.automation.judged.of(NAME), None);
    life.forward("shadow", Ring::All).await;
    life.window().await;
    assert_eq!(life.compared(), 0);
}

#[tokio::test]
async fn wrong_data_that_was_the_reason_to_go_back_is_not_counted_again() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    let differ = async |life: &Life, tenants: std::ops::Range<usize>| {
        for n in tenants {
            let at = life.clock.now();
            let (tenant, difference) = (format!("t-{n}"), "[]".to_owned());
            let new = NewMismatch { operation: Operation::List, tenant, at, version: 1, difference };
            life.db.write(Lane::Handler, Unit::new().with(MismatchOp::Add(new))).await.unwrap();
            life.automation.recorder.compared(Operation::List, false);
        }
        life.calls(Side::Target, Outcome::Ok, 10, 80);
        life.window().await;
    };
    life.window().await;
    differ(&life, 0..3).await;
    assert!(life.newest().await.reason.starts_with("wrong data"));
    life.window().await;
    assert_eq!(life.compared(), 0, "the differences that fired are no part of the next claim");
    // In the next shadow two tenants are no proof, whatever was before.
    differ(&life, 3..5).await;
    life.back_to("dual-write").await;
    life.clock.advance(Duration::from_secs(1));
    life.forward("shadow", Ring::All).await;
    life.window().await;
    differ(&life, 5..7).await;
    let reading = life.reading(Trigger::WrongData);
    assert_eq!((reading.sample, life.compared()), (2, 2), "{reading:?}");
}

#[tokio::test]
async fn a_baseline_that_is_recorded_in_the_stage_is_taken_and_the_tests_go_on() {
    let house = House::new();
    let life = house.life("shadow").await;
    life.tenants(30).await;
    life.window().await;
    life.calls(Side::Target, Outcome::Ok, 95, 80);
    life.calls(Side::Target, Outcome::Error, 7, 80);
    for _ in 0..5 {
        life.window().await;
    }
    assert_eq!(life.armings(&house).await, 1, "a proof that says the same is no new one");
    let facts = life.rollouts.standing(NAME).await.unwrap().facts;
    assert!(!facts.armed.unwrap().ok);
    let before = life.reading(Trigger::ErrorRate);
    assert_eq!(before.sample, 102);
    life.baseline().await;
    life.window().await;
    let facts = life.rollouts.standing(NAME).await.unwrap().facts;
    assert!(facts.armed.as_ref().unwrap().ok, "{facts:?}");
    assert_eq!(life.reading(Trigger::LatencyP95).sample, 0, "it is watched from now on");
    let after = life.reading(Trigger::ErrorRate);
    assert_eq!(
        (after.sample, after.evidence.map(|e| e.log_e_millinats)),
        (102, before.evidence.map(|e| e.log_e_millinats))
    );
    assert_eq!(life.armings(&house).await, 2);
}

#[tokio::test]
async fn other_settings_are_taken_at_the_next_start() {
    let house = House::new();
    let life = house.life("shadow").await;
    life.tenants(30).await;
    life.baseline().await;
    (0..500).for_each(|_| life.automation.recorder.compared(Operation::List, true));
    life.calls(Side::Target, Outcome::Ok, 150, 80);
    life.window().await;
    life.flush.stop().await.unwrap();
    life.db.close().await;

    let life = house.life("off").await;
    let set = |life: &Life, change: fn(&mut Settings)| {
        let mut sitting = life.sitting.try_lock().unwrap();
        sitting.of.settings.iter_mut().for_each(change);
    };
    set(&life, |settings| settings.critical_functions = ["list".to_owned()].into());
    life.judge().await.unwrap();
    assert_eq!(life.reading(Trigger::CriticalFunction).name.as_deref(), Some("list"));
    assert_eq!((life.compared(), life.reading(Trigger::ErrorRate).sample), (500, 150), "it goes on");
    set(&life, |settings| settings.consistency_ppm = 999_000);
    life.judge().await.unwrap();
    assert_eq!(life.compared(), 0, "another claim is another question");
    assert_eq!(life.reading(Trigger::ErrorRate).sample, 150);
}

#[tokio::test]
async fn what_can_not_fire_is_named_and_everything_else_watches() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    // Calls are given up before they could be slow.
    life.sitting.lock().await.of.settings.iter_mut().for_each(|settings| {
        settings.expected.longest_call_us = 100_000;
    });
    for _ in 0..3 {
        life.window().await;
    }
    let proof = life.rollouts.standing(NAME).await.unwrap().facts.armed.unwrap();
    assert!(!proof.ok && proof.text.contains("not watched: `latency_p95` can't fire"), "{proof:?}");
    assert_eq!(life.armings(&house).await, 1);
    life.until_back(2, |life| life.calls(Side::Target, Outcome::Error, 100, 80)).await;
}

/// Over 50 % worse than the baseline (C4, C6).
#[tokio::test]
async fn imports_that_are_half_as_slow_again_go_back_and_slow_tokens_do_not() {
    for (import_ms, token_ms, to) in [(80, 400, "canary-10"), (130, 100, "shadow")] {
        let house = House::new();
        let life = house.life("canary-50").await;
        life.tenants(30).await;
        issued(&life, 400, 100).await;
        let from = life.clock.now();
        let imports = |life: &Life, side, count, ms| {
            for n in 0..count {
                let (tenant, latency) = (format!("t-{}", n % 7), Duration::from_millis(ms));
                let (operation, outcome) = (Operation::Import, Outcome::Ok);
                let sample = Sample { operation, side, tenant: &tenant, outcome, latency, answered: true };
                life.automation.recorder.record(&sample);
            }
        };
        imports(&life, Side::Legacy, 400, 80);
        life.clock.advance(Duration::from_secs(12));
        life.flush.flush().await.unwrap();
        let until = life.clock.now();
        life.flush.windows().record_baseline(NAME, from - 10_000, until, &Who::daemon()).await.unwrap();
        life.back_to("canary-10").await;
        life.clock.advance(Duration::from_secs(70));
        // Into a window of this stage.
        life.flush.flush().await.unwrap();
        issued(&life, 400, token_ms).await;
        imports(&life, Side::Target, 400, import_ms);
        life.window().await;
        assert_eq!(life.stage(), stage(to), "{:?}", life.automation.judged.of(NAME));
        if to == "shadow" {
            assert!(life.newest().await.reason.starts_with("performance"));
        } else {
            let verdict = life.automation.judged.of(NAME).unwrap().verdict;
            assert_eq!(verdict, Verdict::GateFailed, "a gate moves nobody");
        }
    }
}

/// What an older version stored is read, and goes on.
#[tokio::test]
async fn a_judge_of_an_older_version_goes_on() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    (0..500).for_each(|_| life.automation.recorder.compared(Operation::List, true));
    life.calls(Side::Target, Outcome::Ok, 150, 80);
    life.window().await;
    let (at, body) = life.db.rollout_record(NAME, RecordKind::Judge).await.unwrap().unwrap();
    let mut old: Value = serde_json::from_str(&body).unwrap();
    let fields = old.as_object_mut().unwrap();
    for new in ["shadow_since", "since", "measured_since", "last_prometheus", "armed_for"] {
        assert!(fields.remove(new).is_some(), "{new}");
    }
    fields["judge"]["settings"]["performance_effect"] = json!("gate");
    assert!(fields["judge"].as_object_mut().unwrap().remove("untimed_slow").is_some());
    let op = RolloutOp::Record { name: NAME, kind: RecordKind::Judge, at, body: old.to_string() };
    life.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
    life.flush.stop().await.unwrap();
    life.db.close().await;

    let life = house.life("off").await;
    life.judge().await.unwrap();
    assert_eq!((life.compared(), life.reading(Trigger::ErrorRate).sample), (500, 150));
    life.clock.advance(Duration::from_secs(1));
    life.back_to("shadow").await;
    life.judge().await.unwrap();
    assert_eq!(life.compared(), 500);
}
