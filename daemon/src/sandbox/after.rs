//! What comes after another arm, or after a process that is gone: a sandbox is taken over, a push is looked for.

use super::arm::{Arm, Cloned, Pulled, Pushed};
use super::ask::{Branch, GitAsk, Reference};
use super::error::SandboxError;
use super::lease::Lease;

impl Arm {
    /// A clone that takes the place of a sandbox of the other arm. That one stays until the new one is there.
    pub(super) async fn replaced(&self, ask: &GitAsk, lease: &mut Lease) -> Result<Pulled, SandboxError> {
        let deadline = self.deadline(ask);
        let first = self.cloned(ask, deadline).await;
        let cloned = Box::pin(self.again(ask, first, self.cloned(ask, deadline))).await?;
        let Cloned { commit_sha, tree_sha, files, bytes, sandbox } = cloned;
        let steps = self.steps(ask, &sandbox, deadline);
        let (repository, before) = (sandbox.repository(), lease.commit());
        let fast_forward = before == commit_sha
            || (steps.has(&repository, before).await?
                && steps.is_ancestor(&repository, before, &commit_sha).await?);
        *lease = sandbox;
        Ok(Pulled { commit_sha, tree_sha, files, bytes, fast_forward })
    }

    /// Looks through the branch's history for the commit of an operation.
    pub(super) async fn found(&self, ask: &GitAsk, branch: &Branch) -> Result<Option<Pushed>, SandboxError> {
        let mut lease = self.pool.take(self.kind, ask, self.deadline(ask)).await?;
        let over = lease.over.clone();
        let steps = self.steps(ask, &lease, self.deadline(ask));
        let (repository, reference) = (lease.repository(), Reference::Branch(branch.clone()));
        let work = async {
            if steps.ask_for(&repository, &reference).await?.is_none() {
                return Ok(None);
            }
            let head = self.bring(&steps, &mut lease, &reference).await?;
            let made = steps.made_by(&repository, &head.commit, &ask.operation).await?;
            Ok(made.map(|made| Pushed {
                commit_sha: made.commit,
                tree_sha: made.tree,
                remote_sha: head.commit,
                pushed: false,
            }))
        };
        self.until_over(over, work).await
    }
}
