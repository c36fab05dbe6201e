//! Items of one run.

use cutover_shared::filter::ITEMS;
use cutover_shared::ids::RunId;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::run::{ItemState, ItemView, RunAnswer, RunQuery};

use super::{Cell, Column, ListId, Spec, told};
use crate::state::subject::Subject;
use crate::theme::Role;

fn item(row: &Subject, cell: impl Fn(&ItemView) -> Cell) -> Cell {
    match row {
        Subject::Item { item, .. } => cell(item),
        _ => Cell::default(),
    }
}

/// How an item's state looks.
pub fn role(state: ItemState) -> Role {
    match state {
        ItemState::Done | ItemState::Undone => Role::Good,
        ItemState::Failed | ItemState::Unknown => Role::Bad,
        ItemState::Stale | ItemState::Superseded => Role::Warn,
        ItemState::Leased => Role::Info,
        ItemState::Pending => Role::Text,
        ItemState::Skipped => Role::Dim,
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Items,
    name: "items",
    fields: &ITEMS,
    columns: &[
        Column {
            name: "ord",
            min: 5,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| item(row, |view| view.ord.to_string().into()),
        },
        Column {
            name: "key",
            min: 24,
            weight: 6,
            right: false,
            priority: 0,
            cell: |row, _| item(row, |view| view.key.as_str().into()),
        },
        Column {
            name: "state",
            min: 10,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| item(row, |view| told(view.state.word(), role(view.state))),
        },
        Column {
            name: "to",
            min: 10,
            weight: 0,
            right: false,
            priority: 1,
            cell: |row, _| {
                item(row, |view| {
                    let status = view.body.pointer("/to/status").and_then(serde_json::Value::as_str);
                    status.unwrap_or_default().into()
                })
            },
        },
        Column {
            name: "tries",
            min: 5,
            weight: 0,
            right: true,
            priority: 4,
            cell: |row, _| item(row, |view| view.attempts.to_string().into()),
        },
        Column {
            name: "reason",
            min: 12,
            weight: 2,
            right: false,
            priority: 2,
            cell: |row, _| item(row, |view| view.reason.as_deref().unwrap_or_default().into()),
        },
    ],
    topics: &[Topic::Runs],
    query: |of, ask| {
        let id = of.cloned().unwrap_or_else(|| RunId(String::new()));
        Query::Run(RunQuery::ItemWindow { id, ask })
    },
    take: |of, answer| match (of, answer) {
        (Some(run), Answer::Run(RunAnswer::ItemWindow(window))) => {
            Some(window.map(|view| Subject::Item { run: run.clone(), item: Box::new(view) }))
        }
        _ => None,
    },
    empty: "this run has no item",
    verb: "run items",
};
