//! Windows of links and tenants.

use cutover_shared::page::MAX_BYTES;
use cutover_shared::window::Window;
use sqlx::sqlite::SqliteRow;
use sqlx::{Error, QueryBuilder, Row as _, query};

use super::{LINKS, TENANTS, condition, count, order, pick};
use crate::store::sqlite::load::{Read, array, catalog, unsigned};
use crate::store::sqlite::{Sqlite, unavailable};
use crate::store::{LinkRow, Select, TenantRow};

const DOING: &str = "reading a window of the catalog";

/// Bytes of a link besides its names, at most about.
const LINK_BYTES: usize = 512;

pub(in crate::store::sqlite) async fn links(
    store: &Sqlite,
    select: &Select,
) -> Read<Window<(LinkRow, Option<String>)>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let mut counting = QueryBuilder::new("SELECT count(*) FROM listed_links WHERE true");
    condition(&mut counting, &LINKS, select)?;
    let total = count(&mut snapshot, counting).await.map_err(unavailable(DOING))?;
    let mut picking = QueryBuilder::new("SELECT project_id, repo_lname FROM listed_links WHERE true");
    condition(&mut picking, &LINKS, select)?;
    let picked = pick(&mut snapshot, &LINKS, select, total, picking, |e| unavailable(DOING)(e)).await?;
    let keys: Vec<(String, String)> =
        picked.keys(|row| Ok((row.try_get(0)?, row.try_get(1)?))).map_err(unavailable(DOING))?;
    let rows = query(
        "SELECT links.*, mappings.body AS mapping
           FROM json_each($1) AS want
          CROSS JOIN links ON project_id = want.value->>0 AND repo_lname = want.value->>1
           LEFT JOIN mappings ON mappings.key = links.key
          ORDER BY want.key",
    )
    .bind(array(&keys)?)
    .fetch_all(&mut *snapshot)
    .await
    .map_err(unavailable(DOING))?;
    let rows = rows.iter().map(link).collect::<Result<Vec<_>, _>>().map_err(unavailable(DOING))?;
    let rows = fitting(rows, |(link, mapping)| {
        let names = 2 * (link.project.0.len() + link.repo_full_name.len()) + link.tenant.0.len();
        names + mapping.as_ref().map_or(0, String::len) + LINK_BYTES
    });
    Ok(Window { rows, offset: picked.offset, total })
}

fn link(row: &SqliteRow) -> Result<(LinkRow, Option<String>), Error> {
    Ok((catalog::link(row)?, row.try_get("mapping")?))
}

/// As many rows as a page has room for, at least one.
pub(super) fn fitting<T>(mut rows: Vec<T>, weight: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = 0;
    let fit = rows.iter().take_while(|row| {
        let first = bytes == 0;
        bytes += weight(row);
        first || bytes < MAX_BYTES
    });
    let fit = fit.count();
    rows.truncate(fit);
    rows
}

/// Tenants with their counts as rows of their own.
const COUNTED: &str =
    "FROM (SELECT tenant_id, count(DISTINCT project_id) AS projects, count(*) AS repositories,
                    sum(status = 'mapped') AS mapped, sum(status = 'pending') AS pending,
                    sum(status = 'unmappable') AS unmappable, sum(status = 'unplanned') AS unplanned
               FROM listed_links GROUP BY tenant_id)
         WHERE true";

pub(in crate::store::sqlite) async fn tenants(store: &Sqlite, select: &Select) -> Read<Window<TenantRow>> {
    let mut snapshot = store.readers.begin().await.map_err(unavailable(DOING))?;
    let mut offset = select.offset;
    loop {
        // Counting them means going through all links, so that the count comes along with the rows.
        let mut sql = QueryBuilder::new(format!("SELECT *, count(*) OVER () AS total {COUNTED}"));
        condition(&mut sql, &TENANTS, select)?;
        order(&mut sql, &TENANTS, select, false)?;
        sql.push(" LIMIT ").push_bind(select.limit);
        sql.push(" OFFSET ").push_bind(i64::try_from(offset).unwrap_or(i64::MAX));
        let rows =
            sql.build().persistent(false).fetch_all(&mut *snapshot).await.map_err(unavailable(DOING))?;
        if let Some(first) = rows.first() {
            let total = unsigned(first.try_get("total").map_err(unavailable(DOING))?);
            let rows =
                rows.iter().map(catalog::tenant).collect::<Result<_, _>>().map_err(unavailable(DOING))?;
            return Ok(Window { rows, offset, total });
        }
        if offset == 0 {
            return Ok(Window { rows: Vec::new(), offset: 0, total: 0 });
        }
        // Past the end: where the end is, only a count can say.
        let mut sql = QueryBuilder::new(format!("SELECT count(*) {COUNTED}"));
        condition(&mut sql, &TENANTS, select)?;
        let total = count(&mut snapshot, sql).await.map_err(unavailable(DOING))?;
        offset = Select { offset, ..select.clone() }.begin(total);
    }
}
