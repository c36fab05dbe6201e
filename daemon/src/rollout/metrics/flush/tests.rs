use std::sync::atomic::{AtomicBool, Ordering};

use cutover_shared::rollout::{Operation, Side, Stage};

use super::*;
use crate::audit::Who;
use crate::faults::Faults;
use crate::rollout::metrics::baseline::BaselineError;
use crate::rollout::metrics::{GrossRun, Outcome, Sample};
use crate::rollout::state::State;
use crate::store::{RecordKind, Wholeness, open};

const START: i64 = 1_750_000_000_000;
const NAME: RolloutName = RolloutName::GithubAuth;

struct World {
    db: Db,
    clock: Clock,
    flush: Flush,
    dir: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open(&url(&dir), Faults::none()).await.unwrap();
        let clock = Clock::manual(START);
        let flush = flush(&db, &clock, &[]);
        flush.begin().await.unwrap();
        Self { db, clock, flush, dir }
    }

    fn record(&self, operation: Operation, side: Side, outcome: Outcome, ms: u64) {
        let latency = Duration::from_millis(ms);
        let sample = Sample { operation, side, tenant: "acme", outcome, latency, answered: true };
        self.flush.recorder().record(&sample);
    }

    fn good(&self, calls: usize) {
        (0..calls).for_each(|_| self.record(Operation::Import, Side::Legacy, Outcome::Ok, 80));
    }

    async fn pass(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.flush.flush().await.unwrap();
    }

    async fn rows(&self) -> Vec<MetricRow> {
        self.db.rollout_windows(NAME, 0, i64::MAX, 1_000).await.unwrap()
    }

    async fn sql(&self, statement: &'static str) {
        let pool = sqlx::SqlitePool::connect(&url(&self.dir)).await.unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

fn url(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}/cutover.db", dir.path().display())
}

fn flush(db: &Db, clock: &Clock, moments: &[Millis]) -> Flush {
    let windows = Windows::new(db.clone(), clock.clone());
    let moments = moments.to_vec();
    let moments: Moments = Arc::new(move |_| moments.clone());
    Flush::new(db.clone(), clock.clone(), Recorder::new(), windows, Metrics::new(), moments)
}

#[tokio::test]
async fn a_window_is_stored_each_second_and_told_when_it_is_over() {
    let world = World::new().await;
    let mut told = world.flush.windows().told(NAME);
    world.good(3);
    world.record(Operation::Import, Side::Target, Outcome::Error, 1_000);
    world.pass(1_000).await;
    let rows = world.rows().await;
    let of = |row: &MetricRow| (row.side, row.calls, row.errors, row.complete);
    let open = Wholeness::Open;
    let all: Vec<_> = rows.iter().map(of).collect();
    assert_eq!(all, [(Side::Legacy, 3, 0, open), (Side::Target, 1, 1, open)]);
    assert!(!told.has_changed().unwrap(), "it is not over");
    world.record(Operation::List, Side::Target, Outcome::Gross, 2_000);
    let compared = RolloutMetricOp::Compared {
        operation: Operation::List,
        at: START + 1,
        window_ms: WINDOW_MS,
        compared: 1,
        mismatched: 1,
    };
    world.db.write(Lane::Handler, Unit::new().with(compared)).await.unwrap();
    world.flush.recorder().compared(Operation::List, true);
    world.pass(4_000).await;
    let window = told.borrow_and_update().clone().unwrap();
    assert_eq!((window.start_at, window.length_ms, window.complete), (START, 5_000, true));
    let target = window.side(Side::Target);
    assert_eq!((window.side(Side::Legacy).calls, target.calls, target.errors, target.gross), (3, 2, 2, 1));
    assert_eq!((target.histogram.count_above(1_500_000), window.compared, window.mismatched), (1, 2, 1));
    assert!(window.side(Side::Legacy).histogram.quantile(950).unwrap().abs_diff(80_000) <= 800);
    assert_eq!(world.flush.windows().closed(NAME, START, 10).await.unwrap(), [(*window).clone()]);
    let tenants = world.db.rollout_tenants(NAME, 0, 10).await.unwrap();
    assert_eq!(tenants.iter().map(|day| day.calls).sum::<u64>(), 5);
    assert_eq!((tenants[0].day, tenants[0].tenant.as_str()), (START / 86_400_000, "acme"));
    world.pass(5_000).await;
    let empty = told.borrow_and_update().clone().unwrap();
    assert_eq!((empty.start_at, empty.side(Side::Target).calls, empty.complete), (START + 5_000, 0, true));
}

