//! Reads repositories of projects in pages, by key: no transaction outlives a page.

use cutover_shared::ids::ProjectId;
use secrecy::SecretString;
use sqlx::postgres::PgRow;
use sqlx::{Row as _, query};

use super::{AppDatabase, AppDatabaseError, Held};

/// One repository of one project as the application's tables have it, unchecked. Texts are cut far beyond what any
/// rule takes, so that a row costs little memory.
#[derive(Debug)]
pub struct AppRow {
    pub project: ProjectId,
    pub tenant: Option<String>,
    pub repo_full_name: String,
    pub held: Held,
    pub repo_id: Option<String>,
    pub owner_id: Option<String>,
    pub owner_login: Option<String>,
    pub imported_commit_sha: Option<String>,
    pub imported_tree_sha: Option<String>,
    /// Milliseconds since the epoch where the column is a time, else its text.
    pub imported_at: Option<String>,
    pub import_method: Option<String>,
    /// The user's token.
    pub token: Option<SecretString>,
}

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAfter {
    project: String,
    repo_full_name: String,
}

impl AppRow {
    /// The place after this row.
    pub fn after(&self) -> PageAfter {
        PageAfter { project: self.project.0.clone(), repo_full_name: self.repo_full_name.clone() }
    }
}

impl AppDatabase {
    /// Up to `limit` repositories in the order of the project's id and the repository's name, after `after`. Projects
    /// without a repository are left out. A page shorter than `limit` is the last.
    pub async fn page(&self, after: Option<&PageAfter>, limit: u32) -> Result<Vec<AppRow>, AppDatabaseError> {
        let doing = "reading its projects";
        let layout = self.layout().await?;
        let limit = i64::from(limit);
        let rows = match after {
            None => {
                let question = query(layout.first_page.safe()).bind(limit).fetch_all(&self.0.pool);
                self.answer(doing, question).await?
            }
            Some(PageAfter { project, repo_full_name }) => {
                let question = query(layout.next_page.safe())
                    .bind(project)
                    .bind(repo_full_name)
                    .bind(limit)
                    .fetch_all(&self.0.pool);
                self.answer(doing, question).await?
            }
        };
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| self.failure(doing, &error))
    }
}

fn row(row: &PgRow) -> Result<AppRow, sqlx::Error> {
    let text = |at: usize| row.try_get::<Option<String>, _>(at);
    Ok(AppRow {
        project: ProjectId(row.try_get(0)?),
        tenant: text(1)?,
        repo_full_name: row.try_get(2)?,
        held: Held { installation: row.try_get(3)?, status: text(4)? },
        repo_id: text(5)?,
        owner_id: text(6)?,
        owner_login: text(7)?,
        imported_commit_sha: text(8)?,
        imported_tree_sha: text(9)?,
        imported_at: text(10)?,
        import_method: text(11)?,
        token: text(12)?.map(SecretString::from),
    })
}
