//! Calls whose process is killed at each crash point: whoever was answered is in both books.

use std::path::Path;
use std::sync::{Arc, Mutex};

use cutover_shared::rollout::Side;

use super::world::{Life, NAME, Script};
use crate::audit::Who;
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::rollout::second::CRASH_POINTS;

const KEYS: usize = 6;

/// Calls while the worker works, and dies on the way. The keys of those that were answered, and whether it died.
fn first_life(dir: &Path, script: &Script, point: &'static str, nth: usize) -> (Vec<String>, bool) {
    let answered = Arc::new(Mutex::new(Vec::new()));
    let died = live_until(point, nth, async |faults| {
        let life = Life::new(dir, script.clone(), faults).await;
        let worker = tokio::spawn(life.second.clone().work());
        for n in 0..KEYS {
            let key = format!("a@{n}");
            life.call(&key).await;
            answered.lock().unwrap().push(key);
        }
        life.settled().await;
        life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
        worker.abort();
    });
    let answered = answered.lock().unwrap().clone();
    (answered, died)
}

fn survives(asks: bool) {
    let mut reached = 0;
    for point in CRASH_POINTS {
        for nth in [1, 2, 5] {
            let dir = tempfile::tempdir().unwrap();
            let script = Script { asks, ..Script::default() };
            let (answered, died) = first_life(dir.path(), &script, point, nth);
            if !died {
                continue;
            }
            reached += 1;
            runtime().block_on(async {
                let life = Life::new(dir.path(), script.clone(), Faults::none()).await;
                let worker = tokio::spawn(life.second.clone().work());
                life.settled().await;
                let (legacy, target) = (life.book(Side::Legacy).await, life.book(Side::Target).await);
                for key in &answered {
                    let has = |book: &[(String, bool)]| book.iter().any(|(of, _)| of == key);
                    assert!(
                        has(&legacy) && has(&target),
                        "{point} #{nth}: {key} is lost: {legacy:?} {target:?}"
                    );
                }
                for n in 0..KEYS {
                    let key = format!("a@{n}");
                    let done = script.outside.times(Side::Legacy, &key);
                    let behind = script.outside.times(Side::Target, &key);
                    // Done again after a crash, and never where nothing was done.
                    assert!(
                        behind <= 2 && (done > 0 || behind == 0),
                        "{point} #{nth}: {key} {done} {behind}"
                    );
                    assert!(
                        !asks || done == 0 || behind > 0,
                        "{point} #{nth}: the effect of {key} is not followed"
                    );
                }
                life.clock.advance(std::time::Duration::from_millis(1));
                let view = life.second.reconcile(NAME, &Who::daemon()).await.unwrap();
                assert_eq!((view.missing, view.extra, view.different), (0, 0, 0), "{point} #{nth}");
                worker.abort();
            });
        }
    }
    assert!(reached >= CRASH_POINTS.len(), "only {reached} crashes were reached");
}

#[test]
fn whoever_was_answered_is_in_both_books_after_a_crash_at_any_point() {
    survives(false);
}

/// As pushes are: what the answering arm did at the remote is followed even where nobody was told.
#[test]
fn an_effect_that_nobody_was_told_of_is_followed_where_the_arm_can_tell() {
    survives(true);
}
