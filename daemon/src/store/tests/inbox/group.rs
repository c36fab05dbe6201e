//! Deliveries of one group commit are written together; nobody may notice.

use futures::future::join_all;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _};

use super::*;

/// All at once, so that they meet in group commits.
async fn at_once(db: &Db, arrivals: &[NewDelivery]) -> Vec<Result<(), WriteError>> {
    let op = |new: &NewDelivery| InboxOp::Receive(Box::new(new.clone()));
    join_all(arrivals.iter().map(|new| write(db, op(new)))).await
}

async fn dead_without_body(db: &Db, guid: &str) {
    ended(db, guid, Dead, 5).await;
    done(db, InboxOp::DropBodies { before: 6 }).await;
}

#[tokio::test]
async fn deliveries_written_together_are_as_if_written_one_by_one() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (alone, together) = (sqlite(&one).await, sqlite(&other).await);
    // Doubles with other bytes, some that were dead, some without a body, some that nothing follows from.
    let arrivals: Vec<_> = (0..150)
        .map(|n| NewDelivery {
            ended_at: (n % 4 == 0).then_some(40),
            ..new(&format!("g{}", n % 97), Some(n % 3), format!("body {n}"))
        })
        .collect();
    for db in [&alone, &together] {
        dead_without_body(db, "g5").await;
        ended(db, "g6", Dead, 7).await;
        ended(db, "g7", Handled, 7).await;
        ended(db, "g8", Ignored, 5).await;
        done(db, InboxOp::DropBodies { before: 6 }).await;
    }
    for arrival in &arrivals {
        done(&alone, InboxOp::Receive(Box::new(arrival.clone()))).await;
    }
    for result in at_once(&together, &arrivals).await {
        result.unwrap();
    }
    for n in 0..97 {
        let guid = format!("g{n}");
        let (left, right) = (get(&alone, &guid).await, get(&together, &guid).await);
        assert_eq!(left, right);
        let bodies = (alone.delivery_body(left.seq).await, together.delivery_body(right.seq).await);
        assert_eq!(bodies.0, bodies.1, "{guid}");
    }
}

#[tokio::test]
async fn one_that_the_store_refuses_takes_no_other_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let path = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let path = path.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
    let mut raw = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    raw.execute(
        "CREATE TRIGGER refuse AFTER INSERT ON deliveries WHEN new.guid = 'bad'
         BEGIN SELECT raise(ABORT, 'refused'); END",
    )
    .await
    .unwrap();
    let mut arrivals: Vec<_> = (0..40).map(|n| new(&format!("g{n}"), None, "{}")).collect();
    arrivals.insert(20, new("bad", None, "{}"));
    let refused: Vec<_> = at_once(&db, &arrivals)
        .await
        .into_iter()
        .enumerate()
        .filter_map(|(at, result)| result.err().map(|error| (at, error.to_string())))
        .collect();
    assert!(matches!(refused.as_slice(), [(20, why)] if why.contains("refused")), "{refused:?}");
    for n in 0..40 {
        assert_eq!(get(&db, &format!("g{n}")).await.state, Waiting);
    }
    assert_eq!(db.delivery("bad").await.unwrap(), None);
}
