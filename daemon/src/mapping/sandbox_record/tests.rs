//! The kind over a real store and the real engine.

mod crash;
mod world;

use cutover_shared::catalog::{CatalogFormat, CatalogReceipt, Contents};
use cutover_shared::mapping::MapScope;
use cutover_shared::page::PageAsk;
use cutover_shared::run::{ItemState, RunState};
use cutover_shared::sandbox_record::{RecordItem, RecordVerdict};
use proptest::prelude::*;

use self::world::{Life, OTHER_TREE, TREE, ana, commit, life, record};
use super::planner::RecordsPlanError;
use super::*;
use crate::faults::Faults;
use crate::faults::crash::runtime;
use crate::store::{CatalogOp, Lane, LinkFilter, NewSecond, SandboxOp, SecondOp, Unit};

/// One record of each verdict, by id.
async fn mixed(life: &Life) {
    life.import(&[
        record("a-moves", 1, Some(TREE)),
        record("b-treeless", 2, None),
        SandboxRecord { updated_at: 1_700_000_000_000, ..record("c-same-commit", 1, Some(TREE)) },
        record("d-target-older", 3, Some(TREE)),
        record("e-target-newer", 4, Some(TREE)),
        record("f-other-tree", 5, Some(TREE)),
        record("g-there", 6, Some(TREE)),
        record("h-legacy-answered", 7, None),
        SandboxRecord { project: "elsewhere".into(), ..record("i-unknown", 8, Some(TREE)) },
    ])
    .await;
    life.book(Side::Target, 3, Some(OTHER_TREE), 1_600_000_000_000, true).await;
    life.book(Side::Target, 4, Some(OTHER_TREE), 1_900_000_000_000, true).await;
    life.book(Side::Legacy, 5, Some(OTHER_TREE), 1_600_000_000_000, true).await;
    life.book(Side::Target, 6, Some(TREE), 1_600_000_000_000, false).await;
    life.book(Side::Legacy, 7, Some(TREE), 1_600_000_000_000, true).await;
}

#[tokio::test]
async fn records_move_into_the_books_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    mixed(&life).await;
    let before = life.books().await;
    let run = life.plan(&MapScope::All).await;
    assert_eq!((&run.summary["records"], &run.summary["changes"]), (&9.into(), &4.into()));
    let verdicts: Vec<(String, RecordVerdict)> = life
        .db
        .items(&run.id, None, None, 100)
        .await
        .unwrap()
        .iter()
        .map(|item| serde_json::from_str::<RecordItem>(&item.body).unwrap())
        .map(|item| (item.record.id, item.verdict))
        .collect();
    use RecordVerdict as V;
    let wanted = [
        ("a-moves", V::Move),
        ("b-treeless", V::Move),
        ("c-same-commit", V::SameCommit),
        ("d-target-older", V::Move),
        ("e-target-newer", V::TargetNewer),
        ("f-other-tree", V::OtherTree),
        ("g-there", V::AlreadyThere),
        ("h-legacy-answered", V::Move),
        ("i-unknown", V::UnknownProject),
    ];
    assert_eq!(verdicts, wanted.map(|(id, verdict)| (id.to_owned(), verdict)));
    assert_eq!(life.books().await, before, "a dry-run changes nothing");

    let done = life.apply(&run).await;
    let counts = &done.progress.counts;
    assert_eq!((done.state, counts.done, counts.skipped), (RunState::Done, 4, 5), "{:?}", done.reason);
    let books = life.books().await;
    for (n, tree) in [(1, Some(TREE)), (2, None), (3, Some(TREE)), (7, Some(TREE))] {
        let held: Vec<_> = books.iter().filter(|held| held.of.key.ends_with(&commit(n))).collect();
        assert_eq!(held.len(), 2, "commit {n} is in both books");
        let digest = rule::clone_digest(&commit(n), tree);
        assert!(held.iter().all(|held| held.digest == digest), "{held:?}");
        // What legacy has answered itself stays as it was.
        assert_eq!(held.iter().filter(|held| held.answered).count(), usize::from(n == 7), "{held:?}");
    }
    let skipped = life.db.items(&run.id, Some(ItemState::Skipped), None, 100).await.unwrap();
    assert!(skipped.iter().all(|item| item.reason.is_some()));

    let undone = life.undo(&run).await;
    assert_eq!((undone.state, undone.progress.counts.undone), (RunState::Undone, 4), "{:?}", undone.reason);
    assert_eq!(life.books().await, before);
    assert!(crate::audit::verify(&life.db, None).await.unwrap().intact);
}

