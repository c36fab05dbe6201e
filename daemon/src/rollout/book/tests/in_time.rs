//! Rings, named roles, what `complete` means, and the timeline.

use cutover_shared::rollout::{NamedRoles, Ring, RingChange, StayEventKind};

use super::*;
use crate::store::IncidentRow;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

fn tenant(n: usize) -> TenantId {
    TenantId(format!("tenant-{n:04}"))
}

impl Life {
    async fn put(&self, ring: Ring, tenants: &[TenantId]) -> u64 {
        self.rollouts.set_ring(ring, RingChange::Add, tenants, &ana()).await.unwrap().changed
    }

    async fn widen(&self, house: &House, ring: Option<Ring>) -> StepView {
        house.clock.advance(30 * DAY);
        let ask = StepAsk { name: AUTH, to: None, exact: None, ring };
        let view = self.rollouts.step(&ask).await.unwrap();
        let taken = StepAsk { to: Some(view.to), ring: Some(view.ring), ..ask };
        self.rollouts.advance(&taken, &view.digest, None, &ana()).await.unwrap();
        view
    }
}

#[tokio::test]
async fn rings_come_first_each_by_its_list_and_nobody_goes_back() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(400).await;
    let (internal, beta): (Vec<_>, Vec<_>) = ((0..3).map(tenant).collect(), (10..20).map(tenant).collect());
    assert_eq!((life.put(Ring::Internal, &internal).await, life.put(Ring::Beta, &beta).await), (3, 10));
    assert_eq!(life.put(Ring::Beta, &beta).await, 0);
    for change in [RingChange::Add, RingChange::Remove] {
        let slip =
            life.rollouts.set_ring(Ring::Beta, change, &[tenant(1), "tenant-0399x".into()], &ana()).await;
        assert_eq!(unknown(slip), ("tenant-0399x".to_owned(), Some("tenant-0399".to_owned())), "{change:?}");
    }
    let all = life.rollouts.set_ring(Ring::All, RingChange::Add, &internal, &ana()).await;
    assert!(matches!(all, Err(RolloutError::NoList(Ring::All))));

    life.to(&house, "shadow").await;
    let first = life.widen(&house, None).await;
    assert_eq!((first.to.to_string().as_str(), first.ring, first.inside), ("canary-10", Ring::Internal, 3));
    assert_eq!(first.moving, internal);
    let names = |of: &[TenantId]| of.iter().map(|tenant| tenant.0.clone()).collect::<BTreeSet<_>>();
    assert_eq!(life.on_target().await, names(&internal));
    // The list was frozen with the step: who joins later waits for the next one, who leaves stays in.
    life.put(Ring::Internal, &[tenant(5)]).await;
    life.rollouts.set_ring(Ring::Internal, RingChange::Remove, &[tenant(0)], &ana()).await.unwrap();
    assert_eq!(life.on_target().await, names(&internal));
    // Another stage comes only after all of this one.
    let skip = StepAsk { name: AUTH, to: Some("canary-50".parse().unwrap()), exact: None, ring: None };
    assert!(matches!(life.rollouts.step(&skip).await, Err(RolloutError::Illegal(Illegal::Narrow(..)))));

    let mut before = life.on_target().await;
    for (ring, stage, least) in
        [(Ring::Beta, "canary-10", 14), (Ring::All, "canary-10", 14), (Ring::All, "canary-50", 14)]
    {
        let view = life.widen(&house, None).await;
        assert_eq!((view.ring, view.to.to_string().as_str()), (ring, stage));
        let inside = life.on_target().await;
        assert_eq!(u64::try_from(inside.len()).unwrap(), view.inside);
        assert!(inside.is_superset(&before) && inside.len() >= least, "{ring} of {stage}");
        assert!(inside.contains("tenant-0000") && inside.contains("tenant-0005"));
        if ring == Ring::Beta {
            assert_eq!(inside.len(), 14);
        }
        before = inside;
    }
    // It outlives a restart.
    life.db.close().await;
    let again = house.life().await;
    assert_eq!(again.on_target().await, before);
    // Back: the list was for the way forward.
    again.back(Way::Stage(Some("canary-10".parse().unwrap()))).await.unwrap();
    assert!(again.on_target().await.is_subset(&before));
    let (_, state) = again.rollouts.state(AUTH).unwrap();
    assert_eq!((state.ring, state.roster), (Ring::All, None));
}

