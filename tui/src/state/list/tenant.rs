//! Tenants with the progress of their repositories.

use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, TenantView};
use cutover_shared::filter::TENANTS;
use cutover_shared::rpc::{Answer, Query, Topic};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::{number, percent};
use crate::state::subject::Subject;
use crate::theme::Role;

fn tenant(row: &Subject, cell: impl Fn(&TenantView) -> Cell) -> Cell {
    match row {
        Subject::Tenant(view) => cell(view),
        _ => Cell::default(),
    }
}

/// A number that deserves a colour when it is not 0.
fn count(n: u64, role: Role) -> Cell {
    if n == 0 { told("0", Role::Dim) } else { told(number(n), role) }
}

/// How a tenant is, in one word: the worst of what its repositories are.
pub fn health(view: &TenantView) -> (&'static str, Role) {
    let counts = &view.counts;
    if view.repositories == 0 {
        ("empty", Role::Dim)
    } else if counts.unplanned == view.repositories {
        ("unplanned", Role::Dim)
    } else if counts.unmappable > 0 {
        ("blocked", Role::Bad)
    } else if counts.pending > 0 {
        ("waiting", Role::Warn)
    } else if counts.unplanned > 0 {
        ("partial", Role::Warn)
    } else {
        ("mapped", Role::Good)
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Tenants,
    name: "tenants",
    fields: &TENANTS,
    columns: &[
        Column {
            name: "tenant",
            min: 10,
            weight: 3,
            right: false,
            priority: 0,
            cell: |row, _| tenant(row, |view| view.id.as_str().into()),
        },
        Column {
            name: "health",
            min: 9,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| {
                tenant(row, |view| {
                    let (word, role) = health(view);
                    told(word, role)
                })
            },
        },
        Column {
            name: "canary",
            min: 6,
            weight: 0,
            right: false,
            priority: 1,
            cell: |row, _| {
                tenant(
                    row,
                    |view| if view.canary { told("canary", Role::Info) } else { told("-", Role::Dim) },
                )
            },
        },
        Column {
            name: "progress",
            min: 8,
            weight: 0,
            right: true,
            priority: 1,
            cell: |row, _| {
                tenant(row, |view| {
                    let all = view.repositories;
                    let share = if all == 0 { 0 } else { percent(view.counts.mapped, all) };
                    format!("{share} %").into()
                })
            },
        },
        Column {
            name: "repos",
            min: 6,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| tenant(row, |view| number(view.repositories).into()),
        },
        Column {
            name: "mapped",
            min: 6,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| tenant(row, |view| count(view.counts.mapped, Role::Good)),
        },
        Column {
            name: "pending",
            min: 7,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| tenant(row, |view| count(view.counts.pending, Role::Warn)),
        },
        Column {
            name: "unmappable",
            min: 10,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| tenant(row, |view| count(view.counts.unmappable, Role::Bad)),
        },
        Column {
            name: "unplanned",
            min: 9,
            weight: 0,
            right: true,
            priority: 4,
            cell: |row, _| tenant(row, |view| count(view.counts.unplanned, Role::Dim)),
        },
        Column {
            name: "projects",
            min: 8,
            weight: 0,
            right: true,
            priority: 5,
            cell: |row, _| tenant(row, |view| number(view.projects).into()),
        },
    ],
    topics: &[Topic::Mapping, Topic::Catalog, Topic::Mode],
    query: |_, ask| Query::Catalog(CatalogQuery::TenantWindow { ask }),
    take: |_, answer| match answer {
        Answer::Catalog(CatalogAnswer::TenantWindow(window)) => Some(window.map(Subject::Tenant)),
        _ => None,
    },
    empty: "no tenant yet: `cutover catalog import FILE` takes the application's list",
    verb: "tenant list",
};
