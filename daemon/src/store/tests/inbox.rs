//! What an inbox promises.

mod group;
mod model;

use bytes::Bytes;
use cutover_shared::filter::DELIVERIES;
use cutover_shared::webhook::DeliveryState::{self, Dead, Handled, Ignored, Waiting};
use cutover_shared::window::WindowAsk;

use super::*;

fn new(guid: &str, installation: Option<i64>, body: impl Into<Bytes>) -> NewDelivery {
    NewDelivery {
        guid: guid.into(),
        event: "push".into(),
        action: Some("created".into()),
        installation,
        repo_id: Some(5),
        repository: Some("acme/site".into()),
        received_at: 1_000,
        digest: format!("digest of {guid}"),
        body: body.into(),
        ended_at: None,
    }
}

fn receive(guid: &str, installation: Option<i64>, body: impl Into<Bytes>) -> InboxOp {
    InboxOp::Receive(Box::new(new(guid, installation, body)))
}

fn end(seq: i64, state: DeliveryState, at: i64) -> InboxOp {
    InboxOp::End { seq, state, at, note: Some(format!("{state} at {at}")) }
}

fn retry(seq: i64, attempts: u32, due_at: i64) -> InboxOp {
    InboxOp::Retry { seq, attempts, due_at, note: "502".into() }
}

async fn write(db: &Db, op: InboxOp) -> Result<(), WriteError> {
    db.write(Lane::Urgent, Unit::new().with(op)).await
}

async fn done(db: &Db, op: InboxOp) {
    write(db, op).await.unwrap();
}

async fn get(db: &Db, guid: &str) -> DeliveryRow {
    db.delivery(guid).await.unwrap().unwrap()
}

/// One that was taken and then ended; its place.
async fn ended(db: &Db, guid: &str, state: DeliveryState, at: i64) -> i64 {
    done(db, receive(guid, Some(1), guid.to_owned())).await;
    let seq = get(db, guid).await.seq;
    if state != Waiting {
        done(db, end(seq, state, at)).await;
    }
    seq
}

#[tokio::test]
async fn a_delivery_is_stored_as_it_came() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    done(&db, receive("a", Some(7), "{}")).await;
    let expected = DeliveryRow {
        seq: 1,
        guid: "a".into(),
        event: "push".into(),
        action: Some("created".into()),
        installation: Some(7),
        repo_id: Some(5),
        repository: Some("acme/site".into()),
        received_at: 1_000,
        digest: "digest of a".into(),
        bytes: 2,
        state: Waiting,
        attempts: 0,
        due_at: 0,
        ended_at: None,
        note: None,
        repeats: 0,
        kept: true,
    };
    assert_eq!(db.delivery("a").await.unwrap(), Some(expected));
    assert_eq!(db.delivery("b").await.unwrap(), None);
    assert_eq!(db.delivery_body(2).await.unwrap(), None);
    let bare = NewDelivery { action: None, repo_id: None, repository: None, ..new("b", None, "") };
    done(&db, InboxOp::Receive(Box::new(bare))).await;
    let bare = get(&db, "b").await;
    assert_eq!((bare.action, bare.installation, bare.repo_id, bare.repository), (None, None, None, None));
}

#[tokio::test]
async fn bodies_are_byte_exact_after_a_reopen() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    // A simple generator whose output can't be packed.
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(1 << 20)
    .collect();
    let text = "{\"url\":\"https://api.github.com/é\"},".repeat(30_000).into_bytes();
    let bodies: Vec<Vec<u8>> =
        vec![vec![], vec![0], noise[..300].to_vec(), noise, text[..1 << 20].to_vec(), vec![0xff; 5_000]];
    let receives =
        bodies.iter().enumerate().map(|(n, body)| receive(&n.to_string(), None, body.clone()).into());
    db.write(Lane::Urgent, Unit::new().with_all(receives)).await.unwrap();
    db.close().await;
    let db = sqlite(&dir).await;
    for (n, body) in bodies.iter().enumerate() {
        let row = get(&db, &n.to_string()).await;
        assert_eq!(row.bytes, i64::try_from(body.len()).unwrap());
        assert!(db.delivery_body(row.seq).await.unwrap().unwrap() == body.as_slice(), "body {n}");
    }
    db.close().await;
    // What can be packed is: of two bodies of 1 MiB one takes next to nothing.
    let size = std::fs::metadata(dir.path().join("cutover.db")).unwrap().len();
    assert!(size < 3 << 19, "{size}");
}

