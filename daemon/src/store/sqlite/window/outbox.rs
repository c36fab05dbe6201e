//! Windows of workflows and of dispatches, and which of these can be sent again.

use cutover_shared::filter::Test;
use cutover_shared::window::Window;
use cutover_shared::workflow::DispatchState;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::catalog::fitting;
use super::{DISPATCHES, WORKFLOWS, condition, count, pick};
use crate::store::sqlite::load::{Read, array, outbox};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{DispatchRow, Select, WorkflowRow};

const DOING: &str = "reading a window of the outbox";

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

/// In a final state.
const REPLAYABLE: &str = "FROM dispatches WHERE state <> 'waiting'";

pub(in crate::store::sqlite) async fn workflows(
    store: &Sqlite,
    select: &Select,
) -> Read<Window<WorkflowRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let begin = |what: &str| -> Read<QueryBuilder<Db>> {
        let mut sql = QueryBuilder::new(format!("SELECT {what} FROM workflows WHERE true"));
        condition(&mut sql, &WORKFLOWS, select)?;
        Ok(sql)
    };
    let total = count(&mut snapshot, begin("count(*)")?).await.map_err(unavailable(DOING))?;
    let picked =
        pick(&mut snapshot, &WORKFLOWS, select, total, begin("id")?, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<String> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    // The definition is not shown in lists, and may be large.
    let rows = query(
        "SELECT workflows.id, name, rule, '' AS definition, attach_context, source, trouble, updated_at, updated_by, matches,
                last_guid, last_at,
                (SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'waiting') AS waiting,
                (SELECT count(*) FROM dispatches WHERE queue = coalesce(workflows.workflow, workflows.id) AND state = 'dead') AS dead
           FROM json_each($1) AS want CROSS JOIN workflows ON workflows.id = want.value ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = rows.iter().map(outbox::workflow).collect::<Read<Vec<_>>>()?;
    let rows = fitting(rows, |row| {
        let rule = &row.rule;
        let lists = [
            &rule.events,
            &rule.branches,
            &rule.paths,
            &rule.action_filter,
            &rule.author_filter,
            &rule.label_filter,
        ];
        let lists: usize = lists.into_iter().flatten().map(|text| text.len() + 4).sum();
        let trouble = row.trouble.as_ref().map_or(0, String::len);
        row.id.len() + row.name.len() + trouble + rule.repository.len() + lists + ROW_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

pub(in crate::store::sqlite) async fn dispatches(
    store: &Sqlite,
    select: &Select,
) -> Read<Window<DispatchRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let total = count(&mut snapshot, begin("count(*)", select)?).await.map_err(unavailable(DOING))?;
    let picking = begin("seq", select)?;
    let picked = pick(&mut snapshot, &DISPATCHES, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<i64> = picked.keys(|row| row.try_get(0)).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT dispatches.* FROM json_each($1) AS want
          CROSS JOIN dispatches ON dispatches.seq = want.value ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = rows.iter().map(outbox::dispatch).collect::<Read<Vec<_>>>()?;
    let rows = fitting(rows, |row| {
        let texts = [&row.workflow, &row.repository, &row.note, &row.execution_id];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        row.guid.len() + row.event.len() + texts + ROW_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

pub(in crate::store::sqlite) async fn dispatches_replayable(store: &Sqlite, select: &Select) -> Read<u64> {
    let mut connection = store.readers.acquire().await.map_err(unavailable(DOING))?;
    let mut sql = QueryBuilder::new(format!("SELECT count(*) {REPLAYABLE}"));
    condition(&mut sql, &DISPATCHES, select)?;
    count(&mut connection, sql).await.map_err(unavailable(DOING))
}

pub(in crate::store::sqlite) async fn dispatches_replayable_seqs(
    store: &Sqlite,
    select: &Select,
    after: i64,
    limit: u32,
) -> Read<Vec<i64>> {
    let mut sql = QueryBuilder::<Db>::new(format!("SELECT seq {REPLAYABLE} AND seq > "));
    sql.push_bind(after);
    condition(&mut sql, &DISPATCHES, select)?;
    sql.push(" ORDER BY seq LIMIT ").push_bind(limit);
    sql.build_query_scalar().persistent(false).fetch_all(&store.readers).await.map_err(unavailable(DOING))
}

/// The beginning of a statement over dispatches.
fn begin(what: &str, select: &Select) -> Read<QueryBuilder<Db>> {
    let mut sql = QueryBuilder::new(format!("SELECT {what} FROM dispatches WHERE true"));
    // The few that wait or are dead have indexes of their own, which are not seen behind a bound value.
    for term in select.filter.terms.iter().filter(|term| term.field == Some("state") && !term.negated) {
        let Test::OneOf(words) = &term.test else { continue };
        for state in [DispatchState::Waiting, DispatchState::Dead] {
            if words.as_slice() == [state.word()] {
                sql.push(" AND state = '").push(state.word()).push("'");
            }
        }
    }
    condition(&mut sql, &DISPATCHES, select)?;
    Ok(sql)
}
