//! Mappings judged again after the world changed: without a question to GitHub, and to what a plan would say.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_daemon::faults::Faults;
use cutover_daemon::locks::{Arbiters, LockName, LockService, LockSettings, Locks as _, OnPartition};
use cutover_daemon::mapping::periodic::Periodic;
use cutover_daemon::mapping::rescore::Rescorer;
use cutover_daemon::run::Brake;
use cutover_daemon::store::{Lane, RescoreOp, Scope, Unit};
use cutover_shared::ids::LinkKey;
use cutover_shared::mapping::{Mapping, MappingStatus, Reason};
use cutover_tests::world::Selection;

use crate::house::{House, Life, key};

fn rescorer(house: &House, life: &Life, auto_map: Option<u8>, killed: bool) -> Rescorer {
    let brake = Brake::pulled();
    if let Some(pull) = brake.newest().filter(|_| !killed) {
        brake.release(pull);
    }
    Rescorer {
        db: life.db.clone(),
        github: life.github.clone(),
        clock: house.clock.clone(),
        brake,
        faults: Faults::none(),
        auto_map,
        app_slug: None,
    }
}

async fn pay(house: &House, life: &Life, auto_map: Option<u8>) {
    let rescorer = rescorer(house, life, auto_map, false);
    let calls = house.sim.calls().total();
    while rescorer.pay().await.unwrap() {}
    assert_eq!(house.sim.calls().total(), calls, "a question to GitHub");
}

async fn held(house: &House, life: &Life) -> BTreeMap<LinkKey, Mapping> {
    let bodies = life.mappings(&house.catalog).await;
    bodies.into_iter().map(|(key, body)| (key, serde_json::from_str(&body).unwrap())).collect()
}

/// Everything mapped that can be, then a world in which much is otherwise.
async fn changed() -> (House, Life) {
    let house = House::of(10, 300, 31).await;
    let life = house.imported("one").await;
    let run = life.settled(false).await;
    life.apply(&run).await;
    let world = house.sim.world();
    let installations: Vec<(i64, i64, bool)> = world.read(|world| {
        let all = world.installations().filter(|installation| installation.suspended_at.is_none());
        all.map(|one| (one.id, one.account, matches!(one.selection, Selection::Selected(_)))).collect()
    });
    for (n, (id, account, selected)) in installations.into_iter().enumerate() {
        let granted: Vec<i64> = world.read(|world| {
            let one = world.installation(id).unwrap();
            world.granted(one).into_iter().map(|repo| repo.id).collect()
        });
        match n % 5 {
            0 => world.uninstall(id).unwrap(),
            1 => world.suspend(id).unwrap(),
            2 if selected && !granted.is_empty() => world.revoke_grant(id, granted[0]).unwrap(),
            3 if selected => {
                let missing: Vec<i64> = world
                    .read(|world| world.owned_by(account).filter(|repo| !granted.contains(repo)).collect());
                missing.iter().for_each(|repo| world.grant(id, *repo).unwrap());
            }
            _ => {
                if let Some(repo) = granted.first() {
                    world.rename_repo(*repo, &format!("renamed-{n}")).unwrap();
                }
            }
        }
    }
    let without: Vec<i64> = world.read(|world| {
        let owners: std::collections::BTreeSet<i64> = world.repos().map(|repo| repo.owner).collect();
        owners.into_iter().filter(|id| world.installation_on(*id).is_none()).collect()
    });
    for account in without.into_iter().step_by(2) {
        world.install(account, Selection::All).unwrap();
    }
    house.clock.advance(Duration::from_secs(60));
    (house, life)
}

