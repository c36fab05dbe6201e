//! The application's catalog of projects, as `cutover catalog import` reads it, with the truth about each row.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// One project's link to one repository. A project with several repositories has several rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CatalogRow {
    /// The application's id of the project.
    pub project_id: String,
    /// The application's id of the tenant.
    pub tenant_id: String,
    /// `owner/name` as it was when it was imported.
    pub repo_full_name: String,
    /// Numeric id, if it was stored.
    pub repo_id: Option<i64>,
    /// Owner's numeric id, if it was stored.
    pub owner_id: Option<i64>,
    /// Owner's login, if it was stored.
    pub owner_login: Option<String>,
    /// A made-up OAuth token, living or dead.
    pub github_access_token: Option<String>,
    /// Commit that was imported, 40 hexadecimal digits.
    pub imported_commit_sha: Option<String>,
    /// Its root tree.
    pub imported_tree_sha: Option<String>,
    /// RFC 3339, UTC.
    pub imported_at: Option<String>,
    /// How it was imported.
    pub import_method: Option<String>,
}

/// Where a project's mapping stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It has its installation (by rung 5: once its plan has been reviewed).
    Mapped,
    /// Somebody has to do something first.
    Pending,
    /// There is no way.
    Unmappable,
}

/// What a right verdict on a row says. Known from how the row was made, not from any matching rule's code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Truth {
    /// The first rung of the ladder that applies, 1 to 11.
    pub rung: u8,
    /// The verdict.
    pub status: Status,
    /// The installation it is mapped to; `None` unless mapped.
    pub installation_id: Option<i64>,
    /// The repository that the row means; `None` if that exists no more.
    pub repo_id: Option<i64>,
}

/// Rows with their truths: `truths[i]` is about `rows[i]`, which was made as `cases[i]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// As the application would export them.
    pub rows: Vec<CatalogRow>,
    /// The oracle.
    pub truths: Vec<Truth>,
    /// How each row was made.
    pub cases: Vec<super::Case>,
}

impl Catalog {
    /// CSV with a header line.
    pub fn write_csv(&self, out: impl Write) -> Result<(), csv::Error> {
        // The header is written apart, so that an empty catalog has one too.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        writer.write_record(COLUMNS)?;
        for row in &self.rows {
            writer.serialize(row)?;
        }
        writer.flush()?;
        Ok(())
    }

    /// One JSON object a line; absent values are left out.
    pub fn write_jsonl(&self, mut out: impl Write) -> std::io::Result<()> {
        for row in &self.rows {
            let mut line = serde_json::to_value(row)?;
            if let Some(fields) = line.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// [`Catalog::write_csv`] into a string.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let mut out = Vec::new();
        self.write_csv(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// [`Catalog::write_jsonl`] into a string.
    pub fn jsonl(&self) -> std::io::Result<String> {
        let mut out = Vec::new();
        self.write_jsonl(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

const COLUMNS: [&str; 11] = [
    "projectId",
    "tenantId",
    "repoFullName",
    "repoId",
    "ownerId",
    "ownerLogin",
    "githubAccessToken",
    "importedCommitSha",
    "importedTreeSha",
    "importedAt",
    "importMethod",
];
