//! A world of tenants that are alike: an account each, with repositories, an installation and a user who sees the same.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_daemon::rollout::bucket::{ALGORITHM, BUCKETS, Bucketing};
use cutover_shared::rollout::RolloutName;

use super::super::DemoError;
use crate::github_sim::{PrimaryLimits, SimSettings};
use crate::world::{AccountKind, Catalog, CatalogRow, NewRepo, Selection, World};

/// Fewer have no share of 10 %.
const TENANTS_LEAST: u32 = 12;

const REPOS_EACH: usize = 3;

/// How long GitHub takes for each answer: without it there would be nothing but this machine's noise to be measured.
const LATENCY: Duration = Duration::from_millis(120);

/// One tenant with its one project.
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) project: String,
    pub(super) installation: i64,
    /// Repository ids; the first is the project's.
    pub(super) repos: Vec<i64>,
}

pub(super) struct Made {
    pub(super) world: World,
    pub(super) catalog: Catalog,
    pub(super) tenants: Vec<Tenant>,
}

/// Makes it. The names are such that the tenants' buckets are spread evenly: 10 % of few tenants would be nobody else.
pub(super) fn make(seed: u64, tenants: u32) -> Result<Made, DemoError> {
    let (now, count) = (Clock::system().now(), usize::try_from(tenants.max(TENANTS_LEAST)).unwrap_or(12));
    let mut made = Made { world: World::empty(seed), catalog: Catalog::default(), tenants: Vec::new() };
    for name in names(count)? {
        let world = &mut made.world;
        let login = format!("acme-{name}");
        let account = world.add_account(&login, AccountKind::User)?;
        let mut repos = Vec::new();
        for n in 0..REPOS_EACH {
            let name = format!("repo-{n}");
            let new = NewRepo { owner: account, name, private: true, created_at: now, commits: 2 };
            repos.push(world.add_repo(new)?);
        }
        let installation = world.install(account, Selection::of(repos.iter().copied()), now)?;
        let token = world.add_user_token(account, now)?;
        let project = format!("prj-{name}");
        made.catalog.rows.push(CatalogRow {
            project_id: project.clone(),
            tenant_id: name.clone(),
            repo_full_name: format!("{login}/repo-0"),
            repo_id: repos.first().copied(),
            owner_id: Some(account),
            owner_login: Some(login),
            github_access_token: Some(token),
            ..CatalogRow::default()
        });
        made.tenants.push(Tenant { name, project, installation, repos });
    }
    Ok(made)
}

fn names(count: usize) -> Result<Vec<String>, DemoError> {
    let bucketing = Bucketing::new(ALGORITHM, RolloutName::GithubAuth.word())
        .map_err(|error| DemoError::Check(error.to_string()))?;
    let (mut taken, mut names) = (BTreeSet::new(), Vec::with_capacity(count));
    for n in 0_u64.. {
        if names.len() == count {
            break;
        }
        let name = format!("tenant-{n:04}");
        if taken.insert(usize::from(bucketing.bucket(&name)) * count / usize::from(BUCKETS)) {
            names.push(name);
        }
    }
    Ok(names)
}

/// A GitHub with limits that no traffic of a demo reaches.
pub(super) fn github() -> SimSettings {
    let most = 1_000_000;
    SimSettings {
        primary: PrimaryLimits { installation: most, user: most, ..PrimaryLimits::default() },
        latency: LATENCY,
        ..SimSettings::default()
    }
}
