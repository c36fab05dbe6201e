//! The world moves while it is read.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_tests::github_sim::{Effect, Fault, RouteKind};
use cutover_tests::world::{AccountKind, Catalog, NewRepo, Selection, World};

use crate::house::{House, Life, START};

const SECOND: Duration = Duration::from_secs(1);

/// Accounts with an installation on all of their so many repositories: (account, installation, repositories).
async fn house(sizes: &[usize]) -> (House, Vec<(i64, i64, Vec<i64>)>) {
    let mut world = World::empty(5);
    let mut made = Vec::new();
    for (n, size) in sizes.iter().enumerate() {
        let account = world.add_account(&format!("org-{n}"), AccountKind::Organization).unwrap();
        let repo = |m| NewRepo {
            owner: account,
            name: format!("repo-{m}"),
            private: true,
            created_at: START - 1_000,
            commits: 1,
        };
        let repos = (0..*size).map(|m| world.add_repo(repo(m)).unwrap()).collect();
        made.push((account, world.install(account, Selection::All, START - 500).unwrap(), repos));
    }
    (House::on(world, Catalog::default()).await, made)
}

/// Sweeps; `change` happens while the call that `fault` fits is held.
async fn sweep_while(house: &House, life: &Life, fault: Fault, change: impl FnOnce()) {
    house.sim.faults().add(fault);
    let held = async {
        house.until("the call that is held", || house.sim.faults().waiting() == 0).await;
        change();
        house.clock.advance(SECOND);
    };
    let (swept, ()) = house.pump(async { futures::join!(life.sweeper.sweep(), held) }).await;
    swept.unwrap();
}

fn hold(kind: RouteKind) -> Fault {
    Fault::on(kind, Effect::Latency(SECOND))
}

async fn listed(life: &Life) -> BTreeSet<i64> {
    life.index().await.1.into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_repository_added_while_its_list_is_read_is_in_the_index() {
    let (house, made) = house(&[250]).await;
    let life = house.life("one").await;
    let (account, ..) = made[0];
    sweep_while(&house, &life, hold(RouteKind::InstallationRepositories).after(1), || {
        house.sim.world().add_repo(account, "late").unwrap();
    })
    .await;
    assert_eq!(listed(&life).await.len(), 251);
}

#[tokio::test]
async fn a_repository_that_slips_to_a_page_already_read_is_not_lost() {
    let (house, made) = house(&[250, 3]).await;
    let life = house.life("one").await;
    let (_, on, repos) = &made[0];
    sweep_while(&house, &life, hold(RouteKind::InstallationRepositories).installation(*on).after(1), || {
        house.sim.world().delete_repo(repos[10]).unwrap();
    })
    .await;
    let listed = listed(&life).await;
    let lost: Vec<_> = repos.iter().filter(|id| !listed.contains(id)).collect();
    assert_eq!(lost, [&repos[10]]);

    // Nor is one that an earlier sweep had seen.
    let again = &repos[20];
    sweep_while(&house, &life, hold(RouteKind::InstallationRepositories).installation(*on).after(1), || {
        house.sim.world().delete_repo(*again).unwrap();
    })
    .await;
    assert_eq!(self::listed(&life).await.len(), 251);
}

#[tokio::test]
async fn an_installation_that_slips_to_a_page_already_read_is_not_lost() {
    let (house, made) = house(&[1; 150]).await;
    let life = house.life("one").await;
    life.sweeper.sweep().await.unwrap();
    assert_eq!(life.index().await.0.len(), 150);
    house.clock.advance(SECOND);
    let gone = made[10].1;
    sweep_while(&house, &life, hold(RouteKind::ListInstallations).after(1), || {
        house.sim.world().uninstall(gone).unwrap();
    })
    .await;
    let known: BTreeSet<i64> = life.index().await.0.into_iter().map(|row| row.id).collect();
    let lost: Vec<i64> = made.iter().map(|(_, on, _)| *on).filter(|on| !known.contains(on)).collect();
    assert_eq!(lost, [gone]);
    assert_eq!(listed(&life).await.len(), 149);
}

#[tokio::test]
async fn suspension_and_disappearance_are_states_and_never_errors() {
    let (house, made) = house(&[5, 5, 350, 350, 5]).await;
    let life = house.life_with("one", 1).await;
    let world = house.sim.world();
    // Before their mint, and between two pages.
    for (n, kind, after) in [
        (0, RouteKind::Mint, 0),
        (1, RouteKind::Mint, 0),
        (2, RouteKind::InstallationRepositories, 1),
        (3, RouteKind::InstallationRepositories, 1),
    ] {
        house.sim.faults().add(hold(kind).installation(made[n].1).after(after));
    }
    let held = async {
        for left in (0..4).rev() {
            house.until("the call that is held", || house.sim.faults().waiting() == left).await;
            let (_, on, _) = made[3 - left];
            if left % 2 == 1 {
                world.suspend(on).unwrap();
            } else {
                world.uninstall(on).unwrap();
            }
            house.clock.advance(SECOND);
        }
    };
    let (swept, ()) = house.pump(async { futures::join!(life.sweeper.sweep(), held) }).await;
    swept.unwrap();
    let (installations, repositories) = life.index().await;
    let states: Vec<_> = installations.iter().map(|row| (row.id, row.suspended_at.is_some())).collect();
    assert_eq!(states, [(made[0].1, true), (made[2].1, true), (made[4].1, false)]);
    assert!(repositories.iter().all(|row| row.installation == made[2].1 || row.installation == made[4].1));
    let view = life.db.index_view(life.github.host_id()).await.unwrap();
    assert_eq!((view.installations, view.suspended, view.sweeping), (3, 2, None));

    world.unsuspend(made[0].1).unwrap();
    world.unsuspend(made[2].1).unwrap();
    house.clock.advance(SECOND);
    life.sweeper.sweep().await.unwrap();
    assert_eq!(listed(&life).await.len(), 5 + 350 + 5);
}

#[tokio::test]
async fn one_installation_that_refuses_to_be_read_keeps_what_was_known_and_holds_up_nobody() {
    let (house, made) = house(&[2; 12]).await;
    let life = house.life_with("one", 1).await;
    house.pump(life.sweeper.sweep()).await.unwrap();
    let refused = made[1].1;
    let fault = Fault::status(RouteKind::InstallationRepositories, 403).installation(refused).always();
    house.sim.faults().add(fault);
    house.clock.advance(SECOND);
    house.pump(life.sweeper.sweep()).await.unwrap();
    let host = life.github.host_id();
    assert_eq!((listed(&life).await.len(), life.db.index_view(host).await.unwrap().unread), (24, 1));
    house.sim.faults().clear();
    house.clock.advance(SECOND);
    house.pump(life.sweeper.sweep()).await.unwrap();
    assert_eq!(life.db.index_view(host).await.unwrap().unread, 0);
}
