//! The audit log, newest first.

use cutover_shared::audit::{AuditAnswer, AuditQuery, AuditView};
use cutover_shared::filter::AUDIT;
use cutover_shared::rpc::{Answer, Query, Topic};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::time;
use crate::state::subject::Subject;
use crate::theme::Role;

fn record(row: &Subject, cell: impl Fn(&AuditView) -> Cell) -> Cell {
    match row {
        Subject::Record(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How an act looks.
pub fn role(act: &str) -> Role {
    match act {
        "refused" => Role::Warn,
        "kill" => Role::Bad,
        _ => Role::Text,
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Audit,
    name: "audit",
    fields: &AUDIT,
    columns: &[
        Column {
            name: "seq",
            min: 6,
            weight: 0,
            right: true,
            priority: 0,
            cell: |row, _| record(row, |view| view.seq.to_string().into()),
        },
        Column {
            name: "when",
            min: 20,
            weight: 0,
            right: false,
            priority: 1,
            cell: |row, _| record(row, |view| time(view.at).into()),
        },
        Column {
            name: "act",
            min: 12,
            weight: 1,
            right: false,
            priority: 0,
            cell: |row, _| record(row, |view| told(view.act.as_str(), role(&view.act))),
        },
        Column {
            name: "who",
            min: 8,
            weight: 1,
            right: false,
            priority: 2,
            cell: |row, _| record(row, |view| view.actor.as_str().into()),
        },
        Column {
            name: "subject",
            min: 12,
            weight: 2,
            right: false,
            priority: 3,
            cell: |row, _| record(row, |view| view.subject.as_str().into()),
        },
        Column {
            name: "from",
            min: 10,
            weight: 1,
            right: false,
            priority: 4,
            cell: |row, _| record(row, |view| view.origin.as_str().into()),
        },
    ],
    topics: &[Topic::Audit],
    query: |_, ask| Query::Audit(AuditQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Audit(AuditAnswer::Window(window)) => {
            Some(window.map(|view| Subject::Record(Box::new(view))))
        }
        _ => None,
    },
    empty: "the log holds nothing yet",
    verb: "audit list",
};
