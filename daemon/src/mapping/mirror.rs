//! Keeps the copies in the application's database true (B1, G8). What is owed stands in our store from the same commit on as the
//! fact, until the application's database has it: a crash in between loses nothing, and writing it twice changes nothing the
//! second time. Everything is owed at the start and when a sweep has ended, so that what somebody changed there is put right.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cutover_shared::rpc::Topic;
use serde_json::json;

use super::catalog::app_database::{AppDatabase, AppDatabaseError, Put};
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::store::{
    AuditDraft, Db, Lane, MirrorDebt, MirrorKind, MirrorOp, ReadError, Unit, Waits, WriteError,
};

/// Debts that are paid together, and rows that are compared in one transaction.
const BATCH: u32 = 256;

/// Names of repositories in one transaction; an installation with more has one of its own.
const NAMES: usize = 20_000;

/// Refused rows that are remembered.
const REFUSED: usize = 1_000;

/// Why copying stopped. What is owed stays owed.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error(transparent)]
    Database(#[from] AppDatabaseError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why the copies are behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorTrouble {
    /// Milliseconds since the epoch, UTC.
    pub at: i64,
    pub why: String,
}

/// Copies. Cheap to clone.
#[derive(Clone)]
pub struct Mirror(Arc<Inner>);

struct Inner {
    db: Db,
    app: AppDatabase,
    host: String,
    clock: Clock,
    faults: Faults,
    /// One payer at a time: debts are struck off by a version that only holds until the row is gone.
    paying: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Everything was compared since the start.
    compared: bool,
    stopped: Option<MirrorTrouble>,
    /// Rows that the application's tables do not take, since when, and why.
    refused: BTreeMap<String, MirrorTrouble>,
}

/// What a batch did.
#[derive(Clone, Copy, Default)]
struct Tally {
    written: u64,
    refused: u64,
}

impl Mirror {
    /// None where nothing is copied.
    pub fn new(db: Db, app: AppDatabase, host: &str, clock: Clock, faults: Faults) -> Option<Self> {
        let copies = app.copies();
        (copies.installations || copies.integrations).then(|| {
            let (host, paying, state) = (host.to_owned(), tokio::sync::Mutex::default(), Mutex::default());
            Self(Arc::new(Inner { db, app, host, clock, faults, paying, state }))
        })
    }

    /// Why the copies are behind; none while they are true.
    pub fn trouble(&self) -> Option<MirrorTrouble> {
        let state = self.state();
        state.stopped.clone().or_else(|| {
            let (subject, first) = state.refused.first_key_value()?;
            let count = match state.refused.len() {
                1 => "1 row".to_owned(),
                n if n < REFUSED => format!("{n} rows"),
                n => format!("{n} rows or more"),
            };
            let why = format!("the application's tables do not take {count}: {subject}: {}", first.why);
            Some(MirrorTrouble { at: first.at, why })
        })
    }

    /// Proves that the copies can be written; answers how many debts there are.
    ///
    /// # Errors
    /// Everything that has to be mended.
    pub async fn check(&self) -> Result<u64, MirrorError> {
        self.0.app.check_copies().await?;
        let copies = self.0.app.copies();
        let mut owed = 0;
        for (on, kind) in
            [(copies.installations, MirrorKind::Installation), (copies.integrations, MirrorKind::Integration)]
        {
            owed += if on { self.0.db.mirror_count(&self.0.host, kind).await? } else { 0 };
        }
        Ok(owed)
    }

    /// Pays what is owed as it comes, until it is dropped.
    pub async fn work(self) {
        let mut versions = self.0.db.versions();
        let mut waits = Waits::default();
        loop {
            let seen = versions.borrow_and_update().get(&Topic::Index).copied();
            match self.pay().await {
                Ok(paid) => {
                    waits = Waits::default();
                    if !paid {
                        let news = versions.wait_for(|now| now.get(&Topic::Index).copied() != seen).await;
                        if news.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the copies in the application's database are behind; trying again");
                    self.0.clock.sleep(waits.longer()).await;
                }
            }
        }
    }

    /// Pays one batch, or compares everything where that is owed; false when nothing is.
    ///
    /// # Errors
    /// Store or database can't be reached, or the application's tables are not as they must be. The debt stays.
    pub async fn pay(&self) -> Result<bool, MirrorError> {
        let _one = self.0.paying.lock().await;
        let paid = self.pay_some().await;
        let stopped = paid.as_ref().err();
        let stopped = stopped.map(|error| MirrorTrouble { at: self.0.clock.now(), why: error.to_string() });
        self.state().stopped = stopped;
        paid
    }

    async fn pay_some(&self) -> Result<bool, MirrorError> {
        let Inner { db, app, host, .. } = &*self.0;
        let copies = app.copies();
        // Before the first whole sweep our lists are not the truth, and would empty the application's.
        let lists = copies.installations && db.is_swept(host).await?;
        let ended = db.mirror_owed(host, MirrorKind::All, 1).await?;
        if !ended.is_empty() || !self.state().compared {
            self.state().refused.clear();
            // One copy that can't be made stops no other.
            let installations = match (lists, copies.installations) {
                (true, _) => self.every_installation(copies.adds).await,
                // What is wrong with the table is said before it is needed.
                (false, true) => {
                    app.copied_installations(None, 1).await.map(|_| Tally::default()).map_err(Into::into)
                }
                (false, false) => Ok(Tally::default()),
            };
            let integrations =
                if copies.integrations { self.every_integration().await } else { Ok(Tally::default()) };
            let mut tally = installations?;
            tally.add(integrations?);
            self.strike(ended, "mirror.compare", tally).await?;
            self.state().compared = true;
            return Ok(true);
        }
        let installations = if lists { self.owed_installations().await } else { Ok(false) };
        let integrations = if copies.integrations { self.owed_integrations().await } else { Ok(false) };
        Ok(installations? | integrations?)
    }

    /// Every row that the application has, and every installation where rows are added.
    async fn every_installation(&self, adds: bool) -> Result<Tally, MirrorError> {
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let ids = self.0.app.copied_installations(after.as_deref(), BATCH).await?;
            let Some(last) = ids.last() else { break };
            after = Some(last.clone());
            // Whatever else stands there is none of GitHub's installations.
            let ids: Vec<i64> = ids.iter().filter_map(|id| number(id)).collect();
            tally.add(self.put_installations(&ids).await?);
        }
        if adds {
            tally.add(self.every_known().await?);
        }
        Ok(tally)
    }

