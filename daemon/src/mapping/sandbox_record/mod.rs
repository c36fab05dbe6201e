//! Existing sandboxes' records (C9): what the application kept of its sandboxes is imported, and a run moves it into the target's
//! book. `rule` says what becomes of each record; the planner reads, the kind writes and takes back.

pub mod kind;
pub mod planner;
pub mod rule;
pub mod view;

use cutover_shared::ids::{LinkKey, TenantId};
use cutover_shared::rollout::{Operation, Side};
use cutover_shared::sandbox_record::SandboxRecord;
use std::collections::{HashMap, HashSet};

use crate::store::{ArmRecord, Db, ReadError, RecordKey, SandboxRow};

/// The record of a row.
pub(crate) fn record_of(row: SandboxRow) -> SandboxRecord {
    SandboxRecord {
        tenant: row.tenant,
        id: row.id,
        project: row.project,
        repo_full_name: row.repo_full_name,
        branch: row.branch,
        commit_sha: row.commit_sha,
        tree_sha: row.tree_sha,
        state: row.state,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// The row of a record.
pub(crate) fn row_of(record: SandboxRecord) -> SandboxRow {
    SandboxRow {
        fingerprint: rule::source_print(&record),
        tenant: record.tenant,
        id: record.id,
        project: record.project,
        repo_full_name: record.repo_full_name,
        branch: record.branch,
        commit_sha: record.commit_sha,
        tree_sha: record.tree_sha,
        state: record.state,
        created_at: record.created_at,
        updated_at: record.updated_at,
    }
}

/// Where both books have a sandbox: as the clone that it was made by.
fn place(record: &SandboxRecord) -> RecordKey {
    let (project, reference) = (record.project.as_str(), rule::reference(record));
    let key = rule::clone_key(project, &record.repo_full_name, reference, &record.commit_sha);
    RecordKey { operation: Operation::Clone, tenant: record.tenant.clone(), key }
}

/// What both books and the catalog hold about some records.
#[derive(Default)]
struct World {
    books: HashMap<(Side, RecordKey), ArmRecord>,
    /// Repositories of projects, with their tenants.
    links: HashSet<(LinkKey, TenantId)>,
}

impl World {
    async fn of(db: &Db, records: impl Iterator<Item = &SandboxRecord> + Clone) -> Result<Self, ReadError> {
        let mut places: Vec<RecordKey> = records.clone().map(place).collect();
        places.sort_unstable();
        places.dedup();
        let mut links: Vec<LinkKey> = records.map(link).collect();
        links.sort_unstable();
        links.dedup();
        let (books, links) = (db.book_records(&places).await?, db.links_by_key(&links).await?);
        Ok(Self {
            books: books.into_iter().map(|record| ((record.side, record.of.clone()), record)).collect(),
            links: links.into_iter().map(|row| (row.key, row.tenant)).collect(),
        })
    }

    fn book(&self, side: Side, of: &RecordKey) -> Option<&ArmRecord> {
        self.books.get(&(side, of.clone()))
    }

    /// The catalog has the record's repository, as its project's and its tenant's.
    fn knows(&self, record: &SandboxRecord) -> bool {
        self.links.contains(&(link(record), record.tenant.clone()))
    }
}

fn link(record: &SandboxRecord) -> LinkKey {
    LinkKey::new(&record.project, &record.repo_full_name)
}

#[cfg(test)]
mod tests;
