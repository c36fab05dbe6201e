//! Windows of the audit log.

use cutover_shared::window::Window;
use sqlx::{QueryBuilder, Row as _, query};

use super::catalog::fitting;
use super::{AUDIT, condition, count, pick};
use crate::store::sqlite::load::{self, Read, array};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{AuditRow, Select};

const DOING: &str = "reading a window of the audit log";

pub(in crate::store::sqlite) async fn audit(store: &Sqlite, select: &Select) -> Read<Window<AuditRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let mut counting = QueryBuilder::new("SELECT count(*) FROM listed_audit WHERE true");
    condition(&mut counting, &AUDIT, select)?;
    let total = count(&mut snapshot, counting).await.map_err(unavailable(DOING))?;
    let mut picking = QueryBuilder::new("SELECT seq FROM listed_audit WHERE true");
    condition(&mut picking, &AUDIT, select)?;
    let picked = pick(&mut snapshot, &AUDIT, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<i64> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT seq, bytes, prev, hash FROM json_each($1) AS want CROSS JOIN audit ON audit.seq = want.value ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows =
        rows.iter().map(load::audit::audit).collect::<Result<Vec<_>, _>>().map_err(unavailable(DOING))?;
    Ok(Window { rows: fitting(rows, |row| row.bytes.len()), offset: picked.offset, total })
}
