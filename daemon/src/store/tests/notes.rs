//! What status asks a store for.

use super::*;

async fn moved(db: &Db, id: &str, scope: &str, to: RunState, at: i64, ends: &[ItemState]) {
    with_run(db, id, scope, i64::try_from(ends.len()).unwrap()).await;
    let rows = (0..).zip(ends).map(|(ord, end)| ItemChange {
        reason: (*end != ItemState::Done).then(|| format!("{end} so")),
        ..change(ord, ItemState::Pending, *end)
    });
    let rows: Vec<_> = rows.filter(|change| change.to != ItemState::Pending).collect();
    let patch = RunPatch { ended_at: Some(at), undo_started_at: Some(at), ..RunPatch::default() };
    let unit = Unit::new().with(RunOp::Items { run: id.into(), at, rows }).with(RunOp::Move {
        run: id.into(),
        from: vec![RunState::Planned],
        to,
        patch,
    });
    db.write(Lane::Run, unit).await.unwrap();
}

#[tokio::test]
async fn runs_of_note_are_those_that_somebody_must_look_at() {
    use ItemState::{Done, Failed, Unknown};
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    moved(&db, "r01", "a", RunState::Done, 500, &[Done]).await;
    moved(&db, "r02", "b", RunState::Done, 10, &[Unknown]).await;
    moved(&db, "r03", "c", RunState::Done, 500, &[Failed, Done]).await;
    moved(&db, "r04", "d", RunState::Done, 10, &[Failed]).await;
    moved(&db, "r05", "e", RunState::Failed, 500, &[Done]).await;
    moved(&db, "r06", "f", RunState::Failed, 10, &[Done]).await;
    moved(&db, "r07", "g", RunState::Paused, 10, &[Done]).await;
    with_run(&db, "r08", "h", 1).await;
    with_run(&db, "r09", "h", 1).await;
    moved(&db, "r10", "h", RunState::Expired, 10, &[]).await;
    with_run(&db, "r11", "i", 1).await;
    moved(&db, "r12", "i", RunState::Cancelled, 10, &[]).await;
    let noted = async |now| {
        let runs = db.runs_of_note(100, now, 50).await.unwrap();
        runs.into_iter().map(|run| run.id.0).collect::<Vec<_>>()
    };
    // Of two plans of one scope the newest; none that something newer stands for.
    assert_eq!(noted(99).await, ["r09", "r07", "r05", "r03", "r02"]);
    assert_eq!(noted(100).await, ["r07", "r05", "r03", "r02"]);
    assert_eq!(db.runs_of_note(100, 99, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn effects_stand_until_they_are_taken_back() {
    use ItemState::{Done, Skipped, Undone};
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    assert_eq!(db.standing(9).await.unwrap(), Standing::default());
    moved(&db, "r1", "a", RunState::Done, 5, &[Done, Done, Skipped]).await;
    moved(&db, "r2", "b", RunState::Cancelled, 5, &[Done]).await;
    moved(&db, "r3", "c", RunState::Undone, 5, &[Undone]).await;
    moved(&db, "r4", "d", RunState::Done, 5, &[Skipped]).await;
    moved(&db, "r5", "e", RunState::Undoing, 5, &[Done, Undone]).await;
    with_run(&db, "r6", "f", 4).await;
    let standing = db.standing(9).await.unwrap();
    let runs: Vec<_> = standing.runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((runs, standing.items), (vec!["r5", "r2", "r1"], 4));
    let few = db.standing(1).await.unwrap();
    assert_eq!((few.runs.len(), few.items), (1, 4), "what is not listed counts all the same");
    assert_eq!(db.run(&"r3".into()).await.unwrap().unwrap().undo_started_at, Some(5));
}

#[tokio::test]
async fn findings_are_grouped_the_most_first() {
    use ItemState::{Done, Failed, Skipped, Stale};
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    moved(&db, "r1", "a", RunState::Done, 5, &[Done, Failed, Stale, Skipped, Stale, Done]).await;
    let groups = db.item_groups(&"r1".into(), 50).await.unwrap();
    let found: Vec<_> =
        groups.iter().map(|g| (g.state, g.reason.as_deref().unwrap(), g.count, g.example.as_str())).collect();
    let expected = [
        (Stale, "stale so", 2, "k0002"),
        (Failed, "failed so", 1, "k0001"),
        (Skipped, "skipped so", 1, "k0003"),
    ];
    assert_eq!(found, expected);
    assert_eq!(db.item_groups(&"r1".into(), 1).await.unwrap().len(), 1);
}
