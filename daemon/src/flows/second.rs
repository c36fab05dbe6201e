//! The arm that did not answer an import or a listing: the same, with the other credential, in the background.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::import::{ImportView, RepositoryView};
use cutover_shared::rollout::Operation;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::import::{ImportAsk, ImportError, Imports, ListAsk, Listed};
use crate::hex::hex;
use crate::rollout::decide::Decision;
use crate::rollout::second::{Asked, Intent, Record, SecondArm, SecondError};
use crate::store::{Db, LinkFilter, LinkRow, ReadError};

/// Repositories of a tenant that are read at a time.
const PAGE: u32 = 1_000;

/// Repositories of a tenant that a list is compared by at most.
const LINKS_MOST: usize = 50_000;

/// Imports and listings by either arm.
#[derive(Clone)]
pub struct ImportsBehind {
    imports: Imports,
    db: Db,
}

impl ImportsBehind {
    /// Nothing is asked.
    pub fn new(imports: Imports, db: Db) -> Self {
        Self { imports, db }
    }

    /// What is left of a listing in the book of the arm that answered it. None for a part of a list: the arms cut their pages
    /// differently.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list_record(
        &self,
        tenant: &TenantId,
        ask: &ListAsk,
        listed: &Listed,
    ) -> Result<Option<Record>, ReadError> {
        if ask.cursor.is_some() || listed.next.is_some() {
            return Ok(None);
        }
        self.of_rows(tenant, ask.project.as_ref(), &listed.rows).await.map(Some)
    }

    /// A user sees more than an installation was granted: what must be the same is what the tenant's projects use.
    async fn of_rows(
        &self,
        tenant: &TenantId,
        project: Option<&ProjectId>,
        rows: &[RepositoryView],
    ) -> Result<Record, ReadError> {
        let used = self.used(tenant).await?;
        let mut seen = BTreeMap::new();
        for row in rows {
            let name = row.full_name.to_lowercase();
            if used.contains(&name) {
                seen.insert(name, (row.id, row.private, row.archived));
            }
        }
        Ok(Record {
            key: project.map_or_else(|| "tenant".to_owned(), |project| format!("project:{project}")),
            digest: digest(&json!({ "count": seen.len(), "repositories": seen })),
            body: json!({ "project": project, "count": seen.len() }),
        })
    }

    async fn used(&self, tenant: &TenantId) -> Result<HashSet<String>, ReadError> {
        let filter = LinkFilter::Tenants(vec![tenant.clone()]);
        let (mut used, mut after) = (HashSet::new(), None::<(String, String)>);
        loop {
            let place = after.as_ref().map(|(project, name)| (project.as_str(), name.as_str()));
            let page = self.db.links(&filter, place, PAGE).await?;
            let Some(last) = page.last() else { return Ok(used) };
            after = Some((last.project.0.clone(), last.repo_lname.clone()));
            used.extend(page.into_iter().map(|link| link.repo_lname));
            if used.len() >= LINKS_MOST {
                return Ok(used);
            }
        }
    }

    async fn import(&self, intent: &Intent) -> Result<Record, SecondError> {
        let text = |field: &str| intent.body.get(field).and_then(|value| value.as_str()).map(str::to_owned);
        let (Some(project), Some(repository), Some(commit)) =
            (text("project"), text("repository"), text("commit"))
        else {
            return Err(SecondError::Permanent("it does not say what was imported".to_owned()));
        };
        let ask = ImportAsk {
            project: Some(ProjectId(project.clone())),
            repository: Some(repository.clone()),
            reference: Some(commit),
            within: Some(intent.tenant.clone()),
            ..ImportAsk::default()
        };
        let (fetched, _) = self.imports.by_side(&ask, intent.side).await.map_err(failed)?;
        let sizes = (fetched.bytes, fetched.files);
        Ok(imported((&project, &repository), &fetched.commit_sha, &fetched.tree_sha, sizes, &fetched.digest))
    }

    async fn list(&self, intent: &Intent) -> Result<Record, SecondError> {
        let project = intent.body.get("project").and_then(|value| value.as_str());
        let project = project.map(|project| ProjectId(project.to_owned()));
        let ask = match &project {
            Some(_) => {
                let within = Some(intent.tenant.clone());
                ListAsk { project: project.clone(), within, ..ListAsk::default() }
            }
            None => ListAsk { tenant: Some(intent.tenant.clone()), ..ListAsk::default() },
        };
        let rows = self.imports.listed_by_side(&ask, intent.side).await.map_err(failed)?;
        let record = self.of_rows(&intent.tenant, project.as_ref(), &rows).await;
        record.map_err(|error| SecondError::Transient { why: error.to_string(), wait: None })
    }
}

#[async_trait]
impl SecondArm for ImportsBehind {
    async fn write(&self, intent: &Intent) -> Result<Record, SecondError> {
        match intent.operation {
            Operation::Import => self.import(intent).await,
            Operation::List => self.list(intent).await,
            other => Err(SecondError::Permanent(format!("{other} is no operation of this arm"))),
        }
    }
}

/// An import before it is answered.
pub fn import_asked(link: &LinkRow, reference: Option<&str>, decision: Decision) -> Asked {
    Asked {
        operation: Operation::Import,
        tenant: link.tenant.clone(),
        key: format!("{}:{}@{}", link.project, link.repo_lname, reference.unwrap_or("HEAD")),
        decision,
        body: json!({ "project": link.project, "repository": link.repo_lname }),
    }
}

/// A listing before it is answered.
pub fn list_asked(link: &LinkRow, ask: &ListAsk, decision: Decision) -> Asked {
    Asked {
        operation: Operation::List,
        tenant: link.tenant.clone(),
        key: ask.project.as_ref().map_or_else(|| "tenant".to_owned(), |project| format!("project:{project}")),
        decision,
        body: json!({ "project": ask.project }),
    }
}

/// What an import leaves in the book of the arm that answered it.
pub fn import_record(link: &LinkRow, view: &ImportView) -> Record {
    let of = (link.project.0.as_str(), link.repo_lname.as_str());
    imported(of, &view.commit_sha, &view.tree_sha, (view.bytes, view.files), &view.digest)
}

fn imported(
    (project, repository): (&str, &str),
    commit: &str,
    tree: &str,
    (bytes, files): (u64, u64),
    content: &str,
) -> Record {
    Record {
        key: format!("{project}:{repository}@{commit}"),
        digest: digest(&json!([commit, tree, bytes, files, content])),
        body: json!({ "project": project, "repository": repository, "commit": commit, "tree": tree }),
    }
}

fn digest(of: &serde_json::Value) -> String {
    hex(&Sha256::digest(of.to_string().as_bytes()))
}

/// What may go well by itself is tried again; the rest is a person's.
fn failed(error: ImportError) -> SecondError {
    let why = error.to_string();
    match error {
        ImportError::RateLimited { retry_after } => SecondError::Transient { why, wait: Some(retry_after) },
        ImportError::Unavailable(_)
        | ImportError::TimedOut(_)
        | ImportError::Busy
        | ImportError::Internal(_) => SecondError::Transient { why, wait: None },
        ImportError::BadRequest(_)
        | ImportError::Unknown(_)
        | ImportError::Ambiguous(_)
        | ImportError::NoCredential { .. }
        | ImportError::NotFound(_)
        | ImportError::NoAccess(_)
        | ImportError::TooLarge(_) => SecondError::Permanent(why),
    }
}
