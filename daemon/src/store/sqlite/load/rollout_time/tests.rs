//! Incidents of many stays, by their indexes.

use super::super::filled::{filled, plan};
use super::*;

/// One each ten seconds, closed five seconds later; by turns of one rollout, the other, and both. Every hundredth is open.
const FILL: &str = "INSERT INTO incidents (id, opened_at, opened_by, rollout, text, closed_at, closed_by)
     WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
     SELECT printf('inc-%05d', i), i * 10, 'ana', CASE i % 3 WHEN 0 THEN 'github-auth' WHEN 1 THEN 'git-sandbox' ELSE '' END, 'slow',
            CASE WHEN i % 100 THEN i * 10 + 5 END, CASE WHEN i % 100 THEN 'bo' END FROM n";

#[tokio::test]
async fn each_span_has_its_own_incidents_by_one_question_that_scans_nothing() {
    let (_dir, db, mut connection) = filled(FILL).await;
    let spans = [(50_000, i64::MAX), (95, 100), (35, 61), (20, 21), (0, 50_000)];
    let all = db.incidents_of(RolloutName::GithubAuth, &spans, 3).await.unwrap();
    let ids: Vec<Vec<&str>> =
        all.iter().map(|span| span.iter().map(|one| one.id.as_str()).collect()).collect();
    let expected: [&[&str]; 5] = [
        &["inc-05000", "inc-05001", "inc-05003"],
        // Begun before it, and closed in it.
        &["inc-00009"],
        &["inc-00003", "inc-00005", "inc-00006"],
        &["inc-00002"],
        &["inc-00000", "inc-00002", "inc-00003"],
    ];
    assert_eq!(ids, expected);
    assert_eq!(all[1][0].closed, Some((95, "bo".to_owned())));
    assert_eq!(all[4][0].closed, None);
    assert_eq!(db.incidents_of(RolloutName::GithubAuth, &[], 3).await.unwrap().len(), 0);

    let plan = plan(&mut connection, INCIDENTS).await;
    let ours: Vec<&String> = plan.iter().filter(|step| step.contains("incidents")).collect();
    assert!(ours.len() == 3 && ours.iter().all(|step| step.starts_with("SEARCH")), "{plan:#?}");
}

#[tokio::test]
async fn what_is_open_is_found_whatever_number_is() {
    let (_dir, db, _connection) = filled(FILL).await;
    let oldest = db.open_incident(RolloutName::GithubAuth).await.unwrap();
    assert_eq!(oldest, Some(("inc-00000".to_owned(), "slow".to_owned())));
    let ids = ["inc-09900", "inc-09901", "nothing"].map(str::to_owned);
    assert_eq!(db.incidents_open_among(&ids).await.unwrap(), ["inc-09900"]);
    let (row, closed) = db.incident("inc-09901").await.unwrap().unwrap();
    assert_eq!((row.opened_at, row.rollout, closed), (99_010, Some(RolloutName::GitSandbox), Some(99_015)));
    assert!(db.incident("nothing").await.unwrap().is_none());
}
