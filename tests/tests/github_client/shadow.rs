//! The arm that does not answer, beside the one that does: compared, bounded, and never in the caller's way.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::rollout::mismatch;
use cutover_daemon::rollout::router::Hold;
use cutover_daemon::rollout::shadow::ShadowSettings;
use cutover_daemon::rollout::tally::Outcome;
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{MismatchView, Operation, RolloutName, Side, Stage};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::import::{SHADOW, World};
use super::stage::until;

const HOUR: Duration = Duration::from_secs(3_600);

impl World {
    /// Waits until nothing runs beside any more; the clock stands.
    async fn quiet(&self) {
        until("the end of the shadows", || self.shadow.free() == SHADOW.parallel).await;
    }

    /// The same, and the clock goes on.
    async fn run_out(&self) {
        let clock = self.bench.stage.clock.clone();
        let ended = async {
            while self.shadow.free() < SHADOW.parallel {
                clock.advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        };
        assert!(Clock::system().timeout(Duration::from_secs(60), ended).await.is_ok());
    }

    /// An import whose caller waits for nothing but its own arm: the clock stands meanwhile.
    async fn import_at_once(&self, project: &str, method: &str) {
        let before = self.bench.stage.clock.monotonic();
        let (status, view) = self.of(project).await;
        assert_eq!((status, &view["method"]), (200, &json!(method)), "{view}");
        assert_eq!(self.bench.stage.clock.monotonic(), before);
    }

    /// The next calls of the installation hang; nobody else's do.
    fn hang(&self, kind: RouteKind, calls: u32) {
        let fault = Fault::on(kind, Effect::Latency(HOUR)).installation(self.bench.stage.on_acme);
        self.bench.stage.sim.faults().add(fault.times(calls));
    }

    /// Calls by the installation's credential, or for one.
    fn calls_of_target(&self) -> usize {
        let on_acme = Some(self.bench.stage.on_acme);
        self.bench.stage.sim.calls().log().iter().filter(|call| call.installation == on_acme).count()
    }

    fn beside(&self, operation: Operation, side: Side, outcome: Outcome) -> u64 {
        self.counted.calls(operation, side, outcome, false)
    }

    async fn mismatches(&self) -> Vec<MismatchView> {
        mismatch::page(&self.db, RolloutName::GithubAuth, &PageAsk::default()).await.unwrap().rows
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_arms_are_read_and_found_equal_whichever_answers() {
    for (stage, method, other) in
        [(Stage::Shadow, "oauth", Side::Target), (Stage::Live, "installation", Side::Legacy)]
    {
        let world = World::at(stage, SHADOW).await;
        world.import_at_once("p-in", method).await;
        world.quiet().await;
        let (status, page) = world.repos("projectId=p-in").await;
        assert_eq!((status, &page["method"]), (200, &json!(method)), "{page}");
        world.quiet().await;
        // A later page is of the list that was compared as a whole.
        let cursor: String =
            form_urlencoded::byte_serialize(page["cursor"].as_str().unwrap().as_bytes()).collect();
        assert_eq!(world.repos(&format!("projectId=p-in&cursor={cursor}")).await.0, 200);
        world.quiet().await;
        for operation in [Operation::Import, Operation::List] {
            assert_eq!(world.counted.comparisons(operation), (1, 0), "{stage} {operation}");
            assert_eq!(world.beside(operation, other, Outcome::Ok), 1);
            assert_eq!((world.counted.beside(operation), world.counted.sheds(operation)), (1, 0));
        }
        let answered = (world.counted.answered(Operation::Import), world.counted.answered(Operation::List));
        assert_eq!(answered, (1, 2));
        // What was fetched to be compared is gone.
        let left = std::fs::read_dir(world.bench.dir.path().join("git-shadow")).unwrap().count();
        assert_eq!(left, 0);
        // Less was asked for than the rollout gives, or nobody is there to be compared with.
        world.of("p-free").await;
        world.quiet().await;
        assert_eq!(world.counted.beside(Operation::Import), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_files_of_the_target_are_kept_with_their_difference_and_without_secrets() {
    let world = World::at(Stage::Shadow, SHADOW).await;
    let stage = &world.bench.stage;
    stage.sim.faults().add(Fault::on(RouteKind::GetCommit, Effect::OlderCommit).installation(stage.on_acme));
    let (_, view) = world.of("p-in").await;
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (0, 1));
    let kept = world.mismatches().await;
    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((one.operation, json!(one.tenant)), (Operation::Import, view["tenant_id"].clone()));
    let field = |name: &str| one.differences.iter().find(|of| of.field == name).unwrap();
    for name in ["digest", "commit_sha", "tree_sha"] {
        assert_eq!(json!(field(name).legacy), view[name]);
        assert_ne!(field(name).legacy, field(name).target);
    }
    let text = serde_json::to_string(&kept).unwrap();
    assert!(!text.contains(stage.user_token.expose_secret()) && !text.contains("ghs_"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_other_repositories_is_a_difference_and_a_world_that_moves_is_none() {
    let world = World::at(Stage::Shadow, SHADOW).await;
    let stage = &world.bench.stage;
    let robin = stage.sim.world().read(|world| world.account_by_login("robin").unwrap().id);
    for repo in &stage.solo_repos {
        stage.sim.world().change(|world| world.add_collaborator(*repo, robin)).unwrap();
    }
    assert_eq!(world.repos("projectId=p-some").await.0, 200);
    world.quiet().await;
    let kept = world.mismatches().await;
    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    let shown: Vec<_> = one.differences.iter().map(|of| of.field.as_str()).collect();
    assert_eq!(shown, ["count", "digest", "only here"]);
    assert_eq!((one.differences[0].legacy.as_str(), one.differences[0].target.as_str()), ("2", "1"));
    assert!(one.differences[2].legacy.contains("solo/b"), "{one:?}");

    // Between the target's list and the second look at legacy's a repository appears.
    let hang = Fault::on(RouteKind::UserRepositories, Effect::Latency(Duration::from_secs(10))).after(1);
    stage.sim.faults().add(hang);
    let before = stage.sim.calls().count(RouteKind::UserRepositories);
    assert_eq!(world.repos("projectId=p-in").await.0, 200);
    until("the second look", || stage.sim.calls().count(RouteKind::UserRepositories) == before + 2).await;
    stage.sim.world().add_repo(stage.acme, "new").unwrap();
    stage.clock.advance(Duration::from_secs(10));
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::List), (0, 1), "no second difference");
    assert_eq!(world.counted.sheds(Operation::List), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moves_meanwhile_is_no_difference() {
    let world = World::at(Stage::Shadow, SHADOW).await;
    let stage = &world.bench.stage;
    let fault = Fault::on(RouteKind::GetRepoById, Effect::Latency(Duration::from_secs(5)));
    stage.sim.faults().add(fault.installation(stage.on_acme));
    world.import_at_once("p-in", "oauth").await;
    // Not any call under way: a token is asked for before.
    until("the target's first call", || stage.sim.calls().count(RouteKind::GetRepoById) == 1).await;
    stage.sim.world().push(stage.repos[5]).unwrap();
    stage.clock.advance(Duration::from_secs(5));
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_hangs_costs_the_caller_nothing_and_too_many_are_shed() {
    let world = World::at(Stage::Shadow, SHADOW).await;
    world.hang(RouteKind::GetRepoById, 2);
    for _ in 0..4 {
        world.import_at_once("p-in", "oauth").await;
    }
    assert_eq!((world.shadow.free(), world.counted.sheds(Operation::Import)), (0, 2));
    assert_eq!(world.counted.answered(Operation::Import), 4);
    world.run_out().await;
    assert_eq!(world.beside(Operation::Import, Side::Target, Outcome::Gross), 2);
    assert_eq!(world.counted.comparisons(Operation::Import), (0, 0), "an error is no difference");
    // It is served again once it is back.
    world.import_at_once("p-in", "oauth").await;
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hours_calls_are_bounded_and_a_limit_is_no_error_of_the_arm() {
    let few = ShadowSettings { calls_per_hour: 2, ..SHADOW };
    let world = World::at(Stage::Shadow, few).await;
    world.import_at_once("p-in", "oauth").await;
    world.quiet().await;
    world.import_at_once("p-in", "oauth").await;
    world.quiet().await;
    assert_eq!(left_out(&world), [2, 0, 0]);
    // Two calls, and the mint that the first needed.
    assert!(world.calls_of_target() <= 3, "{}", world.calls_of_target());

    let world = World::at(Stage::Shadow, SHADOW).await;
    let stage = &world.bench.stage;
    stage
        .sim
        .faults()
        .add(Fault::on(RouteKind::GetRepoById, Effect::PrimaryLimit).installation(stage.on_acme));
    world.import_at_once("p-in", "oauth").await;
    world.quiet().await;
    assert_eq!(left_out(&world), [1, 0, 0]);
}

/// Imports that a budget left out, that were shed, that were made.
fn left_out(world: &World) -> [u64; 3] {
    let (of, counted) = (Operation::Import, &world.counted);
    [counted.beyond_budget(of), counted.sheds(of), counted.beside(of)]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_reaches_the_target_after_a_kill() {
    for by_brake in [true, false] {
        let world = World::at(Stage::Shadow, SHADOW).await;
        let stage = &world.bench.stage;
        let fault = Fault::on(RouteKind::GetRepoById, Effect::Latency(Duration::from_secs(5)));
        stage.sim.faults().add(fault.installation(stage.on_acme));
        world.import_at_once("p-in", "oauth").await;
        until("the target's first call", || stage.sim.calls().count(RouteKind::GetRepoById) == 1).await;
        let before = world.calls_of_target();
        if by_brake {
            world.brake.pull();
        } else {
            world.rollouts.router().hold(RolloutName::GithubAuth, Hold::Killed);
        }
        world.run_out().await;
        world.import_at_once("p-in", "oauth").await;
        world.quiet().await;
        stage.clock.advance(HOUR);
        world.quiet().await;
        assert_eq!(world.calls_of_target(), before);
        assert_eq!(world.counted.comparisons(Operation::Import), (0, 0));
        assert_eq!(
            (world.counted.sheds(Operation::Import), world.counted.answered(Operation::Import)),
            (1, 2)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arm_that_is_broken_is_told_from_a_caller_that_is_wrong() {
    let world = World::at(Stage::Live, ShadowSettings { parallel: 2, ..SHADOW }).await;
    let faults = world.bench.stage.sim.faults();
    let calls = |outcome| world.counted.calls(Operation::Import, Side::Target, outcome, true);
    assert_eq!(world.import(json!({ "project_id": "p-in", "ref": "nowhere" })).await.0, 404);
    assert_eq!((calls(Outcome::Ok), calls(Outcome::Error), calls(Outcome::Gross)), (1, 0, 0));
    assert_eq!(world.import(json!({ "project_id": "p-none" })).await.0, 404);
    assert_eq!(world.counted.answered(Operation::Import), 1, "nobody was asked");
    faults.add(Fault::status(RouteKind::GitRefs, 503));
    assert_eq!(world.of("p-in").await.0, 503);
    assert_eq!((calls(Outcome::Ok), calls(Outcome::Error), calls(Outcome::Gross)), (1, 0, 1));
    faults.add(Fault::on(RouteKind::GitRefs, Effect::Status { status: 429, retry_after: None }));
    assert_eq!(world.of("p-in").await.0, 429);
    assert_eq!((calls(Outcome::Error), world.counted.answered(Operation::Import)), (1, 3));
}
