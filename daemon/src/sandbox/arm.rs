//! The two arms: the same operations with the same results, on a sandbox made from nothing or on one of the pool.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::ask::{Branch, Change, GitAsk, Reference};
use super::error::SandboxError;
use super::figures::add;
use super::lease::Lease;
use super::pool::{ArmKind, Pool};
use super::room::borrow;
use super::steps::{self, Steps, Tip};

/// A commit whose files stand in a sandbox. They go with it.
#[derive(Debug)]
pub struct Cloned {
    pub commit_sha: String,
    pub tree_sha: String,
    pub files: u64,
    /// Of all files together.
    pub bytes: u64,
    /// Keep it as long as the files are needed.
    pub sandbox: Lease,
}

/// What a sandbox holds after a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    pub commit_sha: String,
    pub tree_sha: String,
    pub files: u64,
    /// Of all files together.
    pub bytes: u64,
    /// The commit of before is in the history of this one; otherwise the branch was rewritten.
    pub fast_forward: bool,
}

/// A commit that is at the remote, which was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    pub commit_sha: String,
    pub tree_sha: String,
    /// Where the branch is: this commit, or one that somebody has put on top of it.
    pub remote_sha: String,
    /// False when a repeat found it there.
    pub pushed: bool,
}

/// Git for tenants. Both arms have the same contract, and each error of one can come from the other.
#[async_trait]
pub trait GitArm: Send + Sync {
    /// Which it is.
    fn kind(&self) -> ArmKind;

    /// Puts the files of `ask.reference` into a new sandbox, with the history of the commit.
    ///
    /// # Errors
    /// All of [`SandboxError`] but [`SandboxError::Rejected`] and [`SandboxError::NotYours`]. Nothing is left of it then.
    async fn clone_repository(&self, ask: &GitAsk) -> Result<Cloned, SandboxError>;

    /// Makes a sandbox of this tenant and repository be the newest of `ask.reference`; what was changed in it is gone.
    ///
    /// # Errors
    /// As [`GitArm::clone_repository`]; [`SandboxError::NotYours`] before anything is done, [`SandboxError::Expired`]. The
    /// sandbox stays as it was unless files were being written already.
    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError>;

    /// Puts one commit on a branch, once: a repeat with the same operation id and change finds it and pushes nothing.
    ///
    /// # Errors
    /// All of [`SandboxError`]; [`SandboxError::Rejected`] when the branch is not where it is expected. After any other the
    /// commit may be at the remote: repeat.
    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError>;

    /// Where a branch is at the remote; nothing when it is not there. Never changes anything.
    ///
    /// # Errors
    /// As [`GitArm::clone_repository`].
    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError>;
}

/// One of the two. Cheap to copy around by its [`Arc`].
pub(super) struct Arm {
    pub(super) kind: ArmKind,
    pub(super) pool: Arc<Pool>,
}

impl Arm {
    /// Runs an operation until it is done, the sandbox is taken away or the service is closed, and counts how it failed.
    async fn bounded<T>(
        &self,
        ask: &GitAsk,
        over: Option<CancellationToken>,
        work: impl Future<Output = Result<T, SandboxError>> + Send,
    ) -> Result<T, SandboxError> {
        let ended = async {
            match over {
                Some(over) => over.cancelled_owned().await,
                None => std::future::pending().await,
            }
        };
        let done = tokio::select! {
            biased;
            () = self.pool.closed.cancelled() => Err(SandboxError::Closed),
            () = ended => Err(SandboxError::Expired),
            done = work => done,
        };
        if let Err(error) = &done {
            self.pool.counts.failed(error);
            let (arm, class) = (self.kind.word(), error.class());
            tracing::debug!(arm, class, operation = %ask.operation, tenant = %ask.tenant, "an operation of git failed");
        }
        done
    }

    fn deadline(&self, ask: &GitAsk) -> Duration {
        self.pool.clock.monotonic().saturating_add(ask.quota.wall)
    }

