//! Runs, newest first.

use cutover_shared::filter::RUNS;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::run::{RunAnswer, RunQuery, RunState, RunView};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::{age, number, percent};
use crate::state::figures::{settled, short};
use crate::state::subject::Subject;
use crate::theme::Role;

fn run(row: &Subject, cell: impl Fn(&RunView) -> Cell) -> Cell {
    match row {
        Subject::Run(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a run's state looks.
pub fn role(run: &RunView) -> Role {
    match run.state {
        RunState::Failed => Role::Bad,
        RunState::Done | RunState::Undone if run.progress.counts.findings() > 0 => Role::Warn,
        RunState::Done | RunState::Undone => Role::Good,
        RunState::Paused | RunState::Pausing | RunState::Cancelled => Role::Warn,
        RunState::Applying | RunState::Verifying | RunState::Undoing => Role::Info,
        RunState::Planned | RunState::Approved => Role::Text,
        RunState::Expired => Role::Dim,
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Runs,
    name: "runs",
    fields: &RUNS,
    columns: &[
        Column {
            name: "id",
            min: 13,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| run(row, |view| short(&view.id).into()),
        },
        Column {
            name: "state",
            min: 9,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| run(row, |view| told(view.state.word(), role(view))),
        },
        Column {
            name: "kind",
            min: 4,
            weight: 0,
            right: false,
            priority: 4,
            cell: |row, _| run(row, |view| view.kind.as_str().into()),
        },
        Column {
            name: "scope",
            min: 10,
            weight: 2,
            right: false,
            priority: 1,
            cell: |row, _| run(row, |view| view.scope.as_str().into()),
        },
        Column {
            name: "items",
            min: 8,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| run(row, |view| number(view.progress.counts.total()).into()),
        },
        Column {
            name: "settled",
            min: 7,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| {
                run(row, |view| format!("{} %", percent(settled(view), view.progress.counts.total())).into())
            },
        },
        Column {
            name: "findings",
            min: 8,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| {
                run(row, |view| match view.progress.counts.findings() {
                    0 => told("0", Role::Dim),
                    n => told(number(n), Role::Warn),
                })
            },
        },
        Column {
            name: "age",
            min: 11,
            weight: 0,
            right: false,
            priority: 3,
            cell: |row, moment| run(row, |view| age(moment.now, view.planned_at).into()),
        },
        Column {
            name: "author",
            min: 8,
            weight: 1,
            right: false,
            priority: 5,
            cell: |row, _| run(row, |view| view.author.as_str().into()),
        },
    ],
    topics: &[Topic::Runs],
    query: |_, ask| Query::Run(RunQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Run(RunAnswer::Window(window)) => Some(window.map(|view| Subject::Run(Box::new(view)))),
        _ => None,
    },
    empty: "no run yet: `d` on a tenant or a repository makes a dry-run, which is a run",
    verb: "run list",
};
