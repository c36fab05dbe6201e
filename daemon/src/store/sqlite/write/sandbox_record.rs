//! Operations on imported records of sandboxes, and on the books that they are moved into.

use cutover_shared::rollout::Side;
use serde::Serialize;
use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{ArmRecord, BookChange, SandboxOp};

const RECORD: &str = "the record of a sandbox";
const BOOK: &str = "a record of an arm's book";

pub(super) async fn op(connection: &mut SqliteConnection, op: &SandboxOp) -> Done {
    match op {
        SandboxOp::Put { rows: records } => {
            query(
                "INSERT INTO sandbox_records (tenant_id, id, project_id, repo_full_name, branch, commit_sha, tree_sha, state,
                                              created_at, updated_at, fingerprint)
                 SELECT value->>'$.tenant', value->>'$.id', value->>'$.project', value->>'$.repo_full_name',
                        value->>'$.branch', value->>'$.commit_sha', value->>'$.tree_sha', value->>'$.state',
                        value->>'$.created_at', value->>'$.updated_at', value->>'$.fingerprint'
                   FROM json_each($1) WHERE true
                 ON CONFLICT (tenant_id, id) DO UPDATE SET project_id = excluded.project_id,
                        repo_full_name = excluded.repo_full_name, branch = excluded.branch,
                        commit_sha = excluded.commit_sha, tree_sha = excluded.tree_sha, state = excluded.state,
                        created_at = excluded.created_at, updated_at = excluded.updated_at,
                        fingerprint = excluded.fingerprint",
            )
            .bind(rows(records)?)
            .execute(connection)
            .await
            .map_err(failed(RECORD))?;
            Ok(())
        }
        SandboxOp::Expect { rows: expected } => {
            let met: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM json_each($1) AS want CROSS JOIN sandbox_records AS r
                     ON r.tenant_id = want.value->>0 AND r.id = want.value->>1
                  WHERE r.fingerprint = want.value->>2",
            )
            .bind(rows(expected)?)
            .fetch_one(connection)
            .await
            .map_err(failed(RECORD))?;
            expect_rows(RECORD, expected.len(), u64::try_from(met).unwrap_or(0))
        }
        SandboxOp::Book { side, changes } => book(connection, *side, changes).await,
    }
}

/// A change as SQL takes it.
#[derive(Serialize)]
struct Wanted<'a> {
    rollout: &'static str,
    operation: &'static str,
    tenant: &'a str,
    key: &'a str,
    held: Option<Content<'a>>,
    to: Option<Content<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    digest: &'a str,
    answered: i64,
    body: &'a str,
    at: i64,
}

impl<'a> Content<'a> {
    fn of(record: &'a ArmRecord) -> Self {
        let answered = i64::from(record.answered);
        Self { digest: &record.digest, answered, body: &record.body, at: record.at }
    }
}

async fn book(connection: &mut SqliteConnection, side: Side, changes: &[BookChange]) -> Done {
    let wanted: Vec<_> = changes
        .iter()
        .map(|change| Wanted {
            rollout: change.of.operation.rollout().word(),
            operation: change.of.operation.word(),
            tenant: &change.of.tenant.0,
            key: &change.of.key,
            held: change.held.as_ref().map(Content::of),
            to: change.to.as_ref().map(Content::of),
        })
        .collect();
    let wanted = rows(&wanted)?;
    let met: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM json_each($1) AS want LEFT JOIN arm_records AS a
             ON a.rollout = want.value->>'$.rollout' AND a.side = $2 AND a.operation = want.value->>'$.operation'
            AND a.tenant = want.value->>'$.tenant' AND a.key = want.value->>'$.key'
          WHERE a.digest IS want.value->>'$.held.digest' AND a.answered IS want.value->>'$.held.answered'
            AND a.body IS want.value->>'$.held.body' AND a.at IS want.value->>'$.held.at'",
    )
    .bind(&wanted)
    .bind(side.word())
    .fetch_one(&mut *connection)
    .await
    .map_err(failed(BOOK))?;
    expect_rows(BOOK, changes.len(), u64::try_from(met).unwrap_or(0))?;
    query(
        "DELETE FROM arm_records WHERE side = $2 AND (rollout, operation, tenant, key) IN
            (SELECT value->>'$.rollout', value->>'$.operation', value->>'$.tenant', value->>'$.key'
               FROM json_each($1) WHERE value->>'$.to' IS NULL)",
    )
    .bind(&wanted)
    .bind(side.word())
    .execute(&mut *connection)
    .await
    .map_err(failed(BOOK))?;
    query(
        "INSERT INTO arm_records (rollout, side, operation, tenant, key, digest, answered, body, at, owed)
         SELECT value->>'$.rollout', $2, value->>'$.operation', value->>'$.tenant', value->>'$.key',
                value->>'$.to.digest', value->>'$.to.answered', value->>'$.to.body', value->>'$.to.at', 0
           FROM json_each($1) WHERE value->>'$.to' IS NOT NULL
         ON CONFLICT DO UPDATE SET digest = excluded.digest, answered = excluded.answered,
            body = excluded.body, at = excluded.at, owed = 0",
    )
    .bind(&wanted)
    .bind(side.word())
    .execute(connection)
    .await
    .map_err(failed(BOOK))?;
    Ok(())
}
