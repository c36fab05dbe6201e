//! What our store keeps about steps: how each ended, and when.

use cutover_shared::fleet::{ErrorClass, FleetItem, StepStatus, Way};
use cutover_shared::ids::RunId;
use sha2::{Digest as _, Sha256};

use super::chain::REPLACED;
use super::driver::StepError;
use super::runner::Group;
use crate::hex::hex;
use crate::store::{Observation, StepRow};

/// What is told of an item beside its state.
#[derive(Clone, Debug, Default)]
pub struct Note {
    pub attempt: u32,
    pub started_at: Option<i64>,
    pub class: Option<ErrorClass>,
    pub error: Option<String>,
    /// What was seen of the tenant with it.
    pub observation: Option<Observation>,
    /// The schema that the observation names: hash and lines.
    pub schema: Option<(String, String)>,
    /// Whom the schema stands for too.
    pub group: Option<Group>,
}

impl Note {
    /// Of an error.
    pub fn of_error(error: &StepError) -> Self {
        Self { class: Some(error.class), error: Some(error.text.clone()), ..Self::default() }
    }
}

/// Failures of one migration with one cause have one group.
pub fn group(migration: &str, class: ErrorClass, error: &str) -> String {
    let mut hash = Sha256::new();
    for part in [migration, class.word(), error] {
        hash.update(part);
        hash.update([0]);
    }
    hex(&hash.finalize()).chars().take(12).collect()
}

/// The row of a step.
pub fn row(
    run: &RunId,
    item: &FleetItem,
    way: Way,
    status: StepStatus,
    note: &Note,
    completed_at: Option<i64>,
) -> StepRow {
    let cause = note.class.zip(note.error.as_deref());
    StepRow {
        tenant: item.tenant.clone(),
        version: item.version,
        migration: item.migration.clone(),
        status,
        way,
        class: note.class,
        error: note.error.clone(),
        error_group: cause.map(|(class, error)| group(&item.migration, class, error)),
        attempt: note.attempt,
        run: run.clone(),
        started_at: note.started_at,
        completed_at,
    }
}

/// How a step stands after its effect: a way down leaves it to be done again.
pub fn after(way: Way) -> StepStatus {
    match way {
        Way::Up => StepStatus::Completed,
        Way::Down => StepStatus::Pending,
    }
}

/// A step that was not taken after all stands as it stood: what is to go up waits, what was to go down is still there.
pub fn untouched(run: &RunId, item: &FleetItem, way: Way, note: &Note) -> StepRow {
    let status = match way {
        Way::Up => StepStatus::Pending,
        Way::Down => StepStatus::Completed,
    };
    row(run, item, Way::Up, status, note, None)
}

/// How a step is kept that ended so: what a way down has left is to be gone up again.
pub fn kept(row: StepRow) -> StepRow {
    match row.status {
        StepStatus::Pending => StepRow { way: Way::Up, started_at: None, completed_at: None, ..row },
        _ => row,
    }
}

/// Whether a migration never came to this tenant, because another one stands for it.
pub fn is_replaced(step: &StepRow) -> bool {
    step.status == StepStatus::Skipped && step.error.as_deref().is_some_and(|why| why.starts_with(REPLACED))
}

/// The version of a tenant after an item's effect.
pub fn version_after(item: &FleetItem, way: Way) -> u32 {
    match (item.way, way) {
        (Way::Up, Way::Up) | (Way::Down, Way::Down) => item.to,
        (Way::Up, Way::Down) | (Way::Down, Way::Up) => item.from,
    }
}
