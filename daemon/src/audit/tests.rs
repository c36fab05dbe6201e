use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::faults::Faults;
use crate::seal::Seal;
use crate::store::{Db, Lane, Unit, open};

async fn store(dir: &tempfile::TempDir) -> Db {
    open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap()
}

async fn filled(dir: &tempfile::TempDir, n: i64) -> Db {
    let db = store(dir).await;
    for i in 0..n {
        let draft = Who::daemon().did(i, "test", format!("s{i}"), json!({ "i": i }));
        db.write(Lane::Handler, Unit::new().with(draft)).await.unwrap();
    }
    db
}

async fn tamper(dir: &tempfile::TempDir, sql: &'static str) {
    use sqlx::{Connection as _, Executor as _};
    let url = format!("sqlite:{}/cutover.db", dir.path().display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    connection.execute(sql).await.unwrap();
}

#[tokio::test]
async fn an_untouched_log_is_intact_and_reads_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let db = filled(&dir, 5).await;
    let check = verify(&db, None).await.unwrap();
    assert_eq!((check.records, check.intact), (5, true));
    let newest = view(&db.audit_newest(None, 1).await.unwrap()[0]);
    assert_eq!((newest.seq, newest.subject.as_str(), &newest.detail), (5, "s4", &json!({ "i": 4 })));
}

#[tokio::test]
async fn a_changed_a_missing_and_a_cut_record_are_named() {
    let seal = Arc::new(Seal::new(vec![("k1".into(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap());
    let cases = [
        ("UPDATE audit SET bytes = replace(bytes, 's1', 's9') WHERE seq = 2", "record 2 was changed"),
        ("DELETE FROM audit WHERE seq = 3", "record 3 is missing"),
        ("DELETE FROM audit WHERE seq > 3", "the log ends at record 3, but record 5 was signed"),
    ];
    for (sql, problem) in cases {
        let dir = tempfile::tempdir().unwrap();
        let db = filled(&dir, 5).await;
        let heads = HeadFile::of(dir.path());
        let newest = db.audit_newest(None, 1).await.unwrap().remove(0);
        heads.append(&seal, newest.seq, &newest.hash, 1).unwrap();
        tamper(&dir, sql).await;
        let signed = heads.newest(&seal).unwrap();
        let check = verify(&db, signed.as_ref()).await.unwrap();
        assert_eq!((check.intact, check.problem.as_deref()), (false, Some(problem)));
    }
}

#[tokio::test]
async fn a_rewritten_chain_does_not_meet_the_signed_head() {
    let dir = tempfile::tempdir().unwrap();
    let seal = Seal::new(vec![("k1".into(), secrecy::SecretBox::new(Box::new([7; 32])))]).unwrap();
    let heads = HeadFile::of(dir.path());
    drop(filled(&dir, 3).await);
    heads.append(&seal, 3, "another hash", 1).unwrap();
    let db = store(&dir).await;
    let check = verify(&db, heads.newest(&seal).unwrap().as_ref()).await.unwrap();
    assert_eq!(check.problem.as_deref(), Some("record 3 is not the one that was signed"));
    let forged = Seal::new(vec![("k1".into(), secrecy::SecretBox::new(Box::new([8; 32])))]).unwrap();
    assert_eq!(heads.newest(&forged).unwrap(), None);
}
