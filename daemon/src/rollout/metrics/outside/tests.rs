use std::sync::atomic::{AtomicBool, Ordering};

use cutover_shared::rollout::Side;
use tokio::sync::Notify;

use super::*;
use crate::faults::Faults;
use crate::store::open;

const NOW: i64 = 1_750_000_000_000;

async fn world() -> (Outcomes, Recorder, Clock, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    let (clock, recorder) = (Clock::manual(NOW), Recorder::new());
    (Outcomes::new(db, clock.clone(), recorder.clone()), recorder, clock, dir)
}

fn report() -> OutcomeReport {
    OutcomeReport {
        flag: None,
        operation: Some(Operation::Pull),
        tenant: "acme".into(),
        side: Side::Target,
        ok: true,
        gross: false,
        duration_ms: 12,
        at: None,
        id: Some("r".into()),
    }
}

fn counted(recorder: &Recorder) -> u64 {
    recorder.take().iter().map(|delta| delta.histogram.total()).sum()
}

#[tokio::test]
async fn a_batch_counts_once_however_often_and_at_once_it_comes() {
    let (outcomes, recorder, clock, _dir) = world().await;
    let batch: Vec<_> = (0..5).map(|_| Ok(report())).collect();
    let all = futures::future::join_all((0..8).map(|_| outcomes.take("b1", batch.clone()))).await;
    let repeated = all.iter().filter(|receipt| receipt.as_ref().unwrap().repeated).count();
    assert!(all.iter().all(|receipt| receipt.as_ref().unwrap().counted == 5));
    assert_eq!((repeated, counted(&recorder)), (7, 5));
    let other = outcomes.take("b1", batch[..2].to_vec()).await;
    assert!(matches!(other, Err(OutcomesError::OtherBatch(_))));
    assert!(!outcomes.take("b2", batch.clone()).await.unwrap().repeated);
    clock.advance(Duration::from_secs(25 * 60 * 60));
    outcomes.take("b3", batch.clone()).await.unwrap();
    assert!(!outcomes.take("b1", batch.clone()).await.unwrap().repeated, "after a day it is a new one");
    assert_eq!(counted(&recorder), 15);
}

#[tokio::test]
async fn each_report_is_judged_by_itself() {
    let (outcomes, recorder, _clock, _dir) = world().await;
    let flag = Some("git.push.use_service_layer".to_owned());
    let batch = [
        Ok(report()),
        Ok(OutcomeReport { operation: None, ..report() }),
        Ok(OutcomeReport { operation: None, flag: flag.clone(), ..report() }),
        Ok(OutcomeReport { flag, ..report() }),
        Ok(OutcomeReport { flag: Some("nope".into()), ..report() }),
        Ok(OutcomeReport { tenant: String::new(), ..report() }),
        Ok(OutcomeReport { tenant: "x".repeat(257), ..report() }),
        Ok(OutcomeReport { gross: true, ..report() }),
        Ok(OutcomeReport { gross: true, ok: false, ..report() }),
        Ok(OutcomeReport { duration_ms: u64::MAX, ..report() }),
        Ok(OutcomeReport { at: Some(NOW - OLDEST_MS - 1), ..report() }),
        Ok(OutcomeReport { at: Some(i64::MAX), ..report() }),
        Ok(OutcomeReport { at: Some(i64::MIN), ..report() }),
        Ok(OutcomeReport { at: Some(NOW - OLDEST_MS), ..report() }),
        Err("unreadable".to_owned()),
    ];
    let receipt = outcomes.take("b", batch.to_vec()).await.unwrap();
    let rejected: Vec<u64> = receipt.rejected.iter().map(|of| of.index).collect();
    assert_eq!((receipt.counted, rejected), (4, vec![1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14]));
    assert_eq!(receipt.rejected[0].id.as_deref(), Some("r"));
    assert_eq!(receipt.rejected[10].reason, "unreadable");
    assert_eq!(counted(&recorder), 4);
}

#[tokio::test]
async fn a_batch_is_bounded() {
    let (outcomes, recorder, _clock, _dir) = world().await;
    let many: Vec<_> = (0..=MOST).map(|_| Ok(report())).collect();
    assert!(matches!(outcomes.take("b", many.clone()).await, Err(OutcomesError::Size)));
    assert!(matches!(outcomes.take("b", Vec::new()).await, Err(OutcomesError::Size)));
    for id in ["", &"x".repeat(129)] {
        assert!(matches!(outcomes.take(id, many[..1].to_vec()).await, Err(OutcomesError::Id)));
    }
    assert_eq!(counted(&recorder), 0);
    assert_eq!(outcomes.take("b", many[..MOST].to_vec()).await.unwrap().counted, 1_000);
}

#[tokio::test]
async fn a_sender_that_hangs_up_while_it_is_stored_loses_no_batch() {
    let (armed, reached, release) =
        (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (is_armed, tell, wait) = (armed.clone(), reached.clone(), release.clone());
    let faults = Faults::with(Arc::new(move |name| {
        let (tell, wait) = (tell.clone(), wait.clone());
        let holds = name == "store.commit.before" && is_armed.swap(false, Ordering::SeqCst);
        Box::pin(async move {
            if holds {
                tell.notify_one();
                wait.notified().await;
            }
        })
    }));
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), faults).await.unwrap();
    let recorder = Recorder::new();
    let outcomes = Outcomes::new(db, Clock::manual(NOW), recorder.clone());
    let batch = vec![Ok(report()), Ok(report())];
    armed.store(true, Ordering::SeqCst);
    {
        let taking = outcomes.take("b1", batch.clone());
        tokio::select! {
            _ = taking => panic!("it does not wait for the store"),
            () = reached.notified() => {}
        }
    }
    release.notify_one();
    // The sender tries again, and is told that it was counted.
    let again = outcomes.take("b1", batch).await.unwrap();
    assert_eq!((again.repeated, again.counted, counted(&recorder)), (true, 2, 2));
}
