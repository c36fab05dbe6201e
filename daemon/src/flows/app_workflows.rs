//! Workflows out of the application's own tables (G9): read whole by a period and when the application says that something has
//! changed, checked and stored beside those that were registered. What is stored stays while the application's database is away.

mod pass;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use self::pass::Pass;
use crate::audit::Who;
use crate::clock::{Clock, Millis};
use crate::gateway::triggers::{PutError, Triggers};
use crate::mapping::catalog::app_database::{AppDatabase, AppDatabaseError};
use crate::store::{Db, ReadError, Waits, WriteError};

/// After a reading, the application is not listened to for so long: an application that never stops talking would else be read
/// without a pause.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the application's workflows were not read to the end. What was read until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    #[error(transparent)]
    Database(#[from] AppDatabaseError),
    #[error(transparent)]
    Put(#[from] PutError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a reading found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub removed: u64,
    /// Of those that are there, the ones with a mistake: they are shown with it and match nothing.
    pub mistaken: u64,
    /// Those that could not even be stored.
    pub left_out: u64,
    /// Why, for the first of them.
    pub reasons: Vec<String>,
}

/// How things stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The newest reading that came to its end, and when.
    pub newest: Option<(Millis, Reading)>,
    /// Why there is no newer one, and since when.
    pub trouble: Option<(Millis, String)>,
    /// Why the application is not heard.
    pub deaf: Option<String>,
}

/// Reads the application's workflows.
pub struct AppWorkflows {
    database: AppDatabase,
    db: Db,
    triggers: Arc<Triggers>,
    clock: Clock,
    every: Duration,
    channel: Option<String>,
    /// Something was said on the channel.
    news: Notify,
    standing: Mutex<Standing>,
}

/// Forgets what was read in an earlier life, where the application's workflows are not read any more.
///
/// # Errors
/// The store failed.
pub async fn forget(triggers: &Triggers) -> Result<(), PutError> {
    let who = Who { operator: "system".into(), origin: "configuration".to_owned() };
    let gone = triggers.disown(&who).await?;
    if gone > 0 {
        tracing::warn!(
            gone,
            "workflows.source is not \"application\" any more: its workflows were forgotten"
        );
    }
    Ok(())
}

/// Who wrote what was read.
fn reader() -> Who {
    Who { operator: "system".into(), origin: "application".to_owned() }
}

impl AppWorkflows {
    /// Nothing is read until [`AppWorkflows::work`] goes.
    pub fn new(
        database: AppDatabase,
        db: Db,
        triggers: Arc<Triggers>,
        clock: Clock,
        every: Duration,
        channel: Option<String>,
    ) -> Arc<Self> {
        Arc::new(Self {
            database,
            db,
            triggers,
            clock,
            every,
            channel,
            news: Notify::new(),
            standing: Mutex::default(),
        })
    }

    /// How things stand.
    pub fn standing(&self) -> Standing {
        self.with(|standing| standing.clone())
    }

    /// The channel that is listened to.
    pub fn channel(&self) -> Option<&str> {
        self.channel.as_deref()
    }

    /// Reads for as long as it is polled. A reading that is dropped half-way is made good by the next.
    pub async fn work(self: Arc<Self>) {
        tokio::join!(self.keep(), self.listen());
    }

    /// Reads once.
    ///
    /// # Errors
    /// Its database or our store failed. Nothing was removed then.
    pub async fn read(&self) -> Result<Reading, ReadingError> {
        let read = Pass::new(&self.database, &self.db, &self.triggers).run().await;
        let now = self.clock.now();
        match &read {
            Ok(reading) => self.with(|standing| {
                standing.trouble = None;
                standing.newest = Some((now, reading.clone()));
            }),
            Err(error) => self.with(|standing| {
                let since = standing.trouble.as_ref().map_or(now, |(since, _)| *since);
                standing.trouble = Some((since, error.to_string()));
            }),
        }
        read
    }

    async fn keep(&self) {
        let mut waits = Waits::default();
        loop {
            let wait = match self.read().await {
                Ok(reading) => {
                    waits = Waits::default();
                    said(&reading);
                    self.clock.sleep(PAUSE).await;
                    self.every
                }
                Err(error) => {
                    tracing::warn!(%error, "the application's workflows can't be read now; the last known stay");
                    waits.longer().min(self.every)
                }
            };
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                () = self.news.notified() => {}
            }
        }
    }

    async fn listen(&self) {
        let Some(channel) = &self.channel else { return };
        let mut waits = Waits::default();
        loop {
            let lost = match self.database.changes(channel).await {
                Ok(mut changes) => {
                    waits = Waits::default();
                    self.with(|standing| standing.deaf = None);
                    loop {
                        // What was said before somebody listened may be news, too.
                        self.news.notify_one();
                        if let Err(error) = changes.next().await {
                            break error;
                        }
                    }
                }
                Err(error) => error,
            };
            tracing::warn!(error = %lost, "the application is not heard now; its workflows are read by the clock");
            self.with(|standing| standing.deaf = Some(lost.to_string()));
            self.clock.sleep(waits.longer()).await;
        }
    }

    fn with<T>(&self, f: impl FnOnce(&mut Standing) -> T) -> T {
        f(&mut self.standing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn said(reading: &Reading) {
    let Reading { added, changed, unchanged, removed, mistaken, left_out, reasons } = reading;
    if added + changed + removed > 0 {
        tracing::info!(
            added,
            changed,
            unchanged,
            removed,
            mistaken,
            left_out,
            "the application's workflows were read"
        );
    }
    if *left_out > 0 {
        tracing::warn!(left_out, ?reasons, "workflows of the application were left out");
    }
}
