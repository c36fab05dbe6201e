//! `cutover incident`: what a person declares, and what rolls back because of it.

use clap::Subcommand;
use cutover_shared::rollout::{IncidentView, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery};
use serde_json::json;

use super::rollout::{ask, done};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Cell, Column, Table, age};
use crate::session::Session;
use crate::words;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A critical incident: the rollout rolls back, and advances no more until it is closed
    Declare {
        #[arg(value_name = "ROLLOUT", value_parser = words::rollout(), required_unless_present = "all")]
        rollout: Option<RolloutName>,
        /// Every rollout that has tenants on its target
        #[arg(long, conflicts_with = "rollout")]
        all: bool,
        /// What is wrong, for receipts and the audit log
        #[arg(long, value_name = "TEXT")]
        text: String,
    },
    /// Ends an incident; nothing moves because of it
    Close {
        /// As `incident list` names it
        id: String,
    },
    /// Incidents that are open
    List,
}

const INCIDENTS: &[Column] = &[
    Column::words("ID"),
    Column::words("OPENED"),
    Column::words("ROLLOUT"),
    Column::long("BY"),
    Column::text("TEXT"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Declare { rollout: name, all: _, text } => {
            done(session, RolloutAct::Declare { name, text }, "no incident was declared").await
        }
        Verb::Close { id } => {
            let unchanged = format!("{id} is closed already");
            done(session, RolloutAct::Close { id }, &unchanged).await
        }
        Verb::List => incidents(session).await,
    }
}

async fn incidents(session: &mut Session<'_>) -> Verdict {
    let RolloutAnswer::Incidents(all) = ask(session, RolloutQuery::Incidents).await? else {
        return Err(Failure::unexpected("incident list"));
    };
    let now = session.now();
    session.out.answer(&json!({ "rows": all }), |style| {
        if all.is_empty() {
            return "no open incidents\n".to_owned();
        }
        let rows: Vec<Vec<Cell>> = all.iter().map(|one| row(one, now)).collect();
        Table::whole(INCIDENTS, &rows, style)
    })?;
    Ok(Outcome::Done)
}

fn row(one: &IncidentView, now: i64) -> Vec<Cell> {
    vec![
        one.id.as_str().into(),
        age(now, one.opened_at).into(),
        one.rollout.map_or("every rollout", RolloutName::word).into(),
        one.opened_by.as_str().into(),
        one.text.as_str().into(),
    ]
}
