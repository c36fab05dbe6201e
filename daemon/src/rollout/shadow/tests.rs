use std::sync::atomic::{AtomicU64, Ordering};

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{RolloutName, Stage};
use tokio::sync::Notify;

use super::*;
use crate::faults::Faults;
use crate::rollout::decide::Plan;
use crate::rollout::mismatch;
use crate::rollout::router::Hold;
use crate::rollout::state::{Lists, State};
use crate::rollout::tally::Counted;
use crate::run::Brake;
use crate::store::{RecordKind, RolloutOp, open};

const HOUR: Duration = Duration::from_secs(3_600);
const LIMITS: ShadowSettings =
    ShadowSettings { timeout: Duration::from_secs(30), parallel: 2, calls_per_hour: 3 };

struct World {
    shadow: Shadow,
    counted: Arc<Counted>,
    clock: Clock,
    router: Router,
    brake: Brake,
    db: Db,
    _dir: tempfile::TempDir,
}

fn plan(stage: Stage, version: u64) -> Plan {
    let state = State::begin(RolloutName::GithubAuth, stage, 0);
    // Every read is compared.
    state.plan(RolloutName::GithubAuth, version, Lists::default(), 10_000).unwrap()
}

async fn world_with<T: Tally + 'static>(of: impl FnOnce(Arc<Counted>) -> T) -> World {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let (brake, clock) = (Brake::pulled(), Clock::manual(1_000));
    brake.release(brake.newest().unwrap());
    let router = Router::new(brake.clone());
    router.publish(plan(Stage::Shadow, 1));
    let counted = Arc::new(Counted::default());
    let shadow = Shadow::new(ShadowParts {
        router: router.clone(),
        clock: clock.clone(),
        db: db.clone(),
        tally: Arc::new(of(counted.clone())),
        settings: LIMITS,
    });
    World { shadow, counted, clock, router, brake, db, _dir: dir }
}

/// The counts as they are, without a count of its own in the store.
struct Plain(Arc<Counted>);

impl Tally for Plain {
    fn record(&self, sample: &Sample<'_>) {
        self.0.record(sample);
    }
    fn compared(&self, operation: Operation, equal: bool) {
        self.0.compared(operation, equal);
    }
    fn shed(&self, operation: Operation) {
        self.0.shed(operation);
    }
    fn over_budget(&self, operation: Operation) {
        self.0.over_budget(operation);
    }
}

async fn world() -> World {
    world_with(Plain).await
}

fn asked() -> Asked {
    Asked { operation: Operation::Import, tenant: "acme".into(), answered: Side::Legacy, version: 1 }
}

fn content(digest: &str) -> Content {
    Content::import(digest, "t", "c", 1, 1)
}

fn both(other: &str) -> Beside {
    Beside::Both { answered: content("same"), other: content(other) }
}

impl World {
    /// Waits until nothing runs any more; the clock stands meanwhile.
    async fn quiet(&self) {
        self.until(|| self.shadow.free() == LIMITS.parallel).await;
    }

    async fn until(&self, condition: impl Fn() -> bool) {
        let waiting = async {
            while !condition() {
                tokio::task::yield_now().await;
            }
        };
        assert!(Clock::system().timeout(Duration::from_secs(30), waiting).await.is_ok(), "it did not come");
    }

    fn calls(&self, outcome: Outcome) -> u64 {
        self.counted.calls(Operation::Import, Side::Target, outcome, false)
    }

    async fn kept(&self) -> Vec<cutover_shared::rollout::MismatchView> {
        mismatch::page(&self.db, RolloutName::GithubAuth, &PageAsk::default()).await.unwrap().rows
    }
}

#[tokio::test]
async fn equal_answers_are_counted_and_differing_ones_are_kept_with_their_difference() {
    let world = world().await;
    world.shadow.start(asked(), async |_| both("same"));
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (1, 0));
    assert!(world.kept().await.is_empty());
    world.shadow.start(asked(), async |_| both("other"));
    world.quiet().await;
    assert_eq!((world.counted.comparisons(Operation::Import), world.calls(Outcome::Ok)), ((1, 1), 2));
    let kept = world.kept().await;
    let [one] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!((one.tenant.as_str(), one.at, one.version), ("acme", 1_000, 1));
    let [difference] = one.differences.as_slice() else { panic!("{one:?}") };
    let shown = (difference.field.as_str(), difference.legacy.as_str(), difference.target.as_str());
    assert_eq!(shown, ("digest", "same", "other"));
    // Where the target answered, what ran beside is legacy.
    world.shadow.start(Asked { answered: Side::Target, ..asked() }, async |_| both("other"));
    world.quiet().await;
    let newest = &world.kept().await[0].differences[0];
    assert_eq!((newest.legacy.as_str(), newest.target.as_str()), ("other", "same"));
    assert_eq!(world.counted.calls(Operation::Import, Side::Legacy, Outcome::Ok, false), 1);
}

