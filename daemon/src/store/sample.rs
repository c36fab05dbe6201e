//! Rows for tests: what a test does not name is as in an application that knows little.

use cutover_shared::fleet::{DriverKind, InstanceState, StepStatus, Way};
use cutover_shared::ids::{LinkKey, ProjectId, RunId, TenantId};

use super::{InstanceRow, LinkRow, StepRow};

/// A repository of a tenant's project that nobody has looked at yet.
pub(crate) fn link(project: &str, tenant: &str, full_name: &str) -> LinkRow {
    let project = ProjectId::from(project);
    LinkRow {
        key: LinkKey::new(&project, full_name),
        repo_lname: full_name.to_lowercase(),
        tenant: TenantId::from(tenant),
        repo_full_name: full_name.to_owned(),
        repo_id: None,
        owner_id: None,
        owner_login: None,
        token: None,
        imported_commit_sha: None,
        imported_tree_sha: None,
        imported_at: None,
        import_method: None,
        app_installation: None,
        app_status: None,
        fingerprint: format!("{project} {full_name}"),
        project,
    }
}

/// As many tenants as there are numbers, each with one repository.
pub(crate) fn tenants(numbers: std::ops::Range<usize>, name: impl Fn(usize) -> String) -> Vec<LinkRow> {
    numbers.map(|n| link(&format!("prj-{n}"), &name(n), &format!("org/repo-{n}"))).collect()
}

/// A PostgreSQL database of a tenant that was never asked.
pub(crate) fn instance(tenant: &str, place_in_waves: u32) -> InstanceRow {
    InstanceRow {
        tenant: TenantId::from(tenant),
        external_user: None,
        driver: DriverKind::Postgres,
        place: format!("db1:5432/{tenant}"),
        host: "db1".to_owned(),
        server: "db1:5432".to_owned(),
        sealed: format!("s1.k1.{tenant}"),
        key_id: "k1".to_owned(),
        from_application: false,
        state: InstanceState::New,
        reason: None,
        version: 0,
        expected_schema: None,
        seen_schema: None,
        drift: None,
        place_in_waves,
        checked_at: None,
        notified_at: None,
        added_at: 1,
    }
}

/// A first step of a tenant on its way up.
pub(crate) fn step(tenant: &str, version: u32, status: StepStatus) -> StepRow {
    StepRow {
        tenant: TenantId::from(tenant),
        version,
        migration: format!("{version:04}_m"),
        status,
        way: Way::Up,
        class: None,
        error: None,
        error_group: None,
        attempt: 1,
        run: RunId::from("run-1"),
        started_at: Some(1),
        completed_at: None,
    }
}
