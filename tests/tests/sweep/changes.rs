//! What a change of the world changes in a plan; apply, undo, and what went stale in between.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_shared::ids::LinkKey;
use cutover_shared::mapping::{MappingStatus, Reason};
use cutover_shared::run::{ItemState, RunState};
use cutover_tests::world::{Case, World};

use crate::house::{House, Life, key, summary};

/// Rows of the catalog that are about what this account owns or owned under its name.
fn rows_of(house: &House, account: i64) -> BTreeSet<LinkKey> {
    let about = |world: &World| {
        let login = world.account(account).unwrap().login.to_lowercase();
        let rows = house.catalog.rows.iter().zip(&house.catalog.truths);
        let mine = rows.filter(|(row, truth)| match truth.repo_id.and_then(|id| world.repo(id)) {
            Some(repo) => repo.owner == account,
            None => row.repo_full_name.to_lowercase().starts_with(&format!("{login}/")),
        });
        mine.map(|(row, _)| key(row)).collect()
    };
    house.sim.world().read(about)
}

fn rows_on(house: &House, repo: i64) -> BTreeSet<LinkKey> {
    let rows = house.catalog.rows.iter().zip(&house.catalog.truths);
    rows.filter(|(_, truth)| truth.repo_id == Some(repo)).map(|(row, _)| key(row)).collect()
}

/// Repositories of plain rows with a living token, each of another account.
fn plain_repos(house: &House, how_many: usize) -> Vec<i64> {
    let mut owners = BTreeSet::new();
    house.sim.world().read(|world| {
        let rows = house.catalog.cases.iter().zip(&house.catalog.truths).zip(&house.catalog.rows);
        rows.filter(|((case, _), row)| {
            let token = row.github_access_token.as_deref();
            **case == Case::Plain && token.is_some_and(|token| world.user_token(token).is_some())
        })
        .filter_map(|((_, truth), _)| truth.repo_id)
        .filter(|id| owners.insert(world.repo(*id).unwrap().owner))
        .take(how_many)
        .collect()
    })
}

/// Sweeps and plans anew. The keys whose verdict is another one than before; `last` becomes the new plan.
async fn changed(house: &House, life: &Life, last: &mut cutover_shared::run::RunView) -> BTreeSet<LinkKey> {
    // Longer than GitHub's replicas may lag behind a mint, so that a 401 means that a token died.
    house.clock.advance(Duration::from_secs(60));
    let before = life.items(&last.id).await;
    *last = life.settled(true).await;
    let after = life.items(&last.id).await;
    assert_eq!(before.len(), after.len());
    let differ = after.iter().filter(|(key, item)| before[*key].to != item.to);
    differ.map(|(key, _)| key.clone()).collect()
}

#[tokio::test]
async fn a_change_of_the_world_changes_exactly_the_rows_concerned() {
    let house = House::of(12, 450, 13).await;
    let life = house.imported("one").await;
    let (world, mut run) = (house.sim.world(), life.settled(false).await);
    let repos = plain_repos(&house, 8);
    let owner = |repo: i64| world.read(|w| w.repo(repo).unwrap().owner);
    let verdict = async |run: &cutover_shared::run::RunView, repo: i64| {
        let key = rows_on(&house, repo).pop_first().unwrap();
        let to = life.items(&run.id).await.remove(&key).unwrap().to;
        (to.status, to.reason, to.installation.map(|id| id.0))
    };
    let on = |repo: i64| world.read(|w| w.installation_on(w.repo(repo).unwrap().owner).map(|i| i.id));
    use {MappingStatus as S, Reason as R};

    assert!(changed(&house, &life, &mut run).await.is_empty(), "nothing happened");

    world.rename_repo(repos[0], "renamed-since").unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[0]));
    assert_eq!(verdict(&run, repos[0]).await, (S::Mapped, R::IdListedRenamed, on(repos[0])));

    let receiver = owner(repos[7]);
    world.transfer_repo(repos[1], receiver).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[1]));
    assert_eq!(verdict(&run, repos[1]).await, (S::Mapped, R::IdListedRenamed, on(repos[7])));

    let without = world.read(|w| {
        let rows = house.catalog.cases.iter().zip(&house.catalog.truths);
        let found = rows.filter(|(case, _)| **case == Case::NotInstalled).find_map(|(_, t)| t.repo_id);
        w.repo(found.unwrap()).unwrap().owner
    });
    // Neither the old token nor any installation sees it there; then the token does, by the redirect.
    world.transfer_repo(repos[2], without).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[2]));
    assert_eq!(verdict(&run, repos[2]).await, (S::Unmappable, R::Gone, None));
    world.change(|w| {
        let rows = house.catalog.rows.iter().zip(&house.catalog.truths);
        let users = rows
            .filter(|(_, truth)| truth.repo_id == Some(repos[2]))
            .filter_map(|(row, _)| row.github_access_token.as_deref())
            .filter_map(|token| w.user_token(token).map(|found| found.user))
            .collect::<Vec<_>>();
        users.into_iter().for_each(|user| w.add_collaborator(repos[2], user).unwrap());
    });
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[2]));
    assert_eq!(verdict(&run, repos[2]).await, (S::Pending, R::RedirectNotListed, None));

    world.delete_repo(repos[3]).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[3]));
    assert_eq!(verdict(&run, repos[3]).await, (S::Unmappable, R::Gone, None));

    world.recreate_repo(repos[4]).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_on(&house, repos[4]));
    assert_eq!(verdict(&run, repos[4]).await, (S::Pending, R::NameReused, None));

    let suspended = owner(repos[5]);
    world.suspend(on(repos[5]).unwrap()).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_of(&house, suspended));
    assert_eq!(verdict(&run, repos[5]).await, (S::Pending, R::Suspended, None));
    // A store that never saw the suspended list says the same, in other words.
    let fresh = house.imported("fresh").await;
    let (old, new) = (life.items(&run.id).await, fresh.items(&fresh.settled(false).await.id).await);
    for (key, item) in &old {
        let of = |to: &cutover_shared::mapping::Mapping| (to.status, to.evidence.rung, to.installation);
        assert_eq!(of(&item.to), of(&new[key].to), "{:?}\n{:?}", item.to, new[key].to);
    }
    world.unsuspend(on(repos[5]).unwrap()).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_of(&house, suspended));
    assert_eq!(verdict(&run, repos[5]).await, (S::Mapped, R::IdListed, on(repos[5])));

    let left = owner(repos[6]);
    let old = on(repos[6]).unwrap();
    world.uninstall(old).unwrap();
    assert_eq!(changed(&house, &life, &mut run).await, rows_of(&house, left));
    assert_eq!(verdict(&run, repos[6]).await, (S::Pending, R::NotInstalled, None));
    let new = world.install(left, cutover_tests::world::Selection::All).unwrap();
    assert_ne!(new, old);
    assert_eq!(changed(&house, &life, &mut run).await, rows_of(&house, left));
    assert_eq!(verdict(&run, repos[6]).await, (S::Mapped, R::IdListed, Some(new)));
}

