//! The books of both arms: where they differ, what is owed, having it written again.

use cutover_shared::rollout::{
    MismatchView, RepairLine, RepairState, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery,
};
use cutover_shared::rpc::{Answer, Query};
use serde_json::json;

use super::super::list::{Listing, Window, list};
use super::super::{Outcome, Verdict};
use super::{ask, done, receipt};
use crate::failure::Failure;
use crate::plain::{Cell, Column, Tone, age};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Repair {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// One write, by its number in `rollout repairs` [default: all that failed]
    #[arg(value_name = "SEQ", value_parser = clap::value_parser!(i64).range(1..))]
    seq: Option<i64>,
    /// Give it up instead; the reason goes into the audit log
    #[arg(long, value_name = "REASON", requires = "seq")]
    drop: Option<String>,
}

const MISMATCHES: &[Column] = &[
    Column::number("SEQ"),
    Column::words("WHEN"),
    Column::words("OPERATION"),
    Column::long("TENANT"),
    Column::number("VERSION"),
    Column::text("LEGACY AGAINST TARGET"),
];

const REPAIRS: &[Column] = &[
    Column::number("SEQ"),
    Column::words("STATE"),
    Column::words("OWED"),
    Column::words("SINCE"),
    Column::number("TRIES"),
    Column::text("WHOSE, AND WHY IT FAILED"),
];

pub(super) async fn mismatches(session: &mut Session<'_>, name: RolloutName, window: &Window) -> Verdict {
    let listing = Listing {
        noun: "mismatches",
        columns: MISMATCHES,
        ask: &|page| Query::Rollout(RolloutQuery::Mismatches { name, page }),
        take: |answer| match answer {
            Answer::Rollout(RolloutAnswer::Mismatches(page)) => Some(page),
            _ => None,
        },
        row: mismatch,
    };
    list(session, window, listing).await
}

fn mismatch(one: &MismatchView, now: i64) -> Vec<Cell> {
    let differences: Vec<String> = one
        .differences
        .iter()
        .map(|difference| {
            format!("{}: {} against {}", difference.field, difference.legacy, difference.target)
        })
        .collect();
    vec![
        one.seq.to_string().into(),
        age(now, one.at).into(),
        one.operation.word().into(),
        one.tenant.as_str().into(),
        one.version.to_string().into(),
        differences.join("; ").into(),
    ]
}

pub(super) async fn repairs(session: &mut Session<'_>, name: RolloutName, window: &Window) -> Verdict {
    let listing = Listing {
        noun: "writes owed",
        columns: REPAIRS,
        ask: &|page| Query::Rollout(RolloutQuery::Repairs { name, page }),
        take: |answer| match answer {
            Answer::Rollout(RolloutAnswer::Repairs(page)) => Some(page),
            _ => None,
        },
        row: owed,
    };
    list(session, window, listing).await
}

fn owed(line: &RepairLine, now: i64) -> Vec<Cell> {
    let tone = if line.state == RepairState::Failed { Tone::Bad } else { Tone::Plain };
    vec![
        line.seq.to_string().into(),
        Cell::toned(line.state.word(), tone),
        format!("{} to {}", line.operation, line.side).into(),
        age(now, line.created_at).into(),
        line.attempts.to_string().into(),
        match &line.note {
            Some(note) => format!("{} {}: {note}", line.tenant.as_str(), line.key),
            None => format!("{} {}", line.tenant.as_str(), line.key),
        }
        .into(),
    ]
}

pub(super) async fn repair(args: Repair, session: &mut Session<'_>) -> Verdict {
    let Repair { name, seq, drop } = args;
    done(session, RolloutAct::Repair { name, seq, drop }, &format!("no write of {name} has failed")).await
}

pub(super) async fn reconcile(session: &mut Session<'_>, name: RolloutName) -> Verdict {
    done(session, RolloutAct::Reconcile { name }, "nothing was compared").await
}

pub(super) async fn reconciliation(session: &mut Session<'_>, name: RolloutName) -> Verdict {
    let RolloutAnswer::Reconciliation(found) = ask(session, RolloutQuery::Reconciliation { name }).await?
    else {
        return Err(Failure::unexpected("rollout reconciliation"));
    };
    let now = session.now();
    session.out.answer(&json!(found), |style| match &found {
        Some(found) => receipt::reconciled(found, now, style),
        None => {
            format!("{name} was not compared yet: cutover rollout reconcile {name}\n")
        }
    })?;
    Ok(Outcome::Done)
}
