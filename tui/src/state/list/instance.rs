//! Tenants' own databases.

use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{FleetAnswer, FleetQuery, InstanceState, InstanceView, StepStatus};
use cutover_shared::rpc::{Answer, Query, Topic};

use super::{Cell, Column, ListId, Spec, told};
use crate::plain::fleet::{trouble, version};
use crate::state::subject::Subject;
use crate::theme::Role;

fn instance(row: &Subject, cell: impl Fn(&InstanceView) -> Cell) -> Cell {
    match row {
        Subject::Instance(view) => cell(view),
        _ => Cell::default(),
    }
}

/// How a tenant's standing looks.
pub fn step_role(status: StepStatus) -> Role {
    match status {
        StepStatus::Completed => Role::Good,
        StepStatus::Failed => Role::Bad,
        StepStatus::Skipped => Role::Warn,
        StepStatus::Running => Role::Info,
        StepStatus::Pending => Role::Text,
    }
}

/// How the state of an instance looks.
pub fn role(state: InstanceState) -> Role {
    match state {
        InstanceState::Connected => Role::Good,
        InstanceState::New => Role::Dim,
        InstanceState::Error => Role::Bad,
    }
}

pub(super) static SPEC: Spec = Spec {
    id: ListId::Instances,
    name: "instances",
    fields: &INSTANCES,
    columns: &[
        Column {
            name: "tenant",
            min: 12,
            weight: 2,
            right: false,
            priority: 0,
            cell: |row, _| instance(row, |view| view.tenant.as_str().into()),
        },
        Column {
            name: "version",
            min: 7,
            weight: 0,
            right: true,
            priority: 2,
            cell: |row, _| instance(row, |view| version(view.version).into()),
        },
        Column {
            name: "pending",
            min: 7,
            weight: 0,
            right: true,
            priority: 3,
            cell: |row, _| {
                instance(row, |view| match view.pending {
                    0 => told("0", Role::Dim),
                    n => n.to_string().into(),
                })
            },
        },
        Column {
            name: "status",
            min: 9,
            weight: 0,
            right: false,
            priority: 0,
            cell: |row, _| instance(row, |view| told(view.status.word(), step_role(view.status))),
        },
        Column {
            name: "state",
            min: 9,
            weight: 0,
            right: false,
            priority: 4,
            cell: |row, _| instance(row, |view| told(view.state.word(), role(view.state))),
        },
        Column {
            name: "wave",
            min: 4,
            weight: 0,
            right: true,
            priority: 5,
            cell: |row, _| instance(row, |view| view.wave.to_string().into()),
        },
        Column {
            name: "server",
            min: 12,
            weight: 1,
            right: false,
            priority: 6,
            cell: |row, _| instance(row, |view| view.server.as_str().into()),
        },
        Column {
            name: "error",
            min: 26,
            weight: 4,
            right: false,
            priority: 1,
            cell: |row, _| {
                instance(row, |view| match trouble(view) {
                    Some(text) if view.status == StepStatus::Failed => told(text, Role::Bad),
                    Some(text) => told(text, Role::Warn),
                    None => Cell::default(),
                })
            },
        },
    ],
    topics: &[Topic::Fleet],
    query: |_, ask| Query::Fleet(FleetQuery::Instances { ask }),
    take: |_, answer| match answer {
        Answer::Fleet(FleetAnswer::Instances(window)) => {
            Some(window.map(|view| Subject::Instance(Box::new(view))))
        }
        _ => None,
    },
    empty: "there is no instance yet: `cutover fleet instance add` takes them one by one, from a file or from the application",
    verb: "fleet instance list",
};
