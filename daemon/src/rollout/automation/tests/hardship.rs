//! A store that takes nothing or says nothing, a clock that jumps, a process that was killed: it is judged all the same.

use cutover_shared::rollout::{BaselineFigures, Criterion};

use super::*;
use crate::rollout::metrics::WindowFigures;
use crate::store::{MetricRow, Source, Wholeness};

const FULL: &str =
    "CREATE TRIGGER full_1 BEFORE INSERT ON rollout_records BEGIN SELECT RAISE(ABORT, 'full'); END;
     CREATE TRIGGER full_2 BEFORE INSERT ON rollout_changes BEGIN SELECT RAISE(ABORT, 'full'); END;
     CREATE TRIGGER full_3 BEFORE INSERT ON rollout_windows BEGIN SELECT RAISE(ABORT, 'full'); END;";

impl Life {
    /// Ends the window as [`Life::window`] does, on a store that may not take it.
    async fn hard_window(&self) {
        self.clock.advance(Duration::from_secs(6));
        let _ = self.flush.flush().await;
        self.clock.advance(Duration::from_secs(4));
        let _ = self.flush.flush().await;
        self.judge().await.unwrap();
    }

    fn decides(&self) -> Stage {
        self.rollouts.router().plan(NAME).unwrap().stage
    }

    fn readings(&self, trigger: Trigger) -> Vec<Reading> {
        let judgement = self.automation.judged.of(NAME).unwrap();
        judgement.readings.into_iter().filter(|one| one.trigger == trigger).collect()
    }

    fn sample(&self, trigger: Trigger) -> u64 {
        self.readings(trigger)[0].sample
    }

    async fn criterion(&self, name: &str) -> Criterion {
        let all = self.rollouts.standing(NAME).await.unwrap().criteria;
        all.into_iter().find(|one| one.name == name).unwrap()
    }

    /// A minute as a Prometheus server tells it once it is over.
    fn prometheus(&self, side: Side, calls: u64, errors: u64, p95_us: u64) {
        let end = self.clock.now();
        let start = end - 60_000;
        let row = MetricRow {
            source: Source::Prometheus,
            calls,
            errors,
            answered: calls,
            p95_us: Some(p95_us),
            complete: Wholeness::Whole,
            ..MetricRow::empty(Operation::List, side, start, 60_000)
        };
        let mut window = WindowFigures::empty(NAME, Source::Prometheus, start, 60_000);
        window.add(&row).unwrap();
        self.flush.outside(window, vec![row]);
    }
}

/// A full disk is when a rollback is wanted most.
#[tokio::test]
async fn a_store_that_takes_nothing_holds_up_no_way_back() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    life.window().await;
    house
        .sql(
            "CREATE TRIGGER full_1 BEFORE INSERT ON rollout_records BEGIN SELECT RAISE(ABORT, 'full'); END;
         CREATE TRIGGER full_2 BEFORE INSERT ON rollout_changes BEGIN SELECT RAISE(ABORT, 'full'); END;",
        )
        .await;
    let decides = || life.rollouts.router().plan(NAME).unwrap().stage;
    for _ in 0..3 {
        life.calls(Side::Target, Outcome::Gross, 12, 80);
        life.judge().await.unwrap();
        assert_eq!((decides(), life.stage()), (Stage::Shadow, stage("canary-50")));
        assert_eq!(life.rollouts.owes(), 1, "once is enough");
    }
    house.sql("DROP TRIGGER full_1; DROP TRIGGER full_2;").await;
    let storing = tokio::spawn(life.rollouts.clone().work());
    for _ in 0..10_000 {
        if life.rollouts.owes() == 0 {
            break;
        }
        life.clock.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    storing.abort();
    assert_eq!((decides(), life.stage()), (Stage::Shadow, Stage::Shadow));
    assert_eq!(life.newest().await.act, "auto-rollback");
}

