use async_trait::async_trait;
use sqlx::sqlite::{SqliteExecutor, SqliteRow};
use sqlx::{Row as _, query};

use super::{Read, corrupt};
use crate::store::lock_rule::{Arbiters, Holding, Standing};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{LockRead, ReadError};

const DOING: &str = "reading locks";

#[async_trait]
impl LockRead for Sqlite {
    async fn lock(&self, name: &str) -> Read<Standing> {
        standing(&self.readers, name).await
    }

    async fn locks_out(&self, limit: u32) -> Read<Vec<(String, Standing)>> {
        let rows = query("SELECT * FROM locks WHERE holder IS NOT NULL ORDER BY name LIMIT $1")
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(unavailable(DOING))?;
        rows.iter().map(|row| Ok((row.try_get("name").map_err(broken)?, of(row)?))).collect()
    }
}

/// One row, also for whoever is about to write it.
pub(in crate::store::sqlite) async fn standing(
    executor: impl SqliteExecutor<'_>,
    name: &str,
) -> Read<Standing> {
    let row = query("SELECT * FROM locks WHERE name = $1")
        .bind(name)
        .fetch_optional(executor)
        .await
        .map_err(unavailable(DOING))?;
    row.as_ref().map_or_else(|| Ok(Standing::default()), of)
}

fn broken(error: sqlx::Error) -> ReadError {
    corrupt("lock", error)
}

fn of(row: &SqliteRow) -> Read<Standing> {
    let fence: i64 = row.try_get("fence").map_err(broken)?;
    let holder: Option<String> = row.try_get("holder").map_err(broken)?;
    let held = match holder {
        None => None,
        Some(holder) => {
            let agreed: String = row.try_get("agreed").map_err(broken)?;
            let by = Arbiters::from_word(&agreed).ok_or_else(|| corrupt("lock", &agreed))?;
            Some(Holding { holder, until: row.try_get("until").map_err(broken)?, by })
        }
    };
    Ok(Standing { fence: u64::try_from(fence).map_err(|error| corrupt("lock", error))?, held })
}
