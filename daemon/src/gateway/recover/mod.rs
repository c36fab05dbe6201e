//! Missed deliveries (G4): GitHub never sends again by itself, so its own list is compared with the inbox, and what is missing
//! is fetched. The list is read page by page, and whatever was taken stays taken: a comparison may break off anywhere and be
//! made again.

pub mod ledger;
mod memory;
pub mod statement;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use cutover_shared::webhook::Recovery;
use serde_json::json;
use tokio::sync::Mutex;

use self::ledger::{Attempt, Counts, Ledger, Missing, Scope};
pub use self::memory::{Gap, Memory, last_recovery, memory};
use self::statement::{Found, statement};
use super::envelope::Envelope;
use super::inbox::{Arrival, Inbox};
use crate::audit::Who;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::github::{GitHub, GitHubError, HookAttempt, Reader, Traffic, Writer};
use crate::store::{Db, Lane, ReadError, SettingOp, Unit, WriteError};

/// Pages of one walk: 100 million attempts.
const MOST_PAGES: u32 = 1_000_000;

/// Deliveries that were tried in vain and are left alone for the rest of a comparison.
const MOST_SETTLED: usize = 100_000;

/// The longest payload, in bytes: GitHub sends no larger one.
const LONGEST_PAYLOAD: usize = 25 * 1024 * 1024;

/// After a failure GitHub is asked again no later than this.
const AGAIN: Duration = Duration::from_secs(60);

/// What is asked of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Milliseconds since the epoch, UTC; none is the whole horizon.
    pub since: Option<i64>,
    /// Only these events; all when empty.
    pub events: BTreeSet<String>,
    /// Says what is missing; fetches and remembers nothing.
    pub look: bool,
}

/// Why there is no result. Whatever was taken in before stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    #[error("GitHub's deliveries are being compared already")]
    Busy,
    #[error("GitHub's list of deliveries could not be compared: {0}")]
    GitHub(#[from] GitHubError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How deliveries are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoverSettings {
    /// GitHub keeps deliveries for so long.
    pub horizon: Duration,
    /// Missing deliveries that are remembered in one walk; of more the oldest are fetched first.
    pub most_missing: usize,
}

impl RecoverSettings {
    /// With as many missing deliveries in memory as take about 5 MB.
    pub fn of(horizon: Duration) -> Self {
        Self { horizon, most_missing: 20_000 }
    }
}

/// Compares and fetches, one comparison at a time, as background traffic.
pub struct Recoverer {
    db: Db,
    inbox: Arc<Inbox>,
    reader: Reader,
    writer: Writer,
    clock: Clock,
    faults: Faults,
    settings: RecoverSettings,
    /// When the last delivery of an earlier life was received; counts as long as nothing was compared.
    last_received: Option<i64>,
    one: Mutex<()>,
}

/// What was tried in one comparison.
#[derive(Debug, Default)]
struct Tried {
    pulled: u64,
    asked_again: BTreeSet<String>,
    lost: BTreeSet<String>,
    /// When the oldest of those was first delivered.
    oldest: Option<i64>,
}

enum Fate {
    Pulled,
    AskedAgain,
    Lost,
}

