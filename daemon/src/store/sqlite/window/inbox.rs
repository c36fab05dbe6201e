//! Windows of deliveries.

use cutover_shared::window::Window;

use super::DELIVERIES;
use super::queue::Queue;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::load::{Read, inbox};
use crate::store::{DeliveryRow, Select};

/// Bytes of a row besides its texts, at most about.
const ROW_BYTES: usize = 512;

/// Deliveries go again with what handling them needs.
pub(in crate::store::sqlite) const DELIVERY_QUEUE: Queue = Queue {
    list: &DELIVERIES,
    table: "deliveries",
    replayable: "state <> 'waiting' AND kept = 1",
    doing: "reading a window of deliveries",
};

pub(in crate::store::sqlite) async fn deliveries(
    store: &Sqlite,
    select: &Select,
) -> Read<Window<DeliveryRow>> {
    let weight = |row: &DeliveryRow| {
        let texts = [&row.action, &row.repository, &row.note];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        row.guid.len() + row.event.len() + texts + ROW_BYTES
    };
    DELIVERY_QUEUE.window(store, select, inbox::delivery, weight).await
}
