//! Reads every installation and its repositories once into the index. A sweep that was interrupted goes on where it
//! was: at the page of the list, then at the first installation whose repositories are still owed.

use std::sync::Arc;

use futures::StreamExt as _;

use crate::clock::Clock;
use crate::github::{GitHub, GitHubError, Installation, MintError, Reader, Repository, Traffic};
use crate::store::{
    Db, IndexOp, InstallationRow, Lane, ReadError, RepositoryRow, RequestRow, SweepRow, UNIT_ROWS, Unit,
    WriteError,
};

/// Pages of one list that are read at most; GitHub's own limit of installations is far below.
const MOST_PAGES: usize = 10_000;

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
}

impl Sweeper {
    /// A sweeper that reads `parallel` installations at once.
    pub fn new(db: Db, github: GitHub, clock: Clock, parallel: usize) -> Self {
        Self { db, github, clock, parallel: parallel.max(1), one: Arc::default() }
    }

    /// Sweeps from where the last one stopped, to the end.
    pub async fn sweep(&self) -> Result<(), SweepError> {
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
        self.list_requests(&reader, &sweep.id).await?;
        self.read_repositories(&reader, &sweep.id).await?;
        let at = self.clock.now();
        self.write(IndexOp::End { sweep: sweep.id, host: self.host(), at }).await
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

    async fn read_repositories(&self, reader: &Reader, sweep: &str) -> Result<(), SweepError> {
        loop {
            let owed = self.db.installations_owed(&self.host(), sweep, 500).await?;
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
        let (host, installation) = (self.host(), row.id);
        let sweep = sweep.to_owned();
        if let Some(at) = row.suspended_at {
            return self.write(IndexOp::Suspended { sweep, host, installation, at }).await;
        }
        let mut cursor = None;
        for _ in 0..MOST_PAGES {
            let page = match reader.installation_repositories(installation, cursor.as_deref()).await {
                Ok(page) => page,
                Err(GitHubError::Mint(MintError::Suspended)) => {
                    let at = self.clock.now();
                    return self.write(IndexOp::Suspended { sweep, host, installation, at }).await;
                }
                Err(GitHubError::Mint(MintError::Gone)) => {
                    return self.write(IndexOp::Gone { host, installation, sweep }).await;
                }
                Err(cause) => {
                    let what = format!("the repositories of installation {installation}");
                    return Err(SweepError::GitHub { what, cause });
                }
            };
            let rows: Vec<_> = page.rows.into_iter().map(|r| repository_row(installation, r)).collect();
            cursor = page.next;
            let mut unit = Unit::new();
            for rows in rows.chunks(UNIT_ROWS) {
                unit = unit.with(IndexOp::Repositories {
                    sweep: sweep.clone(),
                    host: host.clone(),
                    rows: rows.to_vec(),
                });
            }
            if cursor.is_none() {
                let listed = IndexOp::Listed { sweep: sweep.clone(), host: host.clone(), installation };
                return Ok(self.db.write(Lane::Run, unit.with(listed)).await?);
            }
            self.db.write(Lane::Run, unit).await?;
        }
        Err(SweepError::Endless { what: "repositories" })
    }
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