#[tokio::test]
async fn a_double_only_counts_in_every_state_but_dead() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for state in [Waiting, Handled, Ignored] {
        let guid = state.word();
        let seq = ended(&db, guid, state, 50).await;
        if state == Waiting {
            done(&db, retry(seq, 3, 900)).await;
        }
        let before = get(&db, guid).await;
        let other = NewDelivery { event: "other".into(), received_at: 9, ..new(guid, Some(2), "other") };
        done(&db, InboxOp::Receive(Box::new(other))).await;
        assert_eq!(get(&db, guid).await, DeliveryRow { repeats: 1, ..before });
        assert_eq!(db.delivery_body(seq).await.unwrap().unwrap(), guid);
    }
}

#[tokio::test]
async fn a_double_in_one_unit_counts_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let unit =
        Unit::new().with(receive("a", None, "1")).with(receive("b", None, "2")).with(receive("a", None, "3"));
    db.write(Lane::Urgent, unit).await.unwrap();
    let (a, b) = (get(&db, "a").await, get(&db, "b").await);
    assert_eq!((a.repeats, b.repeats), (1, 0));
    assert_eq!(db.delivery_body(a.seq).await.unwrap().unwrap(), "1");
    assert_eq!(db.delivery_body(b.seq).await.unwrap().unwrap(), "2");
}

#[tokio::test]
async fn a_dead_one_that_comes_again_waits_from_its_first_try_in_its_old_place() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    done(&db, receive("a", Some(1), "body")).await;
    done(&db, receive("b", Some(1), "later")).await;
    let fresh = get(&db, "a").await;
    done(&db, retry(fresh.seq, 8, 900)).await;
    done(&db, end(fresh.seq, Dead, 50)).await;
    done(&db, receive("a", Some(1), "body")).await;
    assert_eq!(get(&db, "a").await, DeliveryRow { repeats: 1, ..fresh.clone() });
    assert_eq!(db.queue_heads(None, 9).await.unwrap(), [QueueHead { queue: 1, seq: fresh.seq, due_at: 0 }]);

    // And once more, when its body was dropped.
    done(&db, end(fresh.seq, Dead, 60)).await;
    done(&db, InboxOp::DropBodies { before: 61 }).await;
    assert_eq!(db.delivery_body(fresh.seq).await.unwrap(), None);
    done(&db, receive("a", Some(1), "body, said otherwise")).await;
    assert_eq!(get(&db, "a").await, DeliveryRow { repeats: 2, bytes: 20, ..fresh.clone() });
    assert_eq!(db.delivery_body(fresh.seq).await.unwrap().unwrap(), "body, said otherwise");
}

#[tokio::test]
async fn an_end_and_a_retry_demand_that_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for state in [Handled, Ignored, Dead] {
        let seq = ended(&db, state.word(), state, 50).await;
        let before = get(&db, state.word()).await;
        assert_eq!((before.state, before.ended_at), (state, Some(50)));
        assert_eq!(before.note, Some(format!("{state} at 50")));
        for op in [end(seq, Handled, 60), end(seq, Dead, 60), retry(seq, 1, 60)] {
            let refused = write(&db, op).await;
            let found = state.word().to_owned();
            assert_eq!(refused, Err(WriteError::Precondition { what: "the delivery", found }));
        }
        assert_eq!(get(&db, state.word()).await, before);
    }
    for op in [end(99, Handled, 60), retry(99, 1, 60)] {
        assert!(
            matches!(write(&db, op).await, Err(WriteError::Precondition { found, .. }) if found == "nothing")
        );
    }
}

#[tokio::test]
async fn to_wait_is_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let seq = ended(&db, "a", Waiting, 0).await;
    let before = get(&db, "a").await;
    assert!(matches!(write(&db, end(seq, Waiting, 5)).await, Err(WriteError::Precondition { .. })));
    assert_eq!(get(&db, "a").await, before);
}

