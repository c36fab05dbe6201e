//! The schedule on a real store: what is drilled, what is recorded of it, and that it outlives its process.

use cutover_shared::rollout::Stage;

use super::*;
use crate::clock::Clock;
use crate::flows::proof::tests::{Scripted, proofs_of};

const AUTH: RolloutName = RolloutName::GithubAuth;
const SANDBOX: RolloutName = RolloutName::GitSandbox;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The midnight of a day.
const MIDNIGHT: i64 = 20_000 * 24 * 60 * 60 * 1_000;

async fn drills(dir: &tempfile::TempDir, clock: &Clock, begin: Stage, troubles: Scripted) -> Drills {
    Drills::new(proofs_of(dir, clock, 30, begin, troubles).await, 7 * DAY)
}

async fn audited(drills: &Drills) -> usize {
    let rows = drills.proofs.db.audit_newest(None, 500).await.unwrap();
    rows.iter().filter(|row| row.bytes.contains("\"rollout.drill\"")).count()
}

/// Looks until there is nothing more to be done; how often it drilled.
async fn settle(drills: &Drills, name: RolloutName) -> usize {
    let mut drilled = 0;
    for _ in 0..4 {
        drilled += usize::from(drills.look(name).await.unwrap());
    }
    drilled
}

#[tokio::test]
async fn each_week_in_the_allowed_hours_it_is_drilled_once_and_nobody_is_moved() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT));
    let drills = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
    assert_eq!(settle(&drills, AUTH).await, 0);
    let (targets, before) =
        (drills.proofs.rollouts.router().targets(), drills.proofs.rollouts.state(AUTH).unwrap());
    clock.advance(7 * DAY);
    assert_eq!(settle(&drills, AUTH).await, 0, "midnight is none of the hours");
    clock.advance(Duration::from_secs(2 * 60 * 60));
    assert_eq!(settle(&drills, AUTH).await, 1);
    assert_eq!((audited(&drills).await, settle(&drills, AUTH).await), (1, 0));
    let walked = drills.proofs.walked(AUTH).await.unwrap().unwrap();
    assert!(walked.ok && walked.text.contains("30 tenants left the target"), "{walked:?}");
    assert_eq!(drills.proofs.rollouts.state(AUTH).unwrap(), before);
    assert_eq!(drills.proofs.rollouts.router().targets(), targets, "no decision of the real router");
    let standing = drills.standing(AUTH).await.unwrap();
    assert_eq!(standing.next.unwrap().due_at, walked.at + 7 * 24 * 60 * 60 * 1_000);
    clock.advance(7 * DAY);
    assert_eq!((settle(&drills, AUTH).await, audited(&drills).await), (1, 2));
}

#[tokio::test]
async fn what_is_off_is_not_drilled() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT));
    let drills = drills(&dir, &clock, Stage::Off, Scripted::default()).await;
    for _ in 0..3 {
        clock.advance(30 * DAY + Duration::from_secs(3 * 60 * 60));
        assert_eq!((settle(&drills, AUTH).await, settle(&drills, SANDBOX).await), (0, 0));
    }
    assert_eq!(drills.standing(AUTH).await.unwrap().next, None);
}

#[tokio::test]
async fn a_restart_in_the_middle_does_not_drill_twice() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT + 3 * 60 * 60 * 1_000));
    let first = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
    settle(&first, AUTH).await;
    clock.advance(7 * DAY);
    // As it is when the process ends right after it began.
    let Turn::Drill(begun) = turn(first.kept(AUTH).await.unwrap(), None, clock.now(), &first.rule()) else {
        panic!("it is due");
    };
    first.keep(AUTH, begun, clock.now()).await.unwrap();
    first.proofs.db.close().await;
    for _ in 0..2 {
        let again = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
        assert_eq!((settle(&again, AUTH).await, audited(&again).await), (0, 0));
        again.proofs.db.close().await;
        clock.advance(Duration::from_secs(20));
    }
    clock.advance(Duration::from_secs(60 * 60));
    let later = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
    assert_eq!((settle(&later, AUTH).await, audited(&later).await), (1, 1), "what broke off is done over");
}

#[tokio::test]
async fn one_that_fails_is_told_and_tried_again_the_next_day() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT + 3 * 60 * 60 * 1_000));
    let revoked = Scripted::of(
        (0..30).map(|n| (cutover_shared::rollout::Side::Legacy, format!("t-{n:03}"), "revoked")),
    );
    let drills = drills(&dir, &clock, Stage::Live, revoked).await;
    settle(&drills, AUTH).await;
    clock.advance(7 * DAY);
    assert_eq!(settle(&drills, AUTH).await, 1);
    let standing = drills.standing(AUTH).await.unwrap();
    assert!(standing.open && standing.failed.unwrap().1.contains("revoked"));
    assert!(!standing.next.unwrap().overdue);
    clock.advance(DAY);
    assert_eq!(settle(&drills, AUTH).await, 1);
}

#[tokio::test]
async fn one_that_does_not_come_is_overdue_after_a_day() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT));
    let drills = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
    settle(&drills, AUTH).await;
    clock.advance(8 * DAY);
    assert!(!drills.standing(AUTH).await.unwrap().next.unwrap().overdue);
    clock.advance(Duration::from_secs(1));
    assert!(drills.standing(AUTH).await.unwrap().next.unwrap().overdue);
    // Done by hand it is done.
    drills.proofs.drill(AUTH, &Who::daemon()).await.unwrap();
    settle(&drills, AUTH).await;
    assert!(!drills.standing(AUTH).await.unwrap().next.unwrap().overdue);
}

#[tokio::test]
async fn the_clock_may_jump() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual(MIDNIGHT + 3 * 60 * 60 * 1_000));
    let drills = drills(&dir, &clock, Stage::Live, Scripted::default()).await;
    settle(&drills, AUTH).await;
    let right = clock.now();
    clock.jump_wall(right + 365 * 24 * 60 * 60 * 1_000);
    assert_eq!(settle(&drills, AUTH).await, 1);
    clock.jump_wall(right);
    assert_eq!(settle(&drills, AUTH).await, 0);
    clock.advance(7 * DAY);
    assert_eq!(settle(&drills, AUTH).await, 1, "a year that never was is not waited for");
}
