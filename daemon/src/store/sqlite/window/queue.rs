//! Windows of what waits in queues until it has ended, and what of that can go again.

use cutover_shared::filter::Test;
use cutover_shared::window::Window;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite as Db};

use super::catalog::fitting;
use super::{List, condition, count, pick};
use crate::store::Select;
use crate::store::sqlite::load::{Read, array};
use crate::store::sqlite::{Sqlite, unavailable};

/// A table with a place (`seq`) and a state.
pub(in crate::store::sqlite) struct Queue {
    pub(super) list: &'static List,
    pub(super) table: &'static str,
    /// Which of its rows can go again.
    pub(super) replayable: &'static str,
    pub(super) doing: &'static str,
}

impl Queue {
    /// A window of rows, each as `read` understands it and about `weight` bytes large.
    pub(super) async fn window<T>(
        &self,
        store: &Sqlite,
        select: &Select,
        read: impl Fn(&SqliteRow) -> Read<T>,
        weight: impl Fn(&T) -> usize,
    ) -> Read<Window<T>> {
        let (table, doing) = (self.table, self.doing);
        let mut snapshot = store.readers.begin().await.map_err(unavailable(doing))?;
        let counting = self.begin("count(*)", select)?;
        let total = count(&mut snapshot, counting).await.map_err(unavailable(doing))?;
        let picking = self.begin("seq", select)?;
        let failed = |error| unavailable(doing)(error);
        let picked = pick(&mut snapshot, self.list, select, total, picking, failed).await?;
        let keys: Vec<i64> = picked.keys(|row| row.try_get(0)).map_err(unavailable(doing))?;
        let mut sql = QueryBuilder::<Db>::new(format!("SELECT {table}.* FROM json_each("));
        sql.push_bind(array(&keys)?);
        sql.push(format!(") AS want CROSS JOIN {table} ON {table}.seq = want.value ORDER BY want.key"));
        let rows = sql.build().fetch_all(&mut *snapshot).await.map_err(unavailable(doing))?;
        let rows = rows.iter().map(read).collect::<Read<Vec<_>>>()?;
        Ok(Window { rows: fitting(rows, weight), offset: picked.offset, total })
    }

    /// How many can go again.
    pub(in crate::store::sqlite) async fn replayable(&self, store: &Sqlite, select: &Select) -> Read<u64> {
        let mut connection = store.readers.acquire().await.map_err(unavailable(self.doing))?;
        let mut sql =
            QueryBuilder::new(format!("SELECT count(*) FROM {} WHERE {}", self.table, self.replayable));
        condition(&mut sql, self.list, select)?;
        count(&mut connection, sql).await.map_err(unavailable(self.doing))
    }

    /// The places of those, in order.
    pub(in crate::store::sqlite) async fn replayable_seqs(
        &self,
        store: &Sqlite,
        select: &Select,
        after: i64,
        limit: u32,
    ) -> Read<Vec<i64>> {
        let begin = format!("SELECT seq FROM {} WHERE {} AND seq > ", self.table, self.replayable);
        let mut sql = QueryBuilder::<Db>::new(begin);
        sql.push_bind(after);
        condition(&mut sql, self.list, select)?;
        sql.push(" ORDER BY seq LIMIT ").push_bind(limit);
        let asked = sql.build_query_scalar().persistent(false).fetch_all(&store.readers);
        asked.await.map_err(unavailable(self.doing))
    }

    /// The beginning of a statement over all rows.
    fn begin(&self, what: &str, select: &Select) -> Read<QueryBuilder<Db>> {
        let mut sql = QueryBuilder::new(format!("SELECT {what} FROM {} WHERE true", self.table));
        // The few that wait or are dead have indexes of their own, which are not seen behind a bound value.
        for term in select.filter.terms.iter().filter(|term| term.field == Some("state") && !term.negated) {
            let Test::OneOf(words) = &term.test else { continue };
            for state in ["waiting", "dead"] {
                if words.as_slice() == [state] {
                    sql.push(" AND state = '").push(state).push("'");
                }
            }
        }
        condition(&mut sql, self.list, select)?;
        Ok(sql)
    }
}
