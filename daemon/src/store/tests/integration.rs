//! Integrations: a state is good once, a user has an installation once, and only the owner lets it go.

use super::*;

const HOST: &str = "github.com";

fn row(id: &str, user: &str, installation: Option<i64>) -> IntegrationRow {
    IntegrationRow {
        id: id.into(),
        user: user.into(),
        tenant: Some("org-1".into()),
        host: HOST.into(),
        installation,
        account_login: Some("acme".into()),
        requester: None,
        setup_action: "install".into(),
        proof: Proof::Code,
        state: if installation.is_some() { IntegrationState::Active } else { IntegrationState::Requested },
        created_at: 5,
        callback_at: 5,
        ended_at: None,
    }
}

fn asked(id: &str, user: &str, requester: i64) -> IntegrationRow {
    let proof = Proof::None;
    IntegrationRow {
        requester: Some(requester),
        setup_action: "request".into(),
        proof,
        ..row(id, user, None)
    }
}

async fn write(db: &Db, ops: impl IntoIterator<Item = IntegrationOp>) -> Result<(), WriteError> {
    db.write(Lane::Handler, Unit::new().with_all(ops.into_iter().map(Into::into))).await
}

fn bind(row: IntegrationRow) -> IntegrationOp {
    IntegrationOp::Bind(Box::new(row))
}

async fn ids(db: &Db, user: &str, ended: bool) -> Vec<String> {
    db.integrations(user, ended, 10).await.unwrap().into_iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn a_state_is_good_once_and_what_came_with_the_second_use_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let used = |at: i64| IntegrationOp::UseState { nonce: "n".into(), at, expires_at: at + 10 };
    assert!(!db.is_state_used("n").await.unwrap());
    write(&db, [used(1), bind(row("a", "u", Some(7)))]).await.unwrap();
    assert!(db.is_state_used("n").await.unwrap());
    let again = write(&db, [used(2), bind(row("b", "u", Some(8)))]).await;
    assert_eq!(again, Err(WriteError::Conflict { what: "the state" }));
    assert_eq!(ids(&db, "u", true).await, ["a"]);
    // Remembered for a day beyond its end.
    let day = 24 * 60 * 60 * 1000;
    let other = |at: i64| IntegrationOp::UseState { nonce: format!("n{at}"), at, expires_at: at + 10 };
    write(&db, [other(11 + day)]).await.unwrap();
    assert!(db.is_state_used("n").await.unwrap());
    write(&db, [other(12 + day)]).await.unwrap();
    assert!(!db.is_state_used("n").await.unwrap());
}

#[tokio::test]
async fn coming_back_changes_the_row_that_is_there_and_users_see_their_own_only() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, [bind(row("a", "u", Some(7))), bind(row("b", "v", Some(7)))]).await.unwrap();
    let later = IntegrationRow { setup_action: "update".into(), callback_at: 9, ..row("c", "u", Some(7)) };
    write(&db, [bind(later)]).await.unwrap();
    let rows = db.integrations("u", true, 10).await.unwrap();
    let expected = IntegrationRow { setup_action: "update".into(), callback_at: 9, ..row("a", "u", Some(7)) };
    assert_eq!(rows, [expected]);
    assert_eq!(ids(&db, "v", true).await, ["b"]);
    assert_eq!(db.integrations_on(HOST, 7, 10).await.unwrap().len(), 2);
    assert_eq!(db.integrations_on("ghe.example", 7, 10).await.unwrap(), []);
}

#[tokio::test]
async fn only_the_owner_lets_go_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, [bind(row("a", "u", Some(7)))]).await.unwrap();
    let revoke = |user: &str| IntegrationOp::Revoke { id: "a".into(), user: user.into(), at: 9 };
    assert!(matches!(write(&db, [revoke("v")]).await, Err(WriteError::Precondition { .. })));
    assert_eq!(ids(&db, "u", false).await, ["a"]);
    write(&db, [revoke("u")]).await.unwrap();
    assert!(matches!(write(&db, [revoke("u")]).await, Err(WriteError::Precondition { .. })));
    assert_eq!(ids(&db, "u", false).await, [""; 0]);
    let ended = db.integration("a").await.unwrap().unwrap();
    assert_eq!((ended.state, ended.ended_at), (IntegrationState::Revoked, Some(9)));
    // Connected again, it is a new one beside the old.
    write(&db, [bind(row("b", "u", Some(7)))]).await.unwrap();
    assert_eq!(ids(&db, "u", false).await, ["b"]);
    assert_eq!(ids(&db, "u", true).await, ["b", "a"]);
}

#[tokio::test]
async fn an_uninstalled_one_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let rows = [bind(row("a", "u", Some(7))), bind(row("b", "v", Some(7))), bind(row("c", "u", Some(8)))];
    write(&db, rows).await.unwrap();
    let gone = IntegrationOp::Uninstalled { host: HOST.into(), installation: 7, at: 9 };
    write(&db, [gone.clone(), gone]).await.unwrap();
    assert_eq!((ids(&db, "u", false).await, ids(&db, "v", false).await), (vec!["c".to_owned()], vec![]));
}

#[tokio::test]
async fn an_approved_request_becomes_the_installation_of_who_asked() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let request = |row| IntegrationOp::Request(Box::new(row));
    // Asked twice, by two users with two accounts at GitHub; a third has it already.
    let ops = [request(asked("a", "u", 70)), request(asked("b", "u", 70)), request(asked("c", "v", 71))]
        .into_iter();
    write(&db, ops.chain([request(asked("d", "w", 70)), bind(row("e", "w", Some(7)))])).await.unwrap();
    assert_eq!(ids(&db, "u", true).await, ["b"]);
    assert_eq!(ids(&db, "u", false).await, [""; 0]);
    let granted = IntegrationOp::Granted {
        host: HOST.into(),
        requester: 70,
        installation: 7,
        account_login: "acme".into(),
        at: 9,
    };
    write(&db, [granted.clone(), granted]).await.unwrap();
    let rows = db.integrations("u", false, 10).await.unwrap();
    assert_eq!((rows[0].id.as_str(), rows[0].installation, rows[0].proof), ("b", Some(7), Proof::Event));
    assert_eq!(ids(&db, "v", false).await, [""; 0]);
    assert_eq!(ids(&db, "w", true).await, ["e"]);
}
