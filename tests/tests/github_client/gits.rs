//! Git for tenants on real git over HTTP: both arms by one contract, routed, compared, written behind, and never another tenant's.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_daemon::clock::Clock;
use cutover_daemon::faults::Faults;
use cutover_daemon::flows::gits::{
    CloneAsk, Gits, GitsBehind, GitsError, GitsParts, Place, PullAsk, PushAsk,
};
use cutover_daemon::flows::proof::Prover;
use cutover_daemon::rollout::mismatch;
use cutover_daemon::rollout::router::Hold;
use cutover_daemon::rollout::second::{RepairLimits, Second, SecondArm, SecondParts};
use cutover_daemon::rollout::tally::Outcome;
use cutover_daemon::sandbox::{
    ArmKind, Branch, Change, Cloned, GitArm, GitAsk, Lease, OperationId, Pulled, Pushed, Quota, SandboxError,
    SandboxSettings, Sandboxes,
};
use cutover_daemon::store::ArmRecord;
use cutover_shared::git::SandboxView;
use cutover_shared::ids::TenantId;
use cutover_shared::import::Method;
use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::Level;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;

use super::behind::kills_at_intent;
use super::import::{SHADOW, World};
use super::sandbox::change;
use super::stage::until;

const NAME: RolloutName = RolloutName::GitSandbox;
const LEASE: Duration = Duration::from_secs(900);
const HOUR: Duration = Duration::from_secs(3_600);

type Arms = [Arc<dyn GitArm>; 2];

struct Bench {
    world: World,
    sandboxes: Sandboxes,
    gits: Gits,
    second: Second,
}

impl Bench {
    async fn at(stage: Stage) -> Self {
        Self::with(stage, |arms| arms).await
    }

    /// In a stage, every clone and pull compared where the stage compares; `wrap` stands before the arms.
    async fn with(stage: Stage, wrap: impl FnOnce(Arms) -> Arms) -> Self {
        Self::made(stage, wrap, |_| Faults::none()).await
    }

    async fn made(
        stage: Stage,
        wrap: impl FnOnce(Arms) -> Arms,
        faults: impl FnOnce(&World) -> Faults,
    ) -> Self {
        let world = World::at(stage, SHADOW).await;
        let stage = &world.bench.stage;
        stage.sim.world().permit(stage.on_acme, "contents", Level::Write).unwrap();
        let folder = world.bench.dir.path().join("sandboxes");
        let settings = SandboxSettings { lease: LEASE, ..SandboxSettings::in_folder(folder) };
        // Git's time is real, the callers' is the stand-in's.
        let sandboxes = Sandboxes::new(settings, Clock::system()).unwrap();
        let router = world.rollouts.router().clone();
        let clock = stage.clock.clone();
        let gits = Gits::new(GitsParts {
            db: world.db.clone(),
            clock: clock.clone(),
            imports: world.imports.clone(),
            arms: wrap([sandboxes.direct(), sandboxes.pooled()]),
            host: stage.sim.host().to_owned(),
            quota: Quota { wall: Duration::from_secs(60), ..Quota::default() },
            lease: LEASE,
            router: router.clone(),
            shadow: world.shadow.clone(),
            tally: world.counted.clone(),
        });
        let behind: Arc<dyn SecondArm> = Arc::new(GitsBehind::new(gits.clone()));
        let second = Second::new(SecondParts {
            db: world.db.clone(),
            clock,
            faults: faults(&world),
            router,
            limits: RepairLimits { age: HOUR, most: 1_000 },
            every: HOUR,
            arms: std::array::from_fn(|_| Some(behind.clone())),
        });
        gits.write_behind(second.clone());
        Self { world, sandboxes, gits, second }
    }

    async fn clone(&self, project: &str, reference: Option<&str>) -> Result<SandboxView, GitsError> {
        self.gits
            .clone_repository(&CloneAsk { place: of(project), reference: reference.map(str::to_owned) })
            .await
    }