/// Counts in the store: here as a record that is replaced by each.
struct Durable(Arc<Counted>);

impl Tally for Durable {
    fn record(&self, sample: &Sample<'_>) {
        self.0.record(sample);
    }
    fn compared(&self, operation: Operation, equal: bool) {
        self.0.compared(operation, equal);
    }
    fn shed(&self, operation: Operation) {
        self.0.shed(operation);
    }
    fn over_budget(&self, operation: Operation) {
        self.0.over_budget(operation);
    }
    fn mismatch(&self, operation: Operation) -> Option<crate::store::Op> {
        let (name, kind) = (operation.rollout(), RecordKind::Judge);
        Some(RolloutOp::Record { name, kind, at: 7, body: "counted".to_owned() }.into())
    }
}

#[tokio::test]
async fn a_difference_and_its_count_are_one_unit() {
    let world = world_with(Durable).await;
    world.shadow.start(asked(), async |_| both("other"));
    world.quiet().await;
    assert_eq!(world.kept().await.len(), 1);
    let count = world.db.rollout_record(RolloutName::GithubAuth, RecordKind::Judge).await.unwrap();
    assert_eq!(count, Some((7, "counted".to_owned())));
    assert_eq!(world.counted.comparisons(Operation::Import), (0, 0), "counted once");
    // A store that takes nothing: what differed is counted all the same.
    world.db.close().await;
    world.shadow.start(asked(), async |_| both("other"));
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (0, 1));
}

#[tokio::test]
async fn a_failing_arm_is_an_error_and_never_a_difference() {
    let world = world().await;
    world.shadow.start(asked(), async |_| Beside::Failed(Outcome::Error));
    world.quiet().await;
    world.shadow.start(asked(), async |_| panic!("the arm's own bug"));
    world.quiet().await;
    assert_eq!((world.calls(Outcome::Error), world.calls(Outcome::Gross)), (1, 1));
    assert_eq!(world.counted.comparisons(Operation::Import), (0, 0));
    assert_eq!(world.counted.sheds(Operation::Import), 0);
    // The world has moved: nobody's fault, and left out.
    world.shadow.start(asked(), async |_| Beside::Left);
    world.quiet().await;
    assert_eq!((world.counted.sheds(Operation::Import), world.counted.beside(Operation::Import)), (1, 2));
}