#[tokio::test]
async fn the_same_world_gives_the_same_plan() {
    let mut digests = Vec::new();
    for turned in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let life = life(dir.path(), Faults::none()).await;
        let mut records: Vec<_> = (0..20).map(|n| record(&format!("sb-{n:02}"), n % 7, Some(TREE))).collect();
        if turned {
            records.reverse();
        }
        life.import(&records).await;
        digests.push(life.plan(&MapScope::All).await.digest);
        life.import(&records).await;
        digests.push(life.plan(&MapScope::All).await.digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]), "{digests:?}");
}

#[tokio::test]
async fn what_moved_since_the_plan_is_stale_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    let records: Vec<_> = (0..5).map(|n| record(&format!("sb-{n}"), n, Some(TREE))).collect();
    life.import(&records).await;
    let run = life.plan(&MapScope::All).await;
    life.import(&[SandboxRecord { state: Some("closed".into()), ..records[0].clone() }]).await;
    life.book(Side::Target, 1, Some(OTHER_TREE), 1_900_000_000_000, true).await;
    life.book(Side::Legacy, 2, Some(TREE), 1_900_000_000_000, true).await;
    let before = life.books().await;
    let done = life.apply(&run).await;
    let counts = &done.progress.counts;
    assert_eq!((counts.stale, counts.done), (3, 2), "{:?}", done.reason);
    let stale = life.db.items(&run.id, Some(ItemState::Stale), None, 10).await.unwrap();
    let reasons: Vec<&str> = stale.iter().filter_map(|item| item.reason.as_deref()).collect();
    assert_eq!(
        reasons,
        [
            "the record was imported anew since the plan",
            "the target's book was written since the plan",
            "legacy's book was written since the plan"
        ]
    );
    let books = life.books().await;
    assert!(before.iter().all(|held| books.contains(held)), "{books:?}");

    // A repository that left the catalog takes its records with it.
    let run = life.plan(&MapScope::Tenant("acme".into())).await;
    let links = life.db.links(&LinkFilter::All, None, 10).await.unwrap();
    let drop = CatalogOp::DropLinks { keys: links.into_iter().map(|row| row.key).collect() };
    life.db.write(Lane::Handler, Unit::new().with(drop)).await.unwrap();
    assert_eq!(life.apply(&run).await.progress.counts.stale, 2);
}

#[tokio::test]
async fn undo_leaves_what_a_call_has_written_since() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    life.import(&(0..4).map(|n| record(&format!("sb-{n}"), n, Some(TREE))).collect::<Vec<_>>()).await;
    let run = life.plan(&MapScope::All).await;
    life.apply(&run).await;
    life.book(Side::Legacy, 1, Some(TREE), 1_900_000_000_000, true).await;
    life.book(Side::Target, 2, Some(TREE), 1_900_000_000_000, true).await;
    let since = life.books().await;
    let counts = life.undo(&run).await.progress.counts;
    assert_eq!((counts.undone, counts.superseded), (2, 2));
    let kept: Vec<_> =
        since.into_iter().filter(|held| [1, 2].iter().any(|n| held.of.key.ends_with(&commit(*n)))).collect();
    assert_eq!(life.books().await, kept);
}

/// The record stands for a clone: one that legacy answers later finds the same in the target's book.
#[tokio::test]
async fn a_later_clone_of_that_commit_owes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    let moved = record("sb-1", 1, Some(TREE));
    life.import(std::slice::from_ref(&moved)).await;
    let run = life.plan(&MapScope::All).await;
    life.apply(&run).await;
    let of = place(&moved);
    let write = NewSecond {
        id: "call".into(),
        of: of.clone(),
        side: Side::Target,
        version: 1,
        body: "{}".into(),
        at: 1_900_000_000_000,
    };
    let answered = world::held(of, Side::Legacy, Some(TREE), 1_900_000_000_000, true);
    let op = SecondOp::Answered { write: Box::new(write), record: Box::new(answered), owe: true };
    life.db.write(Lane::Urgent, Unit::new().with(op)).await.unwrap();
    let owed = life.db.second_counts(cutover_shared::rollout::RolloutName::GitSandbox).await.unwrap();
    assert_eq!((owed.waiting, owed.failed), (0, 0));
}

