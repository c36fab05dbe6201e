//! What a sweep and a plan ask of GitHub, counted by the stand-in.

use std::collections::{BTreeMap, BTreeSet};

use cutover_tests::github_sim::{CredentialKind, RouteKind};
use cutover_tests::world::{Case, Catalog, World, WorldSpec};

use crate::house::{House, summary};

fn pages(rows: usize) -> u64 {
    u64::try_from(rows.div_ceil(100).max(1)).unwrap()
}

/// What a whole sweep of the world costs: (mints, pages of repositories, pages of installations).
fn price(house: &House) -> (u64, u64, u64) {
    house.sim.world().read(|world| {
        let live = || world.installations().filter(|found| found.suspended_at.is_none());
        let repositories = live().map(|on| pages(world.granted(on).len())).sum();
        (u64::try_from(live().count()).unwrap(), repositories, pages(world.installation_count()))
    })
}

#[tokio::test]
async fn a_sweep_makes_one_mint_an_installation_and_one_call_a_page() {
    let house = House::of(130, 4_000, 7).await;
    let life = house.life("one").await;
    let (mints, repositories, installations) = price(&house);
    assert!(repositories > mints && installations == 2, "the world is too small to tell");
    let calls = house.sim.calls();
    life.sweeper.sweep().await.unwrap();
    assert_eq!(calls.count(RouteKind::Mint), mints);
    assert_eq!(calls.count(RouteKind::InstallationRepositories), repositories);
    assert_eq!(calls.count(RouteKind::ListInstallations), installations);
    assert_eq!(calls.count(RouteKind::InstallationRequests), 1);
    assert_eq!(calls.total(), mints + repositories + installations + 1);
    assert_eq!(calls.counts().by_status.keys().copied().collect::<Vec<_>>(), [200, 201]);
    let view = life.db.index_view(life.github.host_id()).await.unwrap();
    let (known, listed, suspended) = house.sim.world().read(|world| {
        let live = || world.installations().filter(|found| found.suspended_at.is_none());
        let listed: usize = live().map(|on| world.granted(on).len()).sum();
        (world.installation_count(), listed, world.installation_count() - live().count())
    });
    assert_eq!(
        (view.installations, view.repositories, view.suspended, view.epoch),
        (u64::try_from(known).unwrap(), u64::try_from(listed).unwrap(), u64::try_from(suspended).unwrap(), 1)
    );

    calls.reset();
    life.sweeper.sweep().await.unwrap();
    assert_eq!(calls.count(RouteKind::Mint), 0, "the tokens of a moment ago are still good");
    assert_eq!(calls.total(), repositories + installations + 1);
    let again = life.db.index_view(life.github.host_id()).await.unwrap();
    assert_eq!(again.epoch, 1, "nothing changed");
}

#[tokio::test]
async fn a_plan_adds_at_most_one_probe_for_each_undecided_repository_and_asks_nothing_twice() {
    let house = House::of(20, 1_500, 5).await;
    let life = house.imported("one").await;
    life.sweeper.sweep().await.unwrap();
    let calls = house.sim.calls();
    let dead: BTreeSet<&str> = house.sim.world().read(|world| {
        let tokens = house.catalog.rows.iter().filter_map(|row| row.github_access_token.as_deref());
        tokens.filter(|token| world.user_token(token).is_none()).collect()
    });
    let mut undecided = house.catalog.truths.iter().filter(|truth| truth.rung > 2).count();
    let (mut asked, mut refused, mut plans) = (BTreeSet::new(), 0, 0);
    loop {
        calls.reset();
        let found = summary(&life.plan(false).await);
        plans += 1;
        let mut probes = 0;
        for call in calls.log() {
            match call.kind {
                RouteKind::GetRepo | RouteKind::GetCommit => {}
                // The other end of a redirect, the App's name, the token of an installation.
                RouteKind::GetRepoById | RouteKind::AppInfo | RouteKind::Mint => continue,
                other => panic!("a plan asks {other:?}"),
            }
            probes += 1;
            if call.credential == CredentialKind::Invalid {
                refused += 1;
                continue;
            }
            let question = (call.credential, call.principal, call.path.to_lowercase());
            assert!(asked.insert(question), "asked twice: {call:?}");
        }
        assert_eq!(found.probes_made, probes);
        assert!(usize::try_from(probes).unwrap() <= undecided, "{probes} of {undecided}");
        if found.probes_owed == 0 {
            break;
        }
        undecided = usize::try_from(found.probes_owed).unwrap();
    }
    assert!(plans <= 3, "{plans}");
    assert!(refused <= dead.len(), "one question for a dead token: {refused} of {}", dead.len());
    calls.reset();
    let last = summary(&life.plan(false).await);
    assert_eq!((last.probes_made, calls.total()), (0, 1), "all that is left to ask is the App's name");
}

