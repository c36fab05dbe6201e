//! G4: what GitHub delivered in vain is fetched, handled once, and proven to be there.

use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::webhook::DeliveryState;
use cutover_tests::github_sim::{Disorder, Effect, Fate, Fault, RouteKind};
use cutover_tests::harness::{Daemon, Ended, HarnessError, Hook};

use super::stage::{EXE, Stage, until_audited};
use super::webhook::{settled, suspension, window};

async fn stage(secret: &str) -> Stage {
    let more = "[http]\nlisten = \"127.0.0.1:0\"\n\n[inbox]\nrecover_every = \"1h\"\n";
    let stage = Stage::of(20, Some(4), more).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    stage
}

fn event(installation: i64, suspended: bool) -> (String, String) {
    let (event, body) = suspension(installation, installation + 1, suspended);
    (event, String::from_utf8(body).unwrap())
}

/// Thirty events of fifteen installations that nobody takes; each is suspended, and every other one let go again.
fn thirty(stage: &Stage) -> Vec<String> {
    let hooks = stage.sim.hooks();
    let events = (0..30).map(|n| match n % 2 {
        0 => event(7_000 + n, true),
        _ => event(7_000 + n / 4 * 4, false),
    });
    events.map(|(event, body)| hooks.record(&event, &body, Fate::NeverSent)).collect()
}

async fn suspended(stage: &Stage) -> Vec<i64> {
    let list = stage.ask(&[0], &["token", "list", "--filter", "state:suspended", "--limit", "100"]).await;
    let rows = list["rows"].as_array().unwrap().iter();
    let mut ids: Vec<i64> =
        rows.filter_map(|row| row["installation"].as_i64()).filter(|id| *id >= 7_000).collect();
    ids.retain(|id| *id < 8_000);
    ids.sort_unstable();
    ids
}

/// Waits for the end of the comparison at the start: until then another one is refused.
async fn compared(stage: &Stage) {
    let clock = Clock::system();
    let asking =
        async { while stage.cli.call(&["webhook", "recover", "--look"]).await.unwrap().code == 3 {} };
    clock.timeout(Duration::from_secs(60), asking).await.unwrap();
}