#[tokio::test]
async fn what_hangs_ends_with_its_time_and_what_is_too_much_is_shed() {
    let world = world().await;
    for _ in 0..5 {
        world.shadow.start(asked(), |_| std::future::pending());
    }
    assert_eq!((world.shadow.free(), world.counted.sheds(Operation::Import)), (0, 3), "the cap is two");
    tokio::task::yield_now().await;
    let moving = async {
        while world.shadow.free() < 2 {
            world.clock.advance(Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
    };
    Clock::system().timeout(Duration::from_secs(30), moving).await.unwrap();
    assert_eq!(world.calls(Outcome::Gross), 2);
    // An arm that had answered did not fail when the rest of the comparison takes too long.
    world.shadow.start(asked(), async |leash| {
        leash.mark();
        std::future::pending().await
    });
    tokio::task::yield_now().await;
    let moving = async {
        while world.shadow.free() < 2 {
            world.clock.advance(Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
    };
    Clock::system().timeout(Duration::from_secs(30), moving).await.unwrap();
    assert_eq!((world.calls(Outcome::Gross), world.calls(Outcome::Ok)), (2, 1));
    assert_eq!(world.counted.sheds(Operation::Import), 4);
}

#[tokio::test]
async fn the_hours_calls_are_a_budget() {
    let world = world().await;
    let made = Arc::new(AtomicU64::new(0));
    let work = |made: Arc<AtomicU64>| {
        async move |leash: Leash| {
            for _ in 0..2 {
                if leash.go().is_err() {
                    // Whatever is answered after that is not looked at.
                    return both("other");
                }
                made.fetch_add(1, Ordering::SeqCst);
            }
            both("same")
        }
    };
    for _ in 0..2 {
        world.shadow.start(asked(), work(made.clone()));
        world.quiet().await;
    }
    assert_eq!(made.load(Ordering::SeqCst), 3);
    assert_eq!(world.counted.comparisons(Operation::Import), (1, 0));
    // A planned sample is no loss.
    let left = |world: &World| {
        (world.counted.beyond_budget(Operation::Import), world.counted.sheds(Operation::Import))
    };
    assert_eq!(left(&world), (1, 0));
    // Nor is what GitHub's own limits leave out.
    world.shadow.start(asked(), async |_| Beside::Unaffordable);
    world.quiet().await;
    assert_eq!(left(&world), (2, 0));
    world.clock.advance(HOUR);
    world.shadow.start(asked(), work(made));
    world.quiet().await;
    assert_eq!(world.counted.comparisons(Operation::Import), (2, 0));
}

/// How a rollout is left, with and without somebody telling.
#[derive(Clone, Copy, Debug)]
enum End {
    Kill,
    Told,
    Untold,
    Back,
}

#[tokio::test]
async fn a_kill_stops_it_before_its_next_call_and_while_it_waits() {
    for end in [End::Kill, End::Told, End::Untold, End::Back] {
        let world = world().await;
        let (made, go) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let (calls, gate) = (made.clone(), go.clone());
        world.shadow.start(asked(), async move |leash| {
            leash.go().unwrap();
            calls.fetch_add(1, Ordering::SeqCst);
            gate.notified().await;
            if leash.go().is_ok() {
                calls.fetch_add(1, Ordering::SeqCst);
            }
            both("other")
        });
        // Another one hangs in a call and asks nobody.
        world.shadow.start(asked(), |_| std::future::pending());
        world.until(|| made.load(Ordering::SeqCst) == 1).await;
        match end {
            End::Kill => world.router.hold(RolloutName::GithubAuth, Hold::Killed),
            End::Told => {
                world.brake.pull();
                world.router.tell();
            }
            End::Untold => world.brake.pull(),
            End::Back => world.router.publish(plan(Stage::Off, 2)),
        }
        go.notify_one();
        if matches!(end, End::Untold) {
            world.until(|| world.shadow.free() >= 1).await;
            // Longer than it looks away, shorter than its time.
            let moving = async {
                while world.shadow.free() < 2 {
                    world.clock.advance(Duration::from_millis(50));
                    tokio::task::yield_now().await;
                }
            };
            Clock::system().timeout(Duration::from_secs(30), moving).await.unwrap();
        }
        world.quiet().await;
        assert_eq!(made.load(Ordering::SeqCst), 1, "{end:?}: a call after the kill");
        assert_eq!(world.counted.comparisons(Operation::Import), (0, 0), "{end:?}");
        assert_eq!((world.counted.sheds(Operation::Import), world.counted.beside(Operation::Import)), (2, 0));
        // Nothing starts afterwards either.
        let calls = made.clone();
        world.shadow.start(asked(), async move |leash| {
            if leash.go().is_ok() {
                calls.fetch_add(1, Ordering::SeqCst);
            }
            both("same")
        });
        world.quiet().await;
        assert_eq!(made.load(Ordering::SeqCst), 1, "{end:?}");
    }
}

#[tokio::test]
async fn the_newest_differences_are_kept_and_read_in_pages() {
    let world = world().await;
    for n in 0..5_i64 {
        let mismatch = Mismatch {
            operation: Operation::List,
            tenant: "acme".into(),
            at: n,
            version: 1,
            differences: differences(&content("a"), &content("b")),
        };
        keep(&world.db, &mismatch, None).await.unwrap();
    }
    let (mut ats, mut ask) = (Vec::new(), PageAsk::first(2));
    loop {
        let page = mismatch::page(&world.db, RolloutName::GithubAuth, &ask).await.unwrap();
        ats.extend(page.rows.iter().map(|row| row.at));
        match page.next {
            None => break,
            next => ask.after = next,
        }
    }
    assert_eq!(ats, [4, 3, 2, 1, 0]);
    let other = mismatch::page(&world.db, RolloutName::GitSandbox, &ask).await.unwrap();
    assert!(other.rows.is_empty());
}
