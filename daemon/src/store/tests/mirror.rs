//! What is owed to copies: from the commit of the fact on, until that very fact was paid.

use cutover_shared::rpc::Topic;

use super::*;

const HOST: &str = "github.com";

fn repository(installation: i64, id: i64, name: &str) -> RepositoryRow {
    RepositoryRow {
        installation,
        id,
        full_name: name.into(),
        owner_id: 1,
        owner_login: "acme".into(),
        created_at: Some(1),
        private: false,
        fork: false,
    }
}

async fn learn(db: &Db, fact: Learned) {
    let op = IndexOp::Learned { host: HOST.into(), fact: Box::new(fact), at: 1 };
    db.write(Lane::Handler, Unit::new().with(op)).await.unwrap();
}

fn version(received: i64) -> Version {
    Version { at: received, received }
}

async fn installed(db: &Db, id: i64, names: &[&str]) {
    let row = InstallationRow {
        id,
        account_id: 1,
        account_login: "acme".into(),
        account_type: "User".into(),
        selection: "all".into(),
        suspended_at: None,
        permissions: "{}".into(),
    };
    learn(db, Learned::Seen { row, suspension: false, version: version(1) }).await;
    let rows = names.iter().zip(1..).map(|(name, n)| repository(id, n, name)).collect();
    learn(db, Learned::Granted { installation: id, rows, version: version(2) }).await;
}

async fn owed(db: &Db, kind: MirrorKind) -> Vec<MirrorDebt> {
    db.mirror_owed(HOST, kind, 10).await.unwrap()
}

async fn pay(db: &Db, debts: Vec<MirrorDebt>) {
    db.write(Lane::Handler, Unit::new().with(MirrorOp::Paid { host: HOST.into(), debts })).await.unwrap();
}

#[tokio::test]
async fn what_changes_while_a_debt_is_paid_stays_owed() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    installed(&db, 7, &["acme/a", "acme/b"]).await;
    let taken = owed(&db, MirrorKind::Installation).await;
    assert_eq!(taken.len(), 1);
    learn(&db, Learned::Withdrawn { installation: 7, repositories: vec![1], version: version(3) }).await;
    pay(&db, taken).await;
    let still = owed(&db, MirrorKind::Installation).await;
    assert_eq!(still.len(), 1);
    pay(&db, still).await;
    assert_eq!(owed(&db, MirrorKind::Installation).await, []);
    // The same fact again, and one of another kind, change no copy.
    learn(&db, Learned::Withdrawn { installation: 7, repositories: vec![1], version: version(3) }).await;
    let mut same = repository(7, 2, "acme/b");
    same.private = true;
    learn(&db, Learned::Described { row: same, version: version(4) }).await;
    assert_eq!(owed(&db, MirrorKind::Installation).await, []);
    learn(&db, Learned::Uninstalled { installation: 7, version: version(5) }).await;
    assert_eq!(db.mirror_count(HOST, MirrorKind::Installation).await.unwrap(), 1);
}

#[tokio::test]
async fn a_unit_that_fails_owes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    installed(&db, 7, &["acme/a"]).await;
    pay(&db, owed(&db, MirrorKind::Installation).await).await;
    let fact = Learned::Deleted { repository: 1, version: version(9) };
    let unit = Unit::new()
        .with(IndexOp::Learned { host: HOST.into(), fact: Box::new(fact), at: 1 })
        .with(IntegrationOp::Revoke { id: "none".into(), user: "u".into(), at: 9 });
    db.write(Lane::Handler, unit).await.unwrap_err();
    assert_eq!(owed(&db, MirrorKind::Installation).await, []);
}

#[tokio::test]
async fn only_the_end_of_a_sweep_owes_everything() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let write = async |op| db.write(Lane::Run, Unit::new().with(op)).await.unwrap();
    write(IndexOp::Begin { sweep: "s1".into(), host: HOST.into(), at: 1 }).await;
    let rows = Vec::new();
    write(IndexOp::Installations { sweep: "s1".into(), host: HOST.into(), rows, cursor: None, done: true })
        .await;
    assert_eq!((owed(&db, MirrorKind::All).await, db.is_swept(HOST).await.unwrap()), (Vec::new(), false));
    write(IndexOp::End { sweep: "s1".into(), host: HOST.into(), at: 2 }).await;
    assert_eq!((owed(&db, MirrorKind::All).await.len(), db.is_swept(HOST).await.unwrap()), (1, true));
    write(IndexOp::Begin { sweep: "s2".into(), host: HOST.into(), at: 3 }).await;
    assert!(db.is_swept(HOST).await.unwrap());
    assert!(!db.is_swept("ghe.example").await.unwrap());
}

#[tokio::test]
async fn lists_are_read_whole_and_not_too_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for id in [7, 8, 9] {
        installed(&db, id, &["acme/b", "acme/a"]).await;
    }
    let read = async |ids: &[i64], most| {
        let rows = db.mirror_installations(HOST, ids, most).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.repositories)).collect::<Vec<_>>()
    };
    let list = |id| (id, Some(vec!["acme/a".to_owned(), "acme/b".to_owned()]));
    assert_eq!(read(&[9, 7, 8], 100).await, [list(9), list(7), list(8)]);
    assert_eq!(read(&[9, 7, 8], 1).await, [list(9)]);
    assert_eq!(read(&[9, 7, 8], 3).await, [list(9), list(7)]);
    assert_eq!(read(&[5], 1).await, [(5, Some(Vec::new()))], "what is gone has none");
    // Installed, and nobody told its list yet.
    installed(&db, 6, &[]).await;
    assert_eq!(read(&[6], 1).await, [(6, None)]);
}

#[tokio::test]
async fn who_waits_for_facts_hears_of_connections_and_not_of_payments() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let seen = || db.versions().borrow().get(&Topic::Index).copied();
    let used = IntegrationOp::UseState { nonce: "n".into(), at: 1, expires_at: 2 };
    db.write(Lane::Handler, Unit::new().with(used)).await.unwrap();
    pay(&db, Vec::new()).await;
    assert_eq!(seen(), None);
    let gone = IntegrationOp::Uninstalled { host: HOST.into(), installation: 7, at: 9 };
    db.write(Lane::Handler, Unit::new().with(gone)).await.unwrap();
    assert_eq!(seen(), Some(1));
}
