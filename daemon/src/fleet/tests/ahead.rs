//! What was read of a tenant before its chain began.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_shared::fleet::FleetScope;
use cutover_shared::run::RunState;
use tokio::sync::Semaphore;

use super::world::{Life, World, ana, tenant};
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{FleetOp, Lane, Unit};

/// Holds a run between what it reads of tenants and their chains, once it is told to.
struct Held {
    armed: Arc<AtomicBool>,
    there: Arc<Semaphore>,
    on: Arc<Semaphore>,
}

impl Held {
    fn new() -> (Self, Faults) {
        let none = || Arc::new(Semaphore::new(0));
        let held = Self { armed: Arc::default(), there: none(), on: none() };
        let (armed, there, on) = (held.armed.clone(), held.there.clone(), held.on.clone());
        let faults = Faults::with(Arc::new(move |point| {
            let stops = point == "run.intent.after" && armed.swap(false, Ordering::SeqCst);
            let (there, on) = (there.clone(), on.clone());
            Box::pin(async move {
                if stops {
                    there.add_permits(1);
                    on.acquire().await.unwrap().forget();
                }
            })
        }));
        (held, faults)
    }

    /// A run to version 2 that has read its tenants.
    async fn run(&self, life: &Life) -> cutover_shared::run::RunView {
        self.armed.store(true, Ordering::SeqCst);
        let run = life.going(2).await;
        self.there.acquire().await.unwrap().forget();
        run
    }
}

#[tokio::test]
async fn what_another_run_did_since_a_tenant_was_read_is_no_drift() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 1).await;
    let (held, faults) = Held::new();
    let life = world.life(faults).await;
    world.enter(&life, 1).await;
    assert_eq!(life.to_end(1).await.state, RunState::Done);
    let run = held.run(&life).await;
    let other = life.fleet.plan(&FleetScope::Tenant(tenant(0)), Some(2), true, &ana()).await.unwrap();
    life.go(&other).await;
    assert_eq!(life.engine.ended(&other.id).await.progress.counts.done, 1);
    held.on.add_permits(1);
    let ended = life.engine.ended(&run.id).await;
    assert_eq!((ended.state, ended.progress.counts.done), (RunState::Done, 1), "{:?}", ended.reason);
    assert_eq!(life.only().await.drift, None);
}

#[tokio::test]
async fn a_tenant_that_waited_is_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 1).await;
    let (held, faults) = Held::new();
    let clock = Clock::manual(1_000_000);
    let life = world.life_at(faults, clock.clone()).await;
    world.enter(&life, 1).await;
    let run = held.run(&life).await;
    let gone = FleetOp::Remove { tenants: vec![tenant(0)] };
    life.db.write(Lane::Handler, Unit::new().with(gone)).await.unwrap();
    clock.advance(Duration::from_secs(3));
    held.on.add_permits(1);
    let ended = life.engine.ended(&run.id).await;
    let counts = ended.progress.counts;
    assert_eq!((counts.done, counts.skipped), (0, 2), "{:?}", ended.reason);
    assert_eq!(world.state(0).await.1, [] as [i64; 0], "it was not touched");
}
