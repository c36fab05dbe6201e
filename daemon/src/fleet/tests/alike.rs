//! Schemas are read of some tenants only; the others are expected to be like them.

use std::collections::BTreeSet;

use cutover_shared::fleet::FleetScope;
use cutover_shared::run::RunState;

use super::world::{World, ana, tenant};
use crate::faults::Faults;

const TENANTS: usize = 40;

#[tokio::test]
async fn tenants_that_are_alike_are_not_all_read_and_one_that_is_changed_by_hand_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, TENANTS).await;
    let run = life.going(2).await;
    assert_eq!(life.engine.ended(&run.id).await.state, RunState::Done);
    let rows = life.rows().await;
    let expected: BTreeSet<_> = rows.iter().map(|row| row.expected_schema.clone().unwrap()).collect();
    assert_eq!(expected.len(), 1, "alike: {expected:?}");
    let unread: Vec<_> = rows.iter().filter(|row| row.seen_schema.is_none()).collect();
    assert!((10..=TENANTS - 4).contains(&unread.len()), "{} were not read", unread.len());
    assert!(life.db.fleet_schema(expected.first().unwrap()).await.unwrap().is_some(), "its lines are there");

    // One of those that nobody read.
    let odd = unread[0].tenant.clone();
    let at = (0..TENANTS).find(|at| tenant(*at) == odd).unwrap();
    world.run(at, "CREATE TABLE by_hand (id INTEGER)").await;
    life.fleet.plan(&FleetScope::All, Some(2), true, &ana()).await.unwrap();
    for row in life.rows().await {
        let drift = row.drift.as_deref().unwrap_or_default();
        assert_eq!(drift.contains("by_hand"), row.tenant == odd, "{}: {drift:?}", row.tenant);
        assert_eq!(row.drift.is_some(), row.tenant == odd);
    }
}

#[tokio::test]
async fn in_a_fleet_that_is_mixed_each_is_expected_to_be_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), TENANTS).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, TENANTS).await;
    // Of its own from the beginning, as applications are that were put on by hand.
    for at in (0..TENANTS).step_by(2) {
        world.run(at, "CREATE TABLE own (id INTEGER)").await;
    }
    let run = life.going(2).await;
    assert_eq!(life.engine.ended(&run.id).await.state, RunState::Done);
    let rows = life.rows().await;
    assert!(rows.iter().all(|row| row.expected_schema.is_some() && row.seen_schema == row.expected_schema));
    let expected: BTreeSet<_> = rows.iter().map(|row| row.expected_schema.clone()).collect();
    assert_eq!(expected.len(), 2);
    life.fleet.plan(&FleetScope::All, Some(2), true, &ana()).await.unwrap();
    assert!(life.rows().await.iter().all(|row| row.drift.is_none()));
}