/// What a plan on the same index and the same answers says, and what is held.
async fn against_a_plan(house: &House, life: &Life, auto: bool) -> usize {
    // A plan asks GitHub what judging again does not; with its answers both must say the same.
    let run = life.settled(false).await;
    owe(house, life, Scope::all()).await;
    pay(house, life, auto.then_some(90)).await;
    let (items, held) = (life.items(&run.id).await, held(house, life).await);
    let mut ready = 0;
    for (key, item) in items {
        let (planned, held) = (item.to, &held[&key]);
        if planned == *held {
            continue;
        }
        if held.reason == Reason::ReadyToMap {
            assert!(!auto, "{key}: {held:?}");
            assert_eq!(planned.status, MappingStatus::Mapped, "{key}");
            assert_eq!(planned.installation, held.evidence.considered, "{key}");
            ready += 1;
            continue;
        }
        // Proven once by its id, and still in the same list: a name that is gone takes nothing away.
        assert_eq!(held.status, MappingStatus::Mapped, "{key}: {held:?} {planned:?}");
        assert_ne!(planned.status, MappingStatus::Mapped, "{key}: {held:?} {planned:?}");
        assert!(held.evidence.rung >= 3, "{key}: {held:?} {planned:?}");
    }
    ready
}

#[tokio::test]
async fn a_sweep_and_another_look_end_where_a_plan_would() {
    let (house, life) = changed().await;
    house.pump(life.sweeper.sweep_and_owe()).await.unwrap();
    let before = held(&house, &life).await;
    assert!(before.values().filter(|held| held.status == MappingStatus::Mapped).count() > 50);
    pay(&house, &life, None).await;
    let after = held(&house, &life).await;
    let lost = before.iter().filter(|(key, held)| {
        held.status == MappingStatus::Mapped && after[*key].status != MappingStatus::Mapped
    });
    assert!(lost.count() > 5, "nothing was taken away");
    for (key, held) in &after {
        let new = held.status == MappingStatus::Mapped && before[key].status != MappingStatus::Mapped;
        assert!(!new, "{key} was mapped without the switch");
    }
    // Twice is once, also in the audit.
    let records = life.db.audit_newest(None, 1_000).await.unwrap();
    let ours = records.iter().filter(|record| record.bytes.contains("map.rescore")).count();
    let moved = after.iter().filter(|(key, held)| before[*key] != **held).count();
    assert_eq!(ours, moved, "one record for each change");
    assert!(records[0].bytes.contains("\"actor\":\"system\"") && records[0].bytes.contains("sweep "));
    house.pump(life.sweeper.sweep_and_owe()).await.unwrap();
    pay(&house, &life, None).await;
    assert_eq!(held(&house, &life).await, after);
    assert!(against_a_plan(&house, &life, false).await > 0, "nothing became ready");
    let after = held(&house, &life).await;

    // Killed: nothing is mapped, whatever the switch says.
    owe(&house, &life, Scope::all()).await;
    let killed = rescorer(&house, &life, Some(90), true);
    while killed.pay().await.unwrap() {}
    assert_eq!(held(&house, &life).await, after);

    against_a_plan(&house, &life, true).await;
}

async fn owe(house: &House, life: &Life, scope: Scope) {
    let op = RescoreOp::Owe {
        host: life.github.host_id().to_owned(),
        scope,
        cause: "delivery test".to_owned(),
        at: house.clock.now(),
    };
    life.db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
}

/// What is read for a few repositories is enough to judge them as with the whole index.
#[tokio::test]
async fn a_part_of_the_index_judges_as_the_whole() {
    let (house, life) = changed().await;
    house.pump(life.sweeper.sweep()).await.unwrap();
    assert!(!rescorer(&house, &life, None, false).pay().await.unwrap(), "a plan's own sweep owes nothing");
    let accounts: Vec<(i64, String)> = house
        .sim
        .world()
        .read(|world| world.installations().map(|one| one.account).collect::<Vec<_>>())
        .into_iter()
        .map(|id| (id, house.sim.world().read(|world| world.account(id).unwrap().login.to_lowercase())))
        .collect();
    let rows = life.db.repositories(life.github.host_id(), None, 1_000_000).await.unwrap();
    for (account, login) in accounts {
        let mut scope = Scope::default();
        scope.accounts.insert(account);
        scope.logins.insert(login);
        scope.repositories.extend(rows.iter().filter(|row| row.owner_id == account).map(|row| row.id));
        owe(&house, &life, scope).await;
        pay(&house, &life, Some(90)).await;
    }
    // And whatever went with its installation.
    let mut gone = Scope::default();
    gone.installations
        .extend(held(&house, &life).await.values().filter_map(|held| Some(held.installation?.0)));
    owe(&house, &life, gone).await;
    pay(&house, &life, Some(90)).await;
    let part = held(&house, &life).await;
    owe(&house, &life, Scope::all()).await;
    pay(&house, &life, Some(90)).await;
    let whole = held(&house, &life).await;
    let differ: Vec<_> = part
        .iter()
        .filter(|(key, held)| {
            held.status != whole[*key].status || held.installation != whole[*key].installation
        })
        .map(|(key, held)| (key, held, &whole[key]))
        .collect();
    assert!(differ.is_empty(), "{differ:#?}");
}

