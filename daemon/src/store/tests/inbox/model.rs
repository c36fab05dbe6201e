//! Any sequence of operations does what a small list in memory does.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Receive { guid: u8, body: u8, ended_at: Option<i64> },
    End { guid: u8, state: DeliveryState, at: i64 },
    Retry { guid: u8, attempts: u32, due_at: i64 },
    Replay { guids: Vec<u8> },
    DropBodies { before: i64 },
    Forget { before: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    let guid = || 0..6_u8;
    let at = || 0..20_i64;
    prop_oneof![
        4 => (guid(), 0..4_u8, prop::option::of(at()))
            .prop_map(|(guid, body, ended_at)| Step::Receive { guid, body, ended_at }),
        3 => (guid(), prop::sample::select(DeliveryState::ALL), at())
            .prop_map(|(guid, state, at)| Step::End { guid, state, at }),
        1 => (guid(), 1..9_u32, at()).prop_map(|(guid, attempts, due_at)| Step::Retry { guid, attempts, due_at }),
        1 => prop::collection::vec(guid(), 0..4).prop_map(|guids| Step::Replay { guids }),
        1 => at().prop_map(|before| Step::DropBodies { before }),
        1 => at().prop_map(|before| Step::Forget { before }),
    ]
}

/// Bodies that can be packed and others; of one GUID they may differ, which GitHub never does.
fn body(guid: u8, body: u8) -> Bytes {
    Bytes::from(vec![guid; usize::from(body) * 40])
}

fn delivery(guid: u8, nth: u8, ended_at: Option<i64>) -> NewDelivery {
    let installation = (!guid.is_multiple_of(3)).then_some(i64::from(guid % 3));
    let digest = format!("digest {nth}");
    NewDelivery { digest, ended_at, ..new(&guid.to_string(), installation, body(guid, nth)) }
}

#[derive(Clone, Debug, PartialEq)]
struct Known {
    row: DeliveryRow,
    body: Option<Bytes>,
}

/// Deliveries by GUID. Their places are told to it by the store, since there may be gaps.
#[derive(Default)]
struct Model(BTreeMap<u8, Known>);

impl Model {
    /// The operation, and whether it must go through.
    fn apply(&mut self, step: &Step) -> (InboxOp, bool) {
        let seq = |model: &Self, guid: u8| model.0.get(&guid).map_or(-1, |known| known.row.seq);
        match step {
            Step::Receive { guid, body, ended_at } => {
                let new = delivery(*guid, *body, *ended_at);
                self.receive(*guid, &new);
                (InboxOp::Receive(Box::new(new)), true)
            }
            Step::End { guid, state, at } => {
                let waiting = self.waiting(*guid).filter(|_| *state != Waiting);
                let goes = waiting.is_some();
                if let Some(row) = waiting {
                    (row.state, row.ended_at, row.due_at) = (*state, Some(*at), 0);
                    row.note = Some(format!("{state} at {at}"));
                }
                (end(seq(self, *guid), *state, *at), goes)
            }
            Step::Retry { guid, attempts, due_at } => {
                let waiting = self.waiting(*guid);
                let goes = waiting.is_some();
                if let Some(row) = waiting {
                    (row.attempts, row.due_at, row.note) = (*attempts, *due_at, Some("502".into()));
                }
                (retry(seq(self, *guid), *attempts, *due_at), goes)
            }
            Step::Replay { guids } => {
                let seqs = guids.iter().map(|guid| seq(self, *guid)).collect();
                for guid in guids {
                    if let Some(known) = self.0.get_mut(guid).filter(|known| known.row.kept) {
                        again(&mut known.row);
                    }
                }
                (InboxOp::Replay { seqs }, true)
            }
            Step::DropBodies { before } => {
                for known in self.0.values_mut().filter(|known| ended_before(&known.row, *before)) {
                    known.row.kept = false;
                    known.body = None;
                }
                (InboxOp::DropBodies { before: *before }, true)
            }
            Step::Forget { before } => {
                self.0.retain(|_, known| known.row.kept || !ended_before(&known.row, *before));
                (InboxOp::Forget { before: *before }, true)
            }
        }
    }

