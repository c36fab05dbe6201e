use async_trait::async_trait;
use cutover_shared::fleet::{Cell, DriverKind, HistoryEntry};
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::window::Window;

use super::Read;
use crate::store::sqlite::Sqlite;
use crate::store::{
    FailureRow, FleetFigures, FleetRead, InstanceFilter, InstanceRow, InstanceStanding, MigrationRow, Select,
    StepRow,
};

#[async_trait]
#[expect(unused_variables, reason = "not built yet")]
impl FleetRead for Sqlite {
    async fn fleet_migrations(&self) -> Read<Vec<MigrationRow>> {
        todo!()
    }
    async fn fleet_instances(
        &self,
        filter: &InstanceFilter,
        after: Option<(u32, &str)>,
        limit: u32,
    ) -> Read<Vec<InstanceRow>> {
        todo!()
    }
    async fn fleet_instances_of(&self, tenants: &[TenantId]) -> Read<Vec<InstanceRow>> {
        todo!()
    }
    async fn fleet_window(
        &self,
        select: &Select,
        target: u32,
        waves: &[u32],
        offset: u64,
        limit: u32,
    ) -> Read<Window<InstanceStanding>> {
        todo!()
    }
    async fn fleet_steps(&self, tenant: &TenantId) -> Read<Vec<StepRow>> {
        todo!()
    }
    async fn fleet_steps_of(&self, tenants: &[TenantId]) -> Read<Vec<StepRow>> {
        todo!()
    }
    async fn fleet_history(
        &self,
        tenant: Option<&TenantId>,
        before: Option<i64>,
        limit: u32,
    ) -> Read<Vec<HistoryEntry>> {
        todo!()
    }
    async fn fleet_cells(&self, target: u32) -> Read<Vec<Cell>> {
        todo!()
    }
    async fn fleet_figures(&self, target: u32, places: (u32, u32)) -> Read<FleetFigures> {
        todo!()
    }
    async fn fleet_failures(&self) -> Read<Vec<FailureRow>> {
        todo!()
    }
    async fn fleet_reached(&self) -> Read<Vec<(u32, u64)>> {
        todo!()
    }
    async fn fleet_schema(&self, hash: &str) -> Read<Option<String>> {
        todo!()
    }
    async fn fleet_common_schema(&self, driver: DriverKind, version: u32) -> Read<Option<String>> {
        todo!()
    }
    async fn fleet_other_key(&self, key: &str) -> Read<u64> {
        todo!()
    }
    async fn items_between(
        &self,
        run: &RunId,
        from: &str,
        to: &str,
        since: i64,
    ) -> Read<cutover_shared::run::Counts> {
        todo!()
    }
}
