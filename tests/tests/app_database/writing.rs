use cutover_daemon::mapping::catalog::app_database::CompareAndSet;

use super::world::{App, held, prisma};

#[tokio::test]
async fn what_holds_something_else_is_left_alone_and_named() {
    let mut app = App::new(prisma(), "TEXT").await;
    for id in ["null", "half", "full"] {
        app.add(id, Some("t"), &["a/b"]).await;
    }
    app.set("half", "NULL", "'pending'").await;
    app.set("full", "5", "''").await;
    let (database, dump) = (app.open(), app.dump().await);
    let to = held(Some(9), Some("mapped"));
    for (id, expected, is) in [
        ("null", held(Some(5), None), held(None, None)),
        ("null", held(None, Some("")), held(None, None)),
        ("half", held(None, None), held(None, Some("pending"))),
        ("half", held(None, Some("Pending")), held(None, Some("pending"))),
        ("full", held(Some(5), None), held(Some(5), Some(""))),
        ("full", held(None, Some("")), held(Some(5), Some(""))),
    ] {
        let answer = database.compare_and_set(&id.into(), &expected, &to).await.unwrap();
        assert_eq!(answer, CompareAndSet::Holds(is), "{id}");
    }
    let nobody = database.compare_and_set(&"nobody".into(), &held(None, None), &to).await.unwrap();
    assert_eq!(nobody, CompareAndSet::Missing);
    assert_eq!(app.dump().await, dump);
    assert!(app.touched().await.is_empty());
}

#[tokio::test]
async fn the_same_write_twice_is_done_and_written_once() {
    let mut app = App::new(prisma(), "BIGINT").await;
    app.add("1", Some("t"), &["a/b"]).await;
    app.add("2", Some("t"), &["a/b"]).await;
    let (database, none, to) = (app.open(), held(None, None), held(Some(9), Some("mapped")));
    for _ in 0..3 {
        assert_eq!(database.compare_and_set(&"1".into(), &none, &to).await.unwrap(), CompareAndSet::Done);
    }
    // Nothing to change: not even the application's triggers hear of it.
    assert_eq!(database.compare_and_set(&"2".into(), &none, &none).await.unwrap(), CompareAndSet::Done);
    assert_eq!(app.touched().await, [("1".to_owned(), 1)].into());
}

#[tokio::test]
async fn of_two_writers_one_wins_and_the_other_is_told_what_is_there() {
    let mut app = App::new(prisma(), "BIGINT").await;
    for id in 0..60 {
        app.add(&id.to_string(), Some("t"), &["a/b"]).await;
    }
    let (one, other) = (app.open(), app.open());
    let none = held(None, None);
    let (left, right) = (held(Some(1), Some("mapped")), held(Some(2), Some("mapped")));
    for id in 0..60 {
        let id = id.to_string().into();
        let (a, b) =
            tokio::join!(one.compare_and_set(&id, &none, &left), other.compare_and_set(&id, &none, &right));
        match (a.unwrap(), b.unwrap()) {
            (CompareAndSet::Done, CompareAndSet::Holds(is)) => assert_eq!(is, left),
            (CompareAndSet::Holds(is), CompareAndSet::Done) => assert_eq!(is, right),
            both => panic!("{both:?}"),
        }
    }
    assert!(app.touched().await.values().all(|n| *n == 1));
    assert_eq!(app.touched().await.len(), 60);
}

#[tokio::test]
async fn a_row_that_the_application_holds_is_waited_for() {
    let mut app = App::new(prisma(), "BIGINT").await;
    app.add("1", Some("t"), &["a/b"]).await;
    let (database, none, to) = (app.open(), held(None, None), held(Some(9), Some("mapped")));
    database.check().await.unwrap();
    app.sql("BEGIN; UPDATE \"Project\" SET title = 'theirs'").await;
    let ours = tokio::spawn(async move { database.compare_and_set(&"1".into(), &none, &to).await });
    // Until it waits for the row.
    while app.texts("SELECT pid::text FROM pg_locks WHERE NOT granted").await.is_empty() {}
    app.sql("UPDATE \"Project\" SET \"githubInstallationId\" = 4; COMMIT").await;
    assert_eq!(ours.await.unwrap().unwrap(), CompareAndSet::Holds(held(Some(4), None)));
    assert_eq!(app.held("1").await, held(Some(4), None));
}