    fn steps<'a>(&'a self, ask: &'a GitAsk, lease: &Lease, deadline: Duration) -> Steps<'a> {
        Steps { settings: &self.pool.settings, clock: &self.pool.clock, ask, deadline, home: lease.home() }
    }

    /// Brings a commit within reach of the sandbox: into its own repository, or into the tenant's mirror.
    async fn bring(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        reference: &Reference,
    ) -> Result<Tip, SandboxError> {
        if lease.arm == ArmKind::Direct {
            return steps.fetch(&lease.repository(), reference).await;
        }
        match self.mirrored(steps, lease, reference).await {
            // A copy that is damaged, or that has grown too large over time, is made anew; once.
            Err((
                error @ (SandboxError::Damaged(_) | SandboxError::Quota(_) | SandboxError::Unhealthy(_)),
                true,
            )) => {
                tracing::warn!(%error, "a mirror is made anew");
                lease.mirror = None;
                self.mirrored(steps, lease, reference).await.map_err(|(error, _)| error)
            }
            done => done.map_err(|(error, _)| error),
        }
    }

    /// The error comes with whether a copy that was there before, and was let go of, may be its reason.
    async fn mirrored(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        reference: &Reference,
    ) -> Result<Tip, (SandboxError, bool)> {
        let mirrors = &self.pool.mirrors;
        let first_use = lease.mirror.is_none();
        let mirror = match &lease.mirror {
            Some(mirror) => Arc::clone(mirror),
            None => mirrors.of(&lease.key).map_err(|error| (error, false))?,
        };
        let left = steps.deadline.saturating_sub(steps.clock.monotonic());
        let key = lease.key.clone();
        let Ok(mut turn) = steps.clock.timeout(left, mirrors.turn(&key, &mirror)).await else {
            return Err((SandboxError::TimedOut(steps.ask.quota.wall), false));
        };
        let hit = !turn.is_first();
        add(if hit { &self.pool.counts.mirror_hits } else { &self.pool.counts.mirror_misses });
        let repository = turn.repository();
        let fetching = async {
            if !turn.state.made {
                steps::init(&self.pool, steps.ask.quota, &steps.home, &repository, steps.deadline).await?;
                turn.state.made = true;
            }
            steps.fetch(&repository, reference).await
        };
        let tip = match fetching.await {
            Ok(tip) => {
                turn.done(steps.settings);
                tip
            }
            Err(error) => {
                drop(turn);
                let again = hit && first_use;
                let suspect = matches!(
                    error,
                    SandboxError::Damaged(_) | SandboxError::Quota(_) | SandboxError::Unhealthy(_)
                );
                if again && suspect {
                    mirrors.retire(&key, &mirror);
                }
                return Err((error, again));
            }
        };
        borrow(&lease.repository(), &mirror.repository()).map_err(|error| (error, false))?;
        lease.mirror = Some(mirror);
        Ok(tip)
    }

    /// The files of a commit in the sandbox; how many, and their bytes.
    async fn lay_out(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        tip: &Tip,
    ) -> Result<(u64, u64), SandboxError> {
        let measured = steps.measure(&lease.repository(), &tip.commit).await?;
        steps.check_out(lease, &tip.commit, !lease.commit.is_empty()).await?;
        std::fs::write(lease.repository().join("HEAD"), format!("{}\n", tip.commit))?;
        lease.commit.clone_from(&tip.commit);
        Ok(measured)
    }

    async fn cloned(&self, ask: &GitAsk) -> Result<Cloned, SandboxError> {
        let deadline = self.deadline(ask);
        let mut lease = self.pool.take(self.kind, ask, deadline).await?;
        let steps = self.steps(ask, &lease, deadline);
        let tip = self.bring(&steps, &mut lease, &ask.reference).await?;
        let (files, bytes) = self.lay_out(&steps, &mut lease, &tip).await?;
        Ok(Cloned { commit_sha: tip.commit, tree_sha: tip.tree, files, bytes, sandbox: lease })
    }

