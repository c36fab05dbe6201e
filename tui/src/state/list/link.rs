//! Repositories of projects, with status, reason, confidence.

use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, LinkView};
use cutover_shared::filter::LINKS;
use cutover_shared::mapping::MappingStatus;
use cutover_shared::rpc::{Answer, Query, Topic};

use super::{Cell, Column, ListId, Spec, told};
use crate::state::subject::Subject;
use crate::theme::Role;

fn link(row: &Subject, cell: impl Fn(&LinkView) -> Cell) -> Cell {
    match row {
        Subject::Link(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a mapping's status looks.
pub fn role(status: Option<MappingStatus>) -> Role {
    match status {
        Some(MappingStatus::Mapped) => Role::Good,
        Some(MappingStatus::Pending) => Role::Warn,
        Some(MappingStatus::Unmappable) => Role::Bad,
        None => Role::Dim,
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Links,
    name: "repositories",
    fields: &LINKS,
    columns: &[
        Column {
            name: "repo",
            min: 24,
            weight: 4,
            right: false,
            priority: 0,
            cell: |row, _| link(row, |view| view.link.repo_full_name.as_str().into()),
        },
        Column {
            name: "status",
            min: 10,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| {
                link(row, |view| {
                    let status = view.mapping.as_ref().map(|mapping| mapping.status);
                    told(status.map_or("unplanned", MappingStatus::word), role(status))
                })
            },
        },
        Column {
            name: "reason",
            min: 17,
            weight: 0,
            right: false,
            priority: 2,
            cell: |row, _| {
                link(row, |view| view.mapping.as_ref().map_or("", |mapping| mapping.reason.word()).into())
            },
        },
        Column {
            name: "confidence",
            min: 10,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| {
                link(row, |view| {
                    view.mapping
                        .as_ref()
                        .map_or(String::new(), |mapping| format!("{} %", mapping.confidence))
                        .into()
                })
            },
        },
        Column {
            name: "project",
            min: 8,
            weight: 2,
            right: false,
            priority: 1,
            cell: |row, _| link(row, |view| view.link.project.as_str().into()),
        },
        Column {
            name: "tenant",
            min: 8,
            weight: 2,
            right: false,
            priority: 4,
            cell: |row, _| link(row, |view| view.link.tenant.as_str().into()),
        },
        Column {
            name: "installation",
            min: 12,
            weight: 0,
            right: true,
            priority: 5,
            cell: |row, _| {
                link(row, |view| {
                    let installation = view.mapping.as_ref().and_then(|mapping| mapping.installation);
                    installation.map_or(String::new(), |id| id.to_string()).into()
                })
            },
        },
    ],
    topics: &[Topic::Mapping, Topic::Catalog, Topic::Mode],
    query: |_, ask| Query::Catalog(CatalogQuery::LinkWindow { ask }),
    take: |_, answer| match answer {
        Answer::Catalog(CatalogAnswer::LinkWindow(window)) => {
            Some(window.map(|view| Subject::Link(Box::new(view))))
        }
        _ => None,
    },
    empty: "no repository yet: `cutover catalog import FILE` takes the application's list",
    verb: "catalog list",
};
