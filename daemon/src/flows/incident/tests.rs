//! An incident goes back first, and keeps the way forward shut until it is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{Moved, Side};

use super::*;
use crate::faults::Faults;
use crate::rollout::book::RolloutSettings;
use crate::rollout::criteria::Rules;
use crate::rollout::evidence::Recorded;
use crate::rollout::router::Router;
use crate::rollout::second::RepairLimits;
use crate::rollout::stages::Track;
use crate::run::Brake;
use crate::store::{CatalogOp, open, sample};

const AUTH: RolloutName = RolloutName::GithubAuth;
const SANDBOX: RolloutName = RolloutName::GitSandbox;

struct World {
    incidents: Incidents,
    _dir: tempfile::TempDir,
}

impl World {
    /// Both rollouts in these stages.
    async fn new(stages: [&str; 2]) -> Self {
        let world = Self::unread(stages, Faults::none()).await;
        let initial = stages.map(|stage| stage.parse().unwrap());
        world.incidents.rollouts.load(|name| initial[name.index()]).await.unwrap();
        world
    }

    /// Before the rollouts are read.
    async fn unread(stages: [&str; 2], faults: Faults) -> Self {
        let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(1_000));
        let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), faults).await.unwrap();
        let initial = stages.map(|stage| stage.parse().unwrap());
        let settings = RolloutSettings {
            track: Track::new(&[10, 50, 100]).unwrap(),
            rules: Rules::default(),
            shadow_buckets: 0,
            initial,
        };
        let limits = RepairLimits { age: Duration::from_secs(3_600), most: 100 };
        let evidence = Arc::new(Recorded { db: db.clone(), clock: clock.clone(), limits });
        let brake = Brake::pulled();
        brake.release(brake.newest().unwrap());
        let router = Router::new(brake);
        let rollouts = Rollouts::new(db.clone(), clock.clone(), router, settings, evidence, dir.path());
        Self { incidents: Incidents { db, clock, rollouts }, _dir: dir }
    }

    async fn declare(&self, name: Option<RolloutName>) -> Result<Declared, RolloutError> {
        self.incidents.declare(name, "users can't import", &ana()).await
    }

    async fn tenants(&self, count: usize) {
        let rows = sample::tenants(0..count, |n| format!("tenant-{n:04}"));
        let unit = Unit::new().with(CatalogOp::PutLinks { rows });
        self.incidents.db.write(Lane::Handler, unit).await.unwrap();
    }

    /// What decides now.
    fn stages(&self) -> [Stage; 2] {
        [AUTH, SANDBOX].map(|name| self.incidents.rollouts.router().plan(name).unwrap().stage)
    }

    async fn criterion(&self, name: RolloutName) -> String {
        let standing = self.incidents.rollouts.standing(name).await.unwrap();
        let found = standing.criteria.into_iter().find(|one| one.name == "incident");
        found.unwrap().state.word().to_owned()
    }
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

fn stages(words: [&str; 2]) -> [Stage; 2] {
    words.map(|word| word.parse().unwrap())
}

#[tokio::test]
async fn what_an_incident_names_goes_back_frozen_or_not_and_stays_there_until_it_is_closed() {
    let world = World::new(["canary-50", "live"]).await;
    let rollouts = &world.incidents.rollouts;
    rollouts.freeze(AUTH, "sales", &ana()).await.unwrap();
    let Declared { incident, changes, .. } = world.declare(Some(AUTH)).await.unwrap();
    assert_eq!(world.stages(), stages(["shadow", "live"]), "and nothing else");
    assert_eq!((changes.len(), changes[0].reason.contains("users can't import")), (1, true), "{changes:?}");
    assert_eq!(changes[0].detail["evidence"]["incident"], incident.id.as_str());
    assert_eq!([world.criterion(AUTH).await, world.criterion(SANDBOX).await], ["fails", "holds"]);
    assert_eq!(world.incidents.open().await.unwrap(), std::slice::from_ref(&incident));
    assert_eq!(world.incidents.close("another", &ana()).await.unwrap(), Closed::Unknown);
    assert_eq!(world.criterion(AUTH).await, "fails");
    assert_eq!(world.incidents.close(&incident.id, &ana()).await.unwrap(), Closed::Now(incident.clone()));
    assert_eq!(world.criterion(AUTH).await, "holds");
    assert_eq!(world.incidents.close(&incident.id, &ana()).await.unwrap(), Closed::Before, "once");
    let acts = world.incidents.db.audit_newest(None, 2).await.unwrap();
    let acts: Vec<_> = acts.iter().map(|row| crate::audit::view(row).act).collect();
    assert_eq!(acts, ["incident.close", "incident.declare"]);
}

#[tokio::test]
async fn an_incident_of_everything_takes_all_back_and_moves_nobody_who_is_not_on_the_target() {
    let world = World::new(["shadow", "live"]).await;
    let Declared { changes, .. } = world.declare(None).await.unwrap();
    assert_eq!(world.stages(), stages(["shadow", "shadow"]));
    assert_eq!(changes.iter().map(|one| one.rollout).collect::<Vec<_>>(), [SANDBOX]);
    assert_eq!([world.criterion(AUTH).await, world.criterion(SANDBOX).await], ["fails", "fails"]);
    let newest = world.incidents.rollouts.changes(SANDBOX, &PageAsk::first(1)).await.unwrap();
    assert_eq!(newest.rows[0].act, "auto-rollback");
}

