//! Operations on locks: the row is read, the rule decides, the row is written. The one writer does nothing in between.

use sqlx::query;
use sqlx::sqlite::SqliteConnection;

use super::{Done, failed};
use crate::store::lock_rule::{Refusal, Standing, admit, expect, release, renew};
use crate::store::sqlite::load::lock::standing;
use crate::store::{LockOp, WriteError};

const WHAT: &str = "the lock";

pub(super) async fn op(connection: &mut SqliteConnection, op: &LockOp) -> Done {
    let name = match op {
        LockOp::EndAll => return end_all(connection).await,
        LockOp::Admit { name, .. }
        | LockOp::Renew { name, .. }
        | LockOp::Release { name, .. }
        | LockOp::Expect { name, .. } => name,
    };
    let before =
        standing(&mut *connection, name).await.map_err(|error| WriteError::Unavailable(error.to_string()))?;
    let after = match op {
        LockOp::Admit { fence, holding, now, .. } => admit(&before, *fence, holding.clone(), *now),
        LockOp::Renew { fence, until, now, .. } => renew(&before, *fence, *until, *now),
        LockOp::Release { fence, .. } => Ok(release(&before, *fence)),
        LockOp::Expect { fence, .. } => expect(&before, *fence),
        LockOp::EndAll => Ok(before.clone()),
    };
    match after {
        Ok(after) if after == before => Ok(()),
        Ok(after) => put(connection, name, &after).await,
        Err(refusal) => Err(refused(name, &refusal)),
    }
}

fn refused(name: &str, refusal: &Refusal) -> WriteError {
    WriteError::Precondition { what: WHAT, found: format!("{name}: {refusal}") }
}

async fn put(connection: &mut SqliteConnection, name: &str, after: &Standing) -> Done {
    let fence = i64::try_from(after.fence).map_err(|_| refused(name, &Refusal::Exhausted))?;
    let held = after.held.as_ref();
    query(
        "INSERT INTO locks (name, fence, holder, until, agreed) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (name) DO UPDATE SET fence = excluded.fence, holder = excluded.holder,
                                          until = excluded.until, agreed = excluded.agreed",
    )
    .bind(name)
    .bind(fence)
    .bind(held.map(|held| held.holder.as_str()))
    .bind(held.map(|held| held.until))
    .bind(held.map(|held| held.by.word()))
    .execute(connection)
    .await
    .map_err(failed(WHAT))?;
    Ok(())
}

async fn end_all(connection: &mut SqliteConnection) -> Done {
    query("UPDATE locks SET holder = NULL, until = NULL, agreed = NULL WHERE holder IS NOT NULL")
        .execute(connection)
        .await
        .map_err(failed(WHAT))?;
    Ok(())
}
