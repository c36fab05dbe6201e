//! Rollouts: how far each is, who is in, what speaks against going on. Both are built in, so the list is always whole and
//! has neither filter nor order.

use cutover_shared::filter::Fields;
use cutover_shared::rollout::{RolloutAnswer, RolloutLine, RolloutQuery};
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::window::Window;

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::{age, number};
use crate::state::subject::Subject;
use crate::theme::Role;

/// There is nothing to filter by.
static NONE: Fields = Fields { noun: "rollouts", all: &[] };

fn rollout(row: &Subject, cell: impl Fn(&RolloutLine) -> Cell) -> Cell {
    match row {
        Subject::Rollout(line) => cell(line),
        _ => Cell::default(),
    }
}

/// How it is, in one word, the worst first.
pub fn state(line: &RolloutLine) -> (&'static str, Role) {
    match line {
        RolloutLine { killed: true, .. } => ("KILLED", Role::Bad),
        RolloutLine { attention: true, .. } => ("attention", Role::Warn),
        RolloutLine { frozen: true, .. } => ("frozen", Role::Warn),
        _ => ("ok", Role::Good),
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Rollouts,
    name: "rollouts",
    fields: &NONE,
    columns: &[
        Column {
            name: "rollout",
            min: 11,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| rollout(row, |line| line.name.word().into()),
        },
        Column {
            name: "stage",
            min: 10,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| rollout(row, |line| line.stage.to_string().into()),
        },
        Column {
            name: "state",
            min: 9,
            weight: 0,
            right: false,
            priority: 1,
            cell: |row, _| {
                rollout(row, |line| {
                    let (word, role) = state(line);
                    told(word, role)
                })
            },
        },
        Column {
            name: "in",
            min: 12,
            weight: 0,
            right: false,
            priority: 2,
            cell: |row, _| {
                rollout(row, |line| format!("{} of {}", number(line.inside), number(line.tenants)).into())
            },
        },
        Column {
            name: "since",
            min: 11,
            weight: 0,
            right: false,
            priority: 4,
            cell: |row, moment| rollout(row, |line| age(moment.now, line.since).into()),
        },
        Column {
            name: "verdict",
            min: 15,
            weight: 1,
            right: false,
            priority: 3,
            cell: |row, _| rollout(row, |line| line.verdict.as_str().into()),
        },
    ],
    topics: &[Topic::Rollouts, Topic::Mode],
    query: |_, _| Query::Rollout(RolloutQuery::List),
    take: |_, answer| match answer {
        Answer::Rollout(RolloutAnswer::List(rows)) => {
            let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
            let rows = rows.into_iter().map(|line| Subject::Rollout(Box::new(line))).collect();
            Some(Window { rows, offset: 0, total })
        }
        _ => None,
    },
    empty: "no rollout yet: the daemon has not read their state, `cutover doctor` says why",
    verb: "rollout list",
};
