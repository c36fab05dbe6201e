//! Alerts on real rollouts and a real store.

use cutover_shared::rollout::Stage;
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;
use crate::flows::proof::tests::{Scripted, proofs_of};

const AUTH: RolloutName = RolloutName::GithubAuth;
const NOW: i64 = 1_750_000_000_000;

fn who() -> Who {
    Who { operator: "alertmanager".into(), origin: "http 127.0.0.1".to_owned() }
}

async fn alerts(dir: &TempDir) -> Alerts {
    let clock = Clock::manual(NOW);
    let proofs = proofs_of(dir, &clock, 3, "canary-50".parse().unwrap(), Scripted::default()).await;
    let (db, rollouts) = (proofs.db, proofs.rollouts);
    Alerts::new(Incidents { db, clock, rollouts })
}

fn stage(alerts: &Alerts, name: RolloutName) -> Stage {
    alerts.0.incidents.rollouts.state(name).unwrap().1.stage
}

fn firing(starts_at: i64) -> Alert {
    let fingerprint = "0a1b2c3d4e5f6071".to_owned();
    Alert { fingerprint, rollout: Some(AUTH), starts_at, resolved_at: None, text: "imports fail".into() }
}

async fn open(alerts: &Alerts) -> Vec<String> {
    alerts.0.incidents.open().await.unwrap().into_iter().map(|one| one.id).collect()
}

#[tokio::test]
async fn a_critical_alert_goes_back_once_however_often_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = alerts(&dir).await;
    let taken = alerts.take(&[firing(NOW - 500)], &who()).await.unwrap();
    assert_eq!(stage(&alerts, AUTH).to_string(), "shadow");
    assert_eq!(stage(&alerts, RolloutName::GitSandbox).to_string(), "canary-50", "it is not named");
    assert_eq!(open(&alerts).await, taken.declared);
    for _ in 0..3 {
        let again = alerts.take(&[firing(NOW - 500), firing(NOW - 500)], &who()).await.unwrap();
        assert_eq!(again, Taken { known: 2, ..Taken::default() });
    }
    assert_eq!(stage(&alerts, AUTH).to_string(), "shadow");
    let over = Alert { resolved_at: Some(NOW - 100), ..firing(NOW - 500) };
    let ended = alerts.take(&[over.clone(), over], &who()).await.unwrap();
    assert_eq!((ended.closed, ended.known), (taken.declared, 1));
    assert!(open(&alerts).await.is_empty());
    // The first delivery comes once more, late.
    alerts.take(&[firing(NOW - 500)], &who()).await.unwrap();
    assert!(open(&alerts).await.is_empty() && stage(&alerts, AUTH).to_string() == "shadow");
}

#[tokio::test]
async fn what_is_known_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = alerts(&dir).await;
    first.take(&[firing(NOW - 500)], &who()).await.unwrap();
    first.0.incidents.db.close().await;
    let second = alerts(&dir).await;
    let again = second.take(&[firing(NOW - 500)], &who()).await.unwrap();
    assert_eq!((again.known, stage(&second, AUTH).to_string()), (1, "shadow".to_owned()));
}

#[tokio::test]
async fn with_the_store_gone_it_goes_back_once_and_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = alerts(&dir).await;
    alerts.0.incidents.db.close().await;
    for _ in 0..3 {
        alerts.take(&[firing(NOW - 500)], &who()).await.unwrap_err();
        let router = alerts.0.incidents.rollouts.router();
        let held = router.plan(AUTH).unwrap().stage;
        assert_eq!(held.to_string(), "shadow", "in effect, and no further");
    }
}

#[tokio::test]
async fn one_that_went_back_and_was_not_stored_does_not_go_back_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = alerts(&dir).await;
    // As it is when the process ends between the way back and the incident.
    let id = format!("alert-{}-{}", firing(0).fingerprint, NOW - 500);
    first.0.incidents.go_back(AUTH, &id, "imports fail", &who()).await.unwrap();
    first.0.incidents.db.close().await;
    let second = alerts(&dir).await;
    let taken = second.take(&[firing(NOW - 500)], &who()).await.unwrap();
    assert_eq!((taken.declared, stage(&second, AUTH).to_string()), (vec![id], "shadow".to_owned()));
}

#[tokio::test]
async fn what_a_person_closed_may_be_resolved_later() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = alerts(&dir).await;
    let id = alerts.take(&[firing(NOW - 500)], &who()).await.unwrap().declared.remove(0);
    alerts.0.incidents.close(&id, &Who::daemon()).await.unwrap();
    let over = Alert { resolved_at: Some(NOW - 100), ..firing(NOW - 500) };
    assert_eq!(alerts.take(&[over], &who()).await.unwrap().closed, [id]);
}

#[tokio::test]
async fn behind_a_hundred_open_incidents_an_alert_that_begins_again_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let alerts = alerts(&dir).await;
    for n in 0..120 {
        let old = row(&format!("old-{n:03}"), Some(RolloutName::GitSandbox), "slow", n, &who());
        alerts.0.incidents.db.write(Lane::Urgent, declared(&old, &who())).await.unwrap();
    }
    assert_eq!(alerts.take(&[firing(NOW - 500)], &who()).await.unwrap().declared.len(), 1);
    let again = alerts.take(&[firing(NOW - 300)], &who()).await.unwrap();
    assert_eq!(again, Taken { known: 1, ..Taken::default() });
}
