//! The second write of imports and lists: only what the arm that was decided on has done, and nothing on the target after a kill.

use std::sync::Arc;
use std::time::Duration;

use cutover_daemon::faults::Faults;
use cutover_daemon::flows::second::ImportsBehind;
use cutover_daemon::rollout::second::{RepairLimits, Second, SecondArm, SecondParts};
use cutover_daemon::run::Brake;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use cutover_tests::github_sim::RouteKind;
use serde_json::json;

use super::import::{SHADOW, World};

const NAME: RolloutName = RolloutName::GithubAuth;
const HOUR: Duration = Duration::from_secs(3_600);

/// Kills at the moment when an intent has been written: as long as a store that hangs lets a caller wait for it.
pub(crate) fn kills_at_intent(brake: Brake) -> Faults {
    Faults::with(Arc::new(move |name| {
        if name == "second.intended" {
            brake.pull();
        }
        Box::pin(async {})
    }))
}

async fn written_behind(faults: impl FnOnce(&World) -> Faults) -> World {
    let world = World::at(Stage::Live, SHADOW).await;
    let behind: Arc<dyn SecondArm> = Arc::new(ImportsBehind::new(world.imports.clone(), world.db.clone()));
    world.imports.write_behind(Second::new(SecondParts {
        db: world.db.clone(),
        clock: world.bench.stage.clock.clone(),
        faults: faults(&world),
        router: world.rollouts.router().clone(),
        limits: RepairLimits { age: HOUR, most: 1_000 },
        every: HOUR,
        arms: std::array::from_fn(|_| Some(behind.clone())),
    }));
    world
}

impl World {
    /// Records of both arms, and what is owed or intended.
    async fn books(&self) -> (usize, usize, u64) {
        let book = async |side| self.db.arm_records(NAME, side, None, 100).await.unwrap().len();
        let (intents, counts) = (self.db.second_intents(NAME, 0, 10), self.db.second_counts(NAME));
        let open = intents.await.unwrap().len() as u64 + counts.await.unwrap().waiting;
        (book(Side::Legacy).await, book(Side::Target).await, open)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_users_token_does_in_the_targets_place_is_in_no_book() {
    let world = written_behind(|_| Faults::none()).await;
    // `p-free` is not mapped, and the grace period lasts.
    let (status, view) = world.of("p-free").await;
    assert_eq!(
        (status, &view["method"], &view["fallback_reason"]),
        (200, &json!("oauth"), &json!(null)),
        "{view}"
    );
    let (_, page) = world.repos("projectId=p-free").await;
    assert_eq!(page["method"], "oauth", "{page}");
    assert_eq!(world.books().await, (0, 0, 0));
    // The installation can't serve, and the token does.
    world.bench.stage.sim.world().suspend(world.bench.stage.on_acme).unwrap();
    let (_, view) = world.of("p-mapped").await;
    assert_eq!(view["method"], "oauth", "{view}");
    assert_eq!(world.books().await, (0, 0, 0));
    let (_, page) = world.repos("projectId=p-solo").await;
    assert_eq!(page["method"], "installation", "{page}");
    assert_eq!(world.books().await, (0, 1, 1), "what the target does is in its book, and legacy owes it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_intent_is_written_is_obeyed() {
    let world = written_behind(|world| kills_at_intent(world.brake.clone())).await;
    let router = world.rollouts.router().clone();
    let release = || world.brake.release(world.brake.newest().unwrap());
    let (status, view) = world.of("p-mapped").await;
    assert_eq!((status, &view["method"]), (200, &json!("oauth")), "{view}");
    assert!(view["reason"].as_str().unwrap().contains("kill"), "{view}");
    release();
    let (status, page) = world.repos("projectId=p-mapped").await;
    assert_eq!((status, &page["method"]), (200, &json!("oauth")), "{page}");
    assert_eq!((router.targets(), world.books().await), (0, (0, 0, 0)));
    let calls = world.bench.stage.sim.calls();
    assert_eq!(calls.count(RouteKind::InstallationRepositories), 0);
    for operation in [Operation::Import, Operation::List] {
        assert_eq!(world.counted.answered(operation), 1, "each call once");
    }
}
