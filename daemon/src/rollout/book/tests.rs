//! The acts on rollouts, on a real store that is closed and opened again.

mod in_time;
mod listed;

use std::path::Path;

use cutover_shared::page::PageAsk;
use cutover_shared::rollout::{CriterionState, Operation, ReconcileView, ReverseView, Side, StepView, Why};
use cutover_shared::status::Health;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::faults::Faults;
use crate::rollout::criteria::Proof;
use crate::run::Brake;
use crate::store::{CatalogOp, open, sample};

const START: i64 = 1_750_000_000_000;
const AUTH: RolloutName = RolloutName::GithubAuth;

/// Everything that a step wants holds, but what a test spoils.
#[derive(Default)]
struct Good(Mutex<Option<(CriterionState, String)>>);

#[async_trait]
impl Evidence for Good {
    async fn facts(&self, _name: RolloutName, state: &State) -> Result<Facts, ReadError> {
        let proof = Proof { at: state.stage_since, ok: true, text: "proven".to_owned() };
        let spoiled = self.0.lock().unwrap().clone();
        Ok(Facts {
            verdict: Some(spoiled.unwrap_or((CriterionState::Holds, "passes".to_owned()))),
            reverse: Some(ReverseView { at: i64::MAX, ok: true, text: "walked".to_owned(), tenants: 3 }),
            armed: Some(proof.clone()),
            preflight: Some(Proof { at: i64::MAX, ..proof }),
            baseline_at: Some(0),
            reconciled: Some(ReconcileView {
                at: i64::MAX,
                since: 0,
                compared: 40,
                missing: 0,
                extra: 0,
                different: 0,
                lagging: 0,
                later: Some(0),
                mismatch_ppm: 0,
                repaired: 0,
                unrecorded: 0,
                health: Health::Ok,
                examples: Vec::new(),
            }),
            ..Facts::default()
        })
    }
}

struct House {
    dir: TempDir,
    clock: Clock,
    evidence: Arc<Good>,
    roles: cutover_shared::rollout::NamedRoles,
}

struct Life {
    db: Db,
    brake: Brake,
    rollouts: Rollouts,
}

impl House {
    fn new() -> Self {
        let (clock, evidence) = (Clock::manual(START), Arc::default());
        Self { dir: tempfile::tempdir().unwrap(), clock, evidence, roles: Default::default() }
    }

    async fn store(&self) -> Db {
        open(&format!("sqlite:{}/cutover.db", self.path().display()), Faults::none()).await.unwrap()
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn rollouts(&self, db: &Db, brake: &Brake) -> Rollouts {
        let rules = Rules { hours: None, roles: self.roles.clone(), ..Rules::default() };
        let settings = RolloutSettings {
            track: Track::new(&[10, 50, 100]).unwrap(),
            rules,
            shadow_buckets: 1_000,
            initial: [Stage::Off; 2],
        };
        let router = Router::new(brake.clone());
        Rollouts::new(db.clone(), self.clock.clone(), router, settings, self.evidence.clone(), self.path())
    }

    /// A daemon's life: the store open, the rollouts loaded, the brake let go.
    async fn life(&self) -> Life {
        let db = self.store().await;
        let brake = Brake::pulled();
        let rollouts = self.rollouts(&db, &brake);
        rollouts.load(|_| Stage::Off).await.unwrap();
        brake.release(brake.newest().unwrap());
        Life { db, brake, rollouts }
    }
}

impl Life {
    async fn tenants(&self, count: usize) {
        let rows = sample::tenants(0..count, |n| format!("tenant-{n:04}"));
        for rows in rows.chunks(200) {
            let bump = CatalogOp::Bump { at: START, by: "ana".to_owned() };
            let unit = Unit::new().with(CatalogOp::PutLinks { rows: rows.to_vec() }).with(bump);
            self.db.write(Lane::Handler, unit).await.unwrap();
        }
    }

    /// The first tenant leaves the catalog.
    async fn forget_tenant(&self) {
        let keys = sample::tenants(0..1, |n| format!("tenant-{n:04}")).into_iter().map(|row| row.key);
        let unit = Unit::new().with(CatalogOp::DropLinks { keys: keys.collect() });
        self.db.write(Lane::Handler, unit).await.unwrap();
    }

    fn side(&self, tenant: &str) -> (Side, Why) {
        let decision = self.rollouts.router().decide(Operation::Import, tenant);
        (decision.side, decision.why)
    }

    async fn look(&self, exact: Option<u32>) -> StepView {
        self.rollouts.step(&StepAsk { name: AUTH, to: None, exact, ring: None }).await.unwrap()
    }

