//! Windows of runs and of their items.

use cutover_shared::filter::Test;
use cutover_shared::ids::RunId;
use cutover_shared::window::Window;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::catalog::fitting;
use super::{ITEMS, RUNS, condition, count, pick};
use crate::store::sqlite::load::{Read, array, run, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{RunRow, Select, StoredItem};

const DOING: &str = "reading a window of runs";

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

const COUNTED: &str = "FROM runs
           LEFT JOIN (SELECT run_id, sum(n) AS items,
                             sum(CASE WHEN state IN ('stale', 'failed', 'unknown', 'superseded') THEN n ELSE 0 END)
                             AS findings
                        FROM run_counts GROUP BY run_id) AS counted ON counted.run_id = runs.id
          WHERE true";

pub(in crate::store::sqlite) async fn runs(store: &Sqlite, select: &Select) -> Read<Window<RunRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let mut counting = QueryBuilder::new(format!("SELECT count(*) {COUNTED}"));
    condition(&mut counting, &RUNS, select)?;
    let total = count(&mut snapshot, counting).await.map_err(unavailable(DOING))?;
    let mut picking = QueryBuilder::new(format!("SELECT runs.id {COUNTED}"));
    condition(&mut picking, &RUNS, select)?;
    let picked = pick(&mut snapshot, &RUNS, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<String> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT runs.* FROM json_each($1) AS want CROSS JOIN runs ON runs.id = want.value ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = store.with_counts(rows, &mut snapshot).await?;
    let rows = fitting(rows, |run| run.summary.len() + run.scope.len() + ROW_BYTES);
    Ok(Window { rows, offset: picked.offset, total })
}

pub(in crate::store::sqlite) async fn items(
    store: &Sqlite,
    id: &RunId,
    select: &Select,
) -> Read<Window<StoredItem>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let total = if select.filter.terms.is_empty() {
        let n: Option<i64> = sqlx::query_scalar("SELECT sum(n) FROM run_counts WHERE run_id = $1")
            .bind(id.as_str())
            .fetch_one(&mut *snapshot)
            .await
            .map_err(unavailable(DOING))?;
        unsigned(n.unwrap_or(0))
    } else {
        let counting = of_run("count(*)", id, select)?;
        count(&mut snapshot, counting).await.map_err(unavailable(DOING))?
    };
    let picking = of_run("ord", id, select)?;
    let picked = pick(&mut snapshot, &ITEMS, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<i64> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT run_items.* FROM json_each($2) AS want
          CROSS JOIN run_items ON run_id = $1 AND ord = want.value ORDER BY want.key",
    )
    .bind(id.as_str())
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = rows.iter().map(run::item).collect::<Read<Vec<_>>>()?;
    let rows = fitting(rows, |item| {
        item.key.len() + item.body.len() + item.reason.as_ref().map_or(0, String::len) + ROW_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

/// The beginning of a statement over the items of a run.
fn of_run(what: &str, id: &RunId, select: &Select) -> Read<QueryBuilder<Db>> {
    let terms = &select.filter.terms;
    let of_one_state = terms.iter().all(|term| {
        term.field == Some("state")
            && !term.negated
            && matches!(&term.test, Test::OneOf(words) if words.len() == 1)
    });
    // Left to itself SQLite goes by state wherever a state is named, and reads each item's wide row for the rest.
    let index = match select.sort {
        None | Some(("ord", _)) if of_one_state && !terms.is_empty() => "run_items_state",
        Some(("state", _)) if of_one_state => "run_items_state",
        Some(("key", _)) if terms.is_empty() => "run_items_key",
        _ => "run_items_listed",
    };
    let mut sql =
        QueryBuilder::new(format!("SELECT {what} FROM run_items INDEXED BY {index} WHERE run_id = "));
    sql.push_bind(id.0.clone());
    condition(&mut sql, &ITEMS, select)?;
    Ok(sql)
}
