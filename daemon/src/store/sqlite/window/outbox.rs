//! Windows of workflows and of dispatches.

use cutover_shared::window::Window;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db, query};

use super::catalog::fitting;
use super::queue::Queue;
use super::{DISPATCHES, WORKFLOWS, condition, count, pick};
use crate::store::sqlite::load::{Read, array, outbox};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{DispatchRow, Select, WorkflowRow};

const DOING: &str = "reading a window of the outbox";

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

pub(in crate::store::sqlite) const DISPATCH_QUEUE: Queue =
    Queue { list: &DISPATCHES, table: "dispatches", replayable: "state <> 'waiting'", doing: DOING };

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
    let weight = |row: &DispatchRow| {
        let texts = [&row.workflow, &row.repository, &row.note, &row.execution_id];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        row.guid.len() + row.event.len() + texts + ROW_BYTES
    };
    DISPATCH_QUEUE.window(store, select, outbox::dispatch, weight).await
}