#[tokio::test]
async fn a_ring_may_be_passed_over_and_rolled_back_from() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(200).await;
    life.put(Ring::Internal, &[tenant(1)]).await;
    life.to(&house, "shadow").await;
    let view = life.widen(&house, Some(Ring::All)).await;
    assert_eq!(view.ring, Ring::All);
    assert!(life.on_target().await.contains("tenant-0001"), "who is in a ring is in with everybody");
    life.back(Way::Stage(None)).await.unwrap();
    assert_eq!(life.rollouts.state(AUTH).unwrap().1.stage, Stage::Shadow);
    life.widen(&house, None).await;
    assert_eq!(life.on_target().await.len(), 1);
    life.back(Way::Stage(None)).await.unwrap();
    assert_eq!(
        life.rollouts.state(AUTH).unwrap().1.place(),
        crate::rollout::stages::Place::all(Stage::Shadow)
    );
    assert!(life.on_target().await.is_empty());
}

#[tokio::test]
async fn a_list_by_number_moves_nobody_back_and_stays_in_afterwards() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(100).await;
    life.put(Ring::Beta, &[tenant(77)]).await;
    life.to(&house, "shadow").await;
    life.forward(&house, Some(60)).await;
    let sixty = life.on_target().await;
    assert!(sixty.len() == 60 && sixty.contains("tenant-0077"), "rings come first");
    let fewer = StepAsk { name: AUTH, to: None, exact: Some(20), ring: None };
    assert!(matches!(life.rollouts.step(&fewer).await, Err(RolloutError::Returns(40))));
    life.forward(&house, None).await;
    assert!(life.on_target().await.is_superset(&sixty), "half of the buckets, and the sixty");
    let ring = StepAsk { exact: Some(70), ring: Some(Ring::Beta), ..fewer };
    assert!(life.rollouts.step(&ring).await.is_err());
}

#[tokio::test]
async fn a_way_back_from_complete_says_what_legacy_lacks() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(2).await;
    life.to(&house, "complete").await;
    let since = house.clock.now();
    house.clock.advance(3 * DAY);
    let change = life.back(Way::Stage(None)).await.unwrap();
    let warning = change.detail["warning"].as_str().unwrap();
    assert!(warning.contains("legacy was not written from"), "{warning}");
    let gap = life.rollouts.state(AUTH).unwrap().1.gap.unwrap();
    assert_eq!((gap.since, gap.until), (since, house.clock.now()));
    // Going back further keeps it; a way back from elsewhere has none.
    let further = life.back(Way::Stage(None)).await.unwrap();
    assert!(further.detail["warning"].is_null());
    assert_eq!(life.rollouts.state(AUTH).unwrap().1.gap, Some(gap));
}

#[tokio::test]
async fn a_kill_in_live_begins_the_two_weeks_anew() {
    let house = House::new();
    let life = house.life().await;
    life.to(&house, "live").await;
    house.clock.advance(13 * DAY);
    life.back(Way::Kill).await.unwrap();
    life.rollouts.unkill(AUTH, "mended", &ana()).await.unwrap();
    house.clock.advance(2 * DAY);
    let view = life.look(None).await;
    let ask = StepAsk { name: AUTH, to: Some(view.to), exact: None, ring: None };
    let refused = life.rollouts.advance(&ask, &view.digest, Some("we are in a hurry"), &ana()).await;
    assert!(
        matches!(&refused, Err(RolloutError::Criteria(Unmet { name, .. })) if name == "stable"),
        "{refused:?}"
    );
    house.clock.advance(12 * DAY);
    let view = life.look(None).await;
    life.rollouts.advance(&ask, &view.digest, None, &ana()).await.unwrap();
}