    /// Looks and takes the next step.
    async fn forward(&self, house: &House, exact: Option<u32>) -> ChangeView {
        house.clock.advance(std::time::Duration::from_secs(30 * 24 * 60 * 60));
        let view = self.look(exact).await;
        let ask = StepAsk { name: AUTH, to: Some(view.to), exact, ring: None };
        self.rollouts.advance(&ask, &view.digest, None, &ana()).await.unwrap()
    }

    async fn to(&self, house: &House, stage: &str) {
        while self.rollouts.state(AUTH).unwrap().1.stage.to_string() != stage {
            self.forward(house, None).await;
        }
    }

    /// Those whose calls go to the target now, whatever the store says.
    fn going(&self, tenants: usize) -> BTreeSet<String> {
        let names = (0..tenants).map(|n| format!("tenant-{n:04}"));
        names.filter(|name| self.side(name).0 == Side::Target).collect()
    }

    async fn on_target(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut page = PageAsk::first(100);
        loop {
            let rows = self.rollouts.members(AUTH, Some(Side::Target), &page).await.unwrap();
            all.extend(rows.rows.into_iter().map(|row| row.tenant.0));
            page.after = match rows.next {
                None => return all,
                next => next,
            };
        }
    }

    async fn back(&self, way: Way) -> Result<ChangeView, RolloutError> {
        self.rollouts.back(AUTH, way, "wrong files", json!({ "n": 1 }), false, &ana()).await
    }
}

fn ana() -> Who {
    Who { operator: "ana".into(), origin: "test".to_owned() }
}

#[tokio::test]
async fn each_step_is_approved_as_it_was_shown_and_moves_nobody_back() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(1_000).await;
    let mut before = BTreeSet::new();
    for stage in ["dual-write", "shadow", "canary-10", "canary-50", "canary-100", "live", "complete"] {
        house.clock.advance(std::time::Duration::from_secs(30 * 24 * 60 * 60));
        let view = life.look(None).await;
        assert_eq!((view.to.to_string().as_str(), view.tenants), (stage, 1_000));
        life.forward(&house, None).await;
        let inside = life.on_target().await;
        assert_eq!(u64::try_from(inside.len()).unwrap(), view.inside, "{stage}");
        let moved = inside.difference(&before).count();
        assert_eq!(u64::try_from(moved).unwrap(), view.moving_count, "{stage}");
        assert!(inside.is_superset(&before), "{stage} moved somebody back");
        before = inside;
    }
    assert_eq!(before.len(), 1_000);
    let changes = life.rollouts.changes(AUTH, &PageAsk::first(3)).await.unwrap();
    assert_eq!(changes.rows.iter().map(|one| one.version).collect::<Vec<_>>(), [8, 7, 6]);
    assert_eq!(changes.next.as_deref(), Some("6"));
}

#[tokio::test]
async fn what_moved_since_voids_an_approval() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(50).await;
    life.to(&house, "shadow").await;
    house.clock.advance(std::time::Duration::from_secs(30 * 24 * 60 * 60));
    let view = life.look(None).await;
    let ask = StepAsk { name: AUTH, to: Some(view.to), exact: None, ring: None };
    let elsewhere = StepAsk { exact: Some(3), ..ask.clone() };
    assert!(matches!(
        life.rollouts.advance(&elsewhere, &view.digest, None, &ana()).await,
        Err(RolloutError::Stale { .. })
    ));
    life.rollouts
        .set_override(AUTH, &"tenant-0001".into(), Some(Side::Target), "asked", &ana())
        .await
        .unwrap();
    assert!(matches!(
        life.rollouts.advance(&ask, &view.digest, None, &ana()).await,
        Err(RolloutError::Stale { .. })
    ));
    let skip = StepAsk { to: Some(Stage::Live), ..ask };
    assert!(matches!(life.rollouts.step(&skip).await, Err(RolloutError::Illegal(Illegal::Skips { .. }))));
    assert_eq!(life.rollouts.state(AUTH).unwrap().1.stage, Stage::Shadow);
}

#[tokio::test]
async fn a_criterion_that_fails_stops_a_step_and_an_approver_passes_only_what_may_be() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "shadow").await;
    let view = life.look(None).await;
    let ask = StepAsk { name: AUTH, to: Some(view.to), exact: None, ring: None };
    // No time has gone by in shadow.
    let refused = life.rollouts.advance(&ask, &view.digest, None, &ana()).await;
    assert!(
        matches!(refused, Err(RolloutError::Criteria(Unmet { name, never, .. })) if name == "soak" && never.is_empty())
    );
    *house.evidence.0.lock().unwrap() = Some((CriterionState::Fails, "errors".to_owned()));
    let refused = life.rollouts.advance(&ask, &view.digest, Some("I know"), &ana()).await;
    assert!(
        matches!(refused, Err(RolloutError::Criteria(Unmet { name, never, .. })) if name == "verdict" && never == ["verdict"])
    );
    *house.evidence.0.lock().unwrap() = None;
    let change = life.rollouts.advance(&ask, &view.digest, Some("small fleet"), &ana()).await.unwrap();
    assert_eq!(change.reason, "small fleet");
    assert_eq!(change.detail["passed"][0]["name"], "soak");
}

