//! One commit onto a branch.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::arm::{Arm, Pushed};
use super::ask::{Change, GitAsk, Reference};
use super::error::SandboxError;
use super::steps;

/// Whether the remote may have taken a push, in whichever try and however it ends.
#[derive(Default)]
pub(super) struct Sent(AtomicBool);

impl Sent {
    /// Notes one push, which is under way until this answers; a refusal by the remote leaves what was before.
    pub(super) async fn during(
        &self,
        pushing: impl Future<Output = Result<(), SandboxError>>,
    ) -> Result<(), SandboxError> {
        let before = self.0.swap(true, Ordering::SeqCst);
        let pushed = pushing.await;
        if let Err(SandboxError::Rejected(_) | SandboxError::Auth(_) | SandboxError::NotFound(_)) = pushed {
            self.0.store(before, Ordering::SeqCst);
        }
        pushed
    }

    /// The error of the whole, with what is known of the push.
    pub(super) fn told(&self, error: SandboxError) -> SandboxError {
        if self.0.load(Ordering::SeqCst) { SandboxError::Unsure(Box::new(error)) } else { error }
    }
}

impl Arm {
    pub(super) async fn pushed(
        &self,
        ask: &GitAsk,
        change: &Change,
        deadline: Duration,
        sent: &Sent,
    ) -> Result<Pushed, SandboxError> {
        if let Some(mistake) = change.mistake() {
            return Err(SandboxError::BadInput(mistake));
        }
        let mut lease = self.pool.take(self.kind, ask, deadline).await?;
        let over = lease.over.clone();
        let steps = self.steps(ask, &lease, deadline);
        let repository = lease.repository();
        let branch = Reference::Branch(change.branch.clone());
        let expected = change.expected.to_ascii_lowercase();
        let work = async {
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
            let pushing = sent.during(steps.push(&repository, &change.branch, &made.commit, &head)).await;
            // The remote's word counts: an answer that was lost may belong to a push that was done.
            let remote = match (steps.ask_for(&repository, &branch).await, &pushing) {
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
        };
        self.until_over(over, work).await
    }
}

fn moved(at: &str) -> SandboxError {
    SandboxError::Rejected(format!("the branch is at {at}"))
}
