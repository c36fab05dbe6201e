//! Reading the fleet: instances, their steps, and figures of many.

mod figure;
pub(in crate::store::sqlite) mod instance;
pub(in crate::store::sqlite) mod step;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use cutover_shared::fleet::{Cell, DriverKind, HistoryEntry};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::window::Window;

use super::{Read, array, corrupt, small, unsigned};
use crate::store::sqlite::{Sqlite, unavailable, window};
use crate::store::{
    FailureRow, FleetFigures, FleetRead, InstanceFilter, InstanceRow, InstanceStanding, MigrationMark,
    MigrationRow, MigrationText, Select, StepRow,
};

const DOING: &str = "reading the fleet";

#[async_trait]
impl FleetRead for Sqlite {
    async fn fleet_migrations(&self) -> Read<Vec<MigrationRow>> {
        step::migrations(self).await
    }

    async fn fleet_marks(&self) -> Read<Vec<MigrationMark>> {
        step::marks(self).await
    }

    async fn fleet_texts(&self, digests: &[String]) -> Read<Vec<MigrationText>> {
        step::texts(self, digests).await
    }

    async fn fleet_instances(
        &self,
        filter: &InstanceFilter,
        after: Option<(u32, &str)>,
        limit: u32,
    ) -> Read<Vec<InstanceRow>> {
        instance::some(self, filter, after, limit).await
    }

    async fn fleet_instances_of(&self, tenants: &[TenantId]) -> Read<Vec<InstanceRow>> {
        instance::of(self, tenants).await
    }

    async fn fleet_window(
        &self,
        select: &Select,
        target: u32,
        waves: &[u32],
        offset: u64,
        limit: u32,
    ) -> Read<Window<InstanceStanding>> {
        let select = Select { offset, limit, ..select.clone() };
        window::instances(self, &select, target, waves).await
    }

    async fn fleet_steps(&self, tenant: &TenantId) -> Read<Vec<StepRow>> {
        step::of(self, std::slice::from_ref(tenant)).await
    }

    async fn fleet_steps_of(&self, tenants: &[TenantId]) -> Read<Vec<StepRow>> {
        step::of(self, tenants).await
    }

    async fn fleet_history(
        &self,
        tenant: Option<&TenantId>,
        before: Option<i64>,
        limit: u32,
    ) -> Read<Vec<HistoryEntry>> {
        step::history(self, tenant, before, limit).await
    }

    async fn fleet_cells(&self, target: u32) -> Read<Vec<Cell>> {
        figure::cells(self, target).await
    }

    async fn fleet_figures(&self, target: u32, places: (u32, u32)) -> Read<FleetFigures> {
        figure::figures(self, target, places).await
    }

    async fn fleet_failures(&self) -> Read<Vec<FailureRow>> {
        figure::failures(self).await
    }

    async fn fleet_reached(&self) -> Read<Vec<(u32, u64)>> {
        figure::reached(self).await
    }

    async fn fleet_schema(&self, hash: &str) -> Read<Option<String>> {
        sqlx::query_scalar("SELECT lines FROM fleet_schemas WHERE hash = $1")
            .bind(hash)
            .fetch_optional(&self.readers)
            .await
            .map_err(unavailable(DOING))
    }

    async fn fleet_common_schema(&self, driver: DriverKind, version: u32) -> Read<Option<String>> {
        figure::common_schema(self, driver, version).await
    }

    async fn fleet_drivers(&self) -> Read<Vec<DriverKind>> {
        figure::drivers(self).await
    }

    async fn fleet_other_key(&self, key: &str) -> Read<u64> {
        figure::other_key(self, key).await
    }

    async fn fleet_wrong(&self, run: &RunId, from: &str, to: &str, since: i64) -> Read<(u64, u64)> {
        figure::wrong(self, run, from, to, since).await
    }
}
