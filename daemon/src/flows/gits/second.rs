//! The arm that did not answer (C3). A clone or pull is done again by it, and let go of; a push is only looked for at the remote.

use async_trait::async_trait;
use cutover_shared::ids::ProjectId;
use cutover_shared::rollout::{Operation, Side};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::beside::Checkout;
use super::credential::{Wanted, Way};
use super::error::{Failure, GitsError};
use super::routed::{cloned, verified};
use super::{Gits, Place};
use crate::flows::import::Need;
use crate::github::Traffic;
use crate::hex::hex;
use crate::mapping::sandbox_record::rule::{clone_digest, clone_key};
use crate::rollout::decide::Decision;
use crate::rollout::second::{Asked, Intent, Record, SecondArm, SecondError};
use crate::rollout::tally::Outcome;
use crate::sandbox::{Branch, OperationId, Pushed, Reference};
use crate::store::LinkRow;

/// Clone, pull and push by either arm.
#[derive(Clone)]
pub struct GitsBehind(Gits);

impl GitsBehind {
    /// Nothing is asked.
    pub fn new(gits: Gits) -> Self {
        Self(gits)
    }

    async fn checkout(&self, intent: &Intent) -> Result<Record, SecondError> {
        let of = Of::read(intent)?;
        let (reference, commit) = (of.text("ref")?, of.text("commit")?);
        let mut way =
            self.way(&of, Some(&commit), OperationId::numbered(rand::random())).await.map_err(failed)?;
        let cloned = cloned(self.0.arm(intent.side).as_ref(), &mut way).await.map_err(failed)?;
        let checkout = Checkout {
            commit_sha: cloned.commit_sha,
            tree_sha: cloned.tree_sha,
            files: cloned.files,
            bytes: cloned.bytes,
        };
        Ok(checkout_record((&of.project, &of.repository), &reference, &checkout))
    }

    /// The remote's word, asked by this arm: the branch is at the commit. Others may be on top of it, or in its place, by now; the
    /// remote still has it then.
    async fn pushed(&self, intent: &Intent) -> Result<Record, SecondError> {
        let of = Of::read(intent)?;
        let (branch, operation) = of.push()?;
        let (commit, tree) = (of.text("commit")?, of.text("tree")?);
        let mut way = self.way(&of, Some(&commit), operation.clone()).await.map_err(failed)?;
        let arm = self.0.arm(intent.side);
        let at = verified(arm.as_ref(), &mut way, &branch).await.map_err(failed)?;
        let (commit, tree) = if at.as_ref() == Some(&commit) {
            (commit, tree)
        } else {
            let cloned = cloned(arm.as_ref(), &mut way).await.map_err(failed)?;
            (cloned.commit_sha, cloned.tree_sha)
        };
        Ok(pushed((&of.project, &of.repository), (&branch, &operation), (&commit, &tree)))
    }

    /// A push whose process ended: by its operation, whether the remote has it.
    async fn found(&self, intent: &Intent) -> Result<Option<Record>, SecondError> {
        let of = Of::read(intent)?;
        let (branch, operation) = of.push()?;
        let mut way = match self.way(&of, None, operation.clone()).await {
            // Nobody is left for whom anything could be owed.
            Err(Failure { error: GitsError::Unknown(_), .. }) => return Ok(None),
            way => way.map_err(failed)?,
        };
        // Whichever arm has pushed: it may not be asked any more, and the remote is the same for both.
        let arm = self.0.arm(Side::Legacy);
        let found = loop {
            match arm.find_push(&way.ask, &branch).await {
                Ok(found) => break found,
                Err(error) => way.after(error).await.map_err(failed)?,
            }
        };
        Ok(found.map(|found| {
            let what = (found.commit_sha.as_str(), found.tree_sha.as_str());
            pushed((&of.project, &of.repository), (&branch, &operation), what)
        }))
    }

    async fn way(&self, of: &Of<'_>, commit: Option<&str>, operation: OperationId) -> Result<Way, Failure> {
        let place = Place {
            project: Some(ProjectId(of.project.clone())),
            repository: Some(of.repository.clone()),
            within: Some(of.intent.tenant.clone()),
            ..Place::default()
        };
        let link = self.0.link(&place).await.map_err(|error| Failure { error, outcome: Outcome::Ok })?;
        let reference = commit.and_then(Reference::parse).unwrap_or(Reference::Head);
        let wanted = Wanted { need: Need::Read, traffic: Traffic::Background, reference, operation };
        self.0.way(&link, wanted).await
    }
}

#[async_trait]
impl SecondArm for GitsBehind {
    async fn write(&self, intent: &Intent) -> Result<Record, SecondError> {
        match intent.operation {
            Operation::Clone | Operation::Pull => self.checkout(intent).await,
            Operation::Push => self.pushed(intent).await,
            other => Err(SecondError::Permanent(format!("{other} is no operation of this arm"))),
        }
    }

