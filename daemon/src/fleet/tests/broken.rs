//! What steps leave that do not get to their end: our own half is no drift, and what somebody else did is.

use std::time::Duration;

use cutover_shared::fleet::DriverKind;

use super::world::{World, ana};
use crate::faults::Faults;
use crate::fleet::settings::{Settings, sample};

#[tokio::test]
async fn half_a_step_of_ours_is_no_drift() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 1).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, 1).await;
    let first = life.going(2).await;
    life.engine.ended(&first.id).await;
    world.write(
        "0003_parts.up.sql",
        "-- transaction: none\nCREATE TABLE parts (id INTEGER);\nINSERT INTO parts SELECT count(*) / (SELECT count(*) FROM notes) FROM missing;",
    );
    let run = life.going(3).await;
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.failed, 1);
    let row = life.rows().await.pop().unwrap();
    assert_eq!((row.version, row.expected_schema.is_some()), (2, false), "what it was tells nothing");
    world.run(0, "CREATE TABLE missing (id INTEGER)").await;
    life.instances.test(Some(&row.tenant)).await.unwrap();
    let row = life.rows().await.pop().unwrap();
    assert_eq!(row.drift, None);
    let group = life.fleet.status().await.unwrap().failures[0].group.clone();
    life.fleet.retry(&run.id, &group, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.done, 1);
    let row = life.rows().await.pop().unwrap();
    assert_eq!((row.version, row.drift, row.expected_schema.is_some()), (3, None, true));
}

#[tokio::test]
async fn a_look_in_the_middle_of_a_run_tells_no_drift() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 1).await;
    let life = world.life(Faults::none()).await;
    world.enter(&life, 1).await;
    let first = life.going(1).await;
    life.engine.ended(&first.id).await;
    // Read before the run, asked in its middle, written after it.
    let row = life.rows().await.pop().unwrap();
    let second = life.going(2).await;
    life.engine.ended(&second.id).await;
    let seen = life.fleet.inner.observe(&row, true).await.unwrap();
    assert!(seen.observation.drift.is_some());
    life.instances.write(&[seen]).await.unwrap();
    let row = life.rows().await.pop().unwrap();
    assert_eq!((row.version, row.drift), (2, None));
    // What is changed by hand is told still.
    world.run(0, "CREATE TABLE by_hand (id INTEGER)").await;
    life.instances.test(Some(&row.tenant)).await.unwrap();
    assert!(life.rows().await.pop().unwrap().drift.is_some());
}

#[tokio::test]
async fn a_deployment_has_time_to_wake_and_a_short_patience_is_said_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new(dir.path(), 0).await;
    let patience = Duration::from_millis(100);
    let life = world.life_with(Faults::none(), Settings { connect_timeout: patience, ..sample() }).await;
    let drivers = &life.fleet.inner.drivers;
    assert_eq!(drivers.of(DriverKind::Sqlite).patience(patience), patience);
    assert_eq!(drivers.of(DriverKind::Http).patience(patience), Duration::from_secs(20));
    assert_eq!(drivers.of(DriverKind::Http).patience(Duration::from_secs(60)), Duration::from_secs(60));
    assert_eq!(format!("{patience:?}"), "100ms");
}