#[tokio::test]
async fn what_is_applied_is_the_plan_and_undo_puts_back_what_was_there() {
    let house = House::of(10, 400, 21).await;
    let life = house.imported("one").await;
    let first = life.settled(false).await;
    let items = life.items(&first.id).await;
    assert_eq!(summary(&first).changes, 400);
    let done = life.apply(&first).await;
    assert_eq!((done.state, done.progress.counts.done), (RunState::Done, 400), "{:?}", done.reason);
    let applied = life.mappings(&house.catalog).await;
    for (key, item) in &items {
        let stored: cutover_shared::mapping::Mapping = serde_json::from_str(&applied[key]).unwrap();
        assert_eq!(stored, item.to);
    }
    let counts = life.db.mapping_counts().await.unwrap();
    assert_eq!(counts, summary(&first).counts);

    let world = house.sim.world();
    for repo in plain_repos(&house, 4) {
        world.rename_repo(repo, &format!("renamed-{repo}")).unwrap();
    }
    let second = life.settled(true).await;
    let changes = summary(&second).changes;
    assert!((4..20).contains(&changes), "{changes}");
    let done = life.apply(&second).await;
    let counts = &done.progress.counts;
    assert_eq!((counts.done, counts.skipped), (changes, 400 - changes));
    assert_ne!(life.mappings(&house.catalog).await, applied);

    let undone = life.undo(&second).await;
    assert_eq!(
        (undone.state, undone.progress.counts.undone),
        (RunState::Undone, changes),
        "{:?}",
        undone.reason
    );
    assert_eq!(life.mappings(&house.catalog).await, applied);
    let undone = life.undo(&first).await;
    assert_eq!((undone.state, undone.progress.counts.undone), (RunState::Undone, 400));
    assert!(life.mappings(&house.catalog).await.is_empty());
    assert!(cutover_daemon::audit::verify(&life.db, None).await.unwrap().intact);
}

#[tokio::test]
async fn after_an_undo_the_same_world_gives_the_same_plan() {
    let house = House::of(4, 120, 22).await;
    let life = house.imported("one").await;
    let run = life.settled(false).await;
    life.apply(&run).await;
    assert_ne!(life.plan(false).await.digest, run.digest, "there are mappings now");
    life.undo(&run).await;
    assert_eq!(life.plan(false).await.digest, run.digest);
}

#[tokio::test]
async fn what_the_catalog_says_otherwise_since_the_plan_is_stale_and_left_alone() {
    let house = House::of(6, 300, 17).await;
    let life = house.imported("one").await;
    let run = life.settled(false).await;
    let mut catalog = house.catalog.clone();
    for row in &mut catalog.rows[10..15] {
        row.imported_at = Some("2026-01-01T00:00:00Z".to_owned());
    }
    let mut new = catalog.rows[20].clone();
    new.project_id = "prj-new".to_owned();
    catalog.rows.push(new);
    let receipt = life.import(&catalog).await;
    assert_eq!((receipt.added, receipt.changed, receipt.unchanged), (1, 5, 295));

    let done = life.apply(&run).await;
    let counts = &done.progress.counts;
    assert_eq!((done.state, counts.done, counts.stale), (RunState::Done, 295, 5), "{:?}", done.reason);
    let stale = life.db.items(&run.id, Some(ItemState::Stale), None, 100).await.unwrap();
    let named: BTreeSet<&str> = stale.iter().map(|item| item.key.as_str()).collect();
    let expected: Vec<LinkKey> = catalog.rows[10..15].iter().map(key).collect();
    assert_eq!(named, expected.iter().map(LinkKey::as_str).collect());
    assert!(stale.iter().all(|item| item.reason.as_deref().is_some_and(|why| why.contains("catalog"))));
    let mappings = life.mappings(&catalog).await;
    assert_eq!(mappings.len(), 295);
    assert!(expected.iter().all(|key| !mappings.contains_key(key)));

    let next = life.settled(false).await;
    assert_eq!(summary(&next).changes, 6);
}
