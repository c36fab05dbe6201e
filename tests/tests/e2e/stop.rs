//! Stopping: a run that moves goes on after the next start; who is asked twice stops at once.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::ActKey;
use cutover_shared::mapping::{MapAct, MapScope};
use cutover_shared::rpc::{Act, Topic};
use cutover_shared::run::RunState;
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::harness::{Daemon, Ended, HarnessError, Home};
use nix::sys::signal::Signal;

use super::stage::{EXE, REPOS, Stage, plan, set_going, until_moving, until_state};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_after_a_graceful_stop() {
    let stage = Stage::new().await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let run = plan(&conn).await;
    set_going(&conn, &run, Some(30)).await;
    until_moving(&conn, &run.id).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert!(!stage.home.socket().exists(), "the socket went with it");

    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let done = until_state(&conn, &run.id, RunState::Done).await;
    assert_eq!(done.progress.counts.done + done.progress.counts.skipped, REPOS as u64);
    stage.say(&[0], &["audit", "verify"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

/// A plan that GitHub keeps waiting, so that a graceful stop has something to wait for.
async fn waiting_plan(stage: &Stage) -> tokio::task::JoinHandle<()> {
    stage.import().await;
    let slow = Effect::Latency(Duration::from_secs(300));
    stage.sim.faults().add(Fault::on(RouteKind::ListInstallations, slow).always());
    let (conn, other) = (stage.connect().await, stage.connect().await);
    let changes = other.changes(0, Vec::new()).await.unwrap();
    let index = changes.versions.iter().find(|(topic, _)| *topic == Topic::Index).map_or(0, |(_, n)| *n);
    let caller = tokio::spawn(async move {
        let act = Act::Map(MapAct::Plan { scope: MapScope::All, refresh: true });
        assert!(conn.act(ActKey::fresh(), act).await.is_err());
    });
    let news = other.changes(changes.epoch, vec![(Topic::Index, index)]).await.unwrap();
    assert!(news.versions.iter().any(|(topic, n)| *topic == Topic::Index && *n > index), "the sweep began");
    caller
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_at_once_what_the_first_one_waits_for() {
    let stage = Stage::new().await;
    let mut daemon = stage.daemon().await;
    let caller = waiting_plan(&stage).await;
    let clock = Clock::system();
    daemon.signal(Signal::SIGTERM).unwrap();
    assert!(clock.timeout(Duration::from_secs(2), daemon.end()).await.is_err(), "it waits for the plan");
    let asked = clock.monotonic();
    daemon.signal(Signal::SIGTERM).unwrap();
    assert_eq!(daemon.end().await.unwrap(), Ended::Code(0));
    let took = clock.monotonic().saturating_sub(asked);
    assert!(took < Duration::from_secs(8), "it took {took:?}");
    caller.await.unwrap();
    stage.sim.faults().clear();

    let daemon = stage.daemon().await;
    plan(&stage.connect().await).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_ends_when_its_time_is_over() {
    let stage = Stage::new().await;
    let text = std::fs::read_to_string(stage.home.config()).unwrap();
    stage.home.write("cutover.toml", format!("stop_timeout = \"1s\"\n{text}").as_bytes()).unwrap();
    let daemon = stage.daemon().await;
    let caller = waiting_plan(&stage).await;
    let clock = Clock::system();
    let asked = clock.monotonic();
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert!(clock.monotonic().saturating_sub(asked) < Duration::from_secs(8));
    caller.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_on_one_state_folder_is_told_who_has_it() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    let dir = tempfile::TempDir::with_prefix("cutover-e2e-").unwrap();
    let other = Home::new(dir.path()).unwrap();
    let text = std::fs::read_to_string(stage.home.config()).unwrap();
    let socket = stage.home.socket().display().to_string();
    let text = text.replace(&socket, &other.socket().display().to_string());
    other.write("cutover.toml", text.as_bytes()).unwrap();
    match Daemon::start(Path::new(EXE), &other, None).await {
        Err(HarnessError::NotStarted { code: Some(1), said }) => {
            assert!(said.contains(&format!("process {}", daemon.pid())), "{said}");
            assert!(said.contains(&stage.home.state().display().to_string()), "{said}");
        }
        other => panic!("{other:?}"),
    }
    stage.say(&[0], &["status"]).await;
    // A crash leaves the folder free, whatever the lock file says.
    daemon.kill().await.unwrap();
    let daemon = Daemon::start(Path::new(EXE), &other, None).await.unwrap();
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}
