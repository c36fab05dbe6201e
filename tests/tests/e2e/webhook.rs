//! Promise 1: a webhook that was answered 2xx is never lost, whatever is killed when, and has one set of effects.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::webhook::{DeliveryState, DeliveryView, WebhookAnswer, WebhookQuery};
use cutover_shared::window::WindowAsk;
use cutover_tests::harness::{Ended, Hook};
use cutover_tui::conn::Conn;
use serde_json::json;

use super::stage::Stage;

async fn stage(secret: &str) -> Stage {
    let stage = Stage::of(20, Some(4), "[http]\nlisten = \"127.0.0.1:0\"\n").await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    stage
}

async fn window(conn: &Conn, filter: &str, limit: u32) -> (Vec<DeliveryView>, u64) {
    let ask = WindowAsk { filter: filter.to_owned(), limit, ..WindowAsk::default() };
    match conn.query(Query::Webhook(WebhookQuery::Window { ask })).await.unwrap() {
        Answer::Webhook(WebhookAnswer::Window(window)) => (window.rows, window.total),
        other => panic!("another answer: {other:?}"),
    }
}

/// Waits until nothing waits any more.
pub async fn settled(conn: &Conn) {
    let waiting = async {
        let (mut epoch, mut seen) = (0, 0);
        loop {
            let changes = conn.changes(epoch, vec![(Topic::Inbox, seen)]).await.unwrap();
            let inbox = changes.versions.iter().find(|(topic, _)| *topic == Topic::Inbox);
            (epoch, seen) = (changes.epoch, inbox.map_or(0, |(_, version)| *version));
            if window(conn, "state:waiting", 1).await.1 == 0 {
                return;
            }
        }
    };
    Clock::system().timeout(Duration::from_secs(60), waiting).await.expect("deliveries wait for ever");
}

fn suspension(installation: i64, account: i64, suspended: bool) -> (String, Vec<u8>) {
    let action = if suspended { "suspend" } else { "unsuspend" };
    let body = json!({
        "action": action,
        "installation": {
            "id": installation,
            "account": { "id": account, "login": "hooked", "type": "Organization" },
            "repository_selection": "all",
            "permissions": { "contents": "read" },
            "suspended_at": suspended.then_some("2026-11-21T10:00:00Z"),
        },
        "sender": { "id": 1, "login": "ana" },
    });
    ("installation".to_owned(), body.to_string().into_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_accepted_survives_sigkill_and_is_handled_once() {
    // No other test has it, so that none takes what is meant for this one.
    let secret = "planted-webhook-secret-of-the-kills";
    let stage = stage(secret).await;
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let (mut accepted, mut unclear) = (BTreeSet::new(), BTreeSet::new());
    for round in 0..3 {
        let daemon = stage.daemon().await;
        let deliver = async |n: usize| {
            let guid = format!("{round:04}{n:04}");
            let body =
                json!({ "ref": "refs/heads/main", "n": n, "installation": { "id": n % 5 } }).to_string();
            // Everything comes twice, the second time late.
            let first = hook.deliver(&guid, "push", body.as_bytes()).await;
            let late = format!("{round:04}{:04}", n / 2);
            let body = json!({ "ref": "refs/heads/main", "n": n / 2, "installation": { "id": n / 2 % 5 } })
                .to_string();
            let _ = hook.deliver(&late, "push", body.as_bytes()).await;
            (guid, first)
        };
        let sending = futures::future::join_all((0..120).map(deliver));
        let killing = async {
            // In the middle of it: some are answered, some are on their way.
            let conn = stage.connect().await;
            while window(&conn, "", 1).await.1 < 40 * (round + 1) {
                conn.changes(0, Vec::new()).await.unwrap();
            }
            assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
        };
        let (answers, ()) = tokio::join!(sending, killing);
        for (guid, answer) in answers {
            let _ = match answer {
                Ok(answer) if answer.status == 202 => accepted.insert(guid),
                // Not durable; or another process has the port of the one that was killed.
                Ok(answer) if matches!(answer.status, 401 | 503) => unclear.insert(guid),
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => unclear.insert(guid),
            };
        }
    }
    assert!(!accepted.is_empty(), "nothing was answered before the kills");
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    settled(&conn).await;
    let (rows, total) = window(&conn, "", 500).await;
    assert_eq!(u64::try_from(rows.len()).unwrap(), total);
    let found: BTreeSet<String> = rows.iter().map(|row| row.guid.clone()).collect();
    assert_eq!(found.len(), rows.len(), "one row for each GUID");
    let lost: Vec<&String> = accepted.difference(&found).collect();
    assert_eq!(lost, Vec::<&String>::new(), "accepted and not there");
    assert!(found.iter().all(|guid| accepted.contains(guid) || unclear.contains(guid)));
    assert!(rows.iter().all(|row| row.state == DeliveryState::Ignored), "a push has no effect here");
    // GitHub delivers again what it does not know to have arrived.
    for guid in &unclear {
        let body = json!({ "ref": "refs/heads/main", "installation": { "id": 1 } }).to_string();
        assert_eq!(hook.deliver(guid, "push", body.as_bytes()).await.unwrap().status, 202);
    }
    assert_eq!(window(&conn, "", 1).await.1, accepted.union(&unclear).count() as u64);
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert!(!stage.log().contains(secret), "the secret is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_changes_what_is_known_of_an_installation_and_a_replay_undoes_nothing_newer() {
    let secret = "planted-webhook-secret-of-the-events";
    let stage = stage(secret).await;
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let state = async || {
        let list = stage.ask(&[0], &["token", "list"]).await;
        let rows = list["rows"].as_array().unwrap().clone();
        rows.iter()
            .find(|row| row["installation"] == 987_654)
            .map(|row| row["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(state().await, None);
    for (guid, suspended) in [("a1", true), ("a2", false)] {
        let (event, body) = suspension(987_654, 4_321, suspended);
        let answer = hook.deliver(guid, &event, &body).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["delivery_id"], guid);
        assert_eq!(answer["installation_id"], 987_654);
        settled(&conn).await;
        let expected = if suspended { "suspended" } else { "absent" };
        assert_eq!(state().await.as_deref(), Some(expected));
    }
    let said = stage.say(&[0], &["webhook", "show", "a1", "--payload"]).await;
    assert!(said.stdout.contains("suspend"), "{}", said.stdout);
    stage.say(&[0], &["webhook", "replay", "a1"]).await;
    settled(&conn).await;
    assert_eq!(state().await.as_deref(), Some("absent"), "the replay of an older fact");
    // The operator sees the count before, and another count is refused.
    let said = stage.say(&[0], &["webhook", "replay", "--filter", "event:installation", "--dry-run"]).await;
    assert!(said.stdout.contains('2'), "{}", said.stdout);
    stage.say(&[3], &["webhook", "replay", "--filter", "event:installation", "--yes", "3"]).await;
    stage.say(&[0], &["webhook", "replay", "--filter", "event:installation", "--yes", "2"]).await;
    settled(&conn).await;
    assert_eq!(state().await.as_deref(), Some("absent"));
    assert_eq!(hook.deliver("b1", "installation", b"[]").await.unwrap().status, 400);
    let forged = Hook::new(&stage.home, "another", stage.sim.app_id());
    assert_eq!(forged.deliver("b2", "push", b"{}").await.unwrap().status, 401);
    let stranger = Hook::new(&stage.home, secret, stage.sim.app_id() + 1);
    assert_eq!(stranger.deliver("b3", "push", b"{}").await.unwrap().status, 401);
    assert_eq!(window(&conn, "", 10).await.1, 2, "what was refused is not kept");
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}
