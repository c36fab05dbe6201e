//! What steps leave that do not get to their end: our own half is no drift, and what somebody else did is.

use std::path::Path;
use std::time::Duration;

use cutover_shared::fleet::{DriverKind, InstanceState};

use super::flaky::Flaky;
use super::flaky::Trouble::{Away, Broken, Fine, Unanswered, Unheard, Unreadable};
use super::world::{Life, World, ana, tenant};
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
    let row = life.only().await;
    assert_eq!((row.version, row.expected_schema.is_some()), (2, false), "what it was tells nothing");
    world.run(0, "CREATE TABLE missing (id INTEGER)").await;
    life.instances.test(Some(&row.tenant)).await.unwrap();
    let row = life.only().await;
    assert_eq!(row.drift, None);
    let group = life.fleet.status().await.unwrap().failures[0].group.clone();
    life.fleet.retry(&run.id, &group, &ana()).await.unwrap();
    assert_eq!(life.engine.ended(&run.id).await.progress.counts.done, 1);
    let row = life.only().await;
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
    let row = life.only().await;
    let second = life.going(2).await;
    life.engine.ended(&second.id).await;
    let seen = life.fleet.inner.observe(&row, true).await.unwrap();
    assert!(seen.observation.drift.is_some());
    life.instances.write(&[seen]).await.unwrap();
    let row = life.only().await;
    assert_eq!((row.version, row.drift), (2, None));
    // What is changed by hand is told still.
    world.run(0, "CREATE TABLE by_hand (id INTEGER)").await;
    life.instances.test(Some(&row.tenant)).await.unwrap();
    assert!(life.only().await.drift.is_some());
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

/// One tenant at version 1 whose connections break as they are told to, and migrations up to 3.
async fn flaky(dir: &Path) -> (World, Life, Flaky) {
    let world = World::new(dir, 1).await;
    world.write("0003_more.up.sql", "CREATE TABLE more (id INTEGER);");
    let (life, flaky) = world.flaky_life().await;
    world.enter(&life, 1).await;
    life.to_end(1).await;
    (world, life, flaky)
}

impl Life {
    /// Looks at the only tenant: version, and whether it has drifted or can't be reached.
    async fn looked(&self) -> (u32, Option<String>, InstanceState) {
        self.instances.test(Some(&tenant(0))).await.unwrap();
        let row = self.only().await;
        (row.version, row.drift, row.state)
    }
}

#[tokio::test]
async fn a_step_whose_answer_was_lost_is_expected_as_it_left_the_tenant() {
    for troubles in [&[Unanswered][..], &[Broken, Broken, Unanswered]] {
        let dir = tempfile::tempdir().unwrap();
        let (_world, life, flaky) = flaky(dir.path()).await;
        flaky.next(troubles);
        let run = life.to_end(2).await;
        assert_eq!(run.progress.counts.done, 1, "{troubles:?}: {:?}", run.progress.counts);
        assert!(life.only().await.expected_schema.is_some());
        assert_eq!(life.looked().await, (2, None, InstanceState::Connected), "{troubles:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_lost_between_two_steps_leaves_nothing_expected() {
    let dir = tempfile::tempdir().unwrap();
    let (_world, life, flaky) = flaky(dir.path()).await;
    flaky.next(&[Fine, Broken, Away]);
    let counts = life.to_end(3).await.progress.counts;
    assert_eq!((counts.done, counts.skipped), (1, 1));
    let row = life.only().await;
    assert_eq!((row.version, row.expected_schema, row.state), (2, None, InstanceState::Error));
    assert_eq!(life.looked().await, (2, None, InstanceState::Connected));
    assert_eq!(life.to_end(3).await.progress.counts.done, 1);
    assert_eq!(life.looked().await, (3, None, InstanceState::Connected));
}

#[tokio::test]
async fn a_step_that_nobody_can_tell_of_makes_no_drift_of_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let (_world, life, flaky) = flaky(dir.path()).await;
    flaky.next(&[Fine, Unheard, Away]);
    let run = life.to_end(3).await;
    assert_eq!(run.progress.counts.done, 2, "{:?}", run.progress.counts);
    assert_eq!(life.looked().await, (3, None, InstanceState::Connected));
}

#[tokio::test]
async fn a_schema_that_can_not_be_read_is_no_outage() {
    let dir = tempfile::tempdir().unwrap();
    let (_world, life, flaky) = flaky(dir.path()).await;
    flaky.next(&[Unreadable]);
    let run = life.to_end(2).await;
    assert_eq!(run.progress.counts.failed, 1, "{:?}", run.progress.counts);
    let failures = life.fleet.status().await.unwrap().failures;
    assert_eq!(failures[0].text, "reading the schema took too long");
    assert_eq!(life.only().await.state, InstanceState::Connected);
}