#[tokio::test]
async fn the_clock_finds_what_no_event_told_and_goes_on_with_what_was_begun() {
    let house = House::of(4, 60, 5).await;
    let life = house.imported("one").await;
    let run = life.settled(false).await;
    life.apply(&run).await;
    let found = house.catalog.rows.iter().zip(&house.catalog.truths).find(|(row, truth)| {
        row.repo_id.is_some() && row.repo_id == truth.repo_id && truth.installation_id.is_some()
    });
    let (row, truth) = found.unwrap();
    house.sim.world().delete_repo(truth.repo_id.unwrap()).unwrap();
    let every = Duration::from_secs(6 * 3_600);
    let host = life.github.host_id();
    let periodic = Periodic::new(life.sweeper.clone(), life.db.clone(), house.clock.clone(), host, every);
    let swept = life.db.index_view(host).await.unwrap().swept_at;
    let work = tokio::spawn(periodic.clone().work());
    let ended = async {
        while life.db.index_view(host).await.unwrap().swept_at == swept {
            // No further than its time: under a clock that goes on running a token is out of date before it is used.
            if house.clock.now() - swept.unwrap() < 6 * 3_600_000 {
                house.clock.advance(Duration::from_secs(600));
            }
            tokio::task::yield_now().await;
        }
    };
    house.pump(ended).await;
    work.abort();
    assert!(house.clock.now() - swept.unwrap() >= 6 * 3_600_000, "before its time");
    assert_eq!(periodic.trouble(), None);
    pay(&house, &life, Some(100)).await;
    let held = held(&house, &life).await.remove(&key(row)).unwrap();
    assert_ne!(held.status, MappingStatus::Mapped, "{held:?}");
    assert_eq!(held.installation, None);
}

#[tokio::test]
async fn while_another_daemon_sweeps_this_one_waits_for_its_turn() {
    let house = House::of(2, 20, 5).await;
    let life = house.imported("one").await;
    let host = life.github.host_id();
    let settings = LockSettings { arbiters: Arbiters::NONE, on_partition: OnPartition::FailFast };
    let locks = LockService::new(life.db.clone(), house.clock.clone(), None, settings).unwrap();
    let name = LockName::new(format!("sweep:{host}")).unwrap();
    let (ttl, every) = (Duration::from_secs(60), Duration::from_secs(10));
    let other = locks.acquire(&name, "other", ttl).await.unwrap();
    let (began, until) = (life.db.index_view(host).await.unwrap().swept_at, other.expires_at());
    let periodic = Periodic::new(life.sweeper.clone(), life.db.clone(), house.clock.clone(), host, every)
        .in_turn(locks.clone(), "this", Duration::from_secs(1_800));
    let work = tokio::spawn(periodic.work());
    let ended = async {
        while life.db.index_view(host).await.unwrap().swept_at == began {
            // Slower than the store answers: a lock that can't be asked for in time is gone without.
            house.clock.advance(Duration::from_millis(20));
            tokio::task::yield_now().await;
        }
    };
    house.pump(ended).await;
    work.abort();
    assert!(house.clock.now() >= until, "it swept while the other had the lock");
    assert!(locks.inspect(&name).await.unwrap().fence > other.fence());
}