/// Those of [`thirty`] that stay suspended.
fn expected() -> Vec<i64> {
    (0..30).step_by(2).filter(|n| n % 4 != 0).map(|n| 7_000 + n).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_daemon_was_down_is_there_after_its_start_with_its_effects_once() {
    let stage = stage("planted-webhook-secret-of-the-missed").await;
    let guids = thirty(&stage);
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    until_audited(&conn, "webhook.recover").await;
    compared(&stage).await;
    settled(&conn).await;
    let (rows, total) = window(&conn, "", 100).await;
    assert_eq!(total, 30);
    assert!(guids.iter().all(|guid| rows.iter().any(|row| row.guid == *guid)));
    assert!(rows.iter().all(|row| row.state == DeliveryState::Handled && row.repeats == 0), "{rows:?}");
    assert_eq!(suspended(&stage).await, expected());
    let bodies = stage.sim.calls().count(RouteKind::GetDelivery);
    assert_eq!((bodies, stage.sim.calls().count(RouteKind::Redeliver)), (30, 0));
    let said = stage.say(&[0], &["webhook", "recover", "--event", "installation"]).await;
    assert!(said.stdout.contains("30 of 30 deliveries since "), "{}", said.stdout);
    assert_eq!(stage.sim.calls().count(RouteKind::GetDelivery), 30, "nothing is fetched twice");

    // Lost, doubled and out of order on the way to a daemon that is there.
    let hook = Hook::new(&stage.home, "planted-webhook-secret-of-the-missed", stage.sim.app_id());
    let hooks = stage.sim.hooks();
    hooks.set_sender(Some(hook));
    let batch: Vec<_> = (0..40).map(|n| event(7_500 + n % 10, n % 3 == 0)).collect();
    let disorder = Disorder { seed: 4, drop: 300, duplicate: 300, reorder: true };
    hooks.send_all(&batch, disorder).await;
    let look = stage.ask(&[1], &["webhook", "recover", "--since", "1h", "--look"]).await;
    let here = look["here"].as_u64().unwrap();
    assert!((40..70).contains(&here) && look["logged"] == 70 && look["pulled"] == 0, "{look}");
    let found = stage.ask(&[0], &["webhook", "recover", "--since", "1h"]).await;
    assert_eq!((&found["here"], found["pulled"].as_u64()), (&70.into(), Some(70 - here)));
    settled(&conn).await;
    assert_eq!(window(&conn, "state:handled", 1).await.1, 70);
    // The command is refused as it should be.
    stage.say(&[2], &["webhook", "recover", "--since", "yesterday"]).await;
    stage.say(&[2], &["webhook", "recover", "--since", "2999-01-01T00:00:00Z"]).await;
    stage.say(&[2], &["webhook", "recover", "--event", "Push"]).await;
    stage.say(&[3], &["webhook", "recover", "--role", "viewer"]).await;
    let refused = Effect::Status { status: 401, retry_after: None };
    stage.sim.faults().add(Fault::on(RouteKind::ListDeliveries, refused).always());
    stage.say(&[6], &["webhook", "recover"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_midst_of_a_recovery_loses_nothing_and_does_nothing_twice() {
    let stage = stage("planted-webhook-secret-of-the-killed").await;
    let guids = thirty(&stage);
    for at in ["recover.pulled:7", "recover.pulled:9"] {
        match Daemon::start(Path::new(EXE), &stage.home, Some(at)).await {
            Ok(mut daemon) => assert_eq!(daemon.end().await.unwrap(), Ended::Signal(9)),
            // It may be so fast that it is dead before it says that it serves.
            Err(HarnessError::NotStarted { code: None, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let arriving = async {
        while window(&conn, "", 1).await.1 < 30 {
            conn.changes(0, Vec::new()).await.unwrap();
        }
    };
    Clock::system().timeout(Duration::from_secs(60), arriving).await.unwrap();
    compared(&stage).await;
    settled(&conn).await;
    let (rows, total) = window(&conn, "", 100).await;
    assert_eq!((total, rows.iter().map(|row| row.repeats).sum::<u32>()), (30, 0));
    assert!(guids.iter().all(|guid| rows.iter().any(|row| row.guid == *guid)));
    assert_eq!(
        stage.sim.calls().count(RouteKind::GetDelivery),
        30,
        "what was taken before a kill was durable"
    );
    assert_eq!(suspended(&stage).await, expected());
    stage.say(&[0], &["webhook", "recover"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_can_t_be_had_is_delivered_again_over_the_door() {
    let secret = "planted-webhook-secret-of-the-again";
    let stage = stage(secret).await;
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    compared(&stage).await;
    let hooks = stage.sim.hooks();
    hooks.set_sender(Some(Hook::new(&stage.home, secret, stage.sim.app_id())));
    stage.sim.faults().add(Fault::status(RouteKind::GetDelivery, 404).always());
    let (event, body) = event(7_001, true);
    let guid = hooks.record(&event, &body, Fate::Answered(500));
    let found = stage.ask(&[1], &["webhook", "recover"]).await;
    assert_eq!((&found["redelivered"], &found["here"], &found["lost"]), (&1.into(), &0.into(), &0.into()));
    let changes = async {
        while window(&conn, "state:handled", 1).await.1 == 0 {
            conn.changes(0, Vec::new()).await.unwrap();
        }
    };
    Clock::system().timeout(Duration::from_secs(60), changes).await.unwrap();
    let found = stage.ask(&[0], &["webhook", "recover"]).await;
    assert_eq!((&found["here"], &found["redelivered"]), (&1.into(), &0.into()), "{guid}");
    assert_eq!(suspended(&stage).await, [7_001]);
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}
