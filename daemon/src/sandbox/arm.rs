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
use super::push::Sent;
use super::quota::QuotaKind;
use super::room::borrow;
use super::steps::{self, Steps, Tip};
use crate::git::Measured;

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

    /// Makes a sandbox of this tenant and repository be the newest of `ask.reference`; what was changed in it is gone. One that
    /// the other arm has made is replaced by one of this arm's own: no arm works in what is another's.
    ///
    /// # Errors
    /// As [`GitArm::clone_repository`]; [`SandboxError::NotYours`] before anything is done, [`SandboxError::Expired`]. The
    /// sandbox stays as it was unless files were being written already.
    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError>;

    /// Puts one commit on a branch, once: a repeat with the same operation id and change finds it and pushes nothing.
    ///
    /// # Errors
    /// All of [`SandboxError`]; [`SandboxError::Rejected`] when the branch is not where it is expected. After
    /// [`SandboxError::Unsure`], and when nobody waits for it any more, the commit may be at the remote: repeat.
    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError>;

    /// Where a branch is at the remote; nothing when it is not there. Never changes anything.
    ///
    /// # Errors
    /// As [`GitArm::clone_repository`].
    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError>;

    /// What the push with this operation id has made of the branch at the remote, if its commit is there or below newer ones.
    /// Never changes anything.
    ///
    /// # Errors
    /// As [`GitArm::clone_repository`].
    async fn find_push(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<Pushed>, SandboxError>;
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
        // A sandbox is over with the service, too.
        let done = self.until_over(over.unwrap_or_else(|| self.pool.closed.clone()), work).await;
        if let Err(error) = &done {
            self.pool.counts.failed(error);
            let (arm, class) = (self.kind.word(), error.class());
            tracing::debug!(arm, class, operation = %ask.operation, tenant = %ask.tenant, "an operation of git failed");
        }
        done
    }

    /// Works in a sandbox until it is taken away: what git says of its end then is no error of git's.
    pub(super) async fn until_over<T>(
        &self,
        over: CancellationToken,
        work: impl Future<Output = Result<T, SandboxError>> + Send,
    ) -> Result<T, SandboxError> {
        tokio::select! {
            biased;
            () = over.cancelled() => {
                let is_closed = self.pool.closed.is_cancelled();
                Err(if is_closed { SandboxError::Closed } else { SandboxError::Expired })
            }
            done = work => done,
        }
    }

    pub(super) fn deadline(&self, ask: &GitAsk) -> Duration {
        self.pool.clock.monotonic().saturating_add(ask.quota.wall)
    }

    pub(super) fn steps<'a>(&'a self, ask: &'a GitAsk, lease: &Lease, deadline: Duration) -> Steps<'a> {
        Steps { settings: &self.pool.settings, clock: &self.pool.clock, ask, deadline, home: lease.home() }
    }

    /// Brings a commit within reach of the sandbox: into its own repository, or into the tenant's mirror.
    pub(super) async fn bring(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        reference: &Reference,
    ) -> Result<Tip, SandboxError> {
        if lease.arm == ArmKind::Pooled {
            return self.mirrored(steps, lease, reference).await;
        }
        let repository = lease.repository();
        if matches!(reference, Reference::Commit(_)) {
            steps.ask_for(&repository, reference).await?;
        }
        steps.fetch(&repository, reference).await
    }

    async fn mirrored(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        reference: &Reference,
    ) -> Result<Tip, SandboxError> {
        let mirrors = &self.pool.mirrors;
        let mirror = match &lease.mirror {
            Some(mirror) => Arc::clone(mirror),
            None => mirrors.of(&lease.key)?,
        };
        let key = lease.key.clone();
        let mut turn = tokio::select! {
            biased;
            turn = mirrors.turn(&key, &mirror) => turn,
            () = steps.clock.sleep_until(steps.deadline) => {
                return Err(SandboxError::TimedOut(steps.ask.quota.wall));
            }
        };
        let repository = mirror.repository();
        let hit = !turn.is_first();
        add(if hit { &self.pool.counts.mirror_hits } else { &self.pool.counts.mirror_misses });
        if !turn.state.made {
            steps::init(&self.pool, steps.ask.quota, &steps.home, &repository, steps.deadline).await?;
            turn.state.made = true;
        }
        let at = if hit || matches!(reference, Reference::Commit(_)) {
            let at = steps.ask_for(&repository, reference).await?;
            Some(at.ok_or(SandboxError::NotFound("the branch or commit"))?)
        } else {
            None
        };
        let here = at.and_then(|at| mirror.known(&at).map(|known| Tip { commit: at, tree: known.tree }));
        let tip = match here {
            Some(tip) => tip,
            None => {
                turn.fetches(steps.settings);
                let tip = steps.fetch(&repository, reference).await?;
                mirror.learn(&tip.commit, &tip.tree);
                tip
            }
        };
        turn.done(steps.settings);
        borrow(&lease.repository(), &repository)?;
        lease.mirror = Some(mirror);
        Ok(tip)
    }

    /// Once more with a new mirror, where the old one may be why it failed: it is damaged, or has grown too large over time.
    pub(super) async fn again<T>(
        &self,
        ask: &GitAsk,
        first: Result<T, SandboxError>,
        second: impl Future<Output = Result<T, SandboxError>> + Send,
    ) -> Result<T, SandboxError> {
        let Err(error) = &first else { return first };
        let least = match error {
            SandboxError::Damaged(_) | SandboxError::Unhealthy(_) => 0,
            // With less, a new one would hardly be smaller.
            SandboxError::Quota(QuotaKind::Disk | QuotaKind::Cpu) => ask.quota.disk / 2,
            _ => return first,
        };
        let key = (ask.tenant.clone(), ask.repository.key());
        if self.kind == ArmKind::Pooled && self.pool.mirrors.distrust(&key, least) {
            tracing::warn!(%error, "a mirror is made anew");
            return second.await;
        }
        first
    }

    /// Puts the files of a commit into the sandbox.
    async fn lay_out(
        &self,
        steps: &Steps<'_>,
        lease: &mut Lease,
        tip: &Tip,
    ) -> Result<Measured, SandboxError> {
        let known = lease.mirror.as_ref().and_then(|mirror| mirror.known(&tip.commit)?.measured);
        let measured = match known {
            Some(measured) => measured,
            None => steps.measure(&lease.repository(), &tip.commit).await?,
        };
        if let Some(mirror) = &lease.mirror {
            mirror.measured(&tip.commit, measured);
        }
        steps.check_room(measured)?;
        let used_before = !lease.commit.is_empty();
        // Until all is written it is no commit at all, however this ends.
        lease.commit.clear();
        steps.check_out(lease, &tip.commit, used_before).await?;
        std::fs::write(lease.repository().join("HEAD"), format!("{}\n", tip.commit))?;
        lease.commit.clone_from(&tip.commit);
        Ok(measured)
    }

    pub(super) async fn cloned(&self, ask: &GitAsk, deadline: Duration) -> Result<Cloned, SandboxError> {
        let mut lease = self.pool.take(self.kind, ask, deadline).await?;
        let over = lease.over.clone();
        let steps = self.steps(ask, &lease, deadline);
        let work = async {
            let tip = self.bring(&steps, &mut lease, &ask.reference).await?;
            let measured = self.lay_out(&steps, &mut lease, &tip).await?;
            Ok((tip, measured))
        };
        let (tip, Measured { files, bytes, .. }) = self.until_over(over, work).await?;
        Ok(Cloned { commit_sha: tip.commit, tree_sha: tip.tree, files, bytes, sandbox: lease })
    }

    async fn pulled(&self, ask: &GitAsk, lease: &mut Lease) -> Result<Pulled, SandboxError> {
        let steps = self.steps(ask, lease, self.deadline(ask));
        let before = lease.commit.clone();
        let tip = self.bring(&steps, lease, &ask.reference).await?;
        let fast_forward = steps.is_ancestor(&lease.repository(), &before, &tip.commit).await?;
        let Measured { files, bytes, .. } = self.lay_out(&steps, lease, &tip).await?;
        Ok(Pulled { commit_sha: tip.commit, tree_sha: tip.tree, files, bytes, fast_forward })
    }
}

