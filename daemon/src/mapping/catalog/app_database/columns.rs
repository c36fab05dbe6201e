//! The two columns that we write: what they hold, and compare-and-set.

use std::collections::HashMap;

use cutover_shared::ids::ProjectId;
use sqlx::postgres::PgRow;
use sqlx::{Row as _, query};

use super::error::{Meaning, meaning};
use super::layout::Layout;
use super::{AppDatabase, AppDatabaseError, Held};

/// Tries of a write that the application's own transactions were in the way of, and of one that found its row changed
/// and back again.
const TRIES: usize = 3;

/// Projects that are asked for at once.
const AT_ONCE: usize = 1_000;

/// How a compare-and-set went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareAndSet {
    /// Both columns hold what they should, now or already.
    Done,
    /// It holds something else; nothing was written.
    Holds(Held),
    /// The project is not there.
    Missing,
}

impl AppDatabase {
    /// What the two columns of these projects hold. A project that is not there is left out.
    pub async fn held(&self, projects: &[ProjectId]) -> Result<HashMap<ProjectId, Held>, AppDatabaseError> {
        let layout = self.layout().await?;
        let ids: Vec<&str> = projects.iter().map(ProjectId::as_str).filter(|id| layout.id.fits(id)).collect();
        let mut held = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(AT_ONCE) {
            let question = query(layout.held.safe()).bind(ids).fetch_all(&self.0.pool);
            for row in self.answer(READING, question).await? {
                let (project, columns) = columns(&row).map_err(|error| self.failure(READING, &error))?;
                held.insert(project, columns);
            }
        }
        Ok(held)
    }

    /// Sets both columns where they hold `expected`, in one statement. What holds `to` already is left alone and done,
    /// so that the same call twice is no error.
    ///
    /// # Errors
    /// After `Unavailable` nobody knows whether it was written; after any other error it was not.
    pub async fn compare_and_set(
        &self,
        project: &ProjectId,
        expected: &Held,
        to: &Held,
    ) -> Result<CompareAndSet, AppDatabaseError> {
        let layout = self.layout().await?;
        if !layout.id.fits(project.as_str()) {
            return Ok(CompareAndSet::Missing);
        }
        let mut found = CompareAndSet::Missing;
        for _ in 0..TRIES {
            // To write what is there would still wake the application's triggers.
            if expected != to && self.set(&layout, project, expected, to).await? {
                return Ok(CompareAndSet::Done);
            }
            found = match self.held(std::slice::from_ref(project)).await?.remove(project) {
                None => return Ok(CompareAndSet::Missing),
                Some(held) if held == *to => return Ok(CompareAndSet::Done),
                Some(held) if held == *expected => CompareAndSet::Holds(held),
                Some(held) => return Ok(CompareAndSet::Holds(held)),
            };
        }
        Ok(found)
    }

    async fn set(
        &self,
        layout: &Layout,
        project: &ProjectId,
        expected: &Held,
        to: &Held,
    ) -> Result<bool, AppDatabaseError> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let question = query(layout.set.safe())
                .bind(project.as_str())
                .bind(to.installation)
                .bind(to.status.as_deref())
                .bind(expected.installation)
                .bind(expected.status.as_deref())
                .execute(&self.0.pool);
            let tried = async {
                Ok(match question.await {
                    Err(error) if tries > 0 && meaning(&error) == Meaning::InTheWay => None,
                    other => Some(other?.rows_affected()),
                })
            };
            if let Some(rows) = self.answer(WRITING, tried).await? {
                return Ok(rows > 0);
            }
        }
    }
}

const READING: &str = "reading its two columns";
const WRITING: &str = "writing its two columns";

fn columns(row: &PgRow) -> Result<(ProjectId, Held), sqlx::Error> {
    Ok((ProjectId(row.try_get(0)?), Held { installation: row.try_get(1)?, status: row.try_get(2)? }))
}
