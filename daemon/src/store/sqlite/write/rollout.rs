//! Operations on rollouts.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed};
use crate::store::{NewChange, RolloutOp, WriteError};

const WHAT: &str = "the rollout";

pub(super) async fn op(connection: &mut SqliteConnection, op: &RolloutOp) -> Done {
    match op {
        RolloutOp::Put { name, after, body, change } => {
            put(connection, name.word(), *after, body, change).await
        }
        RolloutOp::List { digest, tenants } => {
            query("INSERT INTO rollout_lists (digest, tenants) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(digest)
                .bind(tenants)
                .execute(connection)
                .await
                .map_err(failed("the list of tenants"))?;
            Ok(())
        }
        RolloutOp::Record { name, kind, at, body } => {
            query(
                "INSERT INTO rollout_records (name, kind, at, body) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (name, kind) DO UPDATE SET at = excluded.at, body = excluded.body",
            )
            .bind(name.word())
            .bind(kind.word())
            .bind(at)
            .bind(body)
            .execute(connection)
            .await
            .map_err(failed("the rollout's record"))?;
            Ok(())
        }
        RolloutOp::Forget { name, kind } => {
            query("DELETE FROM rollout_records WHERE name = $1 AND kind = $2")
                .bind(name.word())
                .bind(kind.word())
                .execute(connection)
                .await
                .map_err(failed("the rollout's record"))?;
            Ok(())
        }
        RolloutOp::Declare(incident) => {
            query(
                "INSERT INTO incidents (id, opened_at, opened_by, rollout, text) VALUES ($1, $2, $3, $4, $5)",
            )
            .bind(&incident.id)
            .bind(incident.opened_at)
            .bind(&incident.opened_by)
            .bind(incident.rollout.map_or("", |name| name.word()))
            .bind(&incident.text)
            .execute(connection)
            .await
            .map_err(failed("the incident"))?;
            Ok(())
        }
        RolloutOp::Close { id, at, by } => {
            expect_rows("the open incident", 1, end(connection, id, *at, by).await?)
        }
        RolloutOp::End { id, at, by } => end(connection, id, *at, by).await.map(|_| ()),
        RolloutOp::Worth { name, at, watch } => {
            query(
                "INSERT INTO worth (rollout, at, watch) VALUES ($1, $2, $3)
                 ON CONFLICT (rollout) DO UPDATE SET at = excluded.at, watch = excluded.watch",
            )
            .bind(name.word())
            .bind(at)
            .bind(watch)
            .execute(connection)
            .await
            .map_err(failed("whether to migrate"))?;
            Ok(())
        }
    }
}

/// How many were open.
async fn end(connection: &mut SqliteConnection, id: &str, at: i64, by: &str) -> Result<u64, WriteError> {
    let ended =
        query("UPDATE incidents SET closed_at = $2, closed_by = $3 WHERE id = $1 AND closed_at IS NULL")
            .bind(id)
            .bind(at)
            .bind(by)
            .execute(connection)
            .await
            .map_err(failed("the incident"))?;
    Ok(ended.rows_affected())
}

async fn put(
    connection: &mut SqliteConnection,
    name: &str,
    after: u64,
    body: &str,
    change: &NewChange,
) -> Done {
    let number = |n: u64| i64::try_from(n).map_err(|_| WriteError::Unavailable("a version too great".into()));
    let (before, version) = (number(after)?, number(after.saturating_add(1))?);
    let put = if after == 0 {
        query("INSERT INTO rollouts (name, version, body) VALUES ($1, $2, $3)")
            .bind(name)
            .bind(version)
            .bind(body)
            .execute(&mut *connection)
            .await
    } else {
        query("UPDATE rollouts SET version = $2, body = $3 WHERE name = $1 AND version = $4")
            .bind(name)
            .bind(version)
            .bind(body)
            .bind(before)
            .execute(&mut *connection)
            .await
    };
    expect_rows(WHAT, 1, put.map_err(failed(WHAT))?.rows_affected())?;
    query(
        "INSERT INTO rollout_changes (name, version, at, by, act, from_stage, to_stage, reason, detail, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(name)
    .bind(version)
    .bind(change.at)
    .bind(&change.by)
    .bind(change.act)
    .bind(change.from.to_string())
    .bind(change.to.to_string())
    .bind(&change.reason)
    .bind(change.detail.to_string())
    .bind(body)
    .execute(connection)
    .await
    .map_err(failed("the rollout's change"))?;
    Ok(())
}
