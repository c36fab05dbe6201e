//! Reading the folder and judging files. Both take as long as files are long, and anybody who may look can ask for it: it happens beside
//! the workers that everything else goes on with, one judgement at a time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cutover_shared::fleet::{DriverKind, LintFinding, LintReport, MigrationFile};
use tokio::sync::Semaphore;

use super::Fleet;
use super::error::FleetError;
use super::migration::Migration;
use super::registry::{self, FolderError, Listing, Registry};
use crate::run::KindError;
use crate::store::MigrationMark;

/// A folder with what is wrong with it.
pub type Judged = (Registry, Vec<LintFinding>);

/// What was read last, and whose turn it is.
pub struct Reader {
    seen: Mutex<Option<Seen>>,
    turn: Arc<Semaphore>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { seen: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
    }
}

struct Seen {
    listing: Listing,
    marks: Vec<MigrationMark>,
    judged: Arc<Judged>,
}

impl Reader {
    fn known(&self, listing: &Listing, marks: &[MigrationMark]) -> Option<Arc<Judged>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |seen: &&Seen| seen.listing == *listing && seen.marks == marks;
        seen.as_ref().filter(same).map(|seen| seen.judged.clone())
    }

    fn learn(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }
}

async fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, KindError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| KindError::new("reading migrations", error))
}

impl Fleet {
    fn folder(&self) -> Result<PathBuf, FleetError> {
        self.inner.settings.folder.clone().ok_or(FleetError::NotConfigured)
    }

    /// The folder as it is now, and what is wrong with it.
    pub(super) async fn read(&self) -> Result<Judged, FleetError> {
        let folder = self.folder()?;
        let recorded = self.inner.db.fleet_migrations().await?;
        let judged = beside(move || {
            let registry = registry::read(&registry::read_folder(&folder)?);
            let mut mistakes = registry.mistakes.clone();
            mistakes.extend(registry::history(&registry, &recorded));
            Ok::<_, FolderError>((registry, mistakes))
        });
        Ok(judged.await??)
    }

    /// The same for whoever looks again and again: files are read again once one of them was written.
    pub(super) async fn glance(&self) -> Result<Arc<Judged>, FleetError> {
        let folder = self.folder()?;
        let marks = self.inner.db.fleet_marks().await?;
        let listing = beside(move || registry::listing(&folder)).await??;
        if let Some(judged) = self.reader.known(&listing, &marks) {
            return Ok(judged);
        }
        let judged = Arc::new(self.read().await?);
        self.reader.learn(Seen { listing, marks, judged: judged.clone() });
        Ok(judged)
    }

    /// Warnings. It may take long, and goes on to its end also where nobody waits any more: the next one has to wait for that.
    pub(super) async fn warnings(
        &self,
        migrations: Vec<Migration>,
        postgres: bool,
    ) -> Result<Vec<LintFinding>, KindError> {
        let turn = self.reader.turn.clone().acquire_owned().await;
        let turn = turn.map_err(|error| KindError::new("waiting for a turn", error))?;
        beside(move || {
            let found = registry::lint(&migrations, postgres);
            drop(turn);
            found
        })
        .await
    }

    /// Mistakes and warnings of these files, or of the folder.
    ///
    /// # Errors
    /// The folder can't be read.
    pub async fn lint(&self, files: Option<Vec<MigrationFile>>) -> Result<LintReport, FleetError> {
        let (read, mut findings) = match files {
            None => self.read().await?,
            Some(files) => {
                let recorded = self.inner.db.fleet_migrations().await?;
                let judged = beside(move || {
                    let files = files.into_iter().map(|file| (file.name, file.text.into_bytes()));
                    let read = registry::read(&files.collect::<Vec<_>>());
                    let mut findings = read.mistakes.clone();
                    findings.extend(registry::history(&read, &recorded));
                    (read, findings)
                });
                judged.await?
            }
        };
        let drivers = self.inner.db.fleet_drivers().await?;
        let postgres = drivers.is_empty() || drivers.contains(&DriverKind::Postgres);
        findings.extend(self.warnings(read.migrations, postgres).await?);
        findings.sort_by(|a, b| (&a.file, a.line, &a.rule).cmp(&(&b.file, b.line, &b.rule)));
        let left_out = (!postgres)
            .then(|| "no instance is PostgreSQL: its rules on locks were not looked at".to_owned());
        Ok(LintReport { findings, left_out })
    }
}
