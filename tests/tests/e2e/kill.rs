//! Promise 7: the kill takes effect at once, needs neither database nor GitHub, and outlives whatever comes.

use std::path::Path;

use cutover_shared::audit::AuditView;
use cutover_shared::error::ErrorCode;
use cutover_shared::ids::ActKey;
use cutover_shared::mapping::Mode;
use cutover_shared::paths::kill_marker;
use cutover_shared::rpc::{Act, KillReceipt, Receipt};
use cutover_shared::run::{RunAct, RunState, RunView};
use cutover_tests::harness::Ended;
use cutover_tui::conn::Conn;
use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::stage::{Stage, audit, mode, plan, set_going, until_audited, until_moving, until_state};

pub async fn pull(conn: &Conn, reason: &str) -> KillReceipt {
    match conn.act(ActKey::fresh(), Act::Kill { reason: reason.to_owned(), rollout: None }).await.unwrap() {
        Receipt::Kill(receipt) => receipt,
        other => panic!("another receipt: {other:?}"),
    }
}

/// A run that has begun and has seconds to go.
async fn moving(stage: &Stage) -> RunView {
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, Some(20)).await;
    until_moving(&conn, &run.id).await
}

async fn kills(conn: &Conn) -> Vec<AuditView> {
    audit(conn).await.into_iter().filter(|record| record.act == "kill").collect()
}

async fn refused(conn: &Conn, run: &RunView) {
    let resume = Act::Run(RunAct::Resume { id: run.id.clone(), rate: None });
    let error = conn.act(ActKey::fresh(), resume).await.unwrap_err();
    assert_eq!((error.code, error.code.exit()), (ErrorCode::Killed, 3), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_stops_a_moving_run_and_holds_through_a_crash_until_a_mode_is_set() {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    let run = moving(&stage).await;
    let conn = stage.connect().await;
    let receipt = pull(&conn, "smoke").await;
    assert!(receipt.marker && receipt.stored && receipt.owed.is_empty(), "{receipt:?}");
    assert_eq!(receipt.paused, std::slice::from_ref(&run.id));
    let paused = until_state(&conn, &run.id, RunState::Paused).await;
    assert!(paused.progress.counts.pending > 0, "it stood before its end");
    let view = mode(&conn).await;
    assert!(view.killed && view.mode == Mode::Off, "{view:?}");
    assert_eq!(kills(&conn).await.len(), 1, "one kill is one record");
    assert!(!kill_marker(&stage.home.state()).exists(), "stored, so that the marker has done its work");
    refused(&conn, &run).await;
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));

    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let view = mode(&conn).await;
    assert!(view.killed && view.mode == Mode::Off, "{view:?}");
    refused(&conn, &run).await;
    let said = stage.say(&[3], &["run", "resume", run.id.as_str()]).await;
    assert!(said.stderr.contains("cutover mode set"), "{}", said.stderr);
    stage.say(&[0], &["mode", "set", "canary"]).await;
    assert!(!mode(&conn).await.killed);
    stage.say(&[0], &["run", "resume", run.id.as_str(), "--rate", "1000"]).await;
    assert_eq!(kills(&conn).await.len(), 1);
    stage.say(&[0], &["audit", "verify"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_kill_is_obeyed_by_a_running_daemon() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let run = moving(&stage).await;
    stage.say(&[0], &["kill", "--local", "--reason", "no socket"]).await;
    let conn = stage.connect().await;
    let records = until_audited(&conn, "kill").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].origin, "cli --local");
    assert!(records[0].actor.contains(&nix::unistd::getuid().to_string()), "{}", records[0].actor);
    assert_eq!(records[0].detail["reason"], "no socket");
    until_state(&conn, &run.id, RunState::Paused).await;
    assert!(mode(&conn).await.killed);
    refused(&conn, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_kill_of_a_dead_daemon_is_in_force_before_the_next_one_serves() {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    let run = moving(&stage).await;
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    let said = stage.say(&[0], &["kill", "--local", "--reason", "before the start", "--json"]).await;
    assert!(said.stdout.contains("\"already\": false") || said.stdout.contains("\"already\":false"));
    let marker = kill_marker(&stage.home.state());
    assert!(marker.exists());

    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    assert!(mode(&conn).await.killed);
    let records = kills(&conn).await;
    assert_eq!(records.len(), 1, "the marker is replayed once");
    assert!(records[0].actor.contains(&nix::unistd::getuid().to_string()), "{}", records[0].actor);
    assert_eq!(
        (records[0].origin.as_str(), &records[0].detail["reason"]),
        ("cli --local", &"before the start".into())
    );
    assert!(!marker.exists());
    let paused = until_state(&conn, &run.id, RunState::Paused).await;
    assert!(paused.progress.counts.pending > 0);
    refused(&conn, &run).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_marker_kills_all_the_same() {
    let stage = Stage::of(20, None, "").await;
    stage.daemon().await.stop().await.unwrap();
    std::fs::write(kill_marker(&stage.home.state()), b"\xff\x00 not json").unwrap();
    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    assert!(mode(&conn).await.killed);
    assert_eq!(kills(&conn).await.len(), 1);
}

/// Holds the one writer's lock of the store, so that no commit of the daemon can begin.
pub async fn lock_store(state: &Path) -> SqliteConnection {
    let url = format!("sqlite:{}", state.join("cutover.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute("BEGIN IMMEDIATE").await.unwrap();
    connection
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_store_takes_nothing_holds_by_its_marker_and_is_stored_later() {
    let stage = Stage::new().await;
    let _daemon = stage.daemon().await;
    let run = moving(&stage).await;
    let conn = stage.connect().await;
    let lock = lock_store(&stage.home.state()).await;
    let receipt = pull(&conn, "store is stuck").await;
    assert!(receipt.marker && !receipt.stored, "{receipt:?}");
    assert!(receipt.owed.contains("marker"), "{receipt:?}");
    assert!(kill_marker(&stage.home.state()).exists());
    assert!(mode(&conn).await.killed, "memory holds");
    let said = stage.say(&[0], &["status"]).await;
    assert!(said.stdout.contains("KILLED"), "{}", said.stdout);
    lock.close().await.unwrap();

    assert_eq!(until_audited(&conn, "kill").await.len(), 1);
    until_state(&conn, &run.id, RunState::Paused).await;
    assert_eq!(mode(&conn).await.mode, Mode::Off);
    refused(&conn, &run).await;
    // Whatever was still owed has been written by the time that a stop is over.
    stage.say(&[0], &["mode", "set", "canary"]).await;
    assert_eq!(kills(&conn).await.len(), 1, "one kill is one record");
    assert!(!mode(&conn).await.killed && mode(&conn).await.mode == Mode::Canary);
    assert!(!kill_marker(&stage.home.state()).exists());
}