#[tokio::test]
async fn the_timeline_tells_each_stay_with_what_happened_in_it_page_by_page() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(50).await;
    life.put(Ring::Internal, &[tenant(1)]).await;
    life.to(&house, "shadow").await;
    life.widen(&house, None).await;
    let entered = house.clock.now();
    house.clock.advance(DAY);
    life.rollouts.freeze(AUTH, "sales", &ana()).await.unwrap();
    life.back(Way::Kill).await.unwrap();
    let row = IncidentRow {
        id: "inc-1".to_owned(),
        opened_at: house.clock.now(),
        opened_by: "bo".to_owned(),
        rollout: None,
        text: "slow".to_owned(),
    };
    life.db.write(Lane::Urgent, Unit::new().with(RolloutOp::Declare(row))).await.unwrap();
    house.clock.advance(DAY);
    life.back(Way::Stage(None)).await.unwrap();

    let mut stays = Vec::new();
    let mut page = PageAsk::first(2);
    let mut planned = None;
    loop {
        let view = life.rollouts.timeline(AUTH, &page).await.unwrap();
        assert!(view.stays.rows.len() <= 2);
        stays.extend(view.stays.rows);
        planned = planned.or(view.planned);
        page.after = match view.stays.next {
            None => break,
            next => next,
        };
    }
    let seen: Vec<_> =
        stays.iter().map(|stay| (stay.stage.to_string(), stay.ring, stay.act.as_str())).collect();
    let expected = [
        ("shadow", Ring::All, "rollback"),
        ("canary-10", Ring::Internal, "stage"),
        ("shadow", Ring::All, "stage"),
        ("dual-write", Ring::All, "stage"),
        ("off", Ring::All, "begin"),
    ];
    assert_eq!(seen, expected.map(|(stage, ring, act)| (stage.to_owned(), ring, act)));
    for pair in stays.windows(2) {
        assert_eq!(pair[1].left_at, Some(pair[0].entered_at), "no gap between two stays");
    }
    let ring = &stays[1];
    assert_eq!((ring.entered_at, ring.by.as_str(), ring.inside), (entered, "ana", Some(1)));
    assert!(ring.digest.is_some() && !ring.more);
    let events: Vec<_> = ring.events.iter().map(|event| (event.kind, event.by.as_str())).collect();
    let happened =
        [(StayEventKind::Freeze, "ana"), (StayEventKind::Kill, "ana"), (StayEventKind::Incident, "bo")];
    assert_eq!(events, happened);
    assert!(stays[0].events.is_empty() && stays[0].left_at.is_none() && stays[0].reason == "wrong files");
    let planned = planned.unwrap();
    assert_eq!((planned.stage.to_string().as_str(), planned.ring), ("canary-10", Ring::Internal));
    assert_eq!(planned.waits, ["kill", "freeze"]);
    assert_eq!(planned.soaked_at, house.clock.now() + 24 * 60 * 60 * 1_000);
    assert_eq!(planned.earliest_at, planned.soaked_at, "at any hour here");
}

#[tokio::test]
async fn a_receipt_says_what_whoever_did_it_is_named_for() {
    let mut house = House::new();
    house.roles =
        NamedRoles { lead: vec!["ana".into()], on_call: vec!["bo".into()], ..NamedRoles::default() };
    let life = house.life().await;
    let change = life.forward(&house, None).await;
    assert_eq!(change.detail["named"], json!(["migration lead"]));
    assert_eq!(change.detail["roles"]["on_call"], json!(["bo"]));
    // A name is no right: who is named for nothing goes back all the same.
    let cy = Who { operator: "cy".into(), origin: "test".to_owned() };
    let back = life.rollouts.back(AUTH, Way::Stage(None), "wrong", json!(null), false, &cy).await.unwrap();
    assert_eq!(back.detail["named"], json!([]));
    assert_eq!(
        life.rollouts.timeline(AUTH, &PageAsk::first(9)).await.unwrap().stays.rows[1].named,
        ["migration lead"]
    );
}

#[tokio::test]
async fn tenants_are_counted_once_until_rollout_or_catalog_change() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(300).await;
    life.to(&house, "canary-10").await;
    let counts = async || {
        let standing = life.rollouts.standing(AUTH).await.unwrap();
        (standing.inside, standing.tenants)
    };
    let before = counts().await;
    assert_eq!(before.1, 300);
    // Behind the catalog's back: whoever reads all tenants would see it.
    let keys = life.db.links(&crate::store::LinkFilter::All, None, 200).await.unwrap();
    let drop = CatalogOp::DropLinks { keys: keys.into_iter().map(|row| row.key).collect() };
    life.db.write(Lane::Handler, Unit::new().with(drop)).await.unwrap();
    assert_eq!(counts().await, before, "counted before");
    let bump = CatalogOp::Bump { at: START, by: "ana".to_owned() };
    life.db.write(Lane::Handler, Unit::new().with(bump)).await.unwrap();
    assert_eq!(counts().await.1, 100, "another revision");
    assert_eq!(life.rollouts.inside(AUTH).await.unwrap(), counts().await.0);
    life.forward(&house, None).await;
    let more = counts().await;
    assert!(more.0 > 0 && more.1 == 100, "another version: {more:?}");
    assert_eq!(u64::try_from(life.on_target().await.len()).unwrap(), more.0);
}

#[tokio::test]
async fn the_last_move_and_the_kill_are_told_however_much_was_changed_since() {
    let house = House::new();
    let life = house.life().await;
    life.tenants(50).await;
    life.to(&house, "canary-10").await;
    let verdict = json!({ "verdict": "breach" });
    life.rollouts.back(AUTH, Way::Stage(None), "errors", verdict, true, &Who::daemon()).await.unwrap();
    for n in 0..30 {
        let side = Some(if n % 2 == 0 { Side::Legacy } else { Side::Target });
        life.rollouts.set_override(AUTH, &tenant(n), side, "asked", &ana()).await.unwrap();
    }
    let moved = life.rollouts.last_move(AUTH).await.unwrap().unwrap();
    assert_eq!((moved.act.as_str(), moved.to.to_string().as_str()), ("auto-rollback", "shadow"));
}
