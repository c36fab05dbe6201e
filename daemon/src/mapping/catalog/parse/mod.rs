//! A catalog file into links: every mistake named by line and column, none of a file's values repeated in an error,
//! because a shifted column may hold a token.

use std::collections::HashMap;
use std::io::BufRead;

use cutover_shared::catalog::{BadRow, CatalogFormat, Link};
use cutover_shared::ids::{AccountId, LinkKey, ProjectId, RepoId, TenantId};
use secrecy::SecretString;

mod column;
mod row;
mod rule;
pub mod sandbox;
#[cfg(test)]
mod tests;

use self::column::{Column, Columns};
use self::row::{Row, Rows};

const PROJECT_ID: Column = Column::number("projectId");
const TENANT_ID: Column = Column::number("tenantId");
const REPO_FULL_NAME: Column = Column::text("repoFullName");
const REPO_ID: Column = Column::number("repoId");
const OWNER_ID: Column = Column::number("ownerId");
const OWNER_LOGIN: Column = Column::text("ownerLogin");
const GITHUB_ACCESS_TOKEN: Column = Column::token("githubAccessToken");
const IMPORTED_COMMIT_SHA: Column = Column::text("importedCommitSha");
const IMPORTED_TREE_SHA: Column = Column::text("importedTreeSha");
const IMPORTED_AT: Column = Column::number("importedAt");
const IMPORT_METHOD: Column = Column::text("importMethod");

static COLUMNS: Columns = Columns {
    all: &[
        PROJECT_ID,
        TENANT_ID,
        REPO_FULL_NAME,
        REPO_ID,
        OWNER_ID,
        OWNER_LOGIN,
        GITHUB_ACCESS_TOKEN,
        IMPORTED_COMMIT_SHA,
        IMPORTED_TREE_SHA,
        IMPORTED_AT,
        IMPORT_METHOD,
    ],
    needed: 3,
    no_token: "holds a token: put it into githubAccessToken, where it is sealed",
};

/// One good row.
#[derive(Clone, Debug)]
pub struct ParsedLink {
    /// Line in the file, from 1; where the record begins.
    pub line: u64,
    /// The link; its `token` is None, because the fingerprint needs a key.
    pub link: Link,
    /// The user token of the row.
    pub token: Option<SecretString>,
}

/// What can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// One row, with all its mistakes. It may be left out.
    Row(Vec<BadRow>),
    /// The file as a whole; nothing comes after it, and leaving out rows does not mend it.
    File(Vec<BadRow>),
}

impl ParseError {
    /// The mistakes.
    pub fn bad(&self) -> &[BadRow] {
        match self {
            Self::Row(bad) | Self::File(bad) => bad,
        }
    }
}

/// Reads `input` row by row; memory grows only by what finds repeated rows.
pub fn parse<R: BufRead>(format: CatalogFormat, input: R) -> Parsed<R> {
    Parsed { rows: Rows::new(format, input, &COLUMNS), first: HashMap::new(), tenants: HashMap::new() }
}

/// The rows of a catalog file.
pub struct Parsed<R> {
    rows: Rows<R>,
    /// The line on which a link is seen first.
    first: HashMap<LinkKey, u64>,
    tenants: HashMap<ProjectId, (TenantId, u64)>,
}

impl<R: BufRead> Iterator for Parsed<R> {
    type Item = Result<ParsedLink, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.rows.next()?.and_then(|row| self.link(row)))
    }
}

impl<R: BufRead> Parsed<R> {
    /// Checks a row and remembers it, so that a later one is compared with it.
    fn link(&mut self, mut row: Row) -> Result<ParsedLink, ParseError> {
        let project = row.needed(PROJECT_ID, rule::id).map(ProjectId);
        let tenant = row.needed(TENANT_ID, rule::id).map(TenantId);
        let name = row.needed(REPO_FULL_NAME, rule::repo_full_name);
        let repo_id = row.optional(REPO_ID, rule::number);
        let owner_id = row.optional(OWNER_ID, rule::number);
        let owner_login = row.optional(OWNER_LOGIN, rule::login);
        let token = row.optional(GITHUB_ACCESS_TOKEN, rule::token);
        let commit = row.optional(IMPORTED_COMMIT_SHA, rule::sha);
        let tree = row.optional(IMPORTED_TREE_SHA, rule::sha);
        let imported_at = row.optional(IMPORTED_AT, rule::time);
        let import_method = row.optional(IMPORT_METHOD, rule::id);
        if let (Some(project), Some(tenant)) = (&project, &tenant)
            && let Some((other, line)) = self.tenants.get(project)
            && other != tenant
        {
            let line = *line;
            row.wrong(TENANT_ID, format!("line {line} has another tenant for this project: give it one"));
        }
        let key = project.as_ref().zip(name.as_ref()).map(|(project, name)| LinkKey::new(project, name));
        if let Some(line) = key.as_ref().and_then(|key| self.first.get(key)).copied() {
            row.wrong(
                REPO_FULL_NAME,
                format!("line {line} has this repository of this project already: leave one out"),
            );
        }
        let (Some(project), Some(tenant), Some(repo_full_name), Some(key), true) =
            (project, tenant, name, key, row.bad.is_empty())
        else {
            return Err(ParseError::Row(row.bad));
        };
        self.first.insert(key.clone(), row.line);
        self.tenants.entry(project.clone()).or_insert_with(|| (tenant.clone(), row.line));
        let link = Link {
            key,
            project,
            tenant,
            repo_full_name,
            repo_id: repo_id.map(RepoId),
            owner_id: owner_id.map(AccountId),
            owner_login,
            token: None,
            imported_commit_sha: commit,
            imported_tree_sha: tree,
            imported_at,
            import_method,
        };
        Ok(ParsedLink { line: row.line, link, token: token.map(SecretString::from) })
    }
}