    fn waiting(&mut self, guid: u8) -> Option<&mut DeliveryRow> {
        self.0.get_mut(&guid).map(|known| &mut known.row).filter(|row| row.state == Waiting)
    }

    fn receive(&mut self, guid: u8, new: &NewDelivery) {
        let Some(known) = self.0.get_mut(&guid) else {
            let row = DeliveryRow {
                seq: -1,
                guid: new.guid.clone(),
                event: new.event.clone(),
                action: new.action.clone(),
                installation: new.installation,
                repo_id: new.repo_id,
                repository: new.repository.clone(),
                received_at: new.received_at,
                digest: new.digest.clone(),
                bytes: i64::try_from(new.body.len()).unwrap(),
                state: if new.ended_at.is_some() { Ignored } else { Waiting },
                attempts: 0,
                due_at: 0,
                ended_at: new.ended_at,
                note: None,
                repeats: 0,
                kept: true,
            };
            self.0.insert(guid, Known { row, body: Some(new.body.clone()) });
            return;
        };
        known.row.repeats += 1;
        if known.row.state == Dead {
            again(&mut known.row);
            if new.ended_at.is_some() {
                (known.row.state, known.row.ended_at) = (Ignored, new.ended_at);
            }
            if !known.row.kept {
                known.row.kept = true;
                known.row.digest.clone_from(&new.digest);
                known.row.bytes = i64::try_from(new.body.len()).unwrap();
                known.body = Some(new.body.clone());
            }
        }
    }

    /// Every row, every body, the heads, the counts.
    async fn holds(&mut self, db: &Db) -> Result<(), TestCaseError> {
        let newest = self.0.values().map(|known| known.row.seq).max().unwrap_or(0);
        for guid in 0..6_u8 {
            let row = db.delivery(&guid.to_string()).await.unwrap();
            if let (Some(known), Some(row)) = (self.0.get_mut(&guid), &row)
                && known.row.seq < 0
            {
                prop_assert!(row.seq > newest, "a new one comes last");
                known.row.seq = row.seq;
            }
            let known = self.0.get(&guid);
            prop_assert_eq!(row.as_ref(), known.map(|known| &known.row));
            if let Some(known) = known {
                prop_assert_eq!(&db.delivery_body(known.row.seq).await.unwrap(), &known.body);
            }
        }
        let waiting: Vec<&DeliveryRow> =
            self.0.values().map(|known| &known.row).filter(|row| row.state == Waiting).collect();
        let mut heads: BTreeMap<i64, QueueHead> = BTreeMap::new();
        for row in &waiting {
            let queue = row.installation.unwrap_or(0);
            let head = QueueHead { queue, seq: row.seq, due_at: row.due_at };
            let first = heads.entry(queue).or_insert(head);
            if head.seq < first.seq {
                *first = head;
            }
        }
        prop_assert_eq!(db.queue_heads(None, 99).await.unwrap(), heads.into_values().collect::<Vec<_>>());
        let dead = self.0.values().filter(|known| known.row.state == Dead).count() as u64;
        let oldest = waiting.iter().map(|row| row.received_at).min();
        let counts = InboxCounts { waiting: waiting.len() as u64, dead, oldest };
        prop_assert_eq!(db.inbox_counts().await.unwrap(), counts);
        Ok(())
    }
}

fn again(row: &mut DeliveryRow) {
    if row.state != Waiting {
        (row.state, row.attempts, row.due_at, row.ended_at, row.note) = (Waiting, 0, 0, None, None);
    }
}

fn ended_before(row: &DeliveryRow, before: i64) -> bool {
    row.ended_at.is_some_and(|at| at < before)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_is_what_memory_says(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let db = sqlite(&dir).await;
            let mut model = Model::default();
            for step in &steps {
                let (op, goes) = model.apply(step);
                let answer = write(&db, op).await;
                if goes {
                    prop_assert_eq!(answer, Ok(()), "{:?}", step);
                } else {
                    prop_assert!(matches!(answer, Err(WriteError::Precondition { .. })), "{:?}: {:?}", step, answer);
                }
                model.holds(&db).await?;
            }
            db.close().await;
            Ok(())
        })?;
    }
}