/// The promise, through the store: each call is in it once, while windows turn under those who record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_in_the_store_once_whatever_turns_meanwhile() {
    const CALLS: usize = 20_000;
    let world = World::new().await;
    let done = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let recorder = world.flush.recorder().clone();
            std::thread::spawn(move || {
                for call in 0..CALLS {
                    let outcome = if call % 10 == 0 { Outcome::Error } else { Outcome::Ok };
                    let (operation, tenant) = (Operation::Import, ["a", "b", "c"][(call + thread) % 3]);
                    let latency = Duration::from_micros(call as u64);
                    recorder.record(&Sample {
                        operation,
                        side: Side::Target,
                        tenant,
                        outcome,
                        latency,
                        answered: false,
                    });
                }
            })
        })
        .collect();
    let watcher = std::thread::spawn({
        let done = done.clone();
        move || {
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            done.store(true, Ordering::SeqCst);
        }
    });
    while !done.load(Ordering::SeqCst) {
        world.pass(700).await;
    }
    watcher.join().unwrap();
    world.flush.stop().await.unwrap();
    let rows = world.rows().await;
    let all = 3 * CALLS as u64;
    assert_eq!(rows.iter().map(|row| row.calls).sum::<u64>(), all);
    assert_eq!(rows.iter().map(|row| row.errors).sum::<u64>(), all / 10);
    assert!(rows.iter().all(|row| row.complete == Wholeness::Whole && row.answered == 0));
    let tenants = world.db.rollout_tenants(NAME, 0, 10).await.unwrap();
    assert_eq!((tenants.len(), tenants.iter().map(|day| day.calls).sum::<u64>()), (3, all));
}

#[tokio::test]
async fn a_crash_makes_its_windows_incomplete_and_a_stop_does_not() {
    let world = World::new().await;
    world.good(2);
    world.pass(1_000).await;
    // Killed here: what was counted since is lost, and the window says so.
    world.good(1);
    world.clock.advance(Duration::from_secs(20));
    let second = flush(&world.db, &world.clock, &[]);
    second.begin().await.unwrap();
    let windows = second.windows().closed(NAME, START, 10).await.unwrap();
    let of: Vec<_> =
        windows.iter().map(|window| (window.start_at, window.length_ms, window.complete)).collect();
    assert_eq!(of, [(START, 21_000, false)], "from the last flush to the start");
    assert_eq!(windows[0].side(Side::Legacy).calls, 2);
    let other = second.windows().closed(RolloutName::GitSandbox, START, 10).await.unwrap();
    assert_eq!(other.len(), 1, "nobody knows which rollout lost calls");
    second.stop().await.unwrap();
    world.clock.advance(Duration::from_secs(20));
    let third = flush(&world.db, &world.clock, &[]);
    third.begin().await.unwrap();
    assert_eq!(third.windows().closed(NAME, START, 10).await.unwrap().len(), 1, "a stop loses nothing");
}

#[tokio::test]
async fn what_the_store_does_not_take_is_kept_and_told_all_the_same() {
    let world = World::new().await;
    let told = world.flush.windows().told(NAME);
    world
        .sql("ALTER TABLE rollout_windows RENAME TO elsewhere; ALTER TABLE rollout_tenants RENAME TO other;")
        .await;
    for _ in 0..3 {
        world.good(4);
        world.clock.advance(Duration::from_secs(5));
        world.flush.flush().await.unwrap_err();
    }
    let window = told.borrow().clone().unwrap();
    assert_eq!(window.side(Side::Legacy).calls, 4);
    assert!(!window.complete, "nobody knows what was compared");
    let standing = world.flush.standing();
    assert_eq!((standing.waiting, standing.dropped, standing.trouble.is_some()), (3, 0, true));
    world
        .sql("ALTER TABLE elsewhere RENAME TO rollout_windows; ALTER TABLE other RENAME TO rollout_tenants;")
        .await;
    world.flush.flush().await.unwrap();
    world.flush.flush().await.unwrap();
    let rows = world.rows().await;
    assert_eq!(rows.iter().map(|row| row.calls).collect::<Vec<_>>(), [4, 4, 4]);
    assert_eq!(world.db.rollout_tenants(NAME, 0, 9).await.unwrap()[0].calls, 12);
    assert_eq!(world.flush.standing(), FlushStanding { waiting: 0, dropped: 0, trouble: None });
}

