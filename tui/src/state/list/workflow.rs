//! Workflows with a trigger.

use cutover_shared::filter::WORKFLOWS;
use cutover_shared::rpc::{Answer, Query, Topic};
use cutover_shared::workflow::{
    DispatchState, DispatchView, Rule, WorkflowAnswer, WorkflowQuery, WorkflowView,
};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::{age, number};
use crate::state::subject::Subject;
use crate::theme::Role;

fn workflow(row: &Subject, cell: impl Fn(&WorkflowView) -> Cell) -> Cell {
    match row {
        Subject::Workflow(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a dispatch's state looks. One that failed and waits for its next try needs a look.
pub fn dispatch_role(view: &DispatchView) -> Role {
    match view.state {
        DispatchState::Waiting if view.attempts > 0 => Role::Warn,
        DispatchState::Waiting => Role::Info,
        DispatchState::Sent => Role::Good,
        DispatchState::Dead => Role::Bad,
    }
}

/// A rule in one line: `push to main in acme/*`, and how many further conditions there are.
pub fn trigger(rule: &Rule) -> String {
    let branches =
        if rule.branches.is_empty() { String::new() } else { format!(" to {}", rule.branches.join(",")) };
    let narrower = [&rule.paths, &rule.action_filter, &rule.author_filter, &rule.label_filter];
    let more = narrower.iter().filter(|list| !list.is_empty()).count()
        + usize::from(rule.github_app_installation_id.is_some());
    let more = if more == 0 { String::new() } else { format!(" +{more}") };
    format!("{}{branches} in {}{more}", rule.events.join(","), rule.repository)
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Workflows,
    name: "workflows",
    fields: &WORKFLOWS,
    columns: &[
        Column {
            name: "id",
            min: 14,
            weight: 2,
            right: false,
            priority: 0,
            cell: |row, _| workflow(row, |view| view.id.as_str().into()),
        },
        Column {
            name: "name",
            min: 10,
            weight: 1,
            right: false,
            priority: 5,
            cell: |row, _| workflow(row, |view| view.name.as_str().into()),
        },
        Column {
            name: "trigger",
            min: 20,
            weight: 3,
            right: false,
            priority: 1,
            cell: |row, _| {
                workflow(row, |view| match &view.trouble {
                    Some(trouble) => told(trouble, Role::Bad),
                    None => trigger(&view.trigger).into(),
                })
            },
        },
        Column {
            name: "matches",
            min: 7,
            weight: 0,
            right: true,
            priority: 4,
            cell: |row, _| workflow(row, |view| number(view.matches).into()),
        },
        Column {
            name: "matched",
            min: 10,
            weight: 0,
            right: false,
            priority: 3,
            cell: |row, moment| {
                workflow(row, |view| match &view.last_match {
                    Some(last) => age(moment.now, last.at).into(),
                    None => told("never", Role::Dim),
                })
            },
        },
        Column {
            name: "waiting",
            min: 7,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| workflow(row, |view| counted(view.waiting, Role::Info)),
        },
        Column {
            name: "dead",
            min: 4,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| workflow(row, |view| counted(view.dead, Role::Bad)),
        },
    ],
    topics: &[Topic::Outbox],
    query: |_, ask| Query::Workflow(WorkflowQuery::Window { ask }),
    take: |_, answer| match answer {
        Answer::Workflow(WorkflowAnswer::Window(window)) => {
            Some(window.map(|view| Subject::Workflow(Box::new(view))))
        }
        _ => None,
    },
    empty: "no workflow is registered: `cutover workflow add ID --file FILE` registers one, or the application does",
    verb: "workflow list",
};

/// A number that means something only when it is not 0.
fn counted(n: u64, role: Role) -> Cell {
    if n == 0 { told("0", Role::Dim) } else { told(number(n), role) }
}