/// What a delivery leads to is in the unit that ends it, so that it happens once.
#[tokio::test]
async fn effects_beside_an_end_are_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let seq = ended(&db, "a", Waiting, 0).await;
    let unit = || Unit::new().with(Who::daemon().did(1, "t", "effect", json!({}))).with(end(seq, Handled, 5));
    let (a, b) = tokio::join!(db.write(Lane::Run, unit()), db.write(Lane::Run, unit()));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    assert_eq!(crate::audit::verify(&db, None).await.unwrap().records, 1);
}

#[tokio::test]
async fn a_failed_try_waits_for_its_next() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let seq = ended(&db, "a", Waiting, 0).await;
    done(&db, retry(seq, 2, 900)).await;
    let row = get(&db, "a").await;
    assert_eq!((row.state, row.attempts, row.due_at, row.note.as_deref()), (Waiting, 2, 900, Some("502")));
    assert_eq!(db.queue_heads(None, 9).await.unwrap(), [QueueHead { queue: 1, seq, due_at: 900 }]);
    done(&db, end(seq, Handled, 950)).await;
    let row = get(&db, "a").await;
    assert_eq!((row.attempts, row.due_at, row.ended_at), (2, 0, Some(950)));
}

#[tokio::test]
async fn a_replay_takes_final_ones_with_a_body_and_leaves_others() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let mut seqs = vec![12_345];
    for state in [Handled, Ignored, Dead] {
        seqs.push(ended(&db, state.word(), state, 50).await);
        seqs.push(ended(&db, &format!("{state} long ago"), state, 5).await);
    }
    seqs.push(ended(&db, "waiting", Waiting, 0).await);
    done(&db, retry(seqs[7], 1, 900)).await;
    done(&db, InboxOp::DropBodies { before: 50 }).await;
    let before = db.queue(1, 99).await.unwrap();
    assert_eq!(before.len(), 1);
    done(&db, InboxOp::Replay { seqs: seqs.clone() }).await;
    for state in [Handled, Ignored, Dead] {
        let row = get(&db, state.word()).await;
        assert_eq!(
            (row.state, row.attempts, row.due_at, row.ended_at, row.note),
            (Waiting, 0, 0, None, None)
        );
        let row = get(&db, &format!("{state} long ago")).await;
        assert_eq!((row.state, row.kept, row.ended_at), (state, false, Some(5)));
    }
    assert_eq!(get(&db, "waiting").await, before[0]);
    let many = InboxOp::Replay { seqs: (0..257).collect() };
    assert_eq!(write(&db, many).await, Err(WriteError::TooLarge { rows: 257 }));
}

#[tokio::test]
async fn queues_go_in_order_and_each_has_its_head() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for (guid, installation) in
        [("a", Some(9)), ("b", None), ("c", Some(4)), ("d", Some(9)), ("e", None), ("f", Some(9))]
    {
        done(&db, receive(guid, installation, "")).await;
    }
    let heads = async |after, limit| {
        let heads = db.queue_heads(after, limit).await.unwrap();
        heads.into_iter().map(|head| (head.queue, head.seq)).collect::<Vec<_>>()
    };
    assert_eq!(heads(None, 9).await, [(0, 2), (4, 3), (9, 1)]);
    assert_eq!(heads(None, 2).await, [(0, 2), (4, 3)]);
    assert_eq!(heads(Some(0), 9).await, [(4, 3), (9, 1)]);
    assert_eq!(heads(Some(9), 9).await, []);
    done(&db, end(1, Handled, 5)).await;
    done(&db, end(3, Dead, 5)).await;
    assert_eq!(heads(None, 9).await, [(0, 2), (9, 4)]);
    let of = async |queue, limit| {
        let rows = db.queue(queue, limit).await.unwrap();
        rows.into_iter().map(|row| row.guid).collect::<Vec<_>>()
    };
    assert_eq!(of(9, 9).await, ["d", "f"]);
    assert_eq!(of(9, 1).await, ["d"]);
    assert_eq!(of(0, 9).await, ["b", "e"]);
    assert!(of(4, 9).await.is_empty());
}

