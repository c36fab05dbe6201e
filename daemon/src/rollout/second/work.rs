//! The worker: beside each other across keys, in order within one (a newer write takes the place of those before it). Nothing is
//! written in the target while it is killed, or while its stage has no second arm; what is owed waits, and goes on afterwards.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cutover_shared::rollout::{RolloutName, Side, Stage};
use futures::FutureExt as _;
use tokio::task::JoinSet;

use super::settle::intent;
use super::tries::{self, Next};
use super::{PARALLEL, Second, SecondError};
use crate::store::{ArmRecord, Lane, RecordKey, SecondOp, SecondRow, Unit, Waits, WriteError};

/// How often it is looked whether the arm is stopped, while something is under way or held.
const LOOK: Duration = Duration::from_secs(1);

/// One try may take this long.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How long a write waits that is not a matter of its own: a flag that is off, an arm that is not there.
const HELD_MS: i64 = 60_000;

/// How often calls that nobody answered are looked for, and the queue is measured.
const KEEP: Duration = Duration::from_secs(30);

/// How a turn at a write ended.
enum Turn {
    /// Something is stored of it, or somebody else has moved it.
    Ended,
    /// The store does not answer.
    Stuck,
}

impl Second {
    /// Writes behind, compares and forgets until it is dropped.
    pub async fn work(self) {
        let mut tasks: Vec<futures::future::BoxFuture<'_, ()>> = Vec::new();
        for name in RolloutName::ALL.iter().copied() {
            tasks.push(self.keep(name).boxed());
            tasks.push(self.compare_always(name).boxed());
            tasks.extend(Side::ALL.iter().map(|side| self.lane(name, *side).boxed()));
        }
        tasks.push(self.retain().boxed());
        futures::future::join_all(tasks).await;
    }

    /// Measures the queue and settles what nobody answered.
    async fn keep(&self, name: RolloutName) {
        let mut news = self.0.news.subscribe();
        loop {
            self.measure(name).await;
            if let Err(error) = self.settle(name).await {
                tracing::warn!(%error, rollout = %name, "intents of second writes can't be read now");
            }
            self.tell_lost(name).await;
            tokio::select! {
                () = self.parts().clock.sleep(KEEP) => {}
                // At most once a second: each answer is news.
                _ = news.changed() => self.parts().clock.sleep(LOOK).await,
            }
        }
    }

    async fn measure(&self, name: RolloutName) {
        match self.parts().db.second_counts(name).await {
            Ok(counts) => {
                let owed = counts.waiting.saturating_add(counts.failed);
                self.0.full[name.index()].store(owed >= self.parts().limits.most, Ordering::SeqCst);
            }
            Err(error) => tracing::warn!(%error, rollout = %name, "the repair queue can't be measured now"),
        }
    }

    /// Whether nothing may be written in this arm now.
    fn is_stopped(&self, name: RolloutName, side: Side) -> bool {
        let router = &self.parts().router;
        let Some(plan) = router.plan(name) else { return true };
        match side {
            Side::Target => router.is_killed() || plan.killed || !plan.stage.writes_both(),
            // Legacy answers for all while it is killed: what it lacks is wanted then most of all.
            Side::Legacy => plan.stage == Stage::Complete,
        }
    }

    /// Whether a tenant's write may reach the arm: what is forbidden to answer there is forbidden to be written there.
    fn is_open(&self, of: &RecordKey, side: Side) -> bool {
        if self.is_stopped(of.operation.rollout(), side) {
            return false;
        }
        let decision = self.parts().router.decide(of.operation, &of.tenant.0);
        side == Side::Legacy || decision.second_write
    }

