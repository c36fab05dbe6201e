use cutover_shared::rollout::Side;

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
    let all = futures::future::join_all((0..8).map(|_| outcomes.take("b1", &batch))).await;
    let repeated = all.iter().filter(|receipt| receipt.as_ref().unwrap().repeated).count();
    assert!(all.iter().all(|receipt| receipt.as_ref().unwrap().counted == 5));
    assert_eq!((repeated, counted(&recorder)), (7, 5));
    let other = outcomes.take("b1", &batch[..2]).await;
    assert!(matches!(other, Err(OutcomesError::OtherBatch(_))));
    assert!(!outcomes.take("b2", &batch).await.unwrap().repeated);
    clock.advance(Duration::from_secs(25 * 60 * 60));
    outcomes.take("b3", &batch).await.unwrap();
    assert!(!outcomes.take("b1", &batch).await.unwrap().repeated, "after a day it is a new one");
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
    let receipt = outcomes.take("b", &batch).await.unwrap();
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
    assert!(matches!(outcomes.take("b", &many).await, Err(OutcomesError::Size)));
    assert!(matches!(outcomes.take("b", &[]).await, Err(OutcomesError::Size)));
    for id in ["", &"x".repeat(129)] {
        assert!(matches!(outcomes.take(id, &many[..1]).await, Err(OutcomesError::Id)));
    }
    assert_eq!(counted(&recorder), 0);
    assert_eq!(outcomes.take("b", &many[..MOST]).await.unwrap().counted, 1_000);
}
