use super::*;
use crate::faults::Faults;
use crate::store::{Lane, RolloutMetricOp, Unit, open};

const NAME: RolloutName = RolloutName::GitSandbox;

/// Two rows a window, so that a page ends in the middle of one.
#[tokio::test]
async fn no_window_is_cut_at_the_end_of_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let mut rows = Vec::new();
    for n in 0..1_500_i64 {
        for (operation, side) in [
            (Operation::Clone, Side::Legacy),
            (Operation::Clone, Side::Target),
            (Operation::Pull, Side::Legacy),
        ] {
            let row = MetricRow::empty(operation, side, n * 5_000, 5_000);
            rows.push(MetricRow { calls: 1, complete: Wholeness::Whole, ..row });
        }
    }
    for rows in rows.chunks(250) {
        let op = RolloutMetricOp::Windows { rows: rows.to_vec() };
        db.write(Lane::Run, Unit::new().with(op)).await.unwrap();
    }
    let windows = Windows::new(db, Clock::manual(1_400 * 5_000));
    let closed = windows.closed(NAME, 0, usize::MAX).await.unwrap();
    assert_eq!(closed.len(), 1_400, "those that are not over are left out");
    assert!(closed.iter().all(|window| window.sides[0].calls == 2 && window.operations.len() == 2));
    assert_eq!(windows.closed(NAME, 5_000, 3).await.unwrap().len(), 3);
    let sums = windows.sums(NAME, 5_000).await.unwrap();
    assert_eq!(sums[&Operation::Clone].sides.each_ref().map(|side| side.calls), [1_499, 1_499]);
}

#[tokio::test]
async fn bytes_that_are_no_histogram_are_an_error_and_no_figure() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let mut row = MetricRow::empty(Operation::Clone, Side::Legacy, 0, 5_000);
    row.histogram = vec![9, 9];
    db.write(Lane::Run, Unit::new().with(RolloutMetricOp::Windows { rows: vec![row] })).await.unwrap();
    let windows = Windows::new(db, Clock::manual(100_000));
    assert!(matches!(windows.closed(NAME, 0, 1).await, Err(ReadError::Corrupt { .. })));
}

/// The time is over and its last flush has not come: what is there is not all of it.
#[tokio::test]
async fn a_window_whose_last_flush_has_not_come_is_not_over() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let windows = Windows::new(db.clone(), Clock::manual(100_000));
    for (complete, closed) in [(Wholeness::Open, 0), (Wholeness::Whole, 1)] {
        let row = MetricRow::empty(Operation::Clone, Side::Legacy, 0, 5_000);
        let rows = vec![MetricRow { calls: 1, complete, ..row }];
        db.write(Lane::Run, Unit::new().with(RolloutMetricOp::Windows { rows })).await.unwrap();
        assert_eq!(windows.closed(NAME, 0, 9).await.unwrap().len(), closed, "{complete:?}");
    }
}

/// What was kept in memory while the clock was ahead must not stand until that time has come.
#[tokio::test]
async fn a_clock_that_was_ahead_hides_no_figures() {
    const HOUR_MS: i64 = 3_600_000;
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let (name, clock) = (RolloutName::GithubAuth, Clock::manual(50 * HOUR_MS));
    let windows = Windows::new(db.clone(), clock.clone());
    clock.jump_wall(60 * HOUR_MS);
    assert!(windows.sums(name, HOUR_MS).await.unwrap().is_empty());
    let empty = windows.measured(name, HOUR_MS).await.unwrap();
    assert!(empty.iter().all(|one| one.sample == 0));
    clock.jump_wall(50 * HOUR_MS);
    let row = MetricRow::empty(Operation::Import, Side::Target, clock.now(), 5_000);
    let rows = vec![MetricRow { calls: 3, complete: Wholeness::Whole, ..row }];
    db.write(Lane::Run, Unit::new().with(RolloutMetricOp::Windows { rows })).await.unwrap();
    clock.advance(std::time::Duration::from_secs(600));
    assert_eq!(windows.sums(name, HOUR_MS).await.unwrap()[&Operation::Import].sides[1].calls, 3);
    let measured = windows.measured(name, HOUR_MS).await.unwrap();
    assert!(measured.iter().any(|one| one.sample == 3), "{measured:?}");
}
