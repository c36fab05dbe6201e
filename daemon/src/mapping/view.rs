//! What clients see of tenants, projects and mappings.

use std::collections::{BTreeSet, HashMap};

use cutover_shared::catalog::{LinkView, ProjectView, TenantView};
use cutover_shared::ids::{LinkKey, ProjectId, TenantId};
use cutover_shared::mapping::{Mapping, MappingCounts};
use cutover_shared::page::{Page, PageAsk};
use cutover_shared::window::Window;

use super::link::link_of;
use super::mode;
use crate::store::{Db, LinkFilter, LinkRow, ReadError, Select, TenantRow};

/// Links with their mappings, a window of them.
pub async fn links(db: &Db, tenant: Option<TenantId>, ask: &PageAsk) -> Result<Page<LinkView>, ReadError> {
    let filter = tenant.map_or(LinkFilter::All, |tenant| LinkFilter::Tenants(vec![tenant]));
    let after = ask.after.as_deref().and_then(|cursor| cursor.split_once('\n'));
    let rows = db.links(&filter, after, ask.rows()).await?;
    let full = rows.len() == ask.rows() as usize;
    let next = rows.last().filter(|_| full).map(|row| format!("{}\n{}", row.project, row.repo_lname));
    Ok(Page { rows: with_mappings(db, rows).await?, next })
}

async fn with_mappings(db: &Db, rows: Vec<LinkRow>) -> Result<Vec<LinkView>, ReadError> {
    let keys: Vec<LinkKey> = rows.iter().map(|row| row.key.clone()).collect();
    let mut mappings: HashMap<LinkKey, Mapping> = HashMap::new();
    for row in db.mappings(&keys).await? {
        let mapping = serde_json::from_str(&row.body).map_err(corrupt)?;
        mappings.insert(row.key, mapping);
    }
    Ok(rows
        .into_iter()
        .map(|row| {
            let mapping = mappings.remove(&row.key);
            LinkView { link: link_of(row), mapping }
        })
        .collect())
}

/// Links with their mappings, filtered and sorted.
pub async fn links_window(db: &Db, select: Select) -> Result<Window<LinkView>, ReadError> {
    let select = select.with_canary(mode::canary(db).await?);
    let window = db.links_window(&select).await?;
    let rows: Result<Vec<LinkView>, ReadError> = window
        .rows
        .into_iter()
        .map(|(row, body)| {
            let mapping = body.map(|body| serde_json::from_str(&body)).transpose().map_err(corrupt)?;
            Ok(LinkView { link: link_of(row), mapping })
        })
        .collect();
    Ok(Window { rows: rows?, offset: window.offset, total: window.total })
}

/// Tenants with their counts, filtered and sorted.
pub async fn tenants_window(db: &Db, select: Select) -> Result<Window<TenantView>, ReadError> {
    let select = select.with_canary(mode::canary(db).await?);
    let window = db.tenants_window(&select).await?;
    Ok(window.map(|row| tenant_view(row, &select.canary)))
}

fn corrupt(error: serde_json::Error) -> ReadError {
    ReadError::Corrupt { what: "mapping", cause: error.to_string() }
}

/// Projects with their repositories, a window of them. The window may end inside a project's repositories only when
/// it has more of them than a page has rows.
pub async fn projects(
    db: &Db,
    tenant: Option<TenantId>,
    ask: &PageAsk,
) -> Result<Page<ProjectView>, ReadError> {
    let mut page = links(db, tenant, ask).await?;
    if page.next.is_some()
        && let Some(last) = page.rows.last().map(|view| view.link.project.clone())
        && page.rows.first().is_some_and(|view| view.link.project != last)
    {
        page.rows.retain(|view| view.link.project != last);
        let end = page.rows.last().map(|view| &view.link);
        page.next = end.map(|link| format!("{}\n{}", link.project, link.repo_full_name.to_lowercase()));
    }
    let mut projects: Vec<ProjectView> = Vec::new();
    for view in page.rows {
        match projects.last_mut().filter(|project| project.id == view.link.project) {
            Some(project) => project.links.push(view),
            None => projects.push(ProjectView {
                id: view.link.project.clone(),
                tenant: view.link.tenant.clone(),
                links: vec![view],
            }),
        }
    }
    Ok(Page { rows: projects, next: page.next })
}

/// One project.
pub async fn project(db: &Db, id: &ProjectId) -> Result<Option<ProjectView>, ReadError> {
    let links = with_mappings(db, db.project(id).await?).await?;
    Ok(links.first().map(|first| first.link.tenant.clone()).map(|tenant| ProjectView {
        id: id.clone(),
        tenant,
        links,
    }))
}

/// Tenants with their counts, a window of them.
pub async fn tenants(db: &Db, ask: &PageAsk) -> Result<Page<TenantView>, ReadError> {
    let canary = mode::canary(db).await?;
    let rows = db.tenants(ask.after.as_deref(), ask.rows()).await?;
    let full = rows.len() == ask.rows() as usize;
    let next = rows.last().filter(|_| full).map(|row| row.id.0.clone());
    Ok(Page { rows: rows.into_iter().map(|row| tenant_view(row, &canary)).collect(), next })
}

/// One tenant.
pub async fn tenant(db: &Db, id: &TenantId) -> Result<Option<TenantView>, ReadError> {
    let canary = mode::canary(db).await?;
    Ok(db.tenant(id).await?.map(|row| tenant_view(row, &canary)))
}

fn tenant_view(row: TenantRow, canary: &BTreeSet<TenantId>) -> TenantView {
    let planned = row.mapped + row.pending + row.unmappable;
    TenantView {
        canary: canary.contains(&row.id),
        id: row.id,
        projects: row.projects,
        repositories: row.repositories,
        counts: MappingCounts {
            mapped: row.mapped,
            pending: row.pending,
            unmappable: row.unmappable,
            unplanned: row.repositories.saturating_sub(planned),
        },
    }
}
