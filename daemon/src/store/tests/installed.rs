//! What the store knows of installations, and of the inbox by the minute.

use cutover_shared::webhook::DeliveryState;

use super::*;

const HOST: &str = "github.com";
const MINUTE: i64 = 60_000;

async fn write(db: &Db, ops: impl IntoIterator<Item = Op>) {
    db.write(Lane::Handler, Unit::new().with_all(ops)).await.unwrap();
}

fn seen(id: i64, login: &str, received: i64) -> Op {
    let row = InstallationRow {
        id,
        account_id: id + 100,
        account_login: login.to_owned(),
        account_type: "Organization".to_owned(),
        selection: "all".to_owned(),
        suspended_at: None,
        permissions: r#"{"contents":"read"}"#.to_owned(),
    };
    let version = Version { at: received, received };
    learned(Learned::Seen { row, suspension: false, version })
}

fn learned(fact: Learned) -> Op {
    IndexOp::Learned { host: HOST.to_owned(), fact: Box::new(fact), at: 1 }.into()
}

fn delivery(guid: &str, installation: i64, received_at: i64) -> Op {
    InboxOp::Receive(Box::new(NewDelivery {
        guid: guid.to_owned(),
        event: "push".to_owned(),
        action: (guid == "b").then(|| "forced".to_owned()),
        installation: Some(installation),
        repo_id: None,
        repository: None,
        received_at,
        digest: String::new(),
        body: bytes::Bytes::new(),
        ended_at: None,
    }))
    .into()
}

fn end(seq: i64, state: DeliveryState) -> Op {
    InboxOp::End { seq, state, at: 1, note: None }.into()
}

#[tokio::test]
async fn an_installation_in_figures() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, [seen(7, "Acme", 10), seen(8, "zeta", 10)]).await;
    let gone = Learned::Uninstalled { installation: 8, version: Version { at: 20, received: 20 } };
    write(&db, [learned(gone)]).await;
    write(&db, [delivery("a", 7, MINUTE), delivery("b", 7, 2 * MINUTE), delivery("c", 7, 2 * MINUTE + 1)])
        .await;
    write(&db, [delivery("d", 7, 3 * MINUTE), delivery("e", 8, 3 * MINUTE)]).await;
    write(&db, [end(1, DeliveryState::Handled), end(2, DeliveryState::Dead), end(3, DeliveryState::Ignored)])
        .await;
    let rows = db.installed(HOST, None).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.id, row.gone)).collect::<Vec<_>>(), [(7, false), (8, true)]);
    let acme = &rows[0];
    assert_eq!((acme.waiting, acme.dead, acme.delivered_at), (1, 1, Some(2 * MINUTE)), "to the minute");
    assert_eq!(acme.event.as_deref(), Some("push.forced"));
    assert_eq!((rows[1].waiting, rows[1].account_login.as_str()), (1, "zeta"));
    assert_eq!(db.installed(HOST, Some(7)).await.unwrap(), rows[..1]);
    assert_eq!(db.installed("other", None).await.unwrap(), []);
}

#[tokio::test]
async fn what_nothing_follows_from_is_the_last_delivery_of_its_installation_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, [seen(7, "Acme", 10), seen(8, "zeta", 10)]).await;
    let ended = |guid: &str, installation, received_at| match delivery(guid, installation, received_at) {
        Op::Inbox(InboxOp::Receive(new)) => {
            InboxOp::Receive(Box::new(NewDelivery { ended_at: Some(1), ..*new })).into()
        }
        other => other,
    };
    write(&db, [ended("b", 7, 2 * MINUTE), ended("c", 7, 2 * MINUTE + 1), ended("d", 8, MINUTE)]).await;
    let rows = db.installed(HOST, None).await.unwrap();
    let shown: Vec<_> =
        rows.iter().map(|row| (row.waiting, row.delivered_at, row.event.as_deref())).collect();
    assert_eq!(shown, [(0, Some(2 * MINUTE), Some("push.forced")), (0, Some(MINUTE), Some("push"))]);
}

#[tokio::test]
async fn minutes_count_what_came_since_then() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    assert_eq!(db.inbox_minutes(0).await.unwrap(), []);
    for n in 0..40 {
        write(&db, [delivery(&format!("d{n}"), 7, n * MINUTE / 2)]).await;
    }
    write(&db, [end(40, DeliveryState::Dead), end(39, DeliveryState::Handled)]).await;
    for since in [0, 5, 17, 19] {
        let rows = db.inbox_minutes(since * MINUTE).await.unwrap();
        let all: Vec<MinuteRow> = (since..20)
            .map(|minute| MinuteRow { minute, received: 2, failed: u32::from(minute == 19) })
            .collect();
        assert_eq!(rows, all, "since {since}");
    }
    assert_eq!(db.inbox_minutes(20 * MINUTE).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_owed_stays_until_it_is_paid() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let owe = |scope: Scope, cause: &str| -> Op {
        RescoreOp::Owe { host: HOST.to_owned(), scope, cause: cause.to_owned(), at: 9 }.into()
    };
    let narrow = Scope::of_facts(&[seen(7, "Acme", 10)]);
    assert!(narrow.logins.contains("acme") && narrow.accounts.contains(&107), "{narrow:?}");
    write(&db, [owe(narrow.clone(), "delivery a"), owe(Scope::all(), "sweep b")]).await;
    let owed = db.rescore_owed(HOST, 9).await.unwrap();
    assert_eq!(owed.iter().map(|row| row.cause.as_str()).collect::<Vec<_>>(), ["delivery a", "sweep b"]);
    assert_eq!((&owed[0].scope, owed[1].scope.all), (&narrow, true));
    write(&db, [RescoreOp::Paid { ids: vec![owed[0].id] }.into()]).await;
    write(&db, [owe(Scope::all(), "delivery c")]).await;
    let causes: Vec<_> = db.rescore_owed(HOST, 9).await.unwrap().into_iter().map(|row| row.cause).collect();
    assert_eq!(causes, ["sweep b", "delivery c"]);
    assert_eq!(db.rescore_owed("other", 9).await.unwrap(), []);
}
