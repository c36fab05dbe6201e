//! A file of sandboxes' records: read as a catalog file is, with columns of its own.

use std::collections::HashMap;
use std::io::BufRead;

use cutover_shared::catalog::CatalogFormat;
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::sandbox_record::SandboxRecord;

use super::column::{Column, Columns};
use super::row::{Row, Rows};
use super::{PROJECT_ID, ParseError, REPO_FULL_NAME, TENANT_ID, rule};

const SANDBOX_ID: Column = Column::number("sandboxId");
const COMMIT_SHA: Column = Column::text("commitSha");
const UPDATED_AT: Column = Column::number("updatedAt");
const BRANCH: Column = Column::text("branch");
const TREE_SHA: Column = Column::text("treeSha");
const STATE: Column = Column::text("state");
const CREATED_AT: Column = Column::number("createdAt");

static COLUMNS: Columns = Columns {
    all: &[
        SANDBOX_ID,
        TENANT_ID,
        PROJECT_ID,
        REPO_FULL_NAME,
        COMMIT_SHA,
        UPDATED_AT,
        BRANCH,
        TREE_SHA,
        STATE,
        CREATED_AT,
    ],
    needed: 6,
    no_token: "holds a token: records of sandboxes have none, take it out",
};

/// Reads `input` row by row; memory grows only by what finds repeated rows.
pub fn sandboxes<R: BufRead>(format: CatalogFormat, input: R) -> Sandboxes<R> {
    Sandboxes { rows: Rows::new(format, input, &COLUMNS), first: HashMap::new() }
}

/// The records of a file.
pub struct Sandboxes<R> {
    rows: Rows<R>,
    /// The line on which a sandbox is seen first.
    first: HashMap<(TenantId, String), u64>,
}

impl<R: BufRead> Iterator for Sandboxes<R> {
    type Item = Result<SandboxRecord, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.and_then(|row| self.record(row)))
    }
}

impl<R: BufRead> Sandboxes<R> {
    /// Checks a row and remembers it, so that a later one is compared with it.
    fn record(&mut self, mut row: Row) -> Result<SandboxRecord, ParseError> {
        let id = row.needed(SANDBOX_ID, rule::id);
        let tenant = row.needed(TENANT_ID, rule::id).map(TenantId);
        let project = row.needed(PROJECT_ID, rule::id).map(ProjectId);
        let name = row.needed(REPO_FULL_NAME, rule::repo_full_name);
        let commit = row.needed(COMMIT_SHA, rule::sha);
        let updated_at = row.needed(UPDATED_AT, rule::time);
        let branch = row.optional(BRANCH, rule::id);
        let tree_sha = row.optional(TREE_SHA, rule::sha);
        let state = row.optional(STATE, rule::id);
        let created_at = row.optional(CREATED_AT, rule::time);
        let key = tenant.clone().zip(id.clone());
        if let Some(line) = key.as_ref().and_then(|key| self.first.get(key)).copied() {
            row.wrong(
                SANDBOX_ID,
                format!("line {line} has this sandbox of this tenant already: leave one out"),
            );
        }
        let (
            Some((tenant, id)),
            Some(project),
            Some(repo_full_name),
            Some(commit_sha),
            Some(updated_at),
            true,
        ) = (key, project, name, commit, updated_at, row.bad.is_empty())
        else {
            return Err(ParseError::Row(row.bad));
        };
        self.first.insert((tenant.clone(), id.clone()), row.line);
        Ok(SandboxRecord {
            tenant,
            id,
            project,
            repo_full_name,
            branch,
            commit_sha,
            tree_sha,
            state,
            created_at,
            updated_at,
        })
    }
}

#[cfg(test)]
mod tests;
