//! Locks in the store: one writer, and a check that stands or falls with what is written beside it.

use serde_json::json;

use super::*;
use crate::store::lock_rule::{Arbiters, Holding, Standing};

const NAME: &str = "sweep:github.com";

fn admit(fence: u64, holder: &str, now: i64) -> LockOp {
    let holding = Holding { holder: holder.into(), until: now + 10, by: Arbiters::NONE };
    LockOp::Admit { name: NAME.into(), fence, holding, now }
}

fn expect(fence: u64) -> LockOp {
    LockOp::Expect { name: NAME.into(), fence }
}

async fn write(db: &Db, op: LockOp) -> Result<(), WriteError> {
    db.write(Lane::Handler, Unit::new().with(op)).await
}

#[tokio::test]
async fn a_stale_holders_unit_fails_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    write(&db, admit(1, "a", 0)).await.unwrap();
    let guarded = |fence, subject: &str| {
        Unit::new().with(expect(fence)).with(Who::daemon().did(1, "t", subject, json!({})))
    };
    db.write(Lane::Run, guarded(1, "first")).await.unwrap();
    // It sleeps past its time, and another takes it.
    assert!(matches!(write(&db, admit(2, "b", 9)).await, Err(WriteError::Precondition { .. })));
    write(&db, admit(2, "b", 10)).await.unwrap();
    let refused = db.write(Lane::Run, guarded(1, "late")).await;
    assert!(
        matches!(&refused, Err(WriteError::Precondition { found, .. }) if found == "sweep:github.com: fence 2 was given"),
        "{refused:?}"
    );
    db.write(Lane::Run, guarded(2, "second")).await.unwrap();
    let rows = db.audit_oldest(None, 10).await.unwrap();
    assert_eq!(rows.len(), 2, "nothing of the refused unit is there");
    let standing = db.lock(NAME).await.unwrap();
    assert_eq!((standing.fence, standing.held.unwrap().holder.as_str()), (2, "b"));
}

#[tokio::test]
async fn fences_outlive_holders_and_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    assert_eq!(db.lock(NAME).await.unwrap(), Standing::default());
    write(&db, admit(7, "a", 0)).await.unwrap();
    assert_eq!(db.locks_out(10).await.unwrap().len(), 1);
    write(&db, LockOp::Renew { name: NAME.into(), fence: 7, until: 50, now: 5 }).await.unwrap();
    assert!(write(&db, admit(8, "b", 20)).await.is_err(), "renewed");
    write(&db, LockOp::Release { name: NAME.into(), fence: 6 }).await.unwrap();
    assert_eq!(db.locks_out(10).await.unwrap().len(), 1, "another fence gives nothing back");
    write(&db, LockOp::EndAll).await.unwrap();
    db.close().await;
    let again = sqlite(&dir).await;
    assert_eq!(again.lock(NAME).await.unwrap(), Standing { fence: 7, held: None });
    assert!(again.locks_out(10).await.unwrap().is_empty());
    assert!(write(&again, admit(7, "b", 0)).await.is_err(), "a fence that was given");
    write(&again, expect(9)).await.unwrap();
    assert!(write(&again, expect(8)).await.is_err(), "a lower one than was seen");
    write(&again, LockOp::Release { name: NAME.into(), fence: 9 }).await.unwrap();
    assert!(write(&again, LockOp::Renew { name: NAME.into(), fence: 9, until: 9, now: 0 }).await.is_err());
}
