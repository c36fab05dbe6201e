//! Operations on mappings and stored probe answers.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, expect_rows, failed, rows};
use crate::store::{MappingOp, ProbeOp};

pub(super) async fn op(connection: &mut SqliteConnection, op: &MappingOp) -> Done {
    match op {
        MappingOp::Expect { rows: expected } => {
            let met: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM json_each($1) AS want
                   CROSS JOIN links ON links.key = want.value->>0
                   LEFT JOIN mappings ON mappings.key = want.value->>0
                  WHERE links.fingerprint = want.value->>1
                    AND coalesce(mappings.fingerprint, '') = want.value->>2",
            )
            .bind(rows(expected)?)
            .fetch_one(connection)
            .await
            .map_err(failed("the mapping"))?;
            expect_rows("a mapping or its repository", expected.len(), u64::try_from(met).unwrap_or(0))
        }
        MappingOp::Put { rows: mappings, at } => {
            query(
                "INSERT INTO mappings (key, tenant_id, status, installation, repo_id, confidence, body,
                                       fingerprint, run_id, updated_at)
                 SELECT value->>'$.key', value->>'$.tenant', value->>'$.status', value->>'$.installation',
                        value->>'$.repo_id', value->>'$.confidence', value->>'$.body', value->>'$.fingerprint',
                        value->>'$.run', $2
                   FROM json_each($1) WHERE true
                 ON CONFLICT (key) DO UPDATE SET tenant_id = excluded.tenant_id, status = excluded.status,
                        installation = excluded.installation, repo_id = excluded.repo_id,
                        confidence = excluded.confidence, body = excluded.body,
                        fingerprint = excluded.fingerprint, run_id = excluded.run_id,
                        updated_at = excluded.updated_at",
            )
            .bind(rows(mappings)?)
            .bind(at)
            .execute(connection)
            .await
            .map_err(failed("the mapping"))?;
            Ok(())
        }
        MappingOp::Drop { keys } => {
            query("DELETE FROM mappings WHERE key IN (SELECT value FROM json_each($1))")
                .bind(rows(keys)?)
                .execute(connection)
                .await
                .map_err(failed("the mapping"))?;
            Ok(())
        }
    }
}

pub(super) async fn probe(connection: &mut SqliteConnection, op: &ProbeOp) -> Done {
    match op {
        ProbeOp::Put { rows: answers, at } => query(
            "INSERT INTO probes (key, answer, at) SELECT value->>0, value->>1, $2 FROM json_each($1) WHERE true
             ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, at = excluded.at",
        )
        .bind(rows(answers)?)
        .bind(*at)
        .execute(connection)
        .await
        .map_err(failed("the answer"))?,
        ProbeOp::Forget { keys, before } => {
            query("DELETE FROM probes WHERE key IN (SELECT value FROM json_each($1)) AND at < $2")
                .bind(rows(keys)?)
                .bind(*before)
                .execute(connection)
                .await
                .map_err(failed("the answer"))?
        }
        ProbeOp::Clear => {
            query("DELETE FROM probes").execute(connection).await.map_err(failed("the answer"))?
        }
    };
    Ok(())
}
