use cutover_shared::fleet::{ErrorClass, InstanceState, StepStatus};

use super::Sight;
use crate::fleet::wave::Waves;
use crate::store::sample::{instance, step};
use crate::store::{InstanceRow, MigrationMark, StepRow};

fn migration(version: u32) -> MigrationMark {
    MigrationMark { version, id: format!("{version:04}_m"), checksum: "c".to_owned(), pinned_at: None }
}

fn failed(version: u32) -> StepRow {
    StepRow {
        class: Some(ErrorClass::TimeOut),
        error: Some("too long".to_owned()),
        ..step("acme", version, StepStatus::Failed)
    }
}

fn left_out(version: u32) -> StepRow {
    StepRow { class: Some(ErrorClass::Connection), ..step("acme", version, StepStatus::Skipped) }
}

#[test]
fn a_tenants_status_is_its_worst() {
    let waves = Waves::new(&[10, 100, 1_000]);
    let migrations: Vec<MigrationMark> = [1, 2, 5, 9].map(migration).to_vec();
    let sight = Sight { target: 5, migrations: &migrations, waves: &waves };
    let at = |version| InstanceRow { version, state: InstanceState::Connected, ..instance("acme", 20_000) };
    let done = |version| step("acme", version, StepStatus::Completed);
    for (version, steps, status, pending) in [
        (5, vec![done(1), done(2), done(5)], StepStatus::Completed, 0),
        (2, vec![done(1), done(2)], StepStatus::Pending, 1),
        (0, vec![], StepStatus::Pending, 3),
        // Replaced by a later one: nothing is wrong.
        (5, vec![step("acme", 2, StepStatus::Skipped), done(5)], StepStatus::Completed, 0),
        (1, vec![step("acme", 2, StepStatus::Skipped)], StepStatus::Pending, 2),
        (5, vec![left_out(2), done(5)], StepStatus::Skipped, 0),
        (1, vec![left_out(2)], StepStatus::Skipped, 2),
        (1, vec![left_out(2), step("acme", 5, StepStatus::Running)], StepStatus::Running, 2),
        (1, vec![done(1), step("acme", 2, StepStatus::Running)], StepStatus::Running, 2),
        (1, vec![failed(2), step("acme", 5, StepStatus::Running)], StepStatus::Failed, 2),
        (9, vec![done(9)], StepStatus::Completed, 0),
    ] {
        let view = sight.view(&sight.standing(at(version), &steps));
        assert_eq!((view.status, view.pending, view.wave), (status, pending, 3), "{version}");
    }
    let view = sight.view(&sight.standing(at(1), &[failed(2), failed(5)]));
    assert_eq!((view.failed.as_deref(), view.class), (Some("0005_m"), Some(ErrorClass::TimeOut)));
    assert_eq!(view.error.as_deref(), Some("too long"));
}

#[test]
fn a_detail_has_each_migration_up_to_the_target() {
    let waves = Waves::new(&[1_000]);
    let migrations: Vec<MigrationMark> = [1, 2, 5, 9].map(migration).to_vec();
    let sight = Sight { target: 5, migrations: &migrations, waves: &waves };
    let row = InstanceRow { version: 1, state: InstanceState::Connected, ..instance("acme", 0) };
    let detail = sight.detail(row, &[failed(2)], vec!["+ table x".to_owned()]);
    let told: Vec<(u32, StepStatus)> = detail.steps.iter().map(|step| (step.version, step.status)).collect();
    assert_eq!(told, [(1, StepStatus::Completed), (2, StepStatus::Failed), (5, StepStatus::Pending)]);
    assert_eq!(detail.instance.wave, 1);
    assert_eq!(detail.drift, ["+ table x"]);
}