#[tokio::test]
async fn without_the_store_all_goes_back_and_the_incident_is_said_not_to_be_written_down() {
    let world = World::new(["canary-50", "live"]).await;
    world.incidents.db.close().await;
    let told = world.declare(None).await.unwrap_err().to_string();
    assert!(told.contains("github-auth went back to shadow; git-sandbox went back to shadow;"), "{told}");
    assert!(told.contains("the incident itself is not written down: the store"), "{told}");
    assert_eq!(world.stages(), stages(["shadow", "shadow"]));
    assert_eq!(world.incidents.rollouts.owes(), 2);
}

/// A store that hangs, as a full or a slow disk does.
#[tokio::test]
async fn no_rollout_waits_for_what_another_waits_for() {
    let hangs = Arc::new(AtomicBool::new(false));
    let seen = hangs.clone();
    let faults = Faults::with(Arc::new(move |name| {
        let stops = name == "store.commit.before" && seen.load(Ordering::SeqCst);
        Box::pin(async move {
            if stops {
                std::future::pending::<()>().await;
            }
        })
    }));
    let world = World::unread(["live", "live"], faults).await;
    world.incidents.rollouts.load(|_| Stage::Live).await.unwrap();
    hangs.store(true, Ordering::SeqCst);
    let incidents = world.incidents.clone();
    // The clock stands, so nobody's patience ends.
    let declaring = tokio::spawn(async move { incidents.declare(None, "slow", &ana()).await });
    let gone = async {
        while world.stages() != stages(["shadow", "shadow"]) {
            tokio::task::yield_now().await;
        }
    };
    let gone = Clock::system().timeout(Duration::from_secs(10), gone).await;
    declaring.abort();
    assert!(gone.is_ok(), "{:?}", world.stages());
}

#[tokio::test]
async fn an_incident_is_written_down_though_no_rollout_could_go_back() {
    let world = World::unread(["live", "live"], Faults::none()).await;
    let effects = world.declare(None).await.unwrap().effects;
    assert!(effects.iter().all(|one| matches!(one.outcome, IncidentOutcome::Failed { .. })), "{effects:?}");
    assert_eq!(world.incidents.open().await.unwrap().len(), 1);
}

#[tokio::test]
async fn behind_a_hundred_open_ones_an_incident_still_shuts_its_rollout_and_can_be_closed() {
    let world = World::new(["shadow", "shadow"]).await;
    let db = &world.incidents.db;
    let other = |unit: Unit, n| {
        unit.joined(declared(&row(&format!("old-{n:03}"), Some(SANDBOX), "slow", n, &ana()), &ana()))
    };
    for n in 0..120 {
        db.write(Lane::Urgent, other(Unit::new(), n)).await.unwrap();
    }
    assert_eq!([world.criterion(AUTH).await, world.criterion(SANDBOX).await], ["holds", "fails"]);
    db.write(Lane::Urgent, declared(&row("new", Some(AUTH), "imports fail", 1_000, &ana()), &ana()))
        .await
        .unwrap();
    assert_eq!(world.criterion(AUTH).await, "fails");
    world.incidents.close("new", &ana()).await.unwrap();
    assert_eq!(world.criterion(AUTH).await, "holds");
}

#[tokio::test]
async fn what_an_incident_did_is_told_for_each_rollout_with_operations_stages_and_tenants() {
    let world = World::new(["canary-100", "shadow"]).await;
    world.tenants(40).await;
    let rollouts = &world.incidents.rollouts;
    rollouts.flag(Operation::List, false, "", &ana()).await.unwrap();
    rollouts.set_override(AUTH, &"tenant-0007".into(), Some(Side::Legacy), "", &ana()).await.unwrap();
    let effects = world.declare(None).await.unwrap().effects;
    let back = IncidentOutcome::RolledBack {
        from: "canary-100".parse().unwrap(),
        to: Stage::Shadow,
        operations: vec![Operation::Import],
        off: vec![Operation::List],
        tenants: Some(Moved { moved: 39, all: 40 }),
        stored: true,
    };
    let left = IncidentOutcome::Left { stage: Stage::Shadow, why: NOBODY.to_owned() };
    let wanted = [(AUTH, back), (SANDBOX, left)];
    assert_eq!(effects, wanted.map(|(rollout, outcome)| IncidentEffect { rollout, outcome }));

    // What it does not name is left, and says so.
    let world = World::new(["live", "live"]).await;
    let effects = world.declare(Some(SANDBOX)).await.unwrap().effects;
    assert!(
        matches!(&effects[0].outcome, IncidentOutcome::Left { stage: Stage::Live, why } if why.contains("name")),
        "{effects:?}"
    );
    assert!(
        matches!(effects[1].outcome, IncidentOutcome::RolledBack { from: Stage::Live, .. }),
        "{effects:?}"
    );
}

/// Nobody leaves a target that a kill has emptied before.
#[tokio::test]
async fn a_killed_rollout_goes_back_and_moves_nobody() {
    let world = World::new(["live", "live"]).await;
    world.tenants(5).await;
    let rollouts = &world.incidents.rollouts;
    rollouts.back(AUTH, Way::Kill, "", json!(null), false, &ana()).await.unwrap();
    let moved = async |name| {
        let effects = world.declare(Some(name)).await.unwrap().effects;
        match &effects[name.index()].outcome {
            IncidentOutcome::RolledBack { tenants: Some(tenants), .. } => tenants.moved,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((moved(AUTH).await, moved(SANDBOX).await), (0, 5));
}