#[tokio::test]
async fn a_list_by_name_holds_exactly_so_many_and_only_grows() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(300).await;
    life.to(&house, "shadow").await;
    let view = life.look(Some(7)).await;
    assert_eq!((view.inside, view.moving.len()), (7, 7));
    life.forward(&house, Some(7)).await;
    let seven = life.on_target().await;
    assert_eq!(seven, view.moving.iter().map(|tenant| tenant.0.clone()).collect());
    assert_eq!(life.side("tenant-that-came-later").1, Why::Roster);
    life.forward(&house, Some(40)).await;
    let forty = life.on_target().await;
    assert!(forty.len() == 40 && forty.is_superset(&seven));
    // The list outlives a restart.
    life.db.close().await;
    let again = house.life().await;
    assert_eq!(again.on_target().await, forty);
}

#[tokio::test]
async fn a_way_back_is_legal_in_every_stage_frozen_or_killed() {
    for stage in ["dual-write", "shadow", "canary-10", "canary-50", "canary-100", "live", "complete"] {
        let house = House::new();
        let life = house.life().await;
        life.to(&house, stage).await;
        life.rollouts.freeze(AUTH, "sales", &ana()).await.unwrap();
        let change = life.back(Way::Stage(None)).await.unwrap();
        assert_eq!((change.act.as_str(), change.from.to_string().as_str()), ("rollback", stage));
        assert!(change.to < change.from);
        life.back(Way::Kill).await.unwrap();
        assert_eq!(life.side("acme"), (Side::Legacy, Why::Killed));
        if change.to != Stage::Off {
            assert_eq!(life.back(Way::Stage(Some(Stage::Off))).await.unwrap().to, Stage::Off);
        }
        assert!(matches!(life.back(Way::Stage(None)).await, Err(RolloutError::Illegal(Illegal::Same(_)))));
        assert!(life.rollouts.unkill(AUTH, "mended", &ana()).await.unwrap().is_some());
        assert_eq!(life.side("acme").1, Why::Stage);
        assert_eq!(life.rollouts.unkill(AUTH, "again", &ana()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_way_back_takes_effect_without_the_store_and_outlives_a_restart() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    assert_eq!(life.side("acme").0, Side::Target);
    life.db.close().await;
    let owed = life.back(Way::Stage(Some(Stage::Shadow))).await;
    assert!(matches!(owed, Err(RolloutError::Owed(_))), "{owed:?}");
    assert_eq!(life.side("acme"), (Side::Legacy, Why::Stage));
    assert_eq!(life.rollouts.owes(), 1);

    let again = house.life().await;
    let (_, state) = again.rollouts.state(AUTH).unwrap();
    assert_eq!((state.stage, again.rollouts.owes()), (Stage::Shadow, 0));
    let newest = again.rollouts.changes(AUTH, &PageAsk::first(1)).await.unwrap().rows.remove(0);
    assert_eq!(
        (newest.act.as_str(), newest.by.as_str(), newest.reason.as_str()),
        ("rollback", "ana", "wrong files")
    );
    // The marker has done its work: a later start does not go back again.
    again.to(&house, "live").await;
    again.db.close().await;
    assert_eq!(house.life().await.side("acme").0, Side::Target);
}

#[tokio::test]
async fn a_rollback_after_a_kill_does_not_take_its_place_on_disk() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    life.db.close().await;
    for way in [Way::Kill, Way::Stage(Some(Stage::DualWrite)), Way::Stage(Some(Stage::Shadow))] {
        assert!(matches!(life.back(way).await, Err(RolloutError::Owed(_))));
    }
    assert_eq!(life.side("acme"), (Side::Legacy, Why::Killed));

    let again = house.life().await;
    let (_, state) = again.rollouts.state(AUTH).unwrap();
    assert_eq!((state.stage, again.rollouts.owes()), (Stage::DualWrite, 0));
    assert_eq!(again.side("acme"), (Side::Legacy, Why::Killed));
    assert!(state.killed.is_some());
}

#[tokio::test]
async fn a_second_kill_is_answered_with_the_first() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    let first = life.back(Way::Kill).await.unwrap();
    let second = life.back(Way::Kill).await.unwrap();
    assert_eq!((second.act.as_str(), second.version), ("kill", first.version));
}

#[tokio::test]
async fn a_marker_that_can_not_be_read_is_a_kill() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    life.db.close().await;
    for nonsense in [&b"nonsense"[..], b"\xff\x00", b"", b"[]", b"{\"rollout\":\"git-sandbox\"}"] {
        std::fs::write(house.path().join("rollout.github-auth.marker"), nonsense).unwrap();
        let again = house.life().await;
        assert_eq!(again.side("acme"), (Side::Legacy, Why::Killed), "{nonsense:?}");
        assert!(again.rollouts.state(AUTH).unwrap().1.killed.is_some());
        again.rollouts.unkill(AUTH, "mended", &ana()).await.unwrap();
        again.db.close().await;
    }
}

