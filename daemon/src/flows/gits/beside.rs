//! The other arm, beside the one that answered a clone or a pull: the very commit once more, compared and released at once.

use cutover_shared::rollout::Operation;

use super::Gits;
use super::error::{Failure, GitsError};
use super::routed::Routed;
use crate::rollout::compare::Content;
use crate::rollout::shadow::{Asked, Beside};
use crate::rollout::tally::Outcome;
use crate::sandbox::{GitAsk, QuotaKind, Reference, SandboxError};

/// What a sandbox holds, whichever arm has filled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkout {
    pub(super) commit_sha: String,
    pub(super) tree_sha: String,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Checkout {
    fn content(&self) -> Content {
        Content::checkout(&self.tree_sha, &self.commit_sha, self.files, self.bytes)
    }
}

impl Gits {
    /// Where the rollout wants it compared. The credential is the one that git was given a moment ago.
    pub(super) fn beside(&self, operation: Operation, routed: &Routed, ask: &GitAsk, checkout: &Checkout) {
        let decision = &routed.decision;
        if !decision.shadow {
            return;
        }
        let asked = Asked {
            operation,
            tenant: ask.tenant.clone(),
            answered: decision.side,
            version: decision.version,
        };
        // A branch may be moved between the two; a commit stays what it is.
        let ask = GitAsk { reference: Reference::Commit(checkout.commit_sha.clone()), ..ask.clone() };
        let (arm, answered) = (self.arm(decision.side.other()), checkout.content());
        self.0.shadow.start(asked, move |leash| async move {
            let quota = crate::sandbox::Quota { wall: ask.quota.wall.min(leash.timeout()), ..ask.quota };
            if leash.go().is_err() {
                return Beside::Left;
            }
            match arm.clone_repository(&GitAsk { quota, ..ask }).await {
                Ok(other) => {
                    leash.mark();
                    let (commit_sha, tree_sha) = (other.commit_sha, other.tree_sha);
                    let other = Checkout { commit_sha, tree_sha, files: other.files, bytes: other.bytes };
                    Beside::Both { answered, other: other.content() }
                }
                Err(error) => failed(error),
            }
        });
    }
}

/// What an error of the arm beside means. Limits that it met are met because nobody waits for it; but within the quotas of an
/// operation the arm that answered has just done the same.
fn failed(error: SandboxError) -> Beside {
    match error {
        SandboxError::Quota(QuotaKind::Sandboxes) => return Beside::Left,
        SandboxError::Quota(_) => return Beside::Failed(Outcome::Error),
        _ => {}
    }
    match Failure::from(error) {
        Failure { error: GitsError::RateLimited { .. }, .. } => Beside::Unaffordable,
        Failure { error: GitsError::Busy, .. } => Beside::Left,
        Failure { outcome: Outcome::Ok, .. } => Beside::Left,
        Failure { outcome, .. } => Beside::Failed(outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_beside_answers_for_what_the_other_could_do() {
        for (error, wanted) in [
            (SandboxError::Quota(QuotaKind::Sandboxes), Beside::Left),
            (SandboxError::Quota(QuotaKind::Memory), Beside::Failed(Outcome::Error)),
            (SandboxError::Quota(QuotaKind::Disk), Beside::Failed(Outcome::Error)),
            (SandboxError::Busy, Beside::Left),
            (SandboxError::Closed, Beside::Left),
            (SandboxError::Unhealthy(String::new()), Beside::Failed(Outcome::Gross)),
        ] {
            assert_eq!(format!("{:?}", failed(error)), format!("{wanted:?}"));
        }
    }
}
