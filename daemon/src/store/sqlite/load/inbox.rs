use async_trait::async_trait;
use bytes::Bytes;
use cutover_shared::window::Window;

use super::Read;
use crate::store::sqlite::Sqlite;
use crate::store::{DeliveryRow, InboxCounts, InboxRead, QueueHead, ReadError, Select};

fn later<T>() -> Read<T> {
    Err(ReadError::Unavailable { doing: "reading the inbox", cause: String::new() })
}

#[async_trait]
impl InboxRead for Sqlite {
    async fn delivery(&self, _guid: &str) -> Read<Option<DeliveryRow>> {
        later()
    }
    async fn delivery_body(&self, _seq: i64) -> Read<Option<Bytes>> {
        later()
    }
    async fn queue_heads(&self, _after: Option<i64>, _limit: u32) -> Read<Vec<QueueHead>> {
        later()
    }
    async fn queue(&self, _queue: i64, _limit: u32) -> Read<Vec<DeliveryRow>> {
        later()
    }
    async fn deliveries_window(&self, _select: &Select) -> Read<Window<DeliveryRow>> {
        later()
    }
    async fn replayable(&self, _select: &Select) -> Read<u64> {
        later()
    }
    async fn replayable_seqs(&self, _select: &Select, _after: i64, _limit: u32) -> Read<Vec<i64>> {
        later()
    }
    async fn inbox_counts(&self) -> Read<InboxCounts> {
        later()
    }
}