#[tokio::test]
async fn a_kill_and_a_rollback_that_the_store_lacks_are_both_found_by_the_next_start() {
    let kill = || Way::Kill;
    let back = || Way::Stage(Some(Stage::Shadow));
    for ways in [[kill(), back()], [back(), kill()]] {
        let house = House::new();
        let life = house.life().await;
        life.to(&house, "live").await;
        life.db.close().await;
        for way in ways {
            assert!(matches!(life.back(way).await, Err(RolloutError::Owed(_))));
        }
        assert_eq!(life.side("acme"), (Side::Legacy, Why::Killed));

        let again = house.life().await;
        let (_, state) = again.rollouts.state(AUTH).unwrap();
        assert!(state.killed.is_some() && state.stage == Stage::Shadow, "{state:?}");
        assert!(!house.path().join("rollout.github-auth.marker").exists());
    }
}

#[tokio::test]
async fn a_decision_of_any_time_is_made_again_from_what_was_recorded() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(20).await;
    life.to(&house, "live").await;
    let live_since = house.clock.now();
    house.clock.advance(std::time::Duration::from_secs(60));
    life.rollouts.flag(Operation::Import, false, "slow", &ana()).await.unwrap();
    house.clock.advance(std::time::Duration::from_secs(60));
    life.rollouts.set_ceiling(Mode::Canary, &BTreeSet::from(["tenant-0003".into()]), &ana()).await.unwrap();
    let one = TenantId::from("tenant-0001");
    let at = |at| life.rollouts.explain(&one, Operation::Import, at);
    assert_eq!(at(Some(live_since)).await.unwrap().why, Why::Everyone);
    assert_eq!(at(Some(live_since + 60_000)).await.unwrap().why, Why::FlagOff);
    assert_eq!(at(None).await.unwrap().why, Why::FlagOff);
    assert!(matches!(at(Some(START - 1)).await, Err(RolloutError::Unrecorded(_))));
    let list = life.rollouts.explain(&"tenant-0003".into(), Operation::List, None).await.unwrap();
    assert_eq!((list.side, list.why), (Side::Target, Why::Everyone));
    let other = life.rollouts.explain(&"tenant-0001".into(), Operation::List, None).await.unwrap();
    assert_eq!(other.why, Why::NotListed);
}

#[tokio::test]
async fn what_is_so_already_is_no_change() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(2).await;
    let none = BTreeSet::new();
    life.rollouts.set_ceiling(Mode::On, &none, &ana()).await.unwrap();
    let (version, _) = life.rollouts.state(AUTH).unwrap();
    life.rollouts.set_ceiling(Mode::On, &none, &ana()).await.unwrap();
    assert_eq!(life.rollouts.flag(Operation::List, true, "", &ana()).await.unwrap(), None);
    assert_eq!(life.rollouts.unfreeze(AUTH, &ana()).await.unwrap(), None);
    assert_eq!(
        life.rollouts.set_override(AUTH, &"tenant-0000".into(), None, "", &ana()).await.unwrap(),
        None
    );
    assert_eq!(life.rollouts.state(AUTH).unwrap().0, version);
    assert!(!life.brake.is_pulled());
}