#[tokio::test]
async fn tenants_that_the_store_does_not_take_are_kept() {
    let world = World::new().await;
    world.sql("ALTER TABLE rollout_tenants RENAME TO other;").await;
    for _ in 0..2 {
        world.good(4);
        world.clock.advance(Duration::from_secs(5));
        world.flush.flush().await.unwrap_err();
    }
    assert_eq!(world.rows().await.iter().map(|row| row.calls).collect::<Vec<_>>(), [4, 4]);
    world.sql("ALTER TABLE other RENAME TO rollout_tenants;").await;
    world.flush.flush().await.unwrap();
    assert_eq!(world.db.rollout_tenants(NAME, 0, 9).await.unwrap()[0].calls, 8);
}

#[tokio::test]
async fn what_is_counted_while_its_window_is_being_stored_is_stored_with_it() {
    let world = World::new().await;
    world.good(3);
    world.flush.tick(false).await;
    let under_way = world.flush.held().due(WINDOW_ROWS);
    world.good(2);
    world.flush.tick(false).await;
    let rows = under_way.iter().map(|due| due.row.clone()).collect();
    world.db.write(Lane::Handler, Unit::new().with(RolloutMetricOp::Windows { rows })).await.unwrap();
    world.flush.held().stored(&under_way, world.clock.now());
    world.flush.flush().await.unwrap();
    assert_eq!(world.rows().await.iter().map(|row| row.calls).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn what_is_counted_after_the_last_flush_replaces_nothing() {
    let world = World::new().await;
    world.good(3);
    world.flush.stop().await.unwrap();
    world.good(2);
    world.flush.stop().await.unwrap();
    assert_eq!(world.rows().await.iter().map(|row| row.calls).sum::<u64>(), 5);
}

#[tokio::test]
async fn what_had_to_be_given_up_is_said() {
    let world = World::new().await;
    let rows = (0..5_000).map(|n| MetricRow {
        complete: Wholeness::Whole,
        ..MetricRow::empty(Operation::Import, Side::Legacy, START - 50_000_000 + n * 5_000, 5_000)
    });
    world.flush.held().add_outside(rows.collect());
    world.flush.flush().await.unwrap();
    let rows = world.db.rollout_windows(NAME, 0, i64::MAX, 10_000).await.unwrap();
    let lost: Vec<_> = rows.iter().filter(|row| row.complete == Wholeness::Incomplete).collect();
    assert_eq!((rows.len(), lost.len()), (4_096, 1));
    assert_eq!((lost[0].start_at, lost[0].length_ms), (START - 50_000_000, 905 * 5_000));
    assert_eq!(world.flush.standing().dropped, 905);
}

#[tokio::test]
async fn a_clock_that_goes_back_replaces_nothing() {
    let world = World::new().await;
    world.good(5);
    world.pass(5_000).await;
    world.clock.jump_wall(START + 1_000);
    world.good(2);
    world.flush.flush().await.unwrap();
    world.pass(5_000).await;
    assert_eq!(world.rows().await.iter().map(|row| row.calls).sum::<u64>(), 7);
}

#[tokio::test]
async fn figures_are_sums_since_the_stage_began_with_the_last_windows() {
    let world = World::new().await;
    world.good(7);
    world.pass(10_000).await;
    let mut state = State::begin(NAME, Stage::Off, START + 10_000);
    state.moved(Stage::Shadow, None, START + 10_000);
    for n in 1..=40 {
        world.good(2);
        world.record(Operation::List, Side::Target, Outcome::Error, n);
        world.flush.recorder().compared(Operation::List, n % 2 == 0);
        world.flush.recorder().shed(Operation::List);
        world.flush.recorder().over_budget(Operation::List);
        world.flush.recorder().over_budget(Operation::List);
        world.pass(5_000).await;
    }
    for _ in 0..2 {
        let figures = world.flush.windows().figures(NAME, &state).await.unwrap();
        assert_eq!(
            figures.iter().map(|of| of.operation).collect::<Vec<_>>(),
            [None, Some(Operation::Import), Some(Operation::List)]
        );
        let (all, list) = (&figures[0], &figures[2]);
        assert_eq!(
            (all.legacy.calls, all.target.calls, all.target.errors),
            (80, 40, 40),
            "not those before the stage"
        );
        assert_eq!((list.compared, list.mismatched, list.shed, list.legacy.calls), (40, 20, 40, 0));
        assert_eq!((all.over_budget, list.over_budget), (80, 80), "apart from what was shed");
        assert_eq!((list.legacy.p95_us, list.target.spark_errors.len()), (None, 30));
        assert_eq!(list.target.spark_errors.iter().sum::<u64>(), 30, "{:?}", list.target.spark_errors);
        assert!(list.target.spark_p95_us.is_sorted() && list.target.spark_p95_us[29] > 39_000);
    }
    let late = MetricRow {
        calls: 5,
        complete: Wholeness::Whole,
        ..MetricRow::empty(Operation::List, Side::Target, START + 10_000, 5_000)
    };
    world.flush.held().add_outside(vec![late]);
    world.flush.flush().await.unwrap();
    let figures = world.flush.windows().figures(NAME, &state).await.unwrap();
    assert_eq!(
        figures[2].target.calls,
        45 - 1,
        "what comes late is counted; it replaced that window's one call"
    );
}

#[tokio::test]
async fn old_windows_become_hours_except_where_something_began() {
    const HOUR: i64 = 3_600_000;
    let world = World::new().await;
    let first = floor(START, HOUR) - 40 * HOUR;
    let mut rows = Vec::new();
    for (hour, minute) in (0..20).flat_map(|hour| (0..60).map(move |minute| (hour, minute))) {
        let at = first + hour * HOUR + minute * 60_000;
        let complete = if hour == 3 && minute == 7 { Wholeness::Incomplete } else { Wholeness::Whole };
        rows.push(MetricRow {
            calls: 1,
            complete,
            ..MetricRow::empty(Operation::Import, Side::Legacy, at, 5_000)
        });
    }
    for rows in rows.chunks(200) {
        let op = RolloutMetricOp::Windows { rows: rows.to_vec() };
        world.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
    }
    let flush = flush(&world.db, &world.clock, &[first + 5 * HOUR + 60_000]);
    let task = tokio::spawn(flush.clone().work());
    let mut hours = Vec::new();
    for _ in 0..2_000 {
        world.clock.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
        hours = world.db.rollout_windows(NAME, 0, first + 14 * HOUR, 10_000).await.unwrap();
        if hours.len() == 13 + 60 {
            break;
        }
    }
    task.abort();
    assert_eq!(hours.iter().map(|row| row.calls).sum::<u64>(), 14 * 60, "no call is lost");
    let (merged, fine): (Vec<_>, Vec<_>) = hours.into_iter().partition(|row| row.length_ms == HOUR);
    assert_eq!((merged.len(), fine.len()), (13, 60));
    assert!(fine.iter().all(|row| floor(row.start_at, HOUR) == first + 5 * HOUR));
    let incomplete: Vec<_> = merged.iter().filter(|row| row.complete == Wholeness::Incomplete).collect();
    assert_eq!((incomplete.len(), incomplete[0].start_at, incomplete[0].calls), (1, first + 3 * HOUR, 60));
}

#[tokio::test]
async fn a_baseline_is_what_the_legacy_arm_did_and_none_without_calls() {
    let world = World::new().await;
    let windows = world.flush.windows();
    let refused = windows.record_baseline(NAME, START - 1, START, &Who::daemon()).await;
    assert!(matches!(refused, Err(BaselineError::NoCalls)));
    assert!(matches!(
        windows.record_baseline(NAME, START, START, &Who::daemon()).await,
        Err(BaselineError::Span)
    ));
    world.good(98);
    world.record(Operation::Import, Side::Legacy, Outcome::Error, 500);
    world.record(Operation::List, Side::Legacy, Outcome::Gross, 500);
    world.record(Operation::List, Side::Target, Outcome::Gross, 9_000);
    world.pass(5_000).await;
    let baseline = windows.record_baseline(NAME, START, START + 5_000, &Who::daemon()).await.unwrap();
    assert_eq!(baseline.operations[0].operation, None);
    let all = &baseline.operations[0].figures;
    assert_eq!((all.calls, all.errors), (100, 2));
    assert!(all.p50_us.unwrap().abs_diff(80_000) <= 800 && all.p99_us.unwrap().abs_diff(500_000) <= 5_000);
    assert_eq!(baseline.operations.len(), 3);
    let (at, body) = world.db.rollout_record(NAME, RecordKind::Baseline).await.unwrap().unwrap();
    assert_eq!(at, START + 5_000);
    assert_eq!(serde_json::from_str::<cutover_shared::rollout::Baseline>(&body).unwrap(), baseline);
    let audit = world.db.audit_newest(None, 1).await.unwrap();
    assert!(audit[0].bytes.contains("rollout.baseline"));
}

#[tokio::test]
async fn a_tenth_gross_failure_is_told_before_any_flush() {
    let world = World::new().await;
    let told = world.flush.recorder().gross_runs(NAME);
    (0..10).for_each(|_| world.record(Operation::List, Side::Target, Outcome::Gross, 1));
    assert_eq!(*told.borrow(), GrossRun { calls: 10, tenants: 1 });
    world.flush.recorder().forget_runs(NAME);
    assert_eq!(*told.borrow(), GrossRun::default());
}
