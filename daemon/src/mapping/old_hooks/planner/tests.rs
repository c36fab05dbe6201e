//! Which repositories are looked at.

use super::*;
use crate::store::sample;
use cutover_shared::ids::{RunId, TenantId};

fn link(project: &str, tenant: &str, name: &str, id: Option<i64>) -> LinkRow {
    LinkRow { repo_id: id, ..sample::link(project, tenant, name) }
}

fn mapped(links: &[&LinkRow], repo: i64) -> Vec<(LinkKey, MappingRow)> {
    let row = |link: &&LinkRow| MappingRow {
        key: link.key.clone(),
        tenant: link.tenant.clone(),
        status: "mapped".to_owned(),
        installation: Some(InstallationId(7)),
        repo_id: Some(RepoId(repo)),
        confidence: 100,
        body: String::new(),
        fingerprint: String::new(),
        run: RunId("r".to_owned()),
    };
    links.iter().map(|link| (link.key.clone(), row(link))).collect()
}

#[test]
fn each_repository_is_looked_at_once_and_only_of_the_scope() {
    let links = [
        link("p1", "a", "O/One", Some(1)),
        link("p2", "a", "o/one", None),
        link("p3", "b", "o/two", Some(2)),
    ];
    let mut rows: HashMap<_, _> = mapped(&[&links[0], &links[1]], 1).into_iter().collect();
    rows.extend(mapped(&[&links[2]], 2));
    let ids = |filter: &LinkFilter| -> Vec<i64> {
        targets(&links, &rows, filter).iter().map(|target| target.repo_id.0).collect()
    };
    assert_eq!(ids(&LinkFilter::All), [1, 2]);
    assert_eq!(ids(&LinkFilter::Tenants(vec![TenantId::from("a")])), [1]);
    assert!(targets(&links, &rows, &LinkFilter::All).iter().all(|target| !target.still_used));
}

#[test]
fn who_is_not_mapped_keeps_the_webhook_by_name_and_by_id_whatever_the_scope() {
    for left in [link("p9", "b", "o/one", None), link("p9", "b", "o/old-name", Some(1))] {
        let links = [link("p1", "a", "o/one", Some(1)), left];
        let rows = mapped(&[&links[0]], 1).into_iter().collect();
        let found = targets(&links, &rows, &LinkFilter::Tenants(vec![TenantId::from("a")]));
        assert!(found.len() == 1 && found[0].still_used, "{:?}", links[1]);
    }
}
