//! Windows of deliveries, and which of them can be handled again.

use std::collections::BTreeSet;

use bytes::Bytes;
use cutover_shared::webhook::DeliveryState;

use super::world::Owned;
use super::*;
use crate::faults::Faults;
use crate::store::{Db, InboxOp, Lane, NewDelivery, Unit, open};

#[derive(Clone, Debug)]
struct Delivery {
    name: String,
    action: Option<String>,
    installation: Option<i64>,
    received_at: i64,
    bytes: u8,
    /// Final states end then.
    ended_at: i64,
    state: DeliveryState,
    attempts: u32,
    repeats: u32,
    note: Option<String>,
}

/// Bodies of what ended before this moment are dropped.
const DROPPED: i64 = 50;

fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    let text = || "[abA%_é\\\\']{1,4}";
    let delivery = (
        (text(), prop::option::of(text()), prop::option::of(0_i64..4), 4_000..NOW, 0..5_u8),
        (0..100_i64, prop::sample::select(DeliveryState::ALL), 0..4_u32, 0..3_u32, prop::option::of(text())),
    );
    let delivery = delivery.prop_map(|(came, went)| {
        let (name, action, installation, received_at, bytes) = came;
        let (ended_at, state, attempts, mut repeats, note) = went;
        if state == DeliveryState::Dead {
            // One more would wake it.
            repeats = 0;
        }
        Delivery { name, action, installation, received_at, bytes, ended_at, state, attempts, repeats, note }
    });
    prop::collection::vec(delivery, 0..25)
}

impl Delivery {
    fn row(&self, seq: i64) -> Row {
        let waits = self.state == DeliveryState::Waiting;
        let retried = !waits || self.attempts > 0;
        let word = |text: &str| Owned::Text(Some(text.to_owned()));
        let number = |n: u32| Owned::Number(Some(n.into()));
        Row {
            key: seq.to_string(),
            values: vec![
                ("seq", Owned::Number(Some(seq))),
                ("guid", word(&self.guid(seq))),
                ("event", word(&self.name)),
                ("action", Owned::Text(self.action.clone())),
                ("installation", Owned::Number(self.installation)),
                ("repo", Owned::Text(self.action.as_ref().map(|action| format!("o/{action}")))),
                ("state", word(self.state.word())),
                ("age", Owned::Moment(self.received_at)),
                ("bytes", number(self.bytes.into())),
                ("tries", number(self.attempts)),
                ("repeats", number(self.repeats)),
                ("note", Owned::Text(if waits { retried.then(String::new) } else { self.note.clone() })),
            ],
        }
    }

    fn guid(&self, seq: i64) -> String {
        format!("{}-{seq}", self.name)
    }

    fn is_replayable(&self) -> bool {
        self.state != DeliveryState::Waiting && self.ended_at >= DROPPED
    }

    fn ops(&self, seq: i64) -> Vec<InboxOp> {
        let new = NewDelivery {
            guid: self.guid(seq),
            event: self.name.clone(),
            action: self.action.clone(),
            installation: self.installation,
            repo_id: None,
            repository: self.action.as_ref().map(|action| format!("o/{action}")),
            received_at: self.received_at,
            digest: String::new(),
            body: Bytes::from(vec![b'x'; self.bytes.into()]),
            ended_at: None,
        };
        // Again in the same place: a gap would be no mistake, and is not what this is about.
        let mut ops = vec![InboxOp::Receive(Box::new(new.clone()))];
        if self.attempts > 0 {
            ops.push(InboxOp::Retry { seq, attempts: self.attempts, due_at: 1, note: String::new() });
        }
        if self.state != DeliveryState::Waiting {
            let (state, at, note) = (self.state, self.ended_at, self.note.clone());
            ops.push(InboxOp::End { seq, state, at, note });
        }
        ops.extend((0..self.repeats).map(|_| InboxOp::Receive(Box::new(new.clone()))));
        ops
    }
}

async fn store(deliveries: &[Delivery]) -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = open(&format!("sqlite:{}/cutover.db", dir.path().display()), Faults::none()).await.unwrap();
    // First all new ones, so that places follow each other.
    let all: Vec<Vec<InboxOp>> = (1..).zip(deliveries).map(|(seq, delivery)| delivery.ops(seq)).collect();
    let first = all.iter().filter_map(|ops| ops.first());
    let later = all.iter().flat_map(|ops| ops.iter().skip(1));
    let ops = first.chain(later).cloned().map(Into::into);
    let unit = Unit::new().with_all(ops).with(InboxOp::DropBodies { before: DROPPED });
    db.write(Lane::Handler, unit).await.unwrap();
    (dir, db)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn deliveries_are_what_memory_says(
        deliveries in deliveries(),
        asks in prop::collection::vec(ask(&filter::DELIVERIES), 10),
        after in 0_i64..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_dir, db) = store(&deliveries).await;
            let mut rows: Vec<Row> = (1..).zip(&deliveries).map(|(seq, delivery)| delivery.row(seq)).collect();
            rows.reverse();
            for ask in &asks {
                let select = select(&filter::DELIVERIES, ask, &BTreeSet::new());
                let found = db.deliveries_window(&select).await.unwrap().map(|row| row.seq.to_string());
                same(&rows, &filter::DELIVERIES, &select, &found)?;

                let expected: Vec<i64> = (1_i64..)
                    .zip(&deliveries)
                    .filter(|(_, delivery)| delivery.is_replayable())
                    .filter(|(seq, delivery)| {
                        let row = delivery.row(*seq);
                        select.passes(&filter::DELIVERIES, |field| row.value(field))
                    })
                    .map(|(seq, _)| seq)
                    .collect();
                prop_assert_eq!(db.replayable(&select).await.unwrap(), expected.len() as u64);
                let rest: Vec<i64> = expected.into_iter().filter(|seq| *seq > after).take(5).collect();
                prop_assert_eq!(db.replayable_seqs(&select, after, 5).await.unwrap(), rest);
            }
            db.close().await;
            Ok(())
        })?;
    }
}
