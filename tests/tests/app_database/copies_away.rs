//! The database goes away and comes back, and processes die in between: nothing that was owed is lost.

use std::future::Future;
use std::time::Duration;

use cutover_daemon::faults::Faults;
use cutover_daemon::store::{IntegrationOp, Learned};
use cutover_tests::services::Postgres;

use super::copies_world::{Ours, TABLES, Theirs, at, bind, both, id, repository};
use super::crash::{dies_at, runtime};

#[tokio::test]
async fn a_change_is_carried_over_when_it_is_committed_and_not_by_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let mut theirs = Theirs::new(both(), TABLES).await;
    theirs.knows(&[7]).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    let work = tokio::spawn(ours.mirror.clone().work());
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    until(&mut theirs, r#"7: acme ["acme/api"]"#).await;
    let rows = vec![repository(7, "acme", "new")];
    ours.learn(Learned::Granted { installation: 7, rows, version: at(20) }).await;
    until(&mut theirs, r#"7: acme ["acme/api", "acme/new"]"#).await;
    ours.integration(bind(1, "u", 7)).await;
    while theirs.tokens().await != ["u 7 true"] {}
    ours.integration(IntegrationOp::Revoke { id: id(1), user: "u".into(), at: 9 }).await;
    while theirs.tokens().await != ["u 7 false"] {}
    assert_eq!(ours.clock.now(), 1_700_000_000_000, "no time has passed");
    work.abort();
}

async fn until(theirs: &mut Theirs, list: &str) {
    while theirs.lists().await != [list] {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_it_is_said_and_afterwards_all_is_there() {
    let postgres = Postgres::start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut theirs = Theirs::on(&postgres, both(), TABLES).await;
    theirs.knows(&[7]).await;
    let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
    let work = tokio::spawn(ours.mirror.clone().work());
    ours.sweep(10, &[(7, "acme", &["api"])]).await;
    until(&mut theirs, r#"7: acme ["acme/api"]"#).await;
    postgres.crash().await.unwrap();
    let rows = vec![repository(7, "acme", "new")];
    ours.learn(Learned::Granted { installation: 7, rows, version: at(20) }).await;
    ours.integration(bind(1, "u", 7)).await;
    let clock = ours.clock.clone();
    let step = || async {
        clock.advance(Duration::from_secs(31));
        tokio::task::yield_now().await;
    };
    wait(
        || async { ours.mirror.trouble().is_some_and(|trouble| trouble.why.contains("does not answer")) },
        step,
    )
    .await;
    let trouble = ours.mirror.trouble().unwrap();
    assert!(!trouble.why.contains(cutover_tests::services::PASSWORD), "{trouble:?}");
    assert!(ours.mirror.check().await.is_err());
    postgres.start_again().await.unwrap();
    wait(|| async { ours.mirror.trouble().is_none() }, step).await;
    theirs.reconnect().await;
    while theirs.lists().await != [r#"7: acme ["acme/api", "acme/new"]"#]
        || theirs.tokens().await != ["u 7 true"]
    {}
    ours.mirror.check().await.unwrap();
    work.abort();
}

async fn wait<A: Future<Output = bool>, B: Future<Output = ()>>(done: impl Fn() -> A, step: impl Fn() -> B) {
    while !done().await {
        step().await;
    }
}

/// Dies at the point, then starts again; `carried`: the application's database has it already.
fn killed(point: &'static str, nth: usize, carried: bool) {
    let dir = tempfile::tempdir().unwrap();
    let outside = runtime();
    let mut theirs = outside.block_on(Theirs::new(both(), TABLES));
    outside.block_on(theirs.knows(&[7]));
    let expected = [r#"7: acme ["acme/api", "acme/new"]"#];
    let first = runtime();
    first.block_on(async {
        let (faults, dead) = dies_at(point, nth);
        let ours = Ours::new(dir.path(), theirs.open(), faults).await;
        let work = async {
            ours.sweep(10, &[(7, "acme", &["api"])]).await;
            ours.pay().await;
            let rows = vec![repository(7, "acme", "new")];
            ours.learn(Learned::Granted { installation: 7, rows, version: at(20) }).await;
            ours.integration(bind(1, "u", 7)).await;
            ours.pay().await;
            panic!("{point} #{nth} was not reached");
        };
        tokio::select! {
            () = dead.notified() => {}
            () = work => {}
        }
    });
    first.shutdown_background();
    outside.block_on(async {
        assert_eq!(theirs.lists().await == expected, carried, "{point} #{nth}");
        let touched = theirs.touched().await;
        let ours = Ours::new(dir.path(), theirs.open(), Faults::none()).await;
        ours.pay().await;
        assert_eq!(theirs.lists().await, expected);
        assert_eq!(theirs.tokens().await, ["u 7 true"]);
        let lists = usize::from(!carried);
        assert_eq!(theirs.touched().await - touched, lists + 1, "nothing twice");
    });
}

#[test]
fn a_crash_between_our_commit_and_theirs_loses_nothing() {
    // The first is the sweep, the second the event.
    killed("mirror.taken", 2, false);
}

#[test]
fn a_crash_between_their_commit_and_ours_writes_nothing_twice() {
    // The first is the comparison at the start, the second the sweep, the third the event.
    killed("mirror.put", 3, true);
}