/// Windows wait in memory, and so does what the judge made of them.
#[tokio::test]
async fn a_third_that_fails_goes_back_on_a_full_disk() {
    let house = House::new();
    let life = house.life("canary-50").await;
    life.tenants(30).await;
    life.baseline().await;
    life.window().await;
    house.sql(FULL).await;
    for windows in 1.. {
        life.calls(Side::Target, Outcome::Ok, 70, 80);
        life.calls(Side::Target, Outcome::Error, 30, 80);
        life.hard_window().await;
        if life.decides() == Stage::Shadow {
            break;
        }
        assert!(windows < 3, "{:?}", life.automation.judged.of(NAME));
    }
    assert!(life.readings(Trigger::ErrorRate)[0].state == ReadingState::Fired);
    house.sql("DROP TRIGGER full_1; DROP TRIGGER full_2; DROP TRIGGER full_3;").await;
    life.hard_window().await;
    let kept = life.db.rollout_record(NAME, RecordKind::Judge).await.unwrap().unwrap().0;
    assert_eq!(kept, life.clock.now(), "it is stored as soon as it is taken");
}

#[tokio::test]
async fn a_store_that_can_not_be_read_stops_no_judging_once_it_was_read() {
    for gross in [true, false] {
        let house = House::new();
        let life = house.life("canary-50").await;
        life.tenants(30).await;
        life.baseline().await;
        life.window().await;
        life.db.close().await;
        for windows in 1.. {
            if gross {
                life.calls(Side::Target, Outcome::Gross, 12, 80);
                life.judge().await.unwrap();
            } else {
                life.calls(Side::Target, Outcome::Ok, 70, 80);
                life.calls(Side::Target, Outcome::Error, 30, 80);
                life.hard_window().await;
            }
            if life.decides() == Stage::Shadow {
                break;
            }
            assert!(windows < 3 && !gross, "{:?}", life.automation.judged.of(NAME));
        }
    }
}

#[tokio::test]
async fn what_the_judge_could_not_store_is_read_out_of_the_windows_after_a_restart() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.window().await;
    house
        .sql("CREATE TRIGGER full BEFORE INSERT ON rollout_records BEGIN SELECT RAISE(ABORT, 'full'); END;")
        .await;
    for _ in 0..3 {
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        life.window().await;
    }
    assert_eq!(life.sample(Trigger::ErrorRate), 300);
    life.flush.stop().await.unwrap();
    life.db.close().await;
    house.sql("DROP TRIGGER full;").await;

    let life = house.life("off").await;
    life.judge().await.unwrap();
    assert_eq!(life.sample(Trigger::ErrorRate), 300);
    life.calls(Side::Target, Outcome::Ok, 100, 80);
    life.window().await;
    assert_eq!(life.sample(Trigger::ErrorRate), 400, "each window once");
}

#[tokio::test]
async fn a_clock_that_jumps_blinds_nobody() {
    const HOUR_MS: i64 = 3_600_000;
    for back in [true, false] {
        let house = House::new();
        let life = house.life("canary-10").await;
        life.tenants(30).await;
        life.baseline().await;
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        life.window().await;
        if back {
            house.clock.jump_wall(house.clock.now() - HOUR_MS);
            life.window().await;
        } else {
            let now = house.clock.now();
            house.clock.jump_wall(now + 24 * HOUR_MS);
            life.calls(Side::Target, Outcome::Ok, 100, 80);
            life.window().await;
            house.clock.jump_wall(now + 10_000);
            life.window().await;
        }
        let before = life.sample(Trigger::ErrorRate);
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        life.window().await;
        assert_eq!(life.sample(Trigger::ErrorRate), before + 100, "{back}");
        life.flush.stop().await.unwrap();
        life.db.close().await;

        let life = house.life("off").await;
        life.until_back(12, |life| {
            life.calls(Side::Target, Outcome::Ok, 70, 80);
            life.calls(Side::Target, Outcome::Error, 30, 80);
        })
        .await;
    }
}

/// The judge was stored while the clock was a day ahead.
#[tokio::test]
async fn a_stored_time_to_come_blinds_no_restart() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    let now = house.clock.now();
    house.clock.jump_wall(now + 24 * 3_600_000);
    life.judge().await.unwrap();
    life.calls(Side::Target, Outcome::Gross, 12, 80);
    life.judge().await.unwrap();
    assert_eq!(life.stage(), Stage::Shadow);
    life.window().await;
    life.flush.stop().await.unwrap();
    life.db.close().await;
    house.clock.jump_wall(now + 60_000);

    let life = house.life("off").await;
    life.judge().await.unwrap();
    let before = life.sample(Trigger::ErrorRate);
    life.window().await;
    life.calls(Side::Target, Outcome::Ok, 100, 80);
    life.window().await;
    assert_eq!(life.sample(Trigger::ErrorRate), before + 100);
}