    async fn pulled(&self, ask: &GitAsk, lease: &mut Lease) -> Result<Pulled, SandboxError> {
        let steps = self.steps(ask, lease, self.deadline(ask));
        let before = lease.commit.clone();
        let tip = self.bring(&steps, lease, &ask.reference).await?;
        let fast_forward = steps.is_ancestor(&lease.repository(), &before, &tip.commit).await?;
        let (files, bytes) = self.lay_out(&steps, lease, &tip).await?;
        Ok(Pulled { commit_sha: tip.commit, tree_sha: tip.tree, files, bytes, fast_forward })
    }

    async fn pushed(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError> {
        if let Some(mistake) = change.mistake() {
            return Err(SandboxError::BadInput(mistake));
        }
        let deadline = self.deadline(ask);
        let mut lease = self.pool.take(self.kind, ask, deadline).await?;
        let steps = self.steps(ask, &lease, deadline);
        let repository = lease.repository();
        let branch = Reference::Branch(change.branch.clone());
        let expected = change.expected.to_ascii_lowercase();
        let head = self.bring(&steps, &mut lease, &branch).await?.commit;
        if !steps.has(&repository, &expected).await? {
            if !change.force {
                return Err(moved(&head));
            }
            self.bring(&steps, &mut lease, &Reference::Commit(expected.clone())).await?;
        }
        let made = steps.import(&repository, change.stream(&ask.operation, steps::MADE)).await?;
        let done = |remote_sha: String, pushed| Pushed {
            commit_sha: made.commit.clone(),
            tree_sha: made.tree.clone(),
            remote_sha,
            pushed,
        };
        if steps.is_ancestor(&repository, &made.commit, &head).await? {
            return Ok(done(head, false));
        }
        if head != expected && !change.force {
            return Err(moved(&head));
        }
        let pushing = steps.push(&repository, &change.branch, &made.commit, &head).await;
        // The remote's word counts: an answer that was lost may belong to a push that was done.
        let remote = match (steps.ask_remote(&repository, &change.branch).await, &pushing) {
            (Ok(remote), _) => remote,
            (Err(_), Err(error)) => return Err(error.clone()),
            (Err(error), Ok(())) => return Err(error),
        };
        match remote {
            Some(remote) if remote == made.commit => Ok(done(remote, true)),
            Some(remote) if pushing.is_ok() => {
                // Somebody was quick to put another on top of it.
                let newest = self.bring(&steps, &mut lease, &branch).await?.commit;
                if steps.is_ancestor(&repository, &made.commit, &newest).await? {
                    return Ok(done(newest, true));
                }
                Err(moved(&remote))
            }
            Some(_) | None => Err(pushing.err().unwrap_or_else(|| moved("no commit"))),
        }
    }
}

fn moved(at: &str) -> SandboxError {
    SandboxError::Rejected(format!("the branch is at {at}"))
}

#[async_trait]
impl GitArm for Arm {
    fn kind(&self) -> ArmKind {
        self.kind
    }

    async fn clone_repository(&self, ask: &GitAsk) -> Result<Cloned, SandboxError> {
        self.bounded(ask, None, Box::pin(self.cloned(ask))).await
    }

    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError> {
        if sandbox.key != (ask.tenant.clone(), ask.repository.key())
            || !Arc::ptr_eq(&sandbox.pool, &self.pool)
        {
            return Err(SandboxError::NotYours);
        }
        let over = sandbox.over.clone();
        self.bounded(ask, Some(over), Box::pin(self.pulled(ask, sandbox))).await
    }

    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError> {
        self.bounded(ask, None, Box::pin(self.pushed(ask, change))).await
    }

    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError> {
        let work = async {
            let deadline = self.deadline(ask);
            let lease = self.pool.take(self.kind, ask, deadline).await?;
            self.steps(ask, &lease, deadline).ask_remote(&lease.repository(), branch).await
        };
        self.bounded(ask, None, Box::pin(work)).await
    }
}
