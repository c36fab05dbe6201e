//! What is asked all the time goes by an index, also when a million wait.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _};

use super::super::filled::{filled, plan};
use super::*;

/// 20,000 that wait in 100 queues.
const FILL: &str = "INSERT INTO deliveries (guid, event, installation, received_at, digest, bytes, state)
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
     SELECT i, 'push', 7 + i % 100, 1000 - i % 100, '', 0, 'waiting' FROM n";

#[tokio::test]
async fn heads_are_found_queue_by_queue_without_a_scan_of_what_waits() {
    let (_dir, db, mut connection) = filled(FILL).await;
    let found = db.queue_heads(None, 1_000).await.unwrap();
    let expected: Vec<QueueHead> =
        (0..100).map(|n| QueueHead { queue: 7 + n, seq: 1 + n, due_at: 0 }).collect();
    assert_eq!(found, expected);
    assert_eq!(db.queue_heads(Some(53), 5).await.unwrap(), &expected[47..52]);
    assert_eq!(db.queue_heads(Some(106), 5).await.unwrap(), []);
    assert_eq!(db.queue_heads(None, 0).await.unwrap(), []);

    let plan = plan(&mut connection, heads("deliveries").as_str()).await;
    let touching: Vec<&String> = plan.iter().filter(|step| !step.starts_with("SCAN head")).collect();
    assert!(!touching.iter().any(|step| step.starts_with("SCAN")), "{plan:#?}");
    let probes = touching.iter().filter(|step| step.contains("deliveries_waiting (queue>?)")).count();
    assert_eq!(probes, 2, "one for the first queue, one for each next: {plan:#?}");
    connection.close().await.unwrap();
    db.close().await;
}

/// A plan can look right and still read everything: with a budget of steps too small for a scan it must come through.
#[tokio::test]
async fn heads_take_steps_by_queue_and_not_by_row() {
    let (_dir, db, mut connection) = filled(FILL).await;
    let mut handle = connection.lock_handle().await.unwrap();
    let steps = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counter = steps.clone();
    handle.set_progress_handler(1, move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        true
    });
    drop(handle);
    let taken = async |sql: &str, connection: &mut SqliteConnection| {
        let before = steps.load(std::sync::atomic::Ordering::Relaxed);
        query(AssertSqlSafe(sql)).bind(i64::MIN).bind(1_000).fetch_all(connection).await.unwrap();
        steps.load(std::sync::atomic::Ordering::Relaxed) - before
    };
    let by_queue = taken(heads("deliveries").as_str(), &mut connection).await;
    assert!(by_queue < 100 * 60, "{by_queue} steps for 100 queues");
    let scan = "SELECT queue, min(seq), due_at FROM deliveries WHERE state = 'waiting' AND queue > $1
                 GROUP BY queue ORDER BY queue LIMIT $2";
    let by_row = taken(scan, &mut connection).await;
    assert!(by_row > 20_000, "{by_row} steps: nothing is counted");
    connection.close().await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn queues_and_counts_go_by_their_indexes() {
    let (_dir, db, mut connection) = filled(FILL).await;
    let queue = plan(&mut connection, QUEUE).await;
    assert_eq!(queue, ["SEARCH deliveries USING INDEX deliveries_waiting (queue=?)"]);
    let seqs: Vec<i64> = db.queue(9, 3).await.unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(seqs, [3, 103, 203]);

    let counts = plan(&mut connection, COUNTS).await;
    let touching: Vec<&String> = counts.iter().filter(|step| step.contains("deliveries")).collect();
    assert!(touching.len() == 3 && touching.iter().all(|step| step.contains("INDEX")), "{counts:#?}");
    let expected = InboxCounts { waiting: 20_000, dead: 0, oldest: Some(901) };
    assert_eq!(db.inbox_counts().await.unwrap(), expected);
    connection.close().await.unwrap();
    db.close().await;
}
