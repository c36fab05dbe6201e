//! Deliveries of GitHub's webhooks, newest first.

use cutover_shared::filter::DELIVERIES;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::webhook::{DeliveryState, DeliveryView, WebhookAnswer, WebhookQuery};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::age;
use crate::state::subject::Subject;
use crate::theme::Role;

fn delivery(row: &Subject, cell: impl Fn(&DeliveryView) -> Cell) -> Cell {
    match row {
        Subject::Delivery(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a delivery's state looks. One that failed and waits for its next try needs a look, one that only waits does not.
pub fn role(view: &DeliveryView) -> Role {
    match view.state {
        DeliveryState::Waiting if view.attempts > 0 => Role::Warn,
        DeliveryState::Waiting => Role::Info,
        DeliveryState::Handled => Role::Good,
        DeliveryState::Ignored => Role::Dim,
        DeliveryState::Dead => Role::Bad,
    }
}

/// `installation.suspend`, as GitHub's documents call it.
pub fn event(view: &DeliveryView) -> String {
    let action = view.action.as_ref().map_or(String::new(), |action| format!(".{action}"));
    format!("{}{action}", view.event)
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Deliveries,
    name: "deliveries",
    fields: &DELIVERIES,
    columns: &[
        Column {
            name: "age",
            min: 10,
            weight: 0,
            right: false,
            priority: 1,
            cell: |row, moment| delivery(row, |view| age(moment.now, view.received_at).into()),
        },
        Column {
            name: "state",
            min: 7,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| delivery(row, |view| told(view.state.word(), role(view))),
        },
        Column {
            name: "event",
            min: 20,
            weight: 1,
            right: false,
            priority: 0,
            cell: |row, _| delivery(row, |view| event(view).into()),
        },
        Column {
            name: "repo",
            min: 12,
            weight: 2,
            right: false,
            priority: 2,
            cell: |row, _| delivery(row, |view| view.repository.as_deref().unwrap_or_default().into()),
        },
        Column {
            name: "installation",
            min: 12,
            weight: 0,
            right: true,
            priority: 6,
            cell: |row, _| {
                delivery(row, |view| view.installation.map_or(String::new(), |id| id.to_string()).into())
            },
        },
        Column {
            name: "tries",
            min: 5,
            weight: 0,
            right: true,
            priority: 6,
            cell: |row, _| {
                delivery(row, |view| match view.attempts {
                    0 => Cell::default(),
                    n => told(n.to_string(), Role::Warn),
                })
            },
        },
        Column {
            name: "repeats",
            min: 7,
            weight: 0,
            right: true,
            priority: 7,
            cell: |row, _| {
                delivery(row, |view| match view.repeats {
                    0 => Cell::default(),
                    n => n.to_string().into(),
                })
            },
        },
        Column {
            name: "note",
            min: 12,
            weight: 3,
            right: false,
            priority: 3,
            cell: |row, _| {
                delivery(row, |view| {
                    let bad = view.state == DeliveryState::Dead || view.attempts > 0;
                    let tone = if bad { role(view) } else { Role::Text };
                    told(view.note.as_deref().unwrap_or_default(), tone)
                })
            },
        },
        Column {
            name: "guid",
            min: 8,
            weight: 1,
            right: false,
            priority: 5,
            cell: |row, _| delivery(row, |view| view.guid.as_str().into()),
        },
    ],
    topics: &[Topic::Inbox],
    query: |_, ask| Query::Webhook(WebhookQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Webhook(WebhookAnswer::Window(window)) => {
            Some(window.map(|view| Subject::Delivery(Box::new(view))))
        }
        _ => None,
    },
    empty: "no delivery has come yet: GitHub sends them to the webhook address of the App; `M` looks for what it logged and is \
            not here",
    verb: "webhook list",
};