#[tokio::test]
async fn a_budget_of_probes_is_kept_and_the_rest_is_owed() {
    let house = House::of(10, 600, 2).await;
    let mut life = house.imported("one").await;
    life.planner.probe_budget = 7;
    let run = life.plan(false).await;
    let first = summary(&run);
    assert_eq!(first.probes_made, 7);
    assert!(first.probes_owed > 0);
    let reasons: BTreeMap<_, _> = first.reasons.iter().map(|(reason, n)| (reason.word(), *n)).collect();
    assert!(reasons.contains_key("probe_owed"), "{reasons:?}");
    life.planner.probe_budget = 0;
    let second = summary(&life.plan(false).await);
    assert_eq!((second.probes_made, second.probes_owed), (0, first.probes_owed));
}

#[tokio::test]
async fn a_dry_run_makes_reads_only_and_changes_no_mapping() {
    let house = House::of(6, 300, 9).await;
    let life = house.imported("one").await;
    let before = house.sim.world().read(|world| format!("{world:?}"));
    life.settled(false).await;
    life.settled(true).await;
    let calls = house.sim.calls();
    assert!(calls.writes().is_empty(), "{:?}", calls.writes());
    let posts = calls.log().into_iter().filter(|call| call.method != "GET");
    assert!(posts.into_iter().all(|call| call.kind == RouteKind::Mint));
    assert_eq!(house.sim.world().read(|world| format!("{world:?}")), before);
    assert!(life.mappings(&house.catalog).await.is_empty());
}

#[tokio::test]
async fn a_repository_gets_one_question_a_plan_even_where_its_token_turns_out_dead() {
    let spec = WorldSpec { seed: 3, tenants: 4, repos: 400, installations: None };
    let made = World::generate(&spec).unwrap();
    let known = made.catalog.cases.iter().enumerate().filter(|(_, case)| **case == Case::KnownCommit);
    let mut by_token: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, _) in known {
        by_token.entry(made.catalog.rows[at].github_access_token.as_deref().unwrap()).or_default().push(at);
    }
    let rows = by_token.into_values().max_by_key(Vec::len).unwrap();
    let catalog = Catalog {
        rows: rows.iter().map(|at| made.catalog.rows[*at].clone()).collect(),
        truths: rows.iter().map(|at| made.catalog.truths[*at]).collect(),
        cases: rows.iter().map(|at| made.catalog.cases[*at]).collect(),
    };
    let house = House::on(made.world, catalog).await;
    let life = house.imported("one").await;
    let count = u64::try_from(rows.len()).unwrap();
    assert!(count > 2);
    // The one that found the token dead has had its question; the others may ask for their commits.
    let first = summary(&life.plan(false).await);
    assert_eq!((first.probes_made, first.probes_owed, first.counts.mapped), (count, 1, count - 1));
    let second = summary(&life.plan(false).await);
    assert_eq!((second.probes_made, second.probes_owed, second.counts.mapped), (1, 0, count));
}
