//! Facts from events: their order makes no difference, and no sweep loses one that came after it began.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const HOST: &str = "github.com";

/// `at` lags behind and stands still, as GitHub's does; every delivery has its own time of receipt.
fn version(received: i64) -> Version {
    Version { at: received / 4 * 4, received }
}

fn account(installation: i64) -> i64 {
    90 + installation
}

fn installation(id: i64, look: u8) -> InstallationRow {
    InstallationRow {
        id,
        account_id: account(id),
        account_login: format!("acme{id}"),
        account_type: "Organization".into(),
        selection: if look.is_multiple_of(2) { "all" } else { "selected" }.into(),
        suspended_at: (look % 3 == 1).then_some(7),
        permissions: format!("{{\"contents\":\"r{look}\"}}"),
    }
}

fn repository(installation: i64, id: i64, name: u8, full: bool) -> RepositoryRow {
    RepositoryRow {
        installation,
        id,
        full_name: format!("acme{installation}/r{id}-{name}"),
        owner_id: account(installation),
        owner_login: format!("acme{installation}"),
        created_at: full.then_some(1000 + id),
        private: name.is_multiple_of(2),
        fork: !full,
    }
}

/// Kind, installation, repository, look.
type Draw = (u8, i64, i64, u8);

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    proptest::collection::vec((0..10_u8, 1..4_i64, 1..5_i64, 0..6_u8), 1..14)
}

fn fact((kind, i, r, look): Draw, received: i64) -> Learned {
    let version = version(received);
    match kind {
        0 | 1 => Learned::Seen { row: installation(i, look), suspension: look < 4, version },
        2 if look == 0 => Learned::Uninstalled { installation: i, version },
        2 | 3 => Learned::Renamed { installation: i, login: format!("new{look}"), version },
        4 | 5 => Learned::Granted {
            installation: i,
            rows: vec![repository(i, r, look, false), repository(i, r + 1, look, false)],
            version,
        },
        6 => Learned::Withdrawn { installation: i, repositories: vec![r], version },
        7 => Learned::Described { row: repository(i, r, look, true), version },
        8 => Learned::Moved { row: repository(i, r, look, true), version },
        _ if look < 2 => Learned::Deleted { repository: r, version },
        _ => Learned::Described { row: repository(i, r, look, true), version },
    }
}

async fn take(db: &Db, fact: Learned) {
    let op = IndexOp::Learned { host: HOST.into(), fact: Box::new(fact), at: 1 };
    db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
}

type World = (Vec<InstallationRow>, Vec<RepositoryRow>);

async fn world(db: &Db) -> World {
    (db.installations(HOST, None, 100).await.unwrap(), db.repositories(HOST, None, 100).await.unwrap())
}

/// A sweep that began at `at` and saw this.
fn sweep(id: &str, at: i64, world: &World) -> Vec<Unit> {
    let (sweep, host) = (|| id.to_owned(), || HOST.to_owned());
    let mut units = vec![
        Unit::new().with(IndexOp::Begin { sweep: sweep(), host: host(), at }),
        Unit::new().with(IndexOp::Installations {
            sweep: sweep(),
            host: host(),
            rows: world.0.clone(),
            cursor: None,
            done: true,
        }),
    ];
    for row in &world.0 {
        let rows = world.1.iter().filter(|found| found.installation == row.id).cloned().collect();
        units.push(
            Unit::new()
                .with(IndexOp::Repositories { sweep: sweep(), host: host(), rows })
                .with(IndexOp::Listed { sweep: sweep(), host: host(), installation: row.id }),
        );
    }
    units.push(Unit::new().with(IndexOp::End { sweep: sweep(), host: host(), at: at + 1 }));
    units
}

fn base() -> World {
    (
        (1..3).map(|id| installation(id, 0)).collect(),
        [(1, 1), (1, 2), (2, 3)].map(|(i, r)| repository(i, r, 0, true)).to_vec(),
    )
}

async fn swept(db: &Db, id: &str, at: i64, world: &World) {
    for unit in sweep(id, at, world) {
        db.write(Lane::Run, unit).await.unwrap();
    }
}

fn property<S: Strategy>(strategy: S, test: impl AsyncFn(S::Value)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |value| {
            runtime.block_on(test(value));
            Ok(())
        })
        .unwrap();
}

/// Facts with their time of receipt, in order; and the places of a shuffle with doubles.
fn disorder() -> impl Strategy<Value = (bool, Vec<Learned>, Vec<usize>)> {
    (any::<bool>(), draws()).prop_flat_map(|(based, draws)| {
        let facts: Vec<_> = draws.into_iter().zip(101..).map(|(draw, at)| fact(draw, at)).collect();
        let places: Vec<_> = (0..facts.len()).chain((0..facts.len()).step_by(2)).collect();
        (Just(based), Just(facts), Just(places).prop_shuffle())
    })
}