    async fn every_known(&self) -> Result<Tally, MirrorError> {
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let rows = self.0.db.installations(&self.0.host, after, BATCH).await?;
            let Some(last) = rows.last() else { return Ok(tally) };
            after = Some(last.id);
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            tally.add(self.put_installations(&ids).await?);
        }
    }

    async fn every_integration(&self) -> Result<Tally, MirrorError> {
        let (mut tally, mut after) = (Tally::default(), None);
        loop {
            let rows = self.0.db.mirror_integrations(&self.0.host, after.as_deref(), BATCH).await?;
            let put = self.0.app.put_integrations(&rows).await?;
            tally.add(self.note("integration", rows.iter().map(|row| row.id.clone()), put));
            let Some(last) = rows.last() else { return Ok(tally) };
            after = Some(last.id.clone());
        }
    }

    async fn owed_installations(&self) -> Result<bool, MirrorError> {
        let debts = self.0.db.mirror_owed(&self.0.host, MirrorKind::Installation, BATCH).await?;
        if debts.is_empty() {
            return Ok(false);
        }
        self.0.faults.point("mirror.taken").await;
        let ids: Vec<i64> = debts.iter().filter_map(|debt| number(&debt.subject)).collect();
        let tally = self.put_installations(&ids).await?;
        self.strike(debts, "mirror.installations", tally).await?;
        Ok(true)
    }

    async fn owed_integrations(&self) -> Result<bool, MirrorError> {
        let debts = self.0.db.mirror_owed(&self.0.host, MirrorKind::Integration, BATCH).await?;
        if debts.is_empty() {
            return Ok(false);
        }
        self.0.faults.point("mirror.taken").await;
        let ids: Vec<String> = debts.iter().map(|debt| debt.subject.clone()).collect();
        let rows = self.0.db.mirror_integrations_of(&self.0.host, &ids).await?;
        let put = self.0.app.put_integrations(&rows).await?;
        let tally = self.note("integration", ids.into_iter(), put);
        self.strike(debts, "mirror.integrations", tally).await?;
        Ok(true)
    }

    async fn put_installations(&self, ids: &[i64]) -> Result<Tally, MirrorError> {
        let (mut tally, mut rest) = (Tally::default(), ids);
        while !rest.is_empty() {
            let rows = self.0.db.mirror_installations(&self.0.host, rest, NAMES).await?;
            rest = rest.get(rows.len().max(1)..).unwrap_or_default();
            let put = self.0.app.put_installations(&rows).await?;
            tally.add(self.note("installation", rows.iter().map(|row| row.id.to_string()), put));
        }
        Ok(tally)
    }

    /// Remembers what was refused of these rows. It is tried again with the next fact, sweep or start, and stops no other.
    fn note(&self, kind: &str, subjects: impl Iterator<Item = String>, put: Put) -> Tally {
        let tally = Tally { written: put.written, refused: put.refused.len() as u64 };
        let mut state = self.state();
        for subject in subjects {
            state.refused.remove(&format!("{kind} {subject}"));
        }
        for refusal in put.refused {
            let subject = format!("{kind} {}", refusal.subject);
            tracing::warn!(subject, why = refusal.why, "the application's tables do not take this row");
            if state.refused.len() < REFUSED {
                let at = self.0.clock.now();
                state.refused.insert(subject, MirrorTrouble { at, why: refusal.why });
            }
        }
        tally
    }

    /// The application's database has it.
    async fn strike(&self, debts: Vec<MirrorDebt>, act: &str, tally: Tally) -> Result<(), MirrorError> {
        self.0.faults.point("mirror.put").await;
        let mut unit = Unit::new();
        if !debts.is_empty() {
            unit = unit.with(MirrorOp::Paid { host: self.0.host.clone(), debts });
        }
        if tally.written + tally.refused > 0 {
            unit = unit.with(self.record(act, tally));
        }
        if unit.rows() > 0 {
            self.0.db.write(Lane::Handler, unit).await?;
        }
        Ok(())
    }

    fn record(&self, act: &str, tally: Tally) -> AuditDraft {
        let detail = json!({ "written": tally.written, "refused": tally.refused });
        Who::daemon().did(self.0.clock.now(), act, self.0.app.place(), detail)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.written += other.written;
        self.refused += other.refused;
    }
}

/// An id as GitHub writes it.
fn number(id: &str) -> Option<i64> {
    id.parse::<i64>().ok().filter(|number| number.to_string() == id)
}
