//! What can be read. Every list is read in pages; no read transaction outlives one page.

use async_trait::async_trait;
use cutover_shared::ids::{LinkKey, ProjectId, RunId, TenantId};
use cutover_shared::mapping::MappingCounts;
use cutover_shared::run::{ItemGroup, ItemState, RunState};
use cutover_shared::status::IndexView;
use cutover_shared::window::Window;

use super::ReadError;
use super::rows::{
    ActReceiptRow, AuditRow, InstallationRow, LinkFilter, LinkRow, MappingRow, RepositoryRow, RequestRow,
    RunRow, Standing, StoredItem, SweepRow, TenantRow, UploadRow,
};
use super::select::Select;

type Read<T> = Result<T, ReadError>;

/// Runs and their items.
#[async_trait]
pub trait RunRead {
    async fn run(&self, id: &RunId) -> Read<Option<RunRow>>;
    /// Newest first; `before` is the id that the page before ended with.
    async fn runs(
        &self,
        state: Option<RunState>,
        kind: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Read<Vec<RunRow>>;
    /// Of this kind: the run that was begun and is live, one that is halted first; else the newest that was begun. A plan hides none.
    async fn run_under_way(&self, kind: &str) -> Read<Option<RunRow>>;
    /// Of this kind: the newest plan that waits, approved or not expired at `now`.
    async fn waiting_plan(&self, kind: &str, now: i64) -> Read<Option<RunRow>>;
    /// Every live run, and any other that still holds a leased item.
    async fn unfinished_runs(&self) -> Read<Vec<RunRow>>;
    /// By place in the plan, after `after`; bounded in rows and in bytes of bodies.
    async fn items(
        &self,
        run: &RunId,
        state: Option<ItemState>,
        after: Option<i64>,
        limit: u32,
    ) -> Read<Vec<StoredItem>>;
    async fn item_by_key(&self, run: &RunId, key: &str) -> Read<Option<StoredItem>>;
    /// Newest first, unless sorted.
    async fn runs_window(&self, select: &Select) -> Read<Window<RunRow>>;
    /// By place in the plan, unless sorted; bounded in rows and in bytes of bodies.
    async fn items_window(&self, run: &RunId, select: &Select) -> Read<Window<StoredItem>>;
    /// Findings (stale, failed, unknown, superseded, and skipped with a reason) by state and reason, the most first.
    async fn item_groups(&self, run: &RunId, limit: u32) -> Read<Vec<ItemGroup>>;
    /// Runs that a person may have to look at, newest first: live, or with unknown items, or failed or with failed items and
    /// ended after `since`, or planned, not expired at `now`, and the newest of their kind and scope.
    async fn runs_of_note(&self, since: i64, now: i64, limit: u32) -> Read<Vec<RunRow>>;
    /// Runs with effects that stand, newest first, and how many effects of all such runs.
    async fn standing(&self, limit: u32) -> Read<Standing>;
}

/// Tenants, projects and their repositories.
#[async_trait]
pub trait CatalogRead {
    /// By project and name, after `after`.
    async fn links(&self, filter: &LinkFilter, after: Option<(&str, &str)>, limit: u32)
    -> Read<Vec<LinkRow>>;
    async fn links_by_key(&self, keys: &[LinkKey]) -> Read<Vec<LinkRow>>;
    async fn project(&self, id: &ProjectId) -> Read<Vec<LinkRow>>;
    async fn tenants(&self, after: Option<&str>, limit: u32) -> Read<Vec<TenantRow>>;
    async fn tenant(&self, id: &TenantId) -> Read<Option<TenantRow>>;
    /// Links with the bodies of their mappings, by project and name unless sorted.
    async fn links_window(&self, select: &Select) -> Read<Window<(LinkRow, Option<String>)>>;
    /// By id, unless sorted.
    async fn tenants_window(&self, select: &Select) -> Read<Window<TenantRow>>;
    /// Tenants, projects, repositories.
    async fn catalog_counts(&self) -> Read<(u64, u64, u64)>;
    async fn catalog_revision(&self) -> Read<i64>;
    /// The envelope of a user token.
    async fn user_token(&self, fingerprint: &str) -> Read<Option<String>>;
}

/// Uploads that are not taken yet.
#[async_trait]
pub trait UploadRead {
    async fn upload(&self, id: &str) -> Read<Option<UploadRow>>;
    async fn uploads(&self) -> Read<Vec<UploadRow>>;
    async fn upload_part(&self, id: &str, part: i64) -> Read<Option<String>>;
}

/// Mappings.
#[async_trait]
pub trait MappingRead {
    async fn mappings(&self, keys: &[LinkKey]) -> Read<Vec<MappingRow>>;
    /// Those with status `mapped`, by key.
    async fn mapped(&self, after: Option<&str>, limit: u32) -> Read<Vec<MappingRow>>;
    async fn mapping_counts(&self) -> Read<MappingCounts>;
}

/// The index of installations and repositories.
#[async_trait]
pub trait IndexRead {
    async fn sweep_open(&self, host: &str) -> Read<Option<SweepRow>>;
    /// Installations whose repositories this sweep has still to read.
    async fn installations_owed(&self, host: &str, sweep: &str, limit: u32) -> Read<Vec<InstallationRow>>;
    /// Up to `limit` ids greater than `after` of installations that this sweep has not seen, and that an earlier one knew or a
    /// user had connected by its beginning.
    async fn installations_missed(&self, host: &str, sweep: &str, after: i64, limit: u32) -> Read<Vec<i64>>;
    async fn installations(&self, host: &str, after: Option<i64>, limit: u32) -> Read<Vec<InstallationRow>>;
    async fn repositories(
        &self,
        host: &str,
        after: Option<(i64, i64)>,
        limit: u32,
    ) -> Read<Vec<RepositoryRow>>;
    async fn requests(&self, host: &str) -> Read<Vec<RequestRow>>;
    async fn index_view(&self, host: &str) -> Read<IndexView>;
}

/// Stored answers of probes.
#[async_trait]
pub trait ProbeRead {
    /// By key, after `after`: (key, answer).
    async fn probes(&self, after: Option<&str>, limit: u32) -> Read<Vec<(String, String)>>;
}

/// Settings and receipts.
#[async_trait]
pub trait SettingRead {
    /// (value, changed at, changed by).
    async fn setting(&self, name: &str) -> Read<Option<(String, i64, String)>>;
    async fn act_receipt(&self, key: &str) -> Read<Option<ActReceiptRow>>;
}

/// The audit log.
#[async_trait]
pub trait AuditRead {
    /// Newest first, older than `before`.
    async fn audit_newest(&self, before: Option<i64>, limit: u32) -> Read<Vec<AuditRow>>;
    /// Oldest first, after `after`.
    async fn audit_oldest(&self, after: Option<i64>, limit: u32) -> Read<Vec<AuditRow>>;
    /// Newest first, unless sorted; bounded in rows and in bytes.
    async fn audit_window(&self, select: &Select) -> Read<Window<AuditRow>>;
}