#[tokio::test]
async fn retention_takes_bodies_first_and_leaves_a_row_that_still_tells_doubles() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    let old = ended(&db, "old", Handled, 10).await;
    let young = ended(&db, "young", Handled, 20).await;
    let waiting = ended(&db, "waiting", Waiting, 0).await;
    // Nothing is forgotten that has its body.
    done(&db, InboxOp::Forget { before: i64::MAX }).await;
    done(&db, InboxOp::DropBodies { before: 20 }).await;
    assert_eq!(db.delivery_body(old).await.unwrap(), None);
    assert!(!get(&db, "old").await.kept);
    for seq in [young, waiting] {
        assert!(db.delivery_body(seq).await.unwrap().is_some());
    }
    done(&db, receive("old", Some(1), "old")).await;
    let row = get(&db, "old").await;
    assert_eq!((row.state, row.kept, row.repeats), (Handled, false, 1));
    assert_eq!(db.delivery_body(old).await.unwrap(), None);

    done(&db, InboxOp::Forget { before: 10 }).await;
    assert!(db.delivery("old").await.unwrap().is_some());
    done(&db, InboxOp::DropBodies { before: i64::MAX }).await;
    done(&db, InboxOp::Forget { before: i64::MAX }).await;
    assert_eq!((db.delivery("old").await.unwrap(), db.delivery("young").await.unwrap()), (None, None));
    assert!(get(&db, "waiting").await.kept);
    // A place is never given twice, even when the newest was forgotten.
    done(&db, end(waiting, Ignored, 1)).await;
    done(&db, InboxOp::DropBodies { before: 2 }).await;
    done(&db, InboxOp::Forget { before: 2 }).await;
    done(&db, receive("next", None, "")).await;
    assert!(get(&db, "next").await.seq > waiting);
}

#[tokio::test]
async fn retention_takes_the_oldest_of_a_unit_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    for from in [0, 150] {
        let receives = (from..from + 150).map(|n| receive(&format!("g{n}"), None, "x").into());
        db.write(Lane::Run, Unit::new().with_all(receives)).await.unwrap();
        // The later taken ended the earlier.
        let ends = (from..from + 150).map(|n| end(n + 1, Handled, 1_000 - n).into());
        db.write(Lane::Run, Unit::new().with_all(ends)).await.unwrap();
    }
    let kept = async |filter: &str| {
        let ask = WindowAsk { filter: filter.to_owned(), limit: 1, ..WindowAsk::default() };
        db.replayable(&Select::understand(&DELIVERIES, &ask, 0).unwrap()).await.unwrap()
    };
    done(&db, InboxOp::DropBodies { before: i64::MAX }).await;
    assert_eq!((kept("").await, kept("seq<=44").await), (44, 44));
    done(&db, InboxOp::DropBodies { before: i64::MAX }).await;
    assert_eq!(kept("").await, 0);
    let all = Select::understand(&DELIVERIES, &WindowAsk { limit: 1, ..WindowAsk::default() }, 0).unwrap();
    done(&db, InboxOp::Forget { before: i64::MAX }).await;
    assert_eq!(db.deliveries_window(&all).await.unwrap().total, 44);
    done(&db, InboxOp::Forget { before: i64::MAX }).await;
    assert_eq!(db.deliveries_window(&all).await.unwrap().total, 0);
}

#[tokio::test]
async fn counts_say_what_waits_and_since_when() {
    let dir = tempfile::tempdir().unwrap();
    let db = sqlite(&dir).await;
    assert_eq!(db.inbox_counts().await.unwrap(), InboxCounts::default());
    for (guid, received_at) in [("a", 30), ("b", 10), ("c", 20)] {
        done(&db, InboxOp::Receive(Box::new(NewDelivery { received_at, ..new(guid, None, "") }))).await;
    }
    assert_eq!(db.inbox_counts().await.unwrap(), InboxCounts { waiting: 3, dead: 0, oldest: Some(10) });
    done(&db, end(2, Dead, 40)).await;
    done(&db, end(3, Handled, 40)).await;
    assert_eq!(db.inbox_counts().await.unwrap(), InboxCounts { waiting: 1, dead: 1, oldest: Some(30) });
}
