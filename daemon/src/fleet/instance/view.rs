//! An instance as people see it.

use cutover_shared::fleet::{HistoryEntry, InstanceDetail, InstanceState, InstanceView, StepStatus, Way};
use cutover_shared::ids::RunId;

use crate::fleet::wave::Waves;
use crate::store::{InstanceRow, InstanceStanding, Marks, MigrationMark, StepRow};

/// What views are made with.
#[derive(Clone, Debug)]
pub struct Sight<'a> {
    /// The version that the fleet is to have; 0: none.
    pub target: u32,
    /// All recorded migrations, oldest first.
    pub migrations: &'a [MigrationMark],
    pub waves: &'a Waves,
}

impl Sight<'_> {
    /// Migrations that an instance with this version is to get.
    fn pending(&self, version: u32) -> u32 {
        let open = |row: &&MigrationMark| row.version > version && row.version <= self.target;
        u32::try_from(self.migrations.iter().filter(open).count()).unwrap_or(u32::MAX)
    }

    /// One row of a list.
    pub fn view(&self, standing: &InstanceStanding) -> InstanceView {
        let InstanceStanding { row, status, failed } = standing;
        InstanceView {
            tenant: row.tenant.clone(),
            external_user: row.external_user.clone(),
            driver: row.driver,
            place: row.place.clone(),
            server: row.server.clone(),
            state: row.state,
            reason: row.reason.clone(),
            version: row.version,
            pending: self.pending(row.version),
            status: *status,
            failed: failed.as_ref().map(|step| step.migration.clone()),
            class: failed.as_ref().and_then(|step| step.class),
            error: failed.as_ref().and_then(|step| step.error.clone()),
            drift: row.drift.clone(),
            wave: self.waves.wave(row.place_in_waves),
            from_application: row.from_application,
            key: row.key_id.clone(),
            checked_at: row.checked_at,
        }
    }

    /// How an instance with these steps stands, by the rule of the lists.
    pub fn standing(&self, row: InstanceRow, steps: &[StepRow]) -> InstanceStanding {
        let status = Marks::of(steps).status(row.version, self.target);
        let failed =
            steps.iter().filter(|step| step.status == StepStatus::Failed).max_by_key(|step| step.version);
        InstanceStanding { row, status, failed: failed.cloned() }
    }

    /// All that is known of one.
    pub fn detail(&self, row: InstanceRow, steps: &[StepRow], drift: Vec<String>) -> InstanceDetail {
        let entries = self
            .migrations
            .iter()
            .filter(|migration| {
                migration.version <= self.target.max(row.version)
                    || steps.iter().any(|step| step.version == migration.version)
            })
            .map(|migration| {
                entry(&row, migration, steps.iter().find(|step| step.version == migration.version))
            })
            .collect();
        let standing = self.standing(row, steps);
        InstanceDetail { instance: self.view(&standing), steps: entries, drift }
    }
}

/// How an instance stands with one migration.
fn entry(row: &InstanceRow, migration: &MigrationMark, step: Option<&StepRow>) -> HistoryEntry {
    // One that has it without a step of ours was added when it had it.
    let unseen = if migration.version <= row.version && row.state != InstanceState::New {
        StepStatus::Completed
    } else {
        StepStatus::Pending
    };
    HistoryEntry {
        seq: 0,
        tenant: row.tenant.clone(),
        migration: migration.id.clone(),
        version: migration.version,
        way: step.map_or(Way::Up, |step| step.way),
        status: step.map_or(unseen, |step| step.status),
        class: step.and_then(|step| step.class),
        error: step.and_then(|step| step.error.clone()),
        attempt: step.map_or(0, |step| step.attempt),
        run: step.map_or_else(|| RunId::from(""), |step| step.run.clone()),
        started_at: step.and_then(|step| step.started_at),
        completed_at: step.and_then(|step| step.completed_at),
    }
}

#[cfg(test)]
mod tests;