    async fn became(&self, intent: &Intent) -> Result<Option<Record>, SecondError> {
        match intent.operation {
            Operation::Push => self.found(intent).await,
            // The sandbox went with its process.
            _ => Ok(None),
        }
    }
}

/// What an intent says.
struct Of<'a> {
    intent: &'a Intent,
    project: String,
    repository: String,
}

impl<'a> Of<'a> {
    fn read(intent: &'a Intent) -> Result<Self, SecondError> {
        let mut of = Self { intent, project: String::new(), repository: String::new() };
        (of.project, of.repository) = (of.text("project")?, of.text("repository")?);
        Ok(of)
    }

    fn text(&self, field: &str) -> Result<String, SecondError> {
        let text = self.intent.body.get(field).and_then(|value| value.as_str());
        text.map(str::to_owned)
            .ok_or_else(|| SecondError::Permanent(format!("it does not say what was done: no {field}")))
    }

    fn push(&self) -> Result<(Branch, OperationId), SecondError> {
        let (branch, operation) = (self.text("branch")?, self.text("operation")?);
        Branch::parse(&branch)
            .zip(OperationId::parse(&operation))
            .ok_or_else(|| SecondError::Permanent("branch or operation is none".to_owned()))
    }
}

/// A clone or pull before it is answered.
pub(super) fn checkout_asked(
    operation: Operation,
    link: &LinkRow,
    reference: &str,
    decision: Decision,
) -> Asked {
    Asked {
        operation,
        tenant: link.tenant.clone(),
        key: format!("{}:{}@{reference}", link.project, link.repo_lname),
        decision,
        body: json!({ "project": link.project, "repository": link.repo_lname, "ref": reference }),
    }
}

/// What a clone or pull leaves in the book of its arm.
pub(super) fn checkout_record(
    (project, repository): (&str, &str),
    reference: &str,
    Checkout { commit_sha, tree_sha, .. }: &Checkout,
) -> Record {
    Record {
        key: clone_key(project, repository, reference, commit_sha),
        digest: clone_digest(commit_sha, Some(tree_sha)),
        body: json!({
            "project": project, "repository": repository, "ref": reference, "commit": commit_sha, "tree": tree_sha,
        }),
    }
}

fn push_key(project: &str, repository: &str, branch: &Branch, operation: &OperationId) -> String {
    format!("{project}:{repository}@{}#{operation}", branch.as_str())
}

/// A push before it is answered. What it changes is not kept: the remote is asked what became of it.
pub(super) fn push_asked(
    link: &LinkRow,
    branch: &Branch,
    operation: &OperationId,
    decision: Decision,
) -> Asked {
    Asked {
        operation: Operation::Push,
        tenant: link.tenant.clone(),
        key: push_key(&link.project.0, &link.repo_lname, branch, operation),
        decision,
        body: json!({
            "project": link.project, "repository": link.repo_lname,
            "branch": branch.as_str(), "operation": operation.as_str(),
        }),
    }
}

/// What a push leaves in the book of its arm.
pub(super) fn push_record(link: &LinkRow, branch: &Branch, operation: &OperationId, done: &Pushed) -> Record {
    let of = (link.project.0.as_str(), link.repo_lname.as_str());
    pushed(of, (branch, operation), (&done.commit_sha, &done.tree_sha))
}

fn pushed(
    (project, repository): (&str, &str),
    (branch, operation): (&Branch, &OperationId),
    (commit, tree): (&str, &str),
) -> Record {
    Record {
        key: push_key(project, repository, branch, operation),
        digest: digest(&json!([commit])),
        body: json!({
            "project": project, "repository": repository, "branch": branch.as_str(),
            "operation": operation.as_str(), "commit": commit, "tree": tree,
        }),
    }
}

fn digest(of: &serde_json::Value) -> String {
    hex(&Sha256::digest(of.to_string().as_bytes()))
}

/// What may go well by itself is tried again; the rest is a person's.
fn failed(failure: Failure) -> SecondError {
    let why = failure.error.to_string();
    match failure.error {
        GitsError::RateLimited { retry_after } => SecondError::Transient { why, wait: Some(retry_after) },
        GitsError::Unavailable(_)
        | GitsError::TimedOut(_)
        | GitsError::Quota(_)
        | GitsError::Busy
        | GitsError::Expired
        | GitsError::Damaged(_)
        | GitsError::Internal(_) => SecondError::Transient { why, wait: None },
        GitsError::BadRequest(_)
        | GitsError::Unknown(_)
        | GitsError::Ambiguous(_)
        | GitsError::NoCredential { .. }
        | GitsError::NotFound(_)
        | GitsError::NoAccess(_)
        | GitsError::Rejected(_) => SecondError::Permanent(why),
    }
}