#[async_trait]
impl GitArm for Arm {
    fn kind(&self) -> ArmKind {
        self.kind
    }

    async fn clone_repository(&self, ask: &GitAsk) -> Result<Cloned, SandboxError> {
        let deadline = self.deadline(ask);
        let work = async {
            let first = self.cloned(ask, deadline).await;
            Box::pin(self.again(ask, first, self.cloned(ask, deadline))).await
        };
        self.bounded(ask, None, Box::pin(work)).await
    }

    async fn pull(&self, ask: &GitAsk, sandbox: &mut Lease) -> Result<Pulled, SandboxError> {
        if sandbox.key != (ask.tenant.clone(), ask.repository.key())
            || !Arc::ptr_eq(&sandbox.pool, &self.pool)
        {
            return Err(SandboxError::NotYours);
        }
        if sandbox.commit.is_empty() && !sandbox.is_over() {
            return Err(SandboxError::Damaged(
                "the files are those of no commit: a pull broke off".to_owned(),
            ));
        }
        let over = sandbox.over.clone();
        if sandbox.arm != self.kind {
            return self.bounded(ask, Some(over), Box::pin(self.replaced(ask, sandbox))).await;
        }
        self.bounded(ask, Some(over), Box::pin(self.pulled(ask, sandbox))).await
    }

    async fn push(&self, ask: &GitAsk, change: &Change) -> Result<Pushed, SandboxError> {
        let (deadline, sent) = (self.deadline(ask), Sent::default());
        let work = async {
            let first = self.pushed(ask, change, deadline, &sent).await;
            Box::pin(self.again(ask, first, self.pushed(ask, change, deadline, &sent))).await
        };
        self.bounded(ask, None, Box::pin(work)).await.map_err(|error| sent.told(error))
    }

    async fn verify_remote(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<String>, SandboxError> {
        let work = async {
            let deadline = self.deadline(ask);
            let lease = self.pool.take(self.kind, ask, deadline).await?;
            let reference = Reference::Branch(branch.clone());
            let (steps, repository) = (self.steps(ask, &lease, deadline), lease.repository());
            self.until_over(lease.over.clone(), steps.ask_for(&repository, &reference)).await
        };
        self.bounded(ask, None, Box::pin(work)).await
    }

    async fn find_push(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<Pushed>, SandboxError> {
        self.bounded(ask, None, Box::pin(self.found(ask, branch))).await
    }
}
