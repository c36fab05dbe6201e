//! Approval binds to the digest. [`ApprovedPlan`] can be made here only, and always out of the store: what is
//! applied is what was approved, or nothing.

use async_trait::async_trait;
use cutover_shared::ids::{OperatorName, RunId};

use super::error::RunError;
use super::plan::{Basis, ITEMS_PER_PAGE, page_hash};
use crate::store::{Db, ReadError, RunRow};

/// The proof that a run's stored items are the ones that were approved.
#[derive(Debug)]
pub struct ApprovedPlan {
    run: RunId,
}

impl ApprovedPlan {
    /// Reads every item again and holds the digest against the approved one.
    pub(super) async fn prove(db: &Db, run: &RunRow) -> Result<Self, RunError> {
        if run.approved_by.is_none() || run.approved_at.is_none() {
            return Err(RunError::NotApproved(run.id.clone()));
        }
        let tampered =
            |found: String| RunError::Tampered { id: run.id.clone(), found, approved: run.digest.clone() };
        let mut basis: Basis =
            serde_json::from_str(&run.basis).map_err(|_| tampered("of an unreadable basis".to_owned()))?;
        (basis.pages, basis.items) = stored_pages(db, &run.id).await?;
        let (digest, _) = basis.digest()?;
        if digest.as_str() != run.digest {
            return Err(tampered(digest.0));
        }
        Ok(Self { run: run.id.clone() })
    }

    /// The run that it speaks for.
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

async fn stored_pages(db: &Db, run: &RunId) -> Result<(Vec<String>, u64), ReadError> {
    let (mut pages, mut waiting, mut after, mut total) = (Vec::new(), Vec::new(), None, 0);
    loop {
        let items = db.items(run, None, after, 500).await?;
        let Some(last) = items.last() else { break };
        after = Some(last.ord);
        total += items.len() as u64;
        waiting.extend(items.into_iter().map(|item| (item.key, item.body)));
        while waiting.len() >= ITEMS_PER_PAGE {
            let rest = waiting.split_off(ITEMS_PER_PAGE);
            pages.push(hash(&waiting));
            waiting = rest;
        }
    }
    if !waiting.is_empty() {
        pages.push(hash(&waiting));
    }
    Ok((pages, total))
}

pub(super) fn hash(items: &[(String, String)]) -> String {
    page_hash(items.iter().map(|(key, body)| (key.as_str(), body.as_str())))
}

/// What a gate saw when it let a run through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateEvidence {
    /// Facts for the audit.
    pub facts: Vec<String>,
}

/// Asked before every approval; the composition root hands it in.
#[async_trait]
pub trait GateCheck: Send + Sync {
    /// Lets the run through with evidence, or says why not.
    async fn check(&self, run: &RunRow, now: i64) -> Result<Result<GateEvidence, String>, ReadError>;
}

/// No gate at all, for kinds that need none.
#[derive(Clone, Copy, Debug)]
pub struct OpenGate;

#[async_trait]
impl GateCheck for OpenGate {
    async fn check(&self, _: &RunRow, _: i64) -> Result<Result<GateEvidence, String>, ReadError> {
        Ok(Ok(GateEvidence::default()))
    }
}

/// The one rule on who may approve. Until two-person gates exist an author may approve their own plan; the audit
/// and every view then say `self-approved`.
pub(super) fn is_self_approved(author: &str, approver: &OperatorName) -> bool {
    author == approver.as_str()
}
