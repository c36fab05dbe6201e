//! Every verdict is the truth that the world was made with, and the same world gives the same plan.

use std::collections::BTreeMap;

use cutover_daemon::mapping::matching::project_verdict;
use cutover_shared::mapping::{Mapping, MappingStatus};
use cutover_tests::world::{Case, Status};

use crate::house::{House, key, summary};

fn word(status: Status) -> MappingStatus {
    match status {
        Status::Mapped => MappingStatus::Mapped,
        Status::Pending => MappingStatus::Pending,
        Status::Unmappable => MappingStatus::Unmappable,
    }
}

async fn every_verdict_is_true(tenants: usize, repos: usize, seed: u64) {
    let house = House::of(tenants, repos, seed).await;
    let life = house.imported("one").await;
    let run = life.settled(false).await;
    let items = life.items(&run.id).await;
    assert_eq!(items.len(), house.catalog.rows.len());
    let mut wrong: BTreeMap<Case, Vec<String>> = BTreeMap::new();
    for ((row, truth), case) in house.catalog.rows.iter().zip(&house.catalog.truths).zip(&house.catalog.cases)
    {
        let to = &items[&key(row)].to;
        let mapped = truth.status == Status::Mapped;
        let repo = to.repo_id.map(|id| id.0);
        // Of what isn't mapped a verdict may not know the repository, but it never names another one than the row.
        let repo_is_right = if mapped {
            repo == truth.repo_id
        } else {
            repo.is_none() || repo == truth.repo_id || repo == row.repo_id
        };
        let is_right = to.status == word(truth.status)
            && to.evidence.rung == truth.rung
            && to.installation.map(|id| id.0) == truth.installation_id
            && repo_is_right
            && (to.confidence >= 90) == mapped
            && (mapped || !to.next_steps.is_empty());
        if !is_right {
            wrong.entry(*case).or_default().push(format!("{row:?}\n  truth {truth:?}\n  judged {to:?}"));
        }
    }
    let counts: Vec<_> = wrong.iter().map(|(case, rows)| (case, rows.len())).collect();
    assert!(
        wrong.is_empty(),
        "{counts:?}\n{}",
        wrong.values().map(|rows| rows[0].as_str()).collect::<String>()
    );

    let counts = summary(&run).counts;
    let of = |status| {
        u64::try_from(house.catalog.truths.iter().filter(|truth| truth.status == status).count()).unwrap()
    };
    assert_eq!(
        (counts.mapped, counts.pending, counts.unmappable),
        (of(Status::Mapped), of(Status::Pending), of(Status::Unmappable))
    );

    let mut projects: BTreeMap<&str, Vec<&Mapping>> = BTreeMap::new();
    for item in items.values() {
        projects.entry(item.project.as_str()).or_default().push(&item.to);
    }
    for item in items.values() {
        let whole = project_verdict(&projects[item.project.as_str()]);
        assert_eq!((item.project_installation, item.project_status), whole, "{}", item.project);
    }
}

#[tokio::test]
async fn verdicts_are_the_truth_in_a_small_world() {
    for seed in 1..=12 {
        every_verdict_is_true(3, 40, seed).await;
    }
}

#[tokio::test]
async fn verdicts_are_the_truth_in_a_middling_world() {
    every_verdict_is_true(50, 2_000, 7).await;
}

#[tokio::test]
async fn verdicts_are_the_truth_in_a_larger_world() {
    every_verdict_is_true(200, 5_000, 11).await;
}

#[tokio::test]
async fn the_same_world_gives_the_same_plan_again_after_a_sweep_and_from_a_new_store() {
    let house = House::of(12, 700, 4).await;
    let first = house.imported("one").await;
    let run = first.settled(false).await;
    let digests = [
        first.plan(false).await.digest,
        first.settled(true).await.digest,
        house.life("one").await.plan(false).await.digest,
        house.imported("two").await.settled(false).await.digest,
    ];
    assert!(digests.iter().all(|digest| *digest == run.digest), "{digests:?} {}", run.digest);
    let other = House::of(12, 700, 6).await;
    assert_ne!(other.imported("one").await.settled(false).await.digest, run.digest);
}
