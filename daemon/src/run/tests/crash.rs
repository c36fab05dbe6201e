//! A run that is killed at each crash point, and goes on.

use std::path::Path;

use super::toys::{Toy, World};
use super::{ana, life};
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::run::CRASH_POINTS;

const ITEMS: usize = 25;

/// Plans, applies and (when `undo`) undoes, and dies on the way. True when it died, false when it came to the end.
fn first_life(dir: &Path, world: &World, toy: Toy, undo: bool, point: &'static str, nth: usize) -> bool {
    live_until(point, nth, async |faults| {
        let life = life(dir, world, faults).await;
        let run = life.approved(toy, ITEMS).await;
        life.engine.apply(&run.id, None, &ana()).await.unwrap();
        life.engine.ended(&run.id).await;
        if undo {
            life.engine.undo(&run.id, None, &ana()).await.unwrap();
            life.engine.ended(&run.id).await;
        }
    })
}

/// Starts again and lets everything come to its end; plans anew where the plan had not become visible.
fn second_life(dir: &Path, world: &World, toy: Toy, undo: bool, at: &str) {
    runtime().block_on(async {
        let life = life(dir, world, Faults::none()).await;
        let run = life.engine.carried(at, undo, &ana(), async || life.plan(toy, ITEMS).await).await;
        let counts = run.progress.counts;
        let values = world.values(&life.db, toy).await;
        if undo {
            assert_eq!((counts.undone, values.len()), (ITEMS as u64, 0), "{at}");
        } else {
            assert_eq!((counts.done, values.len()), (ITEMS as u64, ITEMS), "{at}");
        }
        let check = crate::audit::verify(&life.db, None).await.unwrap();
        assert!(check.intact, "{at}: {:?}", check.problem);
    });
}

fn survives(toy: Toy, undo: bool) {
    let mut reached = 0;
    for point in CRASH_POINTS {
        for nth in [1, 2, 4, 9, 17] {
            let dir = tempfile::tempdir().unwrap();
            let world = runtime().block_on(World::new(dir.path()));
            if !first_life(dir.path(), &world, toy, undo, point, nth) {
                continue;
            }
            reached += 1;
            let at = format!("{toy:?} killed at {point} #{nth}");
            second_life(dir.path(), &world, toy, undo, &at);
            let twice = if undo { 2 } else { 1 };
            let remote = world.writes();
            assert!(remote.values().all(|n| *n == twice), "{at}: {remote:?}");
            let marked = runtime().block_on(world.marked_writes());
            assert!(marked.values().all(|n| *n == i64::from(twice)), "{at}: {marked:?}");
        }
    }
    assert!(reached >= 15, "only {reached} crashes were reached");
}

#[test]
fn a_local_run_survives_every_crash_point() {
    survives(Toy::Local, false);
}

#[test]
fn a_marked_run_survives_every_crash_point() {
    survives(Toy::Marked, false);
}

#[test]
fn a_remote_run_survives_every_crash_point() {
    survives(Toy::Remote, false);
}

#[test]
fn an_undo_of_a_local_run_survives_every_crash_point() {
    survives(Toy::Local, true);
}

#[test]
fn an_undo_of_a_marked_run_survives_every_crash_point() {
    survives(Toy::Marked, true);
}

#[test]
fn an_undo_of_a_remote_run_survives_every_crash_point() {
    survives(Toy::Remote, true);
}
