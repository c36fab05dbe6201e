//! Puts together what imports are made of.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::Failure;
use super::arms::Arms;
use crate::clock::Clock;
use crate::config::Config;
use crate::flows::import::{ImportParts, Imports};
use crate::git::{Artifacts, Git, GitSettings, Limits};
use crate::github::GitHub;
use crate::seal::Seal;
use crate::store::Db;

/// Artifacts of the largest size that are kept at once.
const ARTIFACTS: u64 = 16;

pub(super) fn imports(
    config: &Config,
    app_slug: Option<String>,
    db: &Db,
    github: &GitHub,
    seal: &Arc<Seal>,
    arms: Arms,
    clock: &Clock,
) -> Result<(Imports, Artifacts, Git), Failure> {
    let set = &config.import;
    let settings = GitSettings {
        program: PathBuf::from("git"),
        folder: config.state_dir.join("git"),
        parallel: set.parallel,
    };
    let beside = GitSettings {
        folder: config.state_dir.join("git-shadow"),
        parallel: config.rollout.shadow_parallel,
        ..settings.clone()
    };
    let git = Git::new(settings, clock.clone())?;
    let most = set.max_bytes.saturating_mul(ARTIFACTS);
    let artifacts =
        Artifacts::new(config.state_dir.join("artifacts"), set.keep_artifacts, most, clock.clone())?;
    let imports = Imports::new(ImportParts {
        db: db.clone(),
        github: github.clone(),
        seal: seal.clone(),
        clock: clock.clone(),
        router: arms.router,
        shadow: arms.shadow,
        tally: arms.tally,
        git: git.clone(),
        shadow_git: Git::new(beside, clock.clone())?,
        artifacts: artifacts.clone(),
        limits: Limits { time: set.timeout, bytes: set.max_bytes, files: set.max_files },
        grace_until: config.migration.grace_until,
        app_slug,
        second: OnceLock::new(),
    });
    Ok((imports, artifacts, git))
}