impl Recoverer {
    /// Must be made before the first delivery of this life is taken.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn open(
        inbox: Arc<Inbox>,
        db: Db,
        github: &GitHub,
        clock: Clock,
        faults: Faults,
        settings: RecoverSettings,
    ) -> Result<Arc<Self>, ReadError> {
        Ok(Arc::new(Self {
            last_received: db.last_received().await?,
            db,
            inbox,
            reader: github.reader(Traffic::Background),
            writer: github.writer(Traffic::Background),
            clock,
            faults,
            settings,
            one: Mutex::new(()),
        }))
    }

    /// Compares at once and then at this pace, until it is dropped.
    pub async fn keep(self: Arc<Self>, every: Duration) {
        loop {
            let wait = match self.catch_up().await {
                Ok(recovery) => {
                    let quiet = recovery.pulled + recovery.redelivered + recovery.lost == 0 && !recovery.gap;
                    if quiet {
                        tracing::debug!(statement = recovery.statement, "compared with GitHub's deliveries");
                    } else {
                        tracing::warn!(
                            statement = recovery.statement,
                            gap = recovery.gap,
                            "webhooks were missing"
                        );
                    }
                    every
                }
                // Somebody else is at it.
                Err(RecoverError::Busy) => every.min(AGAIN),
                Err(error) => {
                    tracing::warn!(%error, "missed deliveries could not be looked for; trying again");
                    every.min(AGAIN)
                }
            };
            self.clock.sleep(wait).await;
        }
    }

    /// Compares since the end of the last comparison.
    ///
    /// # Errors
    /// [`RecoverError`]; nothing is forgotten then.
    pub async fn catch_up(&self) -> Result<Recovery, RecoverError> {
        let _one = self.one.try_lock().map_err(|_| RecoverError::Busy)?;
        let memory = memory(&self.db).await?;
        self.whole(memory.next_since(), &Ask::default(), memory, &Who::daemon()).await
    }

    /// Compares as asked.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn recover(&self, ask: &Ask, who: &Who) -> Result<Recovery, RecoverError> {
        let _one = self.one.try_lock().map_err(|_| RecoverError::Busy)?;
        let memory = memory(&self.db).await?;
        self.whole(ask.since, ask, memory, who).await
    }

    async fn whole(
        &self,
        since: Option<i64>,
        ask: &Ask,
        memory: Memory,
        who: &Who,
    ) -> Result<Recovery, RecoverError> {
        let began = self.clock.now();
        let horizon =
            began.saturating_sub(i64::try_from(self.settings.horizon.as_millis()).unwrap_or(i64::MAX));
        let scope = Scope { since: since.unwrap_or(horizon).max(horizon), events: ask.events.clone() };
        // What came before the horizon is in no list: until then everything must have been compared.
        let sign = memory.compared_until.or(self.last_received);
        let gap = sign.filter(|sign| *sign < horizon).map(|from| Gap { from, to: horizon, found_at: began });
        let mut tried = Tried::default();
        let (counts, left) = match self.walk(&scope, ask.look, &mut tried).await {
            Ok(walked) => walked,
            Err(error) => {
                self.broke_off(&tried, &error, who).await;
                return Err(error);
            }
        };
        let found = Found {
            since: scope.since,
            counts,
            asked_again: &tried.asked_again,
            lost: &tried.lost,
            left: &left,
        };
        let recovery = Recovery {
            at: began,
            since: scope.since,
            horizon,
            logged: counts.logged,
            here: counts.here,
            unwanted: counts.unwanted,
            pulled: tried.pulled,
            redelivered: length(&tried.asked_again),
            lost: length(&tried.lost),
            gap: gap.is_some(),
            statement: statement(&found),
        };
        if !ask.look {
            let memory = memory.after(&recovery, &scope, tried.oldest, gap);
            self.remember(&memory, &recovery, ask, who).await?;
        }
        Ok(recovery)
    }

    /// Walks through the list until nothing more can be fetched. Answers what is there then, and some of what is not.
    async fn walk(
        &self,
        scope: &Scope,
        look: bool,
        tried: &mut Tried,
    ) -> Result<(Counts, BTreeSet<String>), RecoverError> {
        loop {
            let settled: BTreeSet<String> = tried.asked_again.union(&tried.lost).cloned().collect();
            let mut ledger = Ledger::new(scope, &settled, self.settings.most_missing);
            let mut cursor: Option<String> = None;
            for pages in 0.. {
                if pages == MOST_PAGES {
                    return Err(GitHubError::BadAnswer { what: "an end of the list of deliveries" }.into());
                }
                let page = self.reader.deliveries(cursor.as_deref()).await?;
                let attempts: Vec<Attempt> = page.rows.into_iter().map(attempt).collect();
                let here: HashSet<String> =
                    self.db.known(&ledger.asked(&attempts)).await?.into_iter().collect();
                ledger.page(&attempts, &here);
                cursor = page.next;
                if cursor.is_none() || ledger.is_past(&attempts) {
                    break;
                }
            }
            let (mut counts, again) = (ledger.counts(), ledger.overflowed());
            let missing = ledger.into_missing();
            if look {
                return Ok((counts, missing.into_iter().map(|missing| missing.guid).collect()));
            }
            for missing in missing {
                let fate = self.fetch(&missing).await?;
                if matches!(fate, Fate::Pulled) {
                    tried.pulled += 1;
                    counts.here += 1;
                    continue;
                }
                tried.oldest = Some(tried.oldest.map_or(missing.first, |oldest| oldest.min(missing.first)));
                let settled =
                    if matches!(fate, Fate::Lost) { &mut tried.lost } else { &mut tried.asked_again };
                settled.insert(missing.guid);
            }
            if !again || tried.lost.len() + tried.asked_again.len() >= MOST_SETTLED {
                return Ok((counts, BTreeSet::new()));
            }
        }
    }

    /// Takes the body, from whichever attempt still has it; else asks GitHub to deliver once more.
    async fn fetch(&self, missing: &Missing) -> Result<Fate, RecoverError> {
        for id in &missing.attempts {
            let payload = match self.reader.delivery(*id).await {
                Ok(payload) => {
                    payload.filter(|sent| sent.guid == missing.guid && sent.body.len() <= LONGEST_PAYLOAD)
                }
                // Of this delivery, not of GitHub.
                Err(GitHubError::TooLarge { .. } | GitHubError::BadAnswer { .. }) => None,
                Err(error) => return Err(error.into()),
            };
            let Some(sent) = payload else { continue };
            let Some(envelope) = Envelope::read(&sent.body) else { continue };
            let arrival = Arrival {
                guid: missing.guid.clone(),
                event: missing.event.clone(),
                envelope,
                body: sent.body,
            };
            self.inbox.take_late(arrival, missing.at).await?;
            self.faults.point("recover.pulled").await;
            tracing::info!(delivery = missing.guid, event = missing.event, "a missed delivery is taken");
            return Ok(Fate::Pulled);
        }
        let Some(newest) = missing.attempts.first() else { return Ok(Fate::Lost) };
        match self.writer.redeliver(*newest).await {
            Ok(()) => Ok(Fate::AskedAgain),
            // Gone there, or nothing that is delivered again; a refusal of the App itself would have met the list.
            Err(GitHubError::Refused { status: 400..=499, .. }) => {
                tracing::error!(delivery = missing.guid, event = missing.event, "a delivery is lost");
                Ok(Fate::Lost)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn remember(
        &self,
        memory: &Memory,
        recovery: &Recovery,
        ask: &Ask,
        who: &Who,
    ) -> Result<(), WriteError> {
        let now = self.clock.now();
        let mut unit = Unit::new().with(SettingOp::Set {
            name: memory::NAME.to_owned(),
            value: serde_json::to_string(memory).unwrap_or_default(),
            at: now,
            by: who.operator.as_str().to_owned(),
        });
        let changed = recovery.pulled + recovery.redelivered + recovery.lost > 0 || recovery.gap;
        // What the daemon does by itself every few minutes is worth a record only when it found something.
        if changed || *who != Who::daemon() {
            let detail = json!({
                "since": recovery.since, "events": ask.events, "logged": recovery.logged, "here": recovery.here,
                "pulled": recovery.pulled, "redelivered": recovery.redelivered, "lost": recovery.lost,
                "gap": recovery.gap, "statement": recovery.statement,
            });
            unit = unit.with(who.did(now, "webhook.recover", "deliveries", detail));
        }
        self.db.write(Lane::Handler, unit).await
    }

    /// What was done before a failure is recorded all the same.
    async fn broke_off(&self, tried: &Tried, error: &RecoverError, who: &Who) {
        let (asked_again, lost) = (length(&tried.asked_again), length(&tried.lost));
        if tried.pulled + asked_again + lost == 0 {
            return;
        }
        let detail = json!({
            "pulled": tried.pulled, "redelivered": asked_again, "lost": lost, "broke_off": error.to_string(),
        });
        let record = who.did(self.clock.now(), "webhook.recover", "deliveries", detail);
        if let Err(error) = self.db.write(Lane::Handler, Unit::new().with(record)).await {
            tracing::warn!(%error, "a comparison that broke off could not be recorded");
        }
    }
}

fn attempt(logged: HookAttempt) -> Attempt {
    Attempt {
        id: logged.id,
        guid: logged.guid,
        event: logged.event,
        at: logged.delivered_at,
        redelivery: logged.redelivery,
    }
}

fn length(guids: &BTreeSet<String>) -> u64 {
    u64::try_from(guids.len()).unwrap_or(u64::MAX)
}