#[tokio::test]
async fn a_scope_without_records_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    life.import(&[record("sb-1", 1, None)]).await;
    let scope = MapScope::Tenant("wayne".into());
    let refused = life.planner.plan(&scope, &ana()).await.unwrap_err();
    assert!(matches!(&refused, RecordsPlanError::Empty(scope) if scope == "tenant:wayne"), "{refused}");
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all_and_listed_in_pages() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    let text = world::lines(&(0..600).map(|n| record(&format!("sb-{n:03}"), n, None)).collect::<Vec<_>>());
    let refused = life.upload(&format!("{text}{{\"sandboxId\":\"x\"}}\n"), false).await;
    assert!(matches!(refused, CatalogReceipt::Refused { bad_count: 5, .. }), "{refused:?}");
    assert_eq!(life.db.sandbox_counts().await.unwrap(), (0, 0));
    let CatalogReceipt::Recorded(taken) = life.upload(&text, false).await else { panic!("not taken") };
    assert_eq!((taken.added, taken.tenants, taken.records), (600, 1, 600));
    let CatalogReceipt::Recorded(again) = life.upload(&text, false).await else { panic!("not taken") };
    assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 600));

    let (mut ids, mut ask) = (Vec::new(), PageAsk::first(250));
    loop {
        let page = view::records(&life.db, Some("acme".into()), &ask).await.unwrap();
        ids.extend(page.rows.into_iter().map(|view| view.record.id));
        match page.next {
            Some(next) => ask.after = Some(next),
            None => break,
        }
    }
    assert_eq!(ids, (0..600).map(|n| format!("sb-{n:03}")).collect::<Vec<_>>());
    let other = life.importer.begin(CatalogFormat::Csv, Contents::Links, &ana()).await.unwrap();
    let CatalogReceipt::Opened { upload } = other else { panic!("not opened") };
    life.importer.chunk(&upload, 0, &text).await.unwrap();
    let refused = life.importer.commit(&upload, true, &ana()).await.unwrap();
    assert!(matches!(refused, CatalogReceipt::Refused { .. }), "records are no catalog: {refused:?}");
}

#[tokio::test]
async fn a_book_that_is_not_as_it_was_refuses_the_whole_unit() {
    let dir = tempfile::tempdir().unwrap();
    let life = life(dir.path(), Faults::none()).await;
    let of = |n| place(&record("sb", n, None));
    life.book(Side::Target, 1, Some(TREE), 5, false).await;
    let before = life.books().await;
    let put = |n, held| crate::store::BookChange {
        of: of(n),
        held,
        to: Some(world::held(of(n), Side::Target, None, 9, false)),
    };
    let there = before[0].clone();
    for held in [
        None,
        Some(crate::store::ArmRecord { at: 6, ..there.clone() }),
        Some(crate::store::ArmRecord { answered: true, ..there.clone() }),
    ] {
        let changes = vec![put(2, None), put(1, held)];
        let unit = Unit::new().with(SandboxOp::Book { side: Side::Target, changes });
        let refused = life.db.write(Lane::Run, unit).await.unwrap_err();
        assert!(matches!(refused, crate::store::WriteError::Precondition { .. }), "{refused}");
        assert_eq!(life.books().await, before);
    }
    let changes = vec![put(2, None), put(1, Some(there))];
    life.db
        .write(Lane::Run, Unit::new().with(SandboxOp::Book { side: Side::Target, changes }))
        .await
        .unwrap();
    assert_eq!(life.books().await.len(), 2);
}

/// (commit, knows its tree, minutes later)
type Case = (u8, bool, i64);

fn cases() -> impl Strategy<Value = Vec<Case>> {
    prop::collection::vec((0_u8..4, any::<bool>(), -2_i64..=2), 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn undo_puts_back_whatever_was_there_and_a_move_makes_the_books_agree(
        sandboxes in cases(), legacy in cases(), target in cases(),
    ) {
        runtime().block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let life = life(dir.path(), Faults::none()).await;
            let at = |minutes: i64| 1_780_000_000_000 + minutes * 60_000;
            let records: Vec<_> = sandboxes.iter().enumerate().map(|(i, (n, tree, later))| SandboxRecord {
                updated_at: at(*later),
                ..record(&format!("sb-{i}"), u32::from(*n), tree.then_some(TREE))
            }).collect();
            life.import(&records).await;
            for (side, book) in [(Side::Legacy, &legacy), (Side::Target, &target)] {
                for (n, same, later) in book {
                    let tree = if *same { TREE } else { OTHER_TREE };
                    life.book(side, u32::from(*n), Some(tree), at(*later), true).await;
                }
            }
            let before = life.books().await;
            let run = life.plan(&MapScope::All).await;
            let done = life.apply(&run).await;
            let counts = &done.progress.counts;
            prop_assert_eq!(done.state, RunState::Done, "{:?}", done.reason);
            prop_assert_eq!(counts.done + counts.skipped, records.len() as u64);
            let moved = life.db.items(&run.id, Some(ItemState::Done), None, 100).await.unwrap();
            let books = life.books().await;
            for item in moved {
                let item: RecordItem = serde_json::from_str(&item.body).unwrap();
                let held = books.iter().filter(|held| held.of.key == item.key && held.digest == item.after);
                prop_assert_eq!(held.count(), 2);
            }
            let again = life.plan(&MapScope::All).await;
            prop_assert_eq!(&again.summary["changes"], &serde_json::json!(0), "nothing is left to move");
            life.undo(&run).await;
            prop_assert_eq!(life.books().await, before);
            Ok(())
        })?;
    }
}
