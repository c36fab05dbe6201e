//! Receipts of acts: the first of a key stays, and what was begun is known to have no end yet.

use super::*;

fn begin(key: &str) -> ActOp {
    ActOp::Begin { key: key.into(), at: 1, operator: "ana".into(), request: "r".into() }
}

fn remember(key: &str, receipt: &str) -> ActOp {
    ActOp::Remember {
        key: key.into(),
        at: 2,
        operator: "ana".into(),
        request: "r".into(),
        receipt: receipt.into(),
    }
}

async fn write(db: &Db, op: ActOp) -> Result<(), WriteError> {
    db.write(Lane::Handler, Unit::new().with(op)).await
}

async fn receipt(db: &Db, key: &str) -> Option<String> {
    db.act_receipt(key).await.unwrap().map(|row| row.receipt)
}

#[tokio::test]
async fn what_was_begun_ends_with_its_receipt_or_as_if_it_never_was() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, begin("a")).await.unwrap();
    assert_eq!(receipt(&db, "a").await.as_deref(), Some(""));
    assert!(write(&db, begin("a")).await.is_err(), "nobody begins twice");
    write(&db, remember("a", "first")).await.unwrap();
    write(&db, remember("a", "second")).await.unwrap();
    write(&db, ActOp::Withdraw { key: "a".into() }).await.unwrap();
    assert_eq!(receipt(&db, "a").await.as_deref(), Some("first"));

    write(&db, begin("b")).await.unwrap();
    write(&db, ActOp::Withdraw { key: "b".into() }).await.unwrap();
    assert_eq!(receipt(&db, "b").await, None);
    write(&db, remember("c", "only")).await.unwrap();
    write(&db, remember("c", "later")).await.unwrap();
    assert_eq!(receipt(&db, "c").await.as_deref(), Some("only"));
    write(&db, begin("d")).await.unwrap();
    write(&db, ActOp::Forget { before: 2 }).await.unwrap();
    assert_eq!(receipt(&db, "d").await, None, "a day later it is forgotten too");
}
