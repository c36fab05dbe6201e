//! The catalog: tenants, their projects and the repositories that those were imported from (B1).

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, LinkKey, ProjectId, RepoId, TenantId};
use crate::mapping::{Mapping, MappingCounts};
use crate::page::{Page, PageAsk};
use crate::sandbox_record::RecordsReceipt;
use crate::window::{Window, WindowAsk};

/// One repository of one project, as the application knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub key: LinkKey,
    pub project: ProjectId,
    pub tenant: TenantId,
    /// `owner/name` as it was at import, in the letters of the source.
    pub repo_full_name: String,
    pub repo_id: Option<RepoId>,
    pub owner_id: Option<AccountId>,
    pub owner_login: Option<String>,
    /// Keyed fingerprint of the stored user token; the token itself never leaves the daemon.
    pub token: Option<String>,
    pub imported_commit_sha: Option<String>,
    pub imported_tree_sha: Option<String>,
    /// Milliseconds since the epoch, UTC.
    pub imported_at: Option<i64>,
    pub import_method: Option<String>,
}

/// A repository of a project and how it is mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkView {
    pub link: Link,
    /// None until a plan was applied to it.
    pub mapping: Option<Mapping>,
}

/// A tenant with the progress of its projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantView {
    pub id: TenantId,
    pub projects: u64,
    pub repositories: u64,
    /// On the canary list.
    pub canary: bool,
    pub counts: MappingCounts,
}

/// A project with its repositories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectView {
    pub id: ProjectId,
    pub tenant: TenantId,
    pub links: Vec<LinkView>,
}

/// The format of an uploaded catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogFormat {
    Csv,
    JsonLines,
}

/// What an uploaded file tells of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// Projects and their repositories.
    #[default]
    Links,
    /// [`crate::sandbox_record::SandboxRecord`]s.
    SandboxRecords,
}

impl Contents {
    fn is_links(&self) -> bool {
        *self == Self::Links
    }
}

/// A row that can't be taken: where, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Line in the file, from 1.
    pub line: u64,
    /// Name of the column or field; empty when the row as a whole is broken.
    pub column: String,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReceipt {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Left out because of `--skip-bad`; at most 1,000 of them are listed.
    pub skipped: Vec<BadRow>,
    /// How many rows were left out.
    pub skipped_count: u64,
    /// Tenants, projects and repositories in the catalog afterwards.
    pub tenants: u64,
    pub projects: u64,
    pub repositories: u64,
    /// The catalog's revision afterwards; it rises when anything changed.
    pub revision: i64,
}

/// The language of `catalog ddl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DdlFormat {
    Sql,
    Prisma,
}

/// The migration for the application's database, named `add_github_installation_refs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ddl {
    pub name: String,
    pub up: String,
    pub down: String,
}

/// Questions about the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogQuery {
    Links {
        tenant: Option<TenantId>,
        page: PageAsk,
    },
    Tenants {
        page: PageAsk,
    },
    Tenant {
        id: TenantId,
    },
    Projects {
        tenant: Option<TenantId>,
        page: PageAsk,
    },
    Project {
        id: ProjectId,
    },
    Ddl {
        format: DdlFormat,
    },
    /// Repositories with their mapping, filtered and sorted ([`crate::filter::LINKS`]).
    LinkWindow {
        ask: WindowAsk,
    },
    /// Tenants, filtered and sorted ([`crate::filter::TENANTS`]).
    TenantWindow {
        ask: WindowAsk,
    },
}

/// Answers about the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogAnswer {
    Links(Page<LinkView>),
    Tenants(Page<TenantView>),
    Tenant(TenantView),
    Projects(Page<ProjectView>),
    Project(ProjectView),
    Ddl(Ddl),
    LinkWindow(Window<LinkView>),
    TenantWindow(Window<TenantView>),
}

/// An upload in parts, because a catalog is larger than a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogAct {
    /// Opens an upload; the answer names it.
    Begin {
        format: CatalogFormat,
        #[serde(default, skip_serializing_if = "Contents::is_links")]
        of: Contents,
    },
    /// Adds bytes at the end. `part` counts from 0, so that a repeated part is not taken twice.
    Chunk { upload: String, part: u64, text: String },
    /// Checks the whole and takes it, or refuses it with every bad row.
    Commit { upload: String, skip_bad: bool },
}

/// What an act on the catalog answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogReceipt {
    Opened {
        upload: String,
    },
    Taken {
        parts: u64,
    },
    Imported(Box<ImportReceipt>),
    /// The upload was of sandboxes' records.
    Recorded(Box<RecordsReceipt>),
    /// Nothing was taken; at most 1,000 of the bad rows are listed.
    Refused {
        bad: Vec<BadRow>,
        bad_count: u64,
    },
}
