//! Installations of the App, the worst health first.

use cutover_shared::filter::INSTALLATIONS;
use cutover_shared::installation::{
    Health, InstallationAnswer, InstallationQuery, InstallationState, InstallationView,
};
use cutover_shared::rpc::{Answer, Query, Topic};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::{age, number};
use crate::state::subject::Subject;
use crate::theme::Role;

/// Below this share of the hour's calls the budget is short.
const SHORT_PERCENT: i64 = 10;

fn installation(row: &Subject, cell: impl Fn(&InstallationView) -> Cell) -> Cell {
    match row {
        Subject::Installation(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How an installation's health looks.
pub fn role(health: Health) -> Role {
    match health {
        Health::Healthy => Role::Good,
        Health::Attention => Role::Warn,
        Health::Failing => Role::Bad,
    }
}

/// Permissions that we need and were not granted: `checks: write, contents: read`.
pub fn missing(view: &InstallationView) -> String {
    let all = view.missing.iter().map(|(name, level)| format!("{name}: {level}"));
    all.collect::<Vec<_>>().join(", ")
}

fn budget(view: &InstallationView) -> Cell {
    match view.budget {
        Some((left, of)) if left.saturating_mul(100) < of.saturating_mul(SHORT_PERCENT) => {
            told(format!("{left} of {of}"), Role::Warn)
        }
        Some((left, of)) => format!("{left} of {of}").into(),
        None => Cell::default(),
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Installations,
    name: "installations",
    fields: &INSTALLATIONS,
    columns: &[
        Column {
            name: "account",
            min: 12,
            weight: 2,
            right: false,
            priority: 0,
            cell: |row, _| {
                // An account without a name would leave the row without one.
                installation(row, |view| match view.account.is_empty() {
                    true => view.id.to_string().into(),
                    false => view.account.as_str().into(),
                })
            },
        },
        Column {
            name: "health",
            min: 9,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| installation(row, |view| told(view.health.word(), role(view.health))),
        },
        Column {
            name: "state",
            min: 9,
            weight: 0,
            right: false,
            priority: 5,
            cell: |row, _| {
                installation(row, |view| match view.state {
                    InstallationState::Active => view.state.word().into(),
                    state => told(state.word(), Role::Warn),
                })
            },
        },
        Column {
            name: "id",
            min: 9,
            weight: 0,
            right: true,
            priority: 7,
            cell: |row, _| installation(row, |view| view.id.to_string().into()),
        },
        Column {
            name: "repositories",
            min: 12,
            weight: 0,
            right: true,
            priority: 6,
            cell: |row, _| installation(row, |view| number(view.repositories).into()),
        },
        Column {
            name: "mapped",
            min: 6,
            weight: 0,
            right: true,
            priority: 4,
            cell: |row, _| installation(row, |view| number(view.mapped).into()),
        },
        Column {
            name: "unmapped",
            min: 8,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| {
                installation(row, |view| match view.unmapped {
                    0 => "0".into(),
                    n => told(number(n), Role::Warn),
                })
            },
        },
        Column {
            name: "budget",
            min: 12,
            weight: 0,
            right: true,
            priority: 5,
            cell: |row, _| installation(row, budget),
        },
        Column {
            name: "token",
            min: 10,
            weight: 0,
            right: false,
            priority: 6,
            cell: |row, moment| {
                installation(row, |view| match (&view.token_error, view.token_minted_at) {
                    (Some(_), _) => told("failing", Role::Bad),
                    (None, Some(at)) => age(moment.now, at).into(),
                    (None, None) => told("none", Role::Dim),
                })
            },
        },
        Column {
            name: "delivery",
            min: 10,
            weight: 0,
            right: false,
            priority: 3,
            cell: |row, moment| {
                installation(row, |view| match view.last_delivery_at {
                    Some(at) => age(moment.now, at).into(),
                    None => told("never", Role::Dim),
                })
            },
        },
        Column {
            name: "reason",
            min: 14,
            weight: 3,
            right: false,
            priority: 1,
            cell: |row, _| {
                installation(row, |view| {
                    let codes: Vec<&str> = view.reasons.iter().map(|reason| reason.code.as_str()).collect();
                    told(codes.join(", "), role(view.health))
                })
            },
        },
    ],
    topics: &[Topic::Index, Topic::Tokens, Topic::Inbox, Topic::Mapping],
    query: |_, ask| Query::Installation(InstallationQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Installation(InstallationAnswer::Window(window)) => {
            Some(window.map(|view| Subject::Installation(Box::new(view))))
        }
        _ => None,
    },
    empty: "the App is installed nowhere yet: an owner installs it at GitHub; a dry-run (`d`) reads who has",
    verb: "installation list",
};
