//! Reads every installation and its repositories once into the index. A sweep that was interrupted goes on where it
//! was: at the page of the list, then at the first installation whose repositories are still owed.
//!
//! GitHub's pages are counted from the start of a list, so that a row that goes away pulls another one onto a page
//! that was read already. What an earlier sweep knew and this one did not see is therefore asked for by its id, and a
//! list of repositories that changed its length under the reader is read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;

use crate::clock::Clock;
use crate::github::{GitHub, GitHubError, Installation, MintError, Reader, Repository, Traffic};
use crate::store::{
    Db, IndexOp, InstallationRow, Lane, ReadError, RepositoryRow, RequestRow, RescoreOp, Scope, SweepRow,
    UNIT_ROWS, Unit, WriteError,
};

/// Pages of one list that are read at most; GitHub's own limit of installations is far below.
const MOST_PAGES: usize = 10_000;

/// Pages of one installation's repositories at most: an account has no more than 100,000.
const MOST_REPOSITORY_PAGES: usize = 1_001;

/// How often a list that changes while it is read is read.
const MOST_READS: usize = 3;

/// Installations that are taken up at a time.
const BATCH: u32 = 10_000;

/// Why a sweep stopped. What it has read stays; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("{what} can't be read from GitHub: {cause}")]
    GitHub { what: String, cause: GitHubError },
    #[error("the list of {what} has more than {MOST_PAGES} pages")]
    Endless { what: &'static str },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Sweeps one host.
#[derive(Clone)]
pub struct Sweeper {
    db: Db,
    github: GitHub,
    clock: Clock,
    parallel: usize,
    /// One sweep at a time; whoever comes second waits and finds the index fresh.
    one: Arc<tokio::sync::Mutex<()>>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

/// Why the newest sweep stopped before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Milliseconds since the epoch, UTC.
    pub at: i64,
    pub why: String,
}

impl Sweeper {
    /// A sweeper that reads `parallel` installations at once.
    pub fn new(db: Db, github: GitHub, clock: Clock, parallel: usize) -> Self {
        Self { db, github, clock, parallel: parallel.max(1), one: Arc::default(), trouble: Arc::default() }
    }

    /// Why the newest sweep of this process stopped; none when it came to its end.
    pub fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sweeps from where the last one stopped, to the end.
    pub async fn sweep(&self) -> Result<(), SweepError> {
        self.noted(false).await
    }

    /// The same, and when it is done the mappings are owed another look.
    pub async fn sweep_and_owe(&self) -> Result<(), SweepError> {
        self.noted(true).await
    }

    async fn noted(&self, owe: bool) -> Result<(), SweepError> {
        let ended = self.go(owe).await;
        let trouble =
            ended.as_ref().err().map(|error| Trouble { at: self.clock.now(), why: error.to_string() });
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        ended
    }

    async fn go(&self, owe: bool) -> Result<(), SweepError> {
        let asked_at = self.clock.now();
        let _one = self.one.lock().await;
        let view = self.db.index_view(self.github.host_id()).await?;
        if view.sweeping.is_none() && view.swept_at.is_some_and(|at| at > asked_at) {
            return Ok(());
        }
        let reader = self.github.reader(Traffic::Background);
        let mut sweep = self.open().await?;
        if sweep.state == "listing" {
            self.list_installations(&reader, &mut sweep).await?;
        }
        self.ask_for_missed(&reader, &sweep.id).await?;
        self.list_requests(&reader, &sweep.id).await?;
        self.read_repositories(&reader, &sweep.id).await?;
        let at = self.clock.now();
        let (host, cause) = (self.host(), format!("sweep {}", sweep.id));
        let mut unit = Unit::new().with(IndexOp::End { sweep: sweep.id, host: host.clone(), at });
        if owe {
            unit = unit.with(RescoreOp::Owe { host, scope: Scope::all(), cause, at });
        }
        Ok(self.db.write(Lane::Run, unit).await?)
    }

    fn host(&self) -> String {
        self.github.host_id().to_owned()
    }

    async fn write(&self, op: IndexOp) -> Result<(), SweepError> {
        Ok(self.db.write(Lane::Run, Unit::new().with(op)).await?)
    }

    async fn open(&self) -> Result<SweepRow, SweepError> {
        if let Some(sweep) = self.db.sweep_open(&self.host()).await? {
            tracing::info!(sweep = sweep.id, state = sweep.state, "going on with a sweep");
            return Ok(sweep);
        }
        let (id, at) = (uuid::Uuid::now_v7().to_string(), self.clock.now());
        self.write(IndexOp::Begin { sweep: id.clone(), host: self.host(), at }).await?;
        Ok(SweepRow {
            id,
            host: self.host(),
            state: "listing".to_owned(),
            started_at: at,
            ended_at: None,
            cursor: None,
            changes: 0,
        })
    }

    async fn list_installations(&self, reader: &Reader, sweep: &mut SweepRow) -> Result<(), SweepError> {
        for _ in 0..MOST_PAGES {
            let page = reader.installations(sweep.cursor.as_deref()).await.map_err(|cause| {
                SweepError::GitHub { what: "the list of installations".to_owned(), cause }
            })?;
            let done = page.next.is_none();
            self.write(IndexOp::Installations {
                sweep: sweep.id.clone(),
                host: self.host(),
                rows: page.rows.into_iter().map(installation_row).collect(),
                cursor: page.next.clone(),
                done,
            })
            .await?;
            sweep.cursor = page.next;
            if done {
                return Ok(());
            }
        }
        Err(SweepError::Endless { what: "installations" })
    }

    async fn list_requests(&self, reader: &Reader, sweep: &str) -> Result<(), SweepError> {
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = reader.installation_requests(cursor.as_deref()).await.map_err(|cause| {
                SweepError::GitHub { what: "the installation requests".to_owned(), cause }
            })?;
            let rows = page
                .rows
                .into_iter()
                .map(|request| RequestRow {
                    account_id: request.account.id,
                    account_login: request.account.login,
                })
                .collect();
            self.write(IndexOp::Requests { sweep: sweep.to_owned(), host: self.host(), rows }).await?;
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(SweepError::Endless { what: "installation requests" })
    }

    /// What an earlier sweep knew, or a user connected, and the list did not show: gone, or slipped to a page that was read
    /// already.
    async fn ask_for_missed(&self, reader: &Reader, sweep: &str) -> Result<(), SweepError> {
        let mut after = 0;
        loop {
            let missed = self.db.installations_missed(&self.host(), sweep, after, BATCH).await?;
            let Some(last) = missed.last() else { return Ok(()) };
            after = *last;
            for installation in missed {
                let found = reader.installation(installation).await;
                let (sweep, host, at) = (sweep.to_owned(), self.host(), self.clock.now());
                self.write(match found.map_err(|cause| unreadable(installation, cause))? {
                    None => IndexOp::Gone { host, installation, sweep, at },
                    Some(found) => IndexOp::Installations {
                        sweep,
                        host,
                        rows: vec![installation_row(found)],
                        cursor: None,
                        done: true,
                    },
                })
                .await?;
            }
        }
    }

    async fn read_repositories(&self, reader: &Reader, sweep: &str) -> Result<(), SweepError> {
        loop {
            let owed = self.db.installations_owed(&self.host(), sweep, BATCH).await?;
            if owed.is_empty() {
                return Ok(());
            }
            let work: Vec<_> = owed
                .into_iter()
                .map(|installation| self.read_installation(reader, sweep, installation))
                .collect();
            let mut results = futures::stream::iter(work).buffer_unordered(self.parallel);
            while let Some(result) = results.next().await {
                result?;
            }
        }
    }

    /// The repositories of one installation. Suspension and disappearance are states, never errors of the sweep.
    async fn read_installation(
        &self,
        reader: &Reader,
        sweep: &str,
        row: InstallationRow,
    ) -> Result<(), SweepError> {
        let (sweep, host, installation) = (sweep.to_owned(), self.host(), row.id);
        let read = match row.suspended_at {
            Some(at) => Read::Suspended(at),
            None => self.read_list(reader, installation).await?,
        };
        let rows = match read {
            Read::Suspended(at) => {
                return self.write(IndexOp::Suspended { sweep, host, installation, at }).await;
            }
            Read::Gone => {
                let at = self.clock.now();
                return self.write(IndexOp::Gone { host, installation, sweep, at }).await;
            }
            Read::Refused(why) => {
                tracing::warn!(
                    installation,
                    why,
                    "an installation can't be read: its repositories are as last seen"
                );
                return self.write(IndexOp::Unread { sweep, host, installation, why }).await;
            }
            Read::Whole(rows) => rows,
        };
        let mut unit = Unit::new();
        let mut chunks = rows.chunks(UNIT_ROWS).peekable();
        while let Some(rows) = chunks.next() {
            let (sweep, host) = (sweep.clone(), host.clone());
            unit = unit.with(IndexOp::Repositories { sweep, host, rows: rows.to_vec() });
            if chunks.peek().is_some() {
                self.db.write(Lane::Run, std::mem::take(&mut unit)).await?;
            }
        }
        Ok(self.db.write(Lane::Run, unit.with(IndexOp::Listed { sweep, host, installation })).await?)
    }

    async fn read_list(&self, reader: &Reader, installation: i64) -> Result<Read, SweepError> {
        let mut before = None;
        for _ in 0..MOST_READS {
            let (rows, stood_still) = match read_once(reader, installation).await {
                Ok(read) => read,
                Err(Stop::Endless) => return Err(SweepError::Endless { what: "repositories" }),
                Err(Stop::GitHub(cause)) => return self.why_not(reader, installation, cause).await,
            };
            // Twice the same is the list, whatever total GitHub counts.
            if stood_still || before.as_ref() == Some(&rows) {
                return Ok(Read::Whole(rows));
            }
            before = Some(rows);
        }
        tracing::warn!(
            installation,
            "the list of repositories changes faster than it is read; taken as last seen"
        );
        Ok(Read::Whole(before.unwrap_or_default()))
    }

    /// What a refusal means: a token may outlive its installation by a moment, and then the refusal says anything.
    async fn why_not(
        &self,
        reader: &Reader,
        installation: i64,
        cause: GitHubError,
    ) -> Result<Read, SweepError> {
        match cause {
            GitHubError::Mint(MintError::Suspended) => Ok(Read::Suspended(self.clock.now())),
            GitHubError::Mint(MintError::Gone) => Ok(Read::Gone),
            GitHubError::Refused { .. } => match reader.installation(installation).await {
                Ok(None) => Ok(Read::Gone),
                Ok(Some(Installation { suspended_at: Some(at), .. })) => Ok(Read::Suspended(at)),
                Ok(Some(_)) | Err(_) => Ok(Read::Refused(cause.to_string())),
            },
            cause if is_its_own(&cause) => Ok(Read::Refused(cause.to_string())),
            cause => Err(unreadable(installation, cause)),
        }
    }
}

/// What became of one installation's list.
enum Read {
    Whole(Vec<RepositoryRow>),
    Suspended(i64),
    Gone,
    /// It alone refuses: an allow-list of addresses, a permission that was not accepted.
    Refused(String),
}

enum Stop {
    GitHub(GitHubError),
    Endless,
}

/// The list from first to last page, and whether it kept its length meanwhile.
async fn read_once(reader: &Reader, installation: i64) -> Result<(Vec<RepositoryRow>, bool), Stop> {
    let mut rows = HashMap::new();
    let mut totals = Vec::new();
    let mut cursor = None;
    for _ in 0..MOST_REPOSITORY_PAGES {
        let page =
            reader.installation_repositories(installation, cursor.as_deref()).await.map_err(Stop::GitHub)?;
        totals.extend(page.total);
        rows.extend(page.rows.into_iter().map(|found| (found.id, repository_row(installation, found))));
        cursor = page.next;
        if cursor.is_none() {
            let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            let mut rows: Vec<_> = rows.into_values().collect();
            rows.sort_unstable_by_key(|row| row.id);
            // A single page is one moment of the list.
            return Ok((rows, totals.len() < 2 || totals.iter().all(|total| *total == count)));
        }
    }
    Err(Stop::Endless)
}

/// Whether the cause lies with the one installation; else every other one would fail as well.
fn is_its_own(cause: &GitHubError) -> bool {
    match cause {
        GitHubError::Refused { .. } | GitHubError::BadAnswer { .. } | GitHubError::TooLarge { .. } => true,
        GitHubError::Mint(error) => {
            matches!(error, MintError::Refused { .. } | MintError::Scope { .. } | MintError::BadAnswer { .. })
        }
        GitHubError::RateLimited { .. }
        | GitHubError::Unavailable { .. }
        | GitHubError::ForeignHost
        | GitHubError::BadInput { .. } => false,
    }
}

fn unreadable(installation: i64, cause: GitHubError) -> SweepError {
    SweepError::GitHub { what: format!("the repositories of installation {installation}"), cause }
}

fn installation_row(installation: Installation) -> InstallationRow {
    InstallationRow {
        id: installation.id,
        account_id: installation.account.id,
        account_login: installation.account.login,
        account_type: installation.account.kind,
        // What GitHub may call it one day is not `all`: nothing is taken for granted then.
        selection: if installation.repository_selection == "all" { "all" } else { "selected" }.to_owned(),
        suspended_at: installation.suspended_at,
        permissions: serde_json::to_string(&installation.permissions).unwrap_or_else(|_| "{}".to_owned()),
    }
}

fn repository_row(installation: i64, repository: Repository) -> RepositoryRow {
    RepositoryRow {
        installation,
        id: repository.id,
        full_name: repository.full_name,
        owner_id: repository.owner.id,
        owner_login: repository.owner.login,
        created_at: repository.created_at,
        private: repository.private,
        fork: repository.fork,
    }
}
