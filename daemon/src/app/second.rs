//! Second writes of rollouts: which arm is written behind which operation.

use std::sync::Arc;

use cutover_shared::rollout::{Operation, RolloutName};

use crate::clock::Clock;
use crate::config::Config;
use crate::faults::Faults;
use crate::flows::gits::{Gits, GitsBehind};
use crate::flows::import::Imports;
use crate::flows::second::ImportsBehind;
use crate::rollout::router::Router;
use crate::rollout::second::{RepairLimits, Second, SecondArm, SecondParts};
use crate::store::Db;

pub(super) fn second(
    config: &Config,
    db: &Db,
    router: &Router,
    (imports, gits): (&Imports, &Gits),
    faults: &Faults,
    clock: &Clock,
) -> Second {
    let behind: Arc<dyn SecondArm> = Arc::new(ImportsBehind::new(imports.clone(), db.clone()));
    let mut arms: [Option<Arc<dyn SecondArm>>; Operation::ALL.len()] = Default::default();
    for operation in RolloutName::GithubAuth.operations() {
        arms[operation.index()] = Some(behind.clone());
    }
    let behind: Arc<dyn SecondArm> = Arc::new(GitsBehind::new(gits.clone()));
    for operation in RolloutName::GitSandbox.operations() {
        arms[operation.index()] = Some(behind.clone());
    }
    Second::new(SecondParts {
        db: db.clone(),
        clock: clock.clone(),
        faults: faults.clone(),
        router: router.clone(),
        limits: repair_limits(config),
        every: config.rollout.reconcile_every,
        arms,
    })
}

pub(super) fn repair_limits(config: &Config) -> RepairLimits {
    RepairLimits { age: config.rollout.repair_age, most: config.rollout.repair_most }
}