#[test]
fn any_order_with_doubles_ends_in_the_same_index() {
    property(disorder(), async |(based, facts, places)| {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ordered, mixed) = (sqlite(&one).await, sqlite(&two).await);
        if based {
            swept(&ordered, "s", 50, &base()).await;
            swept(&mixed, "s", 50, &base()).await;
        }
        for fact in &facts {
            take(&ordered, fact.clone()).await;
        }
        for place in places {
            take(&mixed, facts[place].clone()).await;
        }
        assert_eq!(world(&mixed).await, world(&ordered).await);
        ordered.close().await;
        mixed.close().await;
    });
}

/// Without what never changes for an id: who heard of it in an event before the sweep knows it still.
fn told_by_sweeps(mut world: World) -> World {
    for row in &mut world.1 {
        (row.created_at, row.fork) = (None, false);
    }
    world
}

/// Events before the sweep's start, during it and after its end; the sweep lists the world as it was when it began, and events
/// of during it come between its steps.
#[test]
fn a_sweep_loses_no_event_that_came_after_it_began() {
    let strategy = (draws(), draws(), any::<u64>());
    property(strategy, async |(before, during, places)| {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (plain, raced) = (sqlite(&one).await, sqlite(&two).await);
        // An id that was uninstalled never comes back: not in the sweep's lists, not in later events.
        let before = before.into_iter().zip(101..).map(|(draw, at)| fact(draw, at));
        let before: Vec<_> = before.filter(|fact| !matches!(fact, Learned::Uninstalled { .. })).collect();
        let during: Vec<_> = during.into_iter().zip(201..).map(|(draw, at)| fact(draw, at)).collect();
        for fact in &before {
            take(&raced, fact.clone()).await;
        }
        swept(&plain, "s", 200, &base()).await;
        for fact in &during {
            take(&plain, fact.clone()).await;
        }
        let mut facts = during.iter();
        for (step, unit) in sweep("s", 200, &base()).into_iter().enumerate() {
            raced.write(Lane::Run, unit).await.unwrap();
            if places >> step & 1 == 1 {
                for fact in facts.by_ref().take(3) {
                    take(&raced, fact.clone()).await;
                }
            }
        }
        for fact in facts.chain(&before) {
            take(&raced, fact.clone()).await;
        }
        assert_eq!(told_by_sweeps(world(&raced).await), told_by_sweeps(world(&plain).await));
        plain.close().await;
        raced.close().await;
    });
}

/// A sweep that did not see an installation voids what was known of it before, also while an event brings it back.
#[tokio::test]
async fn a_suspension_from_before_a_sweep_does_not_come_back_with_a_later_event() {
    for after_the_end in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let db = sqlite(&dir).await;
        take(&db, fact((0, 3, 1, 1), 101)).await;
        assert!(world(&db).await.0[0].suspended_at.is_some());
        let mut units = sweep("s", 200, &base());
        let end = units.split_off(units.len() - 1);
        for unit in units {
            db.write(Lane::Run, unit).await.unwrap();
        }
        // It says nothing of a suspension.
        let again = fact((0, 3, 1, 4), 201);
        if !after_the_end {
            take(&db, again.clone()).await;
        }
        for unit in end {
            db.write(Lane::Run, unit).await.unwrap();
        }
        take(&db, again).await;
        let found = world(&db).await.0;
        let found = found.iter().find(|row| row.id == 3).map(|row| row.suspended_at);
        assert_eq!(found, Some(None), "after the end: {after_the_end}");
    }
}

#[tokio::test]
async fn the_epoch_rises_with_the_index_only() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let epoch = async || db.index_view(HOST).await.unwrap().epoch;
    let seen = |received| fact((0, 1, 1, 0), received);
    take(&db, seen(1)).await;
    assert_eq!(epoch().await, 1);
    take(&db, seen(1)).await;
    take(&db, seen(2)).await;
    take(&db, fact((6, 1, 1, 0), 3)).await;
    assert_eq!(epoch().await, 1);
    take(&db, fact((4, 1, 1, 0), 4)).await;
    assert_eq!(epoch().await, 2);
}

#[tokio::test]
async fn what_went_stays_gone_and_what_is_granted_again_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let listed = async || world(&db).await.1.iter().map(|row| (row.installation, row.id)).collect::<Vec<_>>();
    let granted = |received| Learned::Granted {
        installation: 1,
        rows: vec![repository(1, 1, 0, false)],
        version: version(received),
    };
    take(&db, fact((0, 1, 1, 0), 1)).await;
    take(&db, Learned::Withdrawn { installation: 1, repositories: vec![1], version: version(3) }).await;
    take(&db, granted(2)).await;
    assert_eq!(listed().await, []);
    take(&db, granted(4)).await;
    assert_eq!(listed().await, [(1, 1)]);
    // Transferred to the account of installation 2, which is seen only later.
    take(&db, Learned::Moved { row: repository(2, 1, 0, true), version: version(5) }).await;
    assert_eq!(listed().await, []);
    take(&db, fact((0, 2, 1, 0), 6)).await;
    assert_eq!(listed().await, [(2, 1)]);
    take(&db, Learned::Uninstalled { installation: 2, version: version(8) }).await;
    take(&db, fact((0, 2, 1, 0), 7)).await;
    assert_eq!((listed().await, world(&db).await.0.len()), (vec![], 1));
}