    async fn pull(&self, sandbox: &SandboxView, within: Option<&str>) -> Result<SandboxView, GitsError> {
        let (sandbox, within) = (sandbox.sandbox.clone(), within.map(TenantId::from));
        self.gits.pull(&PullAsk { sandbox, reference: None, within }).await
    }

    fn push_of(&self, expected: &str, text: &str, operation: &str) -> PushAsk {
        let operation = OperationId::parse(operation).unwrap();
        PushAsk { place: of("p-mapped"), change: change(expected, text), operation }
    }

    fn kill(&self) {
        self.world.rollouts.router().hold(NAME, Hold::Killed);
    }

    fn calls(&self, operation: Operation, side: Side, outcome: Outcome) -> u64 {
        self.world.counted.calls(operation, side, outcome, true)
    }

    fn pushes(&self) -> usize {
        let log = self.world.bench.stage.sim.calls().log();
        log.iter().filter(|call| call.kind == RouteKind::GitPush).count()
    }

    async fn shadows_end(&self) {
        until("the end of the shadows", || self.world.shadow.free() == SHADOW.parallel).await;
    }

    async fn book(&self, side: Side) -> Vec<ArmRecord> {
        let rows = self.world.db.arm_records(NAME, side, None, 100).await.unwrap();
        rows.into_iter().map(|row| row.record).collect()
    }

    /// Has what is owed written, and intents settled: nothing waits then.
    async fn settled(&self) {
        let worker = tokio::spawn(self.second.clone().work());
        let clock = &self.world.bench.stage.clock;
        let rest = async {
            loop {
                let intents = self.world.db.second_intents(NAME, 0, 1).await.unwrap();
                let counts = self.world.db.second_counts(NAME).await.unwrap();
                if intents.is_empty() && counts.waiting == 0 {
                    return counts.failed;
                }
                clock.advance(Duration::from_millis(100));
                tokio::task::yield_now().await;
            }
        };
        let failed = Clock::system().timeout(Duration::from_secs(60), rest).await.unwrap();
        worker.abort();
        assert_eq!(failed, 0);
    }

    /// Both books say the same, by key and digest; their keys.
    async fn agreed(&self) -> Vec<String> {
        let said = |records: &[ArmRecord]| -> Vec<_> {
            records.iter().map(|record| (record.of.key.clone(), record.digest.clone())).collect()
        };
        let (legacy, target) = (self.book(Side::Legacy).await, self.book(Side::Target).await);
        assert_eq!(said(&legacy), said(&target));
        said(&legacy).into_iter().map(|(key, _)| key).collect()
    }
}

fn of(project: &str) -> Place {
    Place { project: Some(project.into()), ..Place::default() }
}

/// What must not differ between the arms.
fn content(view: &SandboxView) -> (String, String, u64, u64) {
    (view.commit_sha.clone(), view.tree_sha.clone(), view.files, view.bytes)
}

