//! Windows of deliveries, and what of them can be handled again.

use cutover_shared::filter::Test;
use cutover_shared::webhook::DeliveryState;
use cutover_shared::window::Window;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::catalog::fitting;
use super::{DELIVERIES, condition, count, pick};
use crate::store::sqlite::load::{Read, array, inbox};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{DeliveryRow, Select};

const DOING: &str = "reading a window of deliveries";

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

/// In a final state, and with what handling it needs.
const REPLAYABLE: &str = "FROM deliveries WHERE state <> 'waiting' AND kept = 1";

pub(in crate::store::sqlite) async fn deliveries(
    store: &Sqlite,
    select: &Select,
) -> Read<Window<DeliveryRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let total = count(&mut snapshot, begin("count(*)", select)?).await.map_err(unavailable(DOING))?;
    let picking = begin("seq", select)?;
    let picked = pick(&mut snapshot, &DELIVERIES, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<i64> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT deliveries.* FROM json_each($1) AS want
          CROSS JOIN deliveries ON deliveries.seq = want.value ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = rows.iter().map(inbox::delivery).collect::<Read<Vec<_>>>()?;
    let rows = fitting(rows, |row| {
        let texts = [&row.action, &row.repository, &row.note];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        row.guid.len() + row.event.len() + texts + ROW_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

pub(in crate::store::sqlite) async fn replayable(store: &Sqlite, select: &Select) -> Read<u64> {
    let mut connection = store.readers.acquire().await.map_err(unavailable(DOING))?;
    let mut sql = QueryBuilder::new(format!("SELECT count(*) {REPLAYABLE}"));
    condition(&mut sql, &DELIVERIES, select)?;
    count(&mut connection, sql).await.map_err(unavailable(DOING))
}

pub(in crate::store::sqlite) async fn replayable_seqs(
    store: &Sqlite,
    select: &Select,
    after: i64,
    limit: u32,
) -> Read<Vec<i64>> {
    let mut sql = QueryBuilder::<Db>::new(format!("SELECT seq {REPLAYABLE} AND seq > "));
    sql.push_bind(after);
    condition(&mut sql, &DELIVERIES, select)?;
    sql.push(" ORDER BY seq LIMIT ").push_bind(limit);
    sql.build_query_scalar().persistent(false).fetch_all(&store.readers).await.map_err(unavailable(DOING))
}

/// The beginning of a statement over deliveries.
fn begin(what: &str, select: &Select) -> Read<QueryBuilder<Db>> {
    let mut sql = QueryBuilder::new(format!("SELECT {what} FROM deliveries WHERE true"));
    // The few that wait or are dead have indexes of their own, which are not seen behind a bound value.
    for term in select.filter.terms.iter().filter(|term| term.field == Some("state") && !term.negated) {
        let Test::OneOf(words) = &term.test else { continue };
        for state in [DeliveryState::Waiting, DeliveryState::Dead] {
            if words.as_slice() == [state.word()] {
                sql.push(" AND state = '").push(state.word()).push("'");
            }
        }
    }
    condition(&mut sql, &DELIVERIES, select)?;
    Ok(sql)
}
