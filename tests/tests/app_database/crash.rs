//! Killed between a write and its outcome: a process that dies is a runtime that is dropped at a crash point.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover_daemon::audit::verify;
use cutover_daemon::faults::Faults;
use cutover_shared::run::{ItemState, RunState};
use tokio::sync::Notify;

use super::runs::{Life, several};
use super::world::{App, held, with_repo_table};

/// Faults that stop for ever at the `nth` pass of `point`, and tell.
pub fn dies_at(point: &'static str, nth: usize) -> (Faults, Arc<Notify>) {
    let (passed, dead) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let told = dead.clone();
    let faults = Faults::with(Arc::new(move |name| {
        let hit = name == point && passed.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        let told = told.clone();
        Box::pin(async move {
            if hit {
                told.notify_one();
                std::future::pending::<()>().await;
            }
        })
    }));
    (faults, dead)
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs, dies at the point, starts again; `meddle` changes the database in between.
fn killed(point: &'static str, nth: usize, undo: bool, meddle: bool) {
    let dir = tempfile::tempdir().unwrap();
    let outside = runtime();
    let mut app = outside.block_on(App::new(with_repo_table(), "BIGINT"));
    outside.block_on(several(&mut app));
    let before = outside.block_on(app.dump());
    let first = runtime();
    let id = first.block_on(async {
        let (faults, dead) = dies_at(point, nth);
        let life = Life::new(dir.path(), &app, 3, faults).await;
        let run = life.approved(42).await;
        let work = async {
            life.apply(&run.id).await;
            if undo {
                life.undo(&run.id).await;
            }
            panic!("{point} #{nth} was not reached");
        };
        tokio::select! {
            () = dead.notified() => {}
            () = work => {}
        }
        run.id
    });
    first.shutdown_background();
    outside.block_on(async {
        if meddle {
            app.set("1", "555", "'meddled'").await;
        }
        let life = Life::new(dir.path(), &app, 3, Faults::none()).await;
        life.engine.resume().await.unwrap();
        let mut view = life.stands(&id).await;
        if meddle {
            // Items of the project that were under way have no answer; those that were not started are stale.
            let counts = &view.progress.counts;
            assert!(counts.unknown > 0, "{counts:?}");
            assert_eq!(counts.unknown + counts.stale, 3, "{counts:?}");
            assert_eq!(app.held("1").await, held(Some(555), Some("meddled")));
            let (_, why) = life.reason(&id, ItemState::Unknown).await;
            assert_eq!(why, "the application's columns hold (555, `meddled`)");
            return;
        }
        if view.state == RunState::Done && undo {
            view = life.undo(&id).await;
        }
        assert!(matches!(view.state, RunState::Done | RunState::Undone), "{point} #{nth} {:?}", view.reason);
        let writes = if view.state == RunState::Undone {
            assert_eq!(view.progress.counts.undone, 9);
            assert_eq!(app.dump().await, before);
            2
        } else {
            assert_eq!(view.progress.counts.done, 9);
            assert_eq!(life.mappings().await.len(), 9);
            1
        };
        let touched = ["1", "2", "3", "4"].map(|id| (id.to_owned(), writes)).into();
        assert_eq!(app.touched().await, touched, "{point} #{nth}");
        if !undo {
            assert_eq!(life.undo(&id).await.progress.counts.undone, 9);
            assert_eq!(app.dump().await, before, "{point} #{nth}");
        }
        assert!(verify(&life.db, None).await.unwrap().intact);
    });
}

#[test]
fn a_crash_between_write_and_outcome_loses_nothing_and_writes_nothing_twice() {
    for (point, nth) in
        [("run.intent.after", 1), ("run.effect.after", 1), ("run.effect.after", 5), ("run.outcome.after", 2)]
    {
        killed(point, nth, false, false);
    }
}

#[test]
fn a_crash_in_an_undo_loses_nothing_and_writes_nothing_twice() {
    for (point, nth) in [
        ("run.intent.after", 4),
        ("run.effect.after", 10),
        ("run.effect.after", 14),
        ("run.outcome.after", 5),
    ] {
        killed(point, nth, true, false);
    }
}

#[test]
fn a_value_that_changed_while_we_were_dead_waits_for_a_person() {
    killed("run.effect.after", 1, false, true);
}