/// The one that is refused, and the one that may have been meant.
fn unknown<T: std::fmt::Debug>(answer: Result<T, RolloutError>) -> (String, Option<String>) {
    match answer {
        Err(RolloutError::UnknownTenant { tenant, near }) => (tenant.0, near.map(|near| near.0)),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_exception_wants_a_tenant_that_there_is_also_where_it_is_taken_away() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(1_200).await;
    let (version, _) = life.rollouts.state(AUTH).unwrap();
    for side in [Some(Side::Target), Some(Side::Legacy), None] {
        let slip = life.rollouts.set_override(AUTH, &"tenant-1199x".into(), side, "", &ana()).await;
        assert_eq!(unknown(slip), ("tenant-1199x".to_owned(), Some("tenant-1199".to_owned())), "{side:?}");
        let nobody = life.rollouts.set_override(AUTH, &"nobody".into(), side, "", &ana()).await;
        assert_eq!(unknown(nobody), ("nobody".to_owned(), None), "{side:?}");
    }
    assert_eq!(life.rollouts.state(AUTH).unwrap().0, version);
    // Its exception outlives a tenant, and can be taken away.
    let gone: TenantId = "tenant-0000".into();
    life.rollouts.set_override(AUTH, &gone, Some(Side::Legacy), "", &ana()).await.unwrap().unwrap();
    life.forget_tenant().await;
    unknown(life.rollouts.set_override(AUTH, &gone, Some(Side::Target), "", &ana()).await);
    life.rollouts.set_override(AUTH, &gone, None, "", &ana()).await.unwrap().unwrap();
    unknown(life.rollouts.set_override(AUTH, &gone, None, "", &ana()).await);
}

#[tokio::test]
async fn an_answer_about_a_tenant_that_nobody_knows_says_so() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(3).await;
    let note = async |tenant: &str, at| {
        let view = life.rollouts.explain(&tenant.into(), Operation::Import, at).await.unwrap();
        view.note.unwrap_or_default()
    };
    let now = house.clock.now();
    for at in [None, Some(now)] {
        assert_eq!(note("tenant-0002", at).await, "");
        let slip = note("tenant-002", at).await;
        assert!(slip.contains("tenant-002 is not in the catalog"), "{slip}");
        assert!(slip.contains("did you mean tenant-0002?"), "{slip}");
    }
    // Without the store it is answered all the same.
    life.db.close().await;
    assert_eq!(note("nobody", None).await, "");
}

/// What anybody may do to a rollout, in any order.
#[derive(Clone, Debug)]
enum Doing {
    Forward,
    Back,
    Off,
    Kill,
    Unkill,
    Freeze,
    Unfreeze,
    Restart,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever was done before, a kill and a way back work, what is killed is legacy, and a restart finds what was left.
    #[test]
    fn no_order_of_acts_shuts_the_way_back(doings in proptest::collection::vec(prop_oneof![
        4 => Just(Doing::Forward), 1 => Just(Doing::Back), 1 => Just(Doing::Off), 1 => Just(Doing::Kill),
        1 => Just(Doing::Unkill), 1 => Just(Doing::Freeze), 1 => Just(Doing::Unfreeze), 1 => Just(Doing::Restart),
    ], 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let house = House::new();
            let mut life = house.life().await;
            for doing in doings {
                let (_, before) = life.rollouts.state(AUTH).unwrap();
                match doing {
                    Doing::Forward => {
                        house.clock.advance(std::time::Duration::from_secs(30 * 24 * 60 * 60));
                        let step = life.rollouts.step(&StepAsk { name: AUTH, to: None, exact: None, ring: None }).await;
                        let Ok(view) = step else { continue };
                        let ask = StepAsk { name: AUTH, to: Some(view.to), exact: None, ring: None };
                        let taken = life.rollouts.advance(&ask, &view.digest, Some("go"), &ana()).await;
                        let free = before.killed.is_none() && before.freeze.is_none();
                        assert_eq!(taken.is_ok(), free, "{before:?}");
                    }
                    Doing::Back => assert_eq!(life.back(Way::Stage(None)).await.is_ok(), before.stage != Stage::Off),
                    Doing::Off => {
                        let back = life.back(Way::Stage(Some(Stage::Off))).await;
                        assert_eq!(back.is_ok(), before.stage != Stage::Off);
                        assert_eq!(life.rollouts.state(AUTH).unwrap().1.stage, Stage::Off);
                    }
                    Doing::Kill => {
                        let _ = life.back(Way::Kill).await;
                        assert_eq!(life.side("acme"), (Side::Legacy, Why::Killed));
                    }
                    Doing::Unkill => drop(life.rollouts.unkill(AUTH, "", &ana()).await.unwrap()),
                    Doing::Freeze => drop(life.rollouts.freeze(AUTH, "", &ana()).await.unwrap()),
                    Doing::Unfreeze => drop(life.rollouts.unfreeze(AUTH, &ana()).await.unwrap()),
                    Doing::Restart => {
                        life.db.close().await;
                        life = house.life().await;
                        assert_eq!(life.rollouts.state(AUTH).unwrap().1, before);
                    }
                }
            }
        });
    }
}
