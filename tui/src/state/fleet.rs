//! What the console knows of the fleet beyond the list of its instances.

use cutover_shared::fleet::{
    FLEET, FailureGroup, FleetAnswer, FleetScope, FleetStatus, HistoryEntry, InstanceDetail, InstanceView,
};
use cutover_shared::ids::TenantId;
use cutover_shared::page::Page;
use cutover_shared::rpc::Answer;
use cutover_shared::run::RunView;

use super::{Slot, State, Subject, Value};

impl State {
    fn of_fleet(&self, slot: &Slot) -> Option<&FleetAnswer> {
        match self.feeds.value(slot)? {
            Value::Answer(Answer::Fleet(answer)) => Some(answer),
            _ => None,
        }
    }

    /// The fleet at a glance; its runs with the newest figures.
    pub fn fleet(&self) -> Option<FleetStatus> {
        let mut status = self.fleet_as_told()?.clone();
        for run in [&mut status.run, &mut status.plan].into_iter().flatten() {
            **run = self.fresh(run);
        }
        Some(status)
    }

    /// The same as it was told.
    pub fn fleet_as_told(&self) -> Option<&FleetStatus> {
        match self.of_fleet(&Slot::Fleet)? {
            FleetAnswer::Status(status) => Some(status),
            _ => None,
        }
    }

    /// The instance under the cursor.
    pub fn instance(&self) -> Option<Box<InstanceView>> {
        match self.selected()? {
            Subject::Instance(view) => Some(view),
            _ => None,
        }
    }

    /// All that is known of one.
    pub fn instance_detail(&self, tenant: &TenantId) -> Option<&InstanceDetail> {
        match self.of_fleet(&Slot::Instance(tenant.clone()))? {
            FleetAnswer::Instance(detail) => Some(detail),
            _ => None,
        }
    }

    /// A page of its attempts.
    pub fn history(&self, tenant: &TenantId, after: Option<&String>) -> Option<&Page<HistoryEntry>> {
        match self.of_fleet(&Slot::History { tenant: tenant.clone(), after: after.cloned() })? {
            FleetAnswer::History(page) => Some(page),
            _ => None,
        }
    }

    /// The group of failures that an instance belongs to, where that can be told.
    pub fn failure_of(&self, view: &InstanceView) -> Option<&FailureGroup> {
        let all = &self.fleet_as_told()?.failures;
        let of_kind = |one: &&FailureGroup| {
            Some(&one.migration) == view.failed.as_ref() && Some(one.class) == view.class
        };
        let same = all
            .iter()
            .filter(of_kind)
            .find(|one| one.example == view.tenant || Some(&one.text) == view.error.as_ref());
        let mut rest = all.iter().filter(of_kind);
        // Names and numbers differ from tenant to tenant: only where there is one group is it surely this one.
        same.or_else(|| rest.next().filter(|_| rest.next().is_none()))
    }
}

/// What a run of the fleet covers; none of another kind.
pub fn scope_of(run: &RunView) -> Option<FleetScope> {
    if run.kind != FLEET {
        return None;
    }
    match run.scope.split_once(':') {
        None if run.scope == "all" => Some(FleetScope::All),
        Some(("tenant", tenant)) => Some(FleetScope::Tenant(tenant.into())),
        Some(("wave", wave)) => wave.parse().ok().map(FleetScope::Wave),
        _ => None,
    }
}
