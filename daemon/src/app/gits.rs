//! Puts together git for tenants: the service of sandboxes, and what routes to its arms.

use std::path::PathBuf;

use super::Failure;
use super::arms::Arms;
use crate::clock::Clock;
use crate::config::Config;
use crate::flows::gits::{Gits, GitsParts};
use crate::flows::import::Imports;
use crate::github::GitHub;
use crate::sandbox::{Quota, SandboxSettings, Sandboxes};
use crate::store::Db;

pub(super) fn gits(
    config: &Config,
    db: &Db,
    github: &GitHub,
    imports: &Imports,
    arms: Arms,
    clock: &Clock,
) -> Result<(Gits, Sandboxes), Failure> {
    let set = &config.sandbox;
    let settings = SandboxSettings {
        program: PathBuf::from("git"),
        warm: set.warm,
        at_once: set.at_once,
        waiting: set.waiting,
        per_tenant: set.per_tenant,
        lease: set.lease,
        mirrors: set.mirrors,
        mirror_bytes: set.mirror_bytes,
        tenant_mirror_bytes: set.tenant_mirror_bytes,
        mirror_packs: set.mirror_packs,
        least_free: set.least_free,
        ..SandboxSettings::in_folder(config.state_dir.join("sandboxes"))
    };
    let sandboxes = Sandboxes::new(settings, clock.clone())?;
    let gits = Gits::new(GitsParts {
        db: db.clone(),
        clock: clock.clone(),
        imports: imports.clone(),
        arms: [sandboxes.direct(), sandboxes.pooled()],
        host: github.web_base().to_owned(),
        quota: Quota {
            wall: set.wall,
            cpu: set.cpu,
            memory: set.memory,
            disk: set.disk,
            processes: set.processes,
        },
        lease: set.lease,
        router: arms.router,
        shadow: arms.shadow,
        tally: arms.tally,
    });
    Ok((gits, sandboxes))
}