#[tokio::test]
async fn a_crash_is_a_criterion_that_a_person_may_pass_and_no_verdict() {
    let house = House::new();
    let life = house.life("live").await;
    life.tenants(30).await;
    life.baseline().await;
    life.calls(Side::Target, Outcome::Ok, 400, 80);
    life.window().await;
    assert_eq!(life.criterion("complete").await.state, CriterionState::Holds);
    life.calls(Side::Target, Outcome::Ok, 3, 80);
    life.clock.advance(Duration::from_secs(1));
    life.flush.flush().await.unwrap();
    // Killed here.
    life.db.close().await;
    life.clock.advance(Duration::from_secs(30));

    let life = house.life("off").await;
    for _ in 0..2 {
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        (0..15_000).for_each(|_| life.automation.recorder.compared(Operation::List, true));
        life.window().await;
    }
    let complete = life.criterion("complete").await;
    assert!(complete.state == CriterionState::Fails && complete.may_override, "{complete:?}");
    let verdict = life.criterion("verdict").await;
    assert_eq!(verdict.state, CriterionState::Holds, "{verdict:?}");
    assert_eq!(life.rollouts.standing(NAME).await.unwrap().facts.red, None);
}

#[tokio::test]
async fn a_prometheus_server_is_heard_beside_own_calls() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.until_back(12, |life| {
        life.calls(Side::Target, Outcome::Ok, 100, 80);
        life.prometheus(Side::Target, 400, 120, 80_000);
    })
    .await;
    assert!(life.newest().await.reason.starts_with("error rate"));
}

#[tokio::test]
async fn calls_that_nobody_timed_count_neither_as_fast_nor_as_slow() {
    let house = House::new();
    let life = house.life("canary-10").await;
    life.tenants(30).await;
    life.baseline().await;
    life.clock.advance(Duration::from_secs(120));
    life.prometheus(Side::Target, 2_000, 0, 80_000);
    life.window().await;
    let alone = &life.readings(Trigger::LatencyP95)[0];
    assert_eq!((alone.state, alone.missing), (ReadingState::NotEnoughData, 200));
    assert_eq!(life.sample(Trigger::ErrorRate), 2_000);
    // Own calls are fast, and those elsewhere are not: nobody can say that all is well.
    life.calls(Side::Target, Outcome::Ok, 400, 80);
    life.window().await;
    assert_eq!(life.readings(Trigger::LatencyP95)[0].state, ReadingState::Clear);
    life.prometheus(Side::Target, 2_000, 0, 800_000);
    life.window().await;
    assert_eq!(life.readings(Trigger::LatencyP95)[0].state, ReadingState::NotEnoughData);
    // Slow ones among many that nobody timed are found.
    life.until_back(4, |life| {
        life.calls(Side::Target, Outcome::Ok, 100, 400);
        life.prometheus(Side::Target, 2_000, 0, 80_000);
    })
    .await;
    assert!(life.newest().await.reason.starts_with("latency p95"));
}

/// The legacy arm as a Prometheus server alone knows it, with or without a P95.
#[tokio::test]
async fn a_baseline_that_nobody_timed_here_is_no_limit_and_the_rest_watches() {
    for p95_us in [0, 45_000_000] {
        let house = House::new();
        let life = house.life("canary-10").await;
        life.tenants(30).await;
        let from = life.clock.now();
        life.clock.advance(Duration::from_secs(60));
        life.prometheus(Side::Legacy, 4_000, 0, p95_us);
        life.flush.flush().await.unwrap();
        let to = life.clock.now();
        let baseline = life.flush.windows().record_baseline(NAME, from, to, &Who::daemon()).await.unwrap();
        let BaselineFigures { figures, timed, .. } = &baseline.operations[0];
        assert_eq!((figures.calls, *timed), (4_000, Some(0)));
        for _ in 0..3 {
            life.window().await;
        }
        let proof = life.rollouts.standing(NAME).await.unwrap().facts.armed.unwrap();
        assert!(!proof.ok && proof.text.contains("less than 200 calls"), "{proof:?}");
        life.until_back(2, |life| life.calls(Side::Target, Outcome::Error, 100, 80)).await;
    }
}
