//! What clients see of imported records of sandboxes.

use cutover_shared::ids::TenantId;
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::Side;
use cutover_shared::sandbox_record::{RecordView, SandboxRecord};

use super::{World, place, record_of};
use crate::store::{Db, LinkFilter, ReadError};

/// Records with the books that have them, a window of them.
///
/// # Errors
/// The store does not answer.
pub async fn records(
    db: &Db,
    tenant: Option<TenantId>,
    ask: &PageAsk,
) -> Result<Page<RecordView>, ReadError> {
    let filter = tenant.map_or(LinkFilter::All, |tenant| LinkFilter::Tenants(vec![tenant]));
    let after = ask.after.as_deref().and_then(|cursor| cursor.split_once('\n'));
    let rows = db.sandbox_records(&filter, after, ask.rows()).await?;
    let full = rows.len() == ask.rows() as usize;
    let next = rows.last().filter(|_| full).map(|row| format!("{}\n{}", row.tenant, row.id));
    let records: Vec<SandboxRecord> = rows.into_iter().map(record_of).collect();
    let world = World::of(db, records.iter()).await?;
    let rows = records
        .into_iter()
        .map(|record| {
            let of = place(&record);
            let has = |side| world.book(side, &of).is_some();
            RecordView { legacy: has(Side::Legacy), target: has(Side::Target), record }
        })
        .collect();
    Ok(Page { rows, next })
}