    /// Writes of one arm.
    async fn lane(&self, name: RolloutName, side: Side) {
        let (mut news, mut changes) = (self.0.news.subscribe(), self.parts().router.changes());
        let clock = &self.parts().clock;
        let mut turns: JoinSet<(RecordKey, Turn)> = JoinSet::new();
        let (mut busy, mut waits) = (HashSet::new(), Waits::default());
        loop {
            let stopped = self.is_stopped(name, side);
            let mut next = None;
            if stopped {
                // What is under way is let go of where it stands: it is still owed.
                turns.shutdown().await;
                busy.clear();
            } else {
                match self.begin(name, side, &mut turns, &mut busy).await {
                    Ok(due) => next = due,
                    Err(error) => {
                        tracing::error!(%error, rollout = %name, "the repair queue can't be read now; trying again");
                        clock.sleep(waits.longer()).await;
                        continue;
                    }
                }
            }
            let due = async {
                match next {
                    Some(wait) => clock.sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let look = async {
                if stopped || !busy.is_empty() {
                    clock.sleep(LOOK).await;
                } else {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                Some(ended) = turns.join_next() => match ended {
                    Ok((of, turn)) => {
                        busy.remove(&of);
                        match turn {
                            Turn::Ended => waits = Waits::default(),
                            Turn::Stuck => clock.sleep(waits.longer()).await,
                        }
                    }
                    // A turn catches what its arm does; nothing else in it may panic.
                    Err(_) => {
                        turns.shutdown().await;
                        busy.clear();
                    }
                },
                _ = news.changed() => {}
                _ = changes.changed() => {}
                () = due => {}
                () = look => {}
            }
        }
    }

    /// Begins with what is due; answers how long it is until the next one is.
    async fn begin(
        &self,
        name: RolloutName,
        side: Side,
        turns: &mut JoinSet<(RecordKey, Turn)>,
        busy: &mut HashSet<RecordKey>,
    ) -> Result<Option<Duration>, crate::store::ReadError> {
        if busy.len() >= PARALLEL {
            return Ok(None);
        }
        // Those under way are still pending, and each may have one of the same key behind it.
        let limit = u32::try_from(3 * PARALLEL).unwrap_or(u32::MAX);
        let rows = self.parts().db.second_due(name, side, limit).await?;
        let now = self.parts().clock.now();
        for row in rows {
            if row.due_at > now {
                return Ok(u64::try_from(row.due_at - now).ok().map(Duration::from_millis));
            }
            if busy.len() >= PARALLEL {
                break;
            }
            if busy.insert(row.of.clone()) {
                let second = self.clone();
                turns.spawn(async move {
                    let of = row.of.clone();
                    (of, second.turn(row).await)
                });
            }
        }
        Ok(None)
    }

    /// One try of one write.
    async fn turn(&self, row: SecondRow) -> Turn {
        let parts = self.parts();
        let now = parts.clock.now();
        let held = |note: &str| SecondOp::Retry {
            seq: row.seq,
            attempts: row.attempts,
            due_at: now.saturating_add(HELD_MS),
            note: note.to_owned(),
        };
        let Some(arm) = &parts.arms[row.of.operation.index()] else {
            return self.end(&row, held("no arm is registered for it")).await;
        };
        if !self.is_open(&row.of, row.side) {
            if self.is_stopped(row.of.operation.rollout(), row.side) {
                return Turn::Ended;
            }
            return self.end(&row, held("the tenant may not be on this arm now: flag, mode or list")).await;
        }
        parts.faults.point("second.tried").await;
        let intent = intent(&row);
        let work = parts.clock.timeout(LIMIT, AssertUnwindSafe(arm.write(&intent)).catch_unwind());
        let written = match work.await {
            Ok(Ok(Ok(record))) if record.key != row.of.key => {
                Err(SecondError::Permanent(format!("the arm did something else: {}", record.key)))
            }
            Ok(Ok(written)) => written,
            Ok(Err(_)) => {
                Err(SecondError::Transient { why: "it panicked; see the log".to_owned(), wait: None })
            }
            Err(_) => {
                let why = format!("not done within {} s", LIMIT.as_secs());
                Err(SecondError::Transient { why, wait: None })
            }
        };
        parts.faults.point("second.effect").await;
        let at = parts.clock.now();
        let op = match written {
            Ok(record) => SecondOp::Done {
                seq: row.seq,
                at,
                record: Box::new(ArmRecord {
                    of: row.of.clone(),
                    side: row.side,
                    digest: record.digest,
                    answered: false,
                    body: record.body.to_string(),
                    at,
                }),
            },
            Err(error) => self.failed(&row, &error, at),
        };
        let turn = self.end(&row, op).await;
        parts.faults.point("second.recorded").await;
        turn
    }

    fn failed(&self, row: &SecondRow, error: &SecondError, now: i64) -> SecondOp {
        let (seq, attempts) = (row.seq, row.attempts.saturating_add(1));
        let age = Duration::from_millis(u64::try_from(now.saturating_sub(row.created_at)).unwrap_or(0));
        let (next, wait) = match error {
            SecondError::Permanent(_) => (Next::GiveUp, None),
            SecondError::Transient { wait, .. } => {
                (tries::next(attempts, age, self.parts().limits.age, rand::random()), *wait)
            }
        };
        let note = error.to_string();
        let (operation, tenant, key, side) = (row.of.operation, &row.of.tenant, &row.of.key, row.side);
        match next {
            Next::Again(pause) => {
                tracing::warn!(seq, %operation, %tenant, key, %side, attempts, why = note, "a second write failed");
                let pause = wait.map_or(pause, |wait| wait.max(pause)).as_millis();
                let due_at = now.saturating_add(i64::try_from(pause).unwrap_or(i64::MAX));
                SecondOp::Retry { seq, attempts, due_at, note }
            }
            Next::GiveUp => {
                tracing::error!(seq, %operation, %tenant, key, %side, attempts, why = note,
                    "a second write is given up: a person has to look");
                SecondOp::Failed { seq, attempts, note }
            }
        }
    }

    async fn end(&self, row: &SecondRow, op: SecondOp) -> Turn {
        match self.parts().db.write(Lane::Run, Unit::new().with(op)).await {
            // Somebody else moved it in between: a newer answer, or a person.
            Ok(()) | Err(WriteError::Precondition { .. }) => Turn::Ended,
            Err(error) => {
                tracing::error!(%error, seq = row.seq, "what came of a second write can't be stored; it is done again");
                Turn::Stuck
            }
        }
    }
}
