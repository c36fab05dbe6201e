//! A move, its undo and an import, killed at each crash point, and gone on with.

use std::path::Path;

use cutover_shared::catalog::CatalogReceipt;
use cutover_shared::mapping::MapScope;
use cutover_shared::rollout::Side;
use serde_json::Value;

use super::world::{OTHER_TREE, TREE, ana, life, lines, record};
use crate::faults::Faults;
use crate::faults::crash::{live_until, runtime};
use crate::run::CRASH_POINTS;
use crate::store::ArmRecord;

const RECORDS: u32 = 11;

/// Records, some of them in the books already.
async fn prepared(dir: &Path) -> Vec<ArmRecord> {
    let life = life(dir, Faults::none()).await;
    life.import(&(0..RECORDS).map(|n| record(&format!("sb-{n:02}"), n, Some(TREE))).collect::<Vec<_>>())
        .await;
    life.book(Side::Target, 2, Some(OTHER_TREE), 1, true).await;
    life.book(Side::Legacy, 4, Some(TREE), 1, true).await;
    let books = life.books().await;
    life.db.close().await;
    books
}

/// Starts again and lets the run come to its end, whatever it was at.
async fn second_life(dir: &Path, before: &[ArmRecord], undo: bool, at: &str) {
    let life = life(dir, Faults::none()).await;
    let run = life.engine.carried(at, undo, &ana(), async || life.plan(&MapScope::All).await).await;
    let counts = run.progress.counts;
    let books = life.books().await;
    if undo {
        assert_eq!(counts.undone, u64::from(RECORDS), "{at}: {counts:?}");
        assert_eq!(books, before, "{at}");
    } else {
        assert_eq!(counts.done, u64::from(RECORDS), "{at}: {counts:?}");
        assert_eq!(books.len(), 2 * RECORDS as usize, "{at}");
    }
    let records = life.db.audit_newest(None, 500).await.unwrap();
    let records = records.iter().map(|row| serde_json::from_str::<Value>(&row.bytes).unwrap());
    let in_chunks: u64 = records
        .filter(|record| record["act"] == "run.chunk" && record["detail"]["direction"] == "apply")
        .map(|record| record["detail"]["items"].as_u64().unwrap())
        .sum();
    assert_eq!(in_chunks, u64::from(RECORDS), "{at}: each item in one chunk");
    let check = crate::audit::verify(&life.db, None).await.unwrap();
    assert!(check.intact, "{at}: {:?}", check.problem);
}

fn survives(undo: bool) {
    let mut reached = 0;
    for point in CRASH_POINTS {
        for nth in [1, 3, 7, 12] {
            let dir = tempfile::tempdir().unwrap();
            let before = runtime().block_on(prepared(dir.path()));
            let died = live_until(point, nth, async |faults| {
                let life = life(dir.path(), faults).await;
                let run = life.plan(&MapScope::All).await;
                life.apply(&run).await;
                if undo {
                    life.undo(&run).await;
                }
            });
            if died {
                reached += 1;
                runtime().block_on(second_life(dir.path(), &before, undo, &format!("{point}:{nth}")));
            }
        }
    }
    assert!(reached >= 10, "only {reached} crashes were reached");
}

#[test]
fn a_move_survives_every_crash_point() {
    survives(false);
}

#[test]
fn an_undo_of_a_move_survives_every_crash_point() {
    survives(true);
}

#[test]
fn an_import_of_records_that_was_begun_to_be_taken_is_taken() {
    const ROWS: u32 = 600;
    let text = lines(&(0..ROWS).map(|n| record(&format!("sb-{n:03}"), n, None)).collect::<Vec<_>>());
    let (mut none, mut all) = (0, 0);
    for point in ["store.commit.before", "store.commit.after"] {
        for nth in 2..=8 {
            let dir = tempfile::tempdir().unwrap();
            let died = live_until(point, nth, async |faults| {
                let life = life(dir.path(), faults).await;
                assert!(matches!(life.upload(&text, false).await, CatalogReceipt::Recorded(_)));
            });
            if !died {
                continue;
            }
            let left = runtime().block_on(async {
                let life = life(dir.path(), Faults::none()).await;
                life.importer.resume().await.unwrap();
                let left = life.db.sandbox_counts().await.unwrap().1;
                let taken = life.upload(&text, false).await;
                let CatalogReceipt::Recorded(taken) = taken else { panic!("{taken:?}") };
                assert_eq!((taken.changed, taken.added + taken.unchanged), (0, u64::from(ROWS)));
                left
            });
            match left {
                0 => none += 1,
                left => {
                    assert_eq!(left, u64::from(ROWS), "{point}:{nth}: neither none nor all");
                    all += 1;
                }
            }
        }
    }
    assert!(none > 0 && all > 2, "{none} were not begun, {all} were gone on with");
}
