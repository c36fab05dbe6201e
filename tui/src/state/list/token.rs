//! Installation tokens: the health of each installation, never a token.

use cutover_shared::filter::TOKENS;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::token::{TokenAnswer, TokenQuery, TokenState, TokenView};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::age;
use crate::state::subject::Subject;
use crate::theme::Role;

/// Below this share of the hour's calls the budget is short.
const SHORT_PERCENT: i64 = 10;

fn token(row: &Subject, cell: impl Fn(&TokenView) -> Cell) -> Cell {
    match row {
        Subject::Token(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a token's state looks.
pub fn role(state: TokenState) -> Role {
    match state {
        TokenState::Fresh => Role::Good,
        TokenState::Absent => Role::Dim,
        TokenState::Suspended | TokenState::Gone => Role::Warn,
        TokenState::Failing => Role::Bad,
    }
}

/// Few calls of the hour are left.
pub fn is_short(view: &TokenView) -> bool {
    match (view.remaining, view.limit) {
        (Some(left), Some(limit)) => left.saturating_mul(100) < limit.saturating_mul(SHORT_PERCENT),
        (left, _) => left.is_some_and(|left| left < 100),
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Tokens,
    name: "tokens",
    fields: &TOKENS,
    columns: &[
        Column {
            name: "installation",
            min: 12,
            weight: 0,
            right: true,
            priority: 0,
            cell: |row, _| token(row, |view| view.installation.to_string().into()),
        },
        Column {
            name: "account",
            min: 10,
            weight: 2,
            right: false,
            priority: 1,
            cell: |row, _| token(row, |view| view.account.as_deref().unwrap_or_default().into()),
        },
        Column {
            name: "state",
            min: 9,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| token(row, |view| told(view.state.word(), role(view.state))),
        },
        Column {
            name: "expires",
            min: 10,
            weight: 0,
            right: false,
            priority: 2,
            cell: |row, moment| {
                token(row, |view| view.expires_at.map_or(String::new(), |at| age(moment.now, at)).into())
            },
        },
        Column {
            name: "left",
            min: 13,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| {
                token(row, |view| {
                    let of = view.limit.map_or(String::new(), |limit| format!(" of {limit}"));
                    let text = view.remaining.map_or(String::new(), |left| format!("{left}{of}"));
                    if is_short(view) { told(text, Role::Warn) } else { text.into() }
                })
            },
        },
        Column {
            name: "mints",
            min: 5,
            weight: 0,
            right: true,
            priority: 4,
            cell: |row, _| token(row, |view| view.generation.to_string().into()),
        },
        Column {
            name: "error",
            min: 10,
            weight: 3,
            right: false,
            priority: 3,
            cell: |row, _| token(row, |view| told(view.error.as_deref().unwrap_or_default(), Role::Bad)),
        },
    ],
    topics: &[Topic::Tokens, Topic::Index],
    query: |_, ask| Query::Token(TokenQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Token(TokenAnswer::Window(window)) => Some(window.map(Subject::Token)),
        _ => None,
    },
    empty: "no installation is known yet: a dry-run reads them from GitHub (`d`)",
    verb: "token list",
};
