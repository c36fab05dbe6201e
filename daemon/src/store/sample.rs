//! Rows for tests: what a test does not name is as in an application that knows little.

use cutover_shared::ids::{LinkKey, ProjectId, TenantId};

use super::LinkRow;

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
