use std::future::pending;

use nix::sys::signal::{Signal, raise};
use tokio::sync::oneshot;

use super::*;

fn fresh() -> (Shutdown, Clock) {
    let clock = Clock::manual(0);
    (Shutdown::new(clock.clone()), clock)
}

#[tokio::test]
async fn a_graceful_stop_waits_for_everybody() {
    let (shutdown, _clock) = fresh();
    let (finish, finished) = oneshot::channel();
    let asked = shutdown.clone();
    let task = shutdown.spawn("writer", async move {
        asked.graceful().await;
        finished.await.unwrap()
    });
    assert_eq!(shutdown.ask(), Stage::Graceful);
    let drain = {
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.drain(Duration::from_secs(30)).await })
    };
    tokio::task::yield_now().await;
    assert!(!drain.is_finished());
    finish.send("saved").unwrap();
    assert_eq!(drain.await.unwrap(), Drained::Clean);
    assert_eq!(task.await.unwrap(), Some("saved"));
    assert!(shutdown.running().is_empty());
}

#[tokio::test]
async fn the_deadline_cuts_off_and_names_who_was_left() {
    let (shutdown, clock) = fresh();
    let tasks = [shutdown.spawn("sweep", pending::<()>()), shutdown.spawn("rpc", pending())];
    shutdown.ask();
    let drain = {
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.drain(Duration::from_secs(30)).await })
    };
    while !drain.is_finished() {
        clock.advance(Duration::from_secs(10));
        // Cut tasks get their turn before the time for letting go is moved on.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(drain.await.unwrap(), Drained::Cut { tasks: vec!["rpc", "sweep"] });
    for task in tasks {
        assert_eq!(task.await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_second_ask_does_not_wait_for_the_deadline() {
    let (shutdown, _clock) = fresh();
    let _task = shutdown.spawn("sweep", pending::<()>());
    assert_eq!(shutdown.ask(), Stage::Graceful);
    assert_eq!(shutdown.ask(), Stage::Forced);
    assert_eq!(shutdown.ask(), Stage::Forced);
    assert_eq!(shutdown.drain(Duration::from_secs(3600)).await, Drained::Cut { tasks: vec!["sweep"] });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_let_go_is_named() {
    let (shutdown, clock) = fresh();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, start) = oneshot::channel();
    let _task = shutdown.spawn("blocked", async move {
        started.send(()).unwrap();
        // What must never be done in a task: no cut reaches it here.
        let _ = held.recv();
    });
    start.await.unwrap();
    shutdown.force();
    let drain = {
        let shutdown = shutdown.clone();
        tokio::spawn(async move { shutdown.drain(Duration::ZERO).await })
    };
    while !drain.is_finished() {
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(drain.await.unwrap(), Drained::Stuck { tasks: vec!["blocked"] });
    drop(release);
}

#[tokio::test]
async fn a_panic_leaves_nobody_in_the_list() {
    let (shutdown, _clock) = fresh();
    let task = shutdown.spawn("faulty", async { panic!("on purpose") });
    assert!(task.await.is_err());
    shutdown.ask();
    assert_eq!(shutdown.drain(Duration::from_secs(1)).await, Drained::Clean);
}

/// The only test that sends real signals: they reach the whole test process.
#[tokio::test]
async fn signals_stop_and_reload() {
    let (shutdown, _clock) = fresh();
    let mut reloads = shutdown.reloads();
    let _listener = shutdown.listen().unwrap();
    raise(Signal::SIGHUP).unwrap();
    reloads.changed().await.unwrap();
    assert_eq!((*reloads.borrow(), shutdown.stage()), (1, Stage::Running));
    raise(Signal::SIGTERM).unwrap();
    shutdown.graceful().await;
    assert_eq!(shutdown.stage(), Stage::Graceful);
    raise(Signal::SIGINT).unwrap();
    shutdown.forced().await;
}