/// Files of an archive, with their bytes.
async fn unpacked(gits: &Gits, sandbox: &str) -> (String, Vec<(String, Vec<u8>)>) {
    let mut archive = gits.archive(sandbox, None).await.unwrap();
    let mut bytes = Vec::new();
    archive.reader.read_to_end(&mut bytes).await.unwrap();
    let mut files = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        files.push((entry.path().unwrap().to_string_lossy().into_owned(), body));
    }
    (archive.commit_sha, files)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contract_whichever_arm_answers() {
    let (old, new) = (Bench::at(Stage::Off).await, Bench::at(Stage::Complete).await);
    let mut views = Vec::new();
    for (bench, arm, method) in
        [(&old, Side::Legacy, Method::Oauth), (&new, Side::Target, Method::Installation)]
    {
        let view = bench.clone("p-mapped", None).await.unwrap();
        assert_eq!((view.arm, view.method, view.fast_forward), (arm, method, None));
        assert_eq!((view.reference.as_str(), view.repository.as_str()), ("HEAD", "Acme/repo-0"));
        assert_eq!(bench.calls(Operation::Clone, arm, Outcome::Ok), 1);
        let (commit, files) = unpacked(&bench.gits, &view.sandbox).await;
        assert_eq!((commit.as_str(), files.len() as u64), (view.commit_sha.as_str(), view.files));
        assert_eq!(files.iter().map(|(_, body)| body.len() as u64).sum::<u64>(), view.bytes);
        let pulled = bench.pull(&view, Some("t1")).await.unwrap();
        assert_eq!((content(&pulled), pulled.fast_forward), (content(&view), Some(true)));
        assert_eq!((&pulled.sandbox, pulled.expires_at), (&view.sandbox, view.expires_at));

        // What is asked wrongly is no fault of the arm's; what never came to one is not counted.
        let error = bench.clone("p-mapped", Some("none")).await.unwrap_err();
        assert_eq!(error.code(), "not_found");
        for (reference, project, code) in [
            (Some("a..b"), "p-mapped", "bad_request"),
            (None, "p-none", "not_found"),
            (None, "p-two", "ambiguous"),
        ] {
            assert_eq!(bench.clone(project, reference).await.unwrap_err().code(), code);
        }
        assert_eq!(bench.calls(Operation::Clone, arm, Outcome::Ok), 2);
        assert_eq!(bench.clone("p-bare", None).await.unwrap_err().code(), "no_credential");
        assert_eq!(bench.calls(Operation::Clone, arm, Outcome::Error), 1);
        bench.world.bench.stage.sim.faults().add(Fault::status(RouteKind::GitRefs, 503).always());
        assert_eq!(bench.clone("p-mapped", None).await.unwrap_err().code(), "github_unavailable");
        assert_eq!(bench.calls(Operation::Clone, arm, Outcome::Gross), 1);
        assert_eq!(bench.world.counted.answered(Operation::Clone), 4);
        assert_eq!(bench.world.counted.answered(Operation::Pull), 1);
        views.push((content(&view), files));
    }
    assert_eq!(views[0], views[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_nothing_comes_to_the_pool_not_even_a_sandbox_of_it() {
    let bench = Bench::at(Stage::Complete).await;
    let view = bench.clone("p-mapped", Some("main")).await.unwrap();
    assert_eq!(view.arm, Side::Target);
    let before = bench.sandboxes.figures();
    bench.kill();
    let pulled = bench.pull(&view, None).await.unwrap();
    assert_eq!((pulled.arm, content(&pulled)), (Side::Legacy, content(&view)));
    assert_eq!((&pulled.sandbox, pulled.expires_at), (&view.sandbox, view.expires_at));
    assert_eq!(pulled.fast_forward, Some(true));
    assert_eq!(unpacked(&bench.gits, &view.sandbox).await.1.len() as u64, view.files);
    let again = bench.clone("p-mapped", None).await.unwrap();
    assert_eq!(again.arm, Side::Legacy);
    let push = bench.push_of(&view.commit_sha, "killed", "op-1");
    assert_eq!(bench.gits.push(&push).await.unwrap().arm, Side::Legacy);
    // The sandbox of the pool went, and the pool was asked for nothing.
    until("the sandbox of the pool is gone", || bench.sandboxes.figures().leased == 0).await;
    let after = bench.sandboxes.figures();
    let served = |of: &cutover_daemon::sandbox::Figures| {
        (of.served_warm + of.served_cold, of.mirror_hits + of.mirror_misses)
    };
    assert_eq!(served(&after), served(&before));
    assert_eq!(bench.calls(Operation::Pull, Side::Target, Outcome::Ok), 0);
    assert_eq!(bench.calls(Operation::Pull, Side::Legacy, Outcome::Ok), 1);

    // Back again it is the pool's once more, and a commit that came meanwhile is a step forward.
    bench.world.rollouts.router().let_go(NAME);
    let back = bench.pull(&view, None).await.unwrap();
    assert_eq!((back.arm, back.fast_forward), (Side::Target, Some(true)));
    assert_ne!(back.commit_sha, view.commit_sha);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_the_intent_is_written_takes_arm_and_credential_back() {
    let bench = Bench::made(Stage::Live, |arms| arms, |world| kills_at_intent(world.brake.clone())).await;
    let view = bench.clone("p-mapped", None).await.unwrap();
    assert_eq!((view.arm, view.method), (Side::Legacy, Method::Oauth));
    let (router, figures) = (bench.world.rollouts.router(), bench.sandboxes.figures());
    assert_eq!((router.targets(), figures.served_warm + figures.served_cold), (0, 0));
    assert!(bench.book(Side::Target).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_comes_to_what_another_holds_and_nobody_to_what_is_over() {
    let bench = Bench::at(Stage::Complete).await;
    // More than lies between an archive's writer and its reader: a writer that nobody reads from has to wait.
    let first = bench.clone("p-mapped", None).await.unwrap();
    let large = bench.push_of(&first.commit_sha, &"large ".repeat(64 << 10), "op-0");
    bench.gits.push(&large).await.unwrap();
    bench.gits.release(&first.sandbox, None).await.unwrap();
    let view = bench.clone("p-mapped", None).await.unwrap();
    let other = TenantId::from("t2");
    let unknown = Err(GitsError::Unknown("such sandbox"));
    assert_eq!(bench.pull(&view, Some("t2")).await.map(drop), unknown);
    assert_eq!(bench.gits.archive(&view.sandbox, Some(&other)).await.map(drop), unknown);
    assert_eq!(bench.gits.release(&view.sandbox, Some(&other)).await, unknown);
    let within = Place { within: Some(other.clone()), ..of("p-mapped") };
    let ask = CloneAsk { place: within.clone(), reference: None };
    assert_eq!(bench.gits.clone_repository(&ask).await.unwrap_err(), GitsError::Unknown("such project"));
    let push = PushAsk { place: within, ..bench.push_of(&view.commit_sha, "x", "op-1") };
    assert_eq!(bench.gits.push(&push).await.unwrap_err(), GitsError::Unknown("such project"));
    assert_eq!(bench.pushes(), 1);

    // The owner's it still is; while it is read nobody works with it, and who lets go of the reader holds nobody.
    let owner = TenantId::from("t1");
    let archive = bench.gits.archive(&view.sandbox, Some(&owner)).await.unwrap();
    assert_eq!(bench.pull(&view, Some("t1")).await.unwrap_err(), GitsError::Busy);
    drop(archive);
    let reading = async {
        while bench.gits.archive(&view.sandbox, Some(&owner)).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    assert!(Clock::system().timeout(Duration::from_secs(30), reading).await.is_ok());
    assert_eq!(bench.gits.release(&view.sandbox, Some(&owner)).await, Ok(()));
    assert_eq!(bench.gits.release(&view.sandbox, Some(&owner)).await, Ok(()));
    assert_eq!(bench.pull(&view, None).await.map(drop), unknown);
    until("it is gone", || bench.sandboxes.figures().leased == 0).await;

    let clock = &bench.world.bench.stage.clock;
    let view = bench.clone("p-mapped", None).await.unwrap();
    assert_eq!(view.expires_at, clock.now() + 900_000);
    clock.advance(LEASE);
    assert_eq!(bench.pull(&view, None).await.unwrap_err(), GitsError::Expired);
    assert_eq!(bench.gits.archive(&view.sandbox, None).await.map(drop), Err(GitsError::Expired));
    until("it is taken away", || bench.sandboxes.figures().leased == 0).await;
    // Nobody has to ask for it.
    bench.clone("p-mapped", None).await.unwrap();
    let working = tokio::spawn(bench.gits.clone().work());
    until("it is taken away", || {
        clock.advance(Duration::from_secs(60));
        bench.sandboxes.figures().leased == 0
    })
    .await;
    working.abort();
    bench.clone("p-mapped", None).await.unwrap();
    bench.gits.close();
    until("a stop releases all", || bench.sandboxes.figures().leased == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_done_once_and_the_other_arm_asks_the_remote() {
    for (stage, arm) in [(Stage::DualWrite, Side::Legacy), (Stage::Live, Side::Target)] {
        let bench = Bench::at(stage).await;
        let head = bench.clone("p-mapped", None).await.unwrap().commit_sha;
        let first = bench.push_of(&head, "one", "op-1");
        let done = bench.gits.push(&first).await.unwrap();
        assert_eq!((done.arm, done.pushed, &done.remote_sha), (arm, true, &done.commit_sha));
        let again = bench.gits.push(&first).await.unwrap();
        assert_eq!((again.pushed, &again.commit_sha), (false, &done.commit_sha));
        // Another on top of it, and one that overwrites both: the first was there all the same.
        let second = bench.gits.push(&bench.push_of(&done.commit_sha, "two", "op-2")).await.unwrap();
        let moved = bench.gits.push(&bench.push_of(&head, "three", "op-3")).await.unwrap_err();
        assert_eq!(moved.code(), "remote_rejected");
        assert_eq!(bench.calls(Operation::Push, arm, Outcome::Ok), 4);
        let forced = bench.push_of(&head, "four", "op-4");
        let forced = PushAsk { change: Change { force: true, ..forced.change }, ..forced };
        assert!(bench.gits.push(&forced).await.unwrap().pushed);
        let pushes = bench.pushes();
        bench.settled().await;
        assert_eq!((pushes, bench.pushes()), (3, 3), "the other arm never pushes");
        let keys = bench.agreed().await;
        assert_eq!(keys.len(), 4, "a clone and three pushes: {keys:?}");
        for operation in ["op-1", "op-2", "op-4"] {
            assert!(keys.contains(&format!("p-mapped:acme/repo-0@main#{operation}")), "{keys:?}");
        }
        let texts = format!("{:?} {:?}", bench.book(Side::Legacy).await, second);
        assert!(!texts.contains("ghs_") && !texts.contains("ghu_"), "{texts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_and_pulls_are_written_behind_and_let_go_of() {
    let bench = Bench::at(Stage::Live).await;
    let view = bench.clone("p-mapped", Some("main")).await.unwrap();
    bench.pull(&view, None).await.unwrap();
    bench.clone("p-mapped", Some("none")).await.unwrap_err();
    bench.shadows_end().await;
    bench.settled().await;
    let commit = &view.commit_sha;
    let keys = bench.agreed().await;
    assert_eq!(keys, vec![format!("p-mapped:acme/repo-0@main#{commit}"); 2]);
    until("only the caller's is left", || {
        let figures = bench.sandboxes.figures();
        (figures.leased, figures.leased_direct) == (1, 0)
    })
    .await;
}

/// Says of another tree that it is the commit's.
struct Lying(Arc<dyn GitArm>);

/// Stands still before or after each push, until it is dropped.
struct Dying(Arc<dyn GitArm>, bool, Arc<Notify>);

#[async_trait]
impl GitArm for Lying {
    fn kind(&self) -> ArmKind {
        self.0.kind()
    }
    async fn clone_repository(&self, ask: &GitAsk) -> Result<Cloned, SandboxError> {
        let cloned = self.0.clone_repository(ask).await?;
        Ok(Cloned { tree_sha: "0".repeat(40), ..cloned })
    }
    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError> {
        self.0.pull(ask, sandbox).await
    }
    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError> {
        self.0.push(ask, change).await
    }
    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError> {
        self.0.verify_remote(ask, branch).await
    }
    async fn find_push(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<Pushed>, SandboxError> {
        self.0.find_push(ask, branch).await
    }
}

#[async_trait]
impl GitArm for Dying {
    fn kind(&self) -> ArmKind {
        self.0.kind()
    }
    async fn clone_repository(&self, ask: &GitAsk) -> Result<Cloned, SandboxError> {
        self.0.clone_repository(ask).await
    }
    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError> {
        self.0.pull(ask, sandbox).await
    }
    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError> {
        if self.1 {
            self.0.push(ask, change).await?;
        }
        self.2.notify_one();
        std::future::pending().await
    }
    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError> {
        self.0.verify_remote(ask, branch).await
    }
    async fn find_push(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<Pushed>, SandboxError> {
        self.0.find_push(ask, branch).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_arms_are_found_equal_and_a_wrong_tree_is_kept_as_a_difference() {
    for (stage, other) in [(Stage::Shadow, Side::Target), (Stage::Live, Side::Legacy)] {
        let bench = Bench::at(stage).await;
        let view = bench.clone("p-mapped", Some("main")).await.unwrap();
        bench.shadows_end().await;
        bench.pull(&view, None).await.unwrap();
        bench.shadows_end().await;
        for operation in [Operation::Clone, Operation::Pull] {
            assert_eq!(bench.world.counted.comparisons(operation), (1, 0), "{operation}");
            assert_eq!(bench.world.counted.calls(operation, other, Outcome::Ok, false), 1);
            assert_eq!(bench.calls(operation, other.other(), Outcome::Ok), 1);
        }
        // A push is never done beside.
        bench.gits.push(&bench.push_of(&view.commit_sha, "x", "op-1")).await.unwrap();
        bench.shadows_end().await;
        assert_eq!((bench.world.counted.beside(Operation::Push), bench.pushes()), (0, 1));
        let of_other = |bench: &Bench| {
            let figures = bench.sandboxes.figures();
            if other == Side::Target { figures.leased } else { figures.leased_direct }
        };
        until("what was compared is let go of", || of_other(&bench) == 0).await;
    }

    let bench =
        Bench::with(Stage::Shadow, |[direct, pooled]| [direct, Arc::new(Lying(pooled)) as Arc<dyn GitArm>])
            .await;
    let view = bench.clone("p-mapped", None).await.unwrap();
    bench.shadows_end().await;
    assert_eq!(bench.world.counted.comparisons(Operation::Clone), (0, 1));
    let kept = mismatch::page(&bench.world.db, NAME, &PageAsk::default()).await.unwrap().rows;
    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    let [difference] = one.differences.as_slice() else { panic!("{one:?}") };
    assert_eq!((one.operation, difference.field.as_str()), (Operation::Clone, "tree_sha"));
    assert_eq!(
        (difference.legacy.as_str(), difference.target.as_str()),
        (view.tree_sha.as_str(), &*"0".repeat(40))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_whose_process_died_is_settled_by_the_remotes_word() {
    for arrived in [true, false] {
        let dead = Arc::new(Notify::new());
        let told = dead.clone();
        let bench = Bench::with(Stage::Live, |[direct, pooled]| {
            [direct, Arc::new(Dying(pooled, arrived, told)) as Arc<dyn GitArm>]
        })
        .await;
        let view = bench.clone("p-mapped", None).await.unwrap();
        bench.settled().await;
        let ask = bench.push_of(&view.commit_sha, "one", "op.1");
        let gits = bench.gits.clone();
        let pushing = tokio::spawn(async move { gits.push(&ask).await });
        dead.notified().await;
        pushing.abort();
        let _ = pushing.await;
        assert_eq!(bench.world.db.second_intents(NAME, 0, 10).await.unwrap().len(), 1);
        bench.settled().await;
        let pushed = |record: &ArmRecord| record.of.operation == Operation::Push;
        for (side, answered) in [(Side::Legacy, false), (Side::Target, true)] {
            let book = bench.book(side).await;
            let found: Vec<_> = book.iter().filter(|record| pushed(record)).collect();
            assert_eq!(found.len(), usize::from(arrived), "{side}");
            if let [record] = found.as_slice() {
                assert_eq!(
                    (record.of.key.as_str(), record.answered),
                    ("p-mapped:acme/repo-0@main#op.1", answered)
                );
            }
        }
        bench.agreed().await;
        assert_eq!(bench.pushes(), usize::from(arrived), "settling pushes nothing");
    }
}

/// The push has landed, and the daemon can't ask about it, or stops: the caller is to repeat it, and it is not forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_nobody_could_ask_about_is_not_forgotten() {
    let bench = Bench::at(Stage::Live).await;
    let view = bench.clone("p-mapped", None).await.unwrap();
    bench.shadows_end().await;
    bench.settled().await;
    let intents = async || bench.world.db.second_intents(NAME, 0, 10).await.unwrap().len();
    // The branch, the push, and then no more.
    let faults = bench.world.bench.stage.sim.faults();
    faults.add(Fault::status(RouteKind::GitRefs, 403).after(2).always());
    let error = bench.gits.push(&bench.push_of(&view.commit_sha, "one", "op-1")).await.unwrap_err();
    assert_eq!((error.code(), bench.pushes()), ("github_unavailable", 1), "{error}");
    assert_eq!(intents().await, 1);
    faults.clear();
    bench.settled().await;
    assert!(bench.agreed().await.contains(&"p-mapped:acme/repo-0@main#op-1".to_owned()));

    let head = bench.clone("p-mapped", None).await.unwrap().commit_sha;
    bench.shadows_end().await;
    bench.settled().await;
    faults.add(Fault::on(RouteKind::GitPush, Effect::Latency(HOUR)).always());
    let (gits, ask) = (bench.gits.clone(), bench.push_of(&head, "two", "op-2"));
    let pushing = tokio::spawn(async move { gits.push(&ask).await.map(drop) });
    until("git pushes", || bench.pushes() == 2).await;
    bench.sandboxes.close().await;
    assert_eq!(pushing.await.unwrap(), Err(GitsError::Busy));
    assert_eq!(intents().await, 1);
}

/// A clone may take minutes: who hangs up before its time is over says nothing of the arm.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_early_has_met_no_broken_arm() {
    let bench = Bench::at(Stage::Complete).await;
    let stage = &bench.world.bench.stage;
    stage.sim.faults().add(Fault::on(RouteKind::GitPack, Effect::Latency(HOUR)).always());
    let packs = || stage.sim.calls().log().iter().filter(|call| call.kind == RouteKind::GitPack).count();
    for (before, (waits, ok, gross)) in [(59, 1, 0), (60, 1, 1)].into_iter().enumerate() {
        let gits = bench.gits.clone();
        let ask = CloneAsk { place: of("p-mapped"), reference: None };
        let cloning = tokio::spawn(async move { gits.clone_repository(&ask).await.map(drop) });
        until("git asks for the pack", || packs() > before && stage.sim.calls().in_flight() == 1).await;
        stage.clock.advance(Duration::from_secs(waits));
        cloning.abort();
        let _ = cloning.await;
        let counted = |outcome| bench.calls(Operation::Clone, Side::Target, outcome);
        assert_eq!((counted(Outcome::Ok), counted(Outcome::Gross)), (ok, gross), "{waits} s");
        until("the call is over", || stage.sim.calls().in_flight() == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_asks_the_remote_with_each_tenants_credential() {
    let bench = Bench::at(Stage::Complete).await;
    for side in Side::ALL.iter().copied() {
        assert_eq!(bench.gits.trouble(side, &TenantId::from("t1")).await, None);
        let trouble = bench.gits.trouble(side, &TenantId::from("t2")).await.unwrap();
        assert!(trouble.contains("no credential"), "{trouble}");
        let trouble = bench.gits.trouble(side, &TenantId::from("nobody")).await.unwrap();
        assert!(trouble.contains("no repository"), "{trouble}");
    }
    let packs =
        |kind| bench.world.bench.stage.sim.calls().log().iter().filter(|call| call.kind == kind).count();
    assert_eq!(packs(RouteKind::GitRefs), 2);
    let figures = bench.sandboxes.figures();
    assert_eq!((figures.served_cold, figures.mirrors), (1, 0), "each arm was asked, and nothing was fetched");
    bench.world.bench.stage.sim.faults().add(Fault::status(RouteKind::GitRefs, 403).always());
    assert!(bench.gits.trouble(Side::Target, &TenantId::from("t1")).await.is_some());
    assert_eq!(bench.calls(Operation::Clone, Side::Target, Outcome::Ok), 0, "a proof is no traffic");
}
