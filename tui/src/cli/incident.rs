//! `cutover incident`: what a person declares, and what rolls back because of it.

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Subcommand};
use cutover_shared::rollout::{
    ChangeView, IncidentEffect, IncidentOutcome, IncidentView, Moved, Operation, RolloutAct, RolloutAnswer,
    RolloutName, RolloutQuery, RolloutReceipt,
};
use serde_json::json;

use super::kill::or_kill;
use super::map::global_options;
use super::rollout::{ask, receipt_of, when};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, Table, Tone, age, clean, number};
use crate::session::Session;
use crate::words;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A critical incident: the rollout rolls back, and advances no more until it is closed
    #[command(group = ArgGroup::new("scope").args(["rollout", "all"]).required(true))]
    Declare {
        #[arg(value_name = "ROLLOUT", value_parser = words::rollout())]
        rollout: Option<RolloutName>,
        /// Every rollout that has tenants on its target
        #[arg(long)]
        all: bool,
        /// What is wrong, for receipts and the audit log
        #[arg(long, value_name = "TEXT")]
        text: String,
    },
    /// Ends an incident; nothing moves because of it
    Close {
        /// As `incident list` names it
        #[arg(value_parser = NonEmptyStringValueParser::new())]
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
        Verb::Declare { rollout, all: _, text } => declare(session, rollout, text).await,
        Verb::Close { id } => close(session, id).await,
        Verb::List => incidents(session).await,
    }
}

/// What should have gone back and did not, or is not stored yet, is something to look at.
async fn declare(session: &mut Session<'_>, name: Option<RolloutName>, text: String) -> Verdict {
    let receipt = receipt_of(session, RolloutAct::Declare { name, text }).await;
    let receipt = receipt.map_err(|failure| or_kill(failure, session))?;
    let (now, options) = (session.now(), global_options(session));
    session.out.answer(&receipt, |style| declared(&receipt, &options, now, style))?;
    let is_bad = |one: &IncidentEffect| {
        matches!(
            one.outcome,
            IncidentOutcome::Failed { .. } | IncidentOutcome::RolledBack { stored: false, .. }
        )
    };
    Ok(if receipt.effects.iter().any(is_bad) { Outcome::Found } else { Outcome::Done })
}

fn declared(receipt: &RolloutReceipt, options: &str, now: i64, style: Style) -> String {
    let mut block = Block::new();
    let Some(incident) = &receipt.incident else { return "no incident was declared\n".to_owned() };
    block.toned("Incident", &incident.id, Tone::Strong);
    about(&mut block, incident, now);
    for effect in &receipt.effects {
        followed(&mut block, effect, &receipt.changes);
    }
    let shut = incident.rollout.map_or("no rollout takes".to_owned(), |name| format!("{name} does not take"));
    block.line("Until closed", format!("{shut} its next stage"));
    block.line("Close", format!("`cutover{options} incident close {}`", incident.id));
    block.render(style)
}

fn about(block: &mut Block, incident: &IncidentView, now: i64) {
    block.line("Rollout", scope(incident));
    block.line("Opened", format!("{}, by {}", when(now, incident.opened_at), incident.opened_by));
    block.line("Text", &incident.text);
}

fn scope(incident: &IncidentView) -> &'static str {
    incident.rollout.map_or("every rollout", RolloutName::word)
}

/// What became of one rollout.
fn followed(block: &mut Block, effect: &IncidentEffect, changes: &[ChangeView]) {
    let IncidentEffect { rollout, outcome } = effect;
    match outcome {
        IncidentOutcome::RolledBack { from, to, operations, off, tenants, stored } => {
            let change = changes.iter().find(|change| change.rollout == *rollout);
            let version = change.map_or(String::new(), |change| format!(", version {}", change.version));
            block.toned("Rolled back", format!("{rollout}: {from} to {to}{version}"), Tone::Good);
            let moved = match tenants {
                Some(Moved { moved, all }) => {
                    format!("{} of {} tenants left the target", number(*moved), number(*all))
                }
                None => "the tenants could not be counted".to_owned(),
            };
            if !operations.is_empty() {
                block.line("", format!("{}: {moved}", listed(operations)));
            }
            if !off.is_empty() {
                block.line("", format!("{}: on legacy before, the flag is off", listed(off)));
            }
            if !stored {
                let text = "in effect, and not stored yet: the daemon goes on trying";
                block.toned("", text, Tone::Warn);
            }
            let warning = change.and_then(|change| change.detail.get("warning")?.as_str());
            if let Some(warning) = warning {
                block.toned("", warning, Tone::Warn);
            }
        }
        IncidentOutcome::Left { stage, why } => {
            block.line("Left alone", format!("{rollout}, in {stage}: {why}"));
        }
        IncidentOutcome::Failed { why } => {
            block.toned("NOT BACK", format!("{rollout}: {why}; `cutover kill {rollout}`"), Tone::Bad);
        }
    }
}

fn listed(operations: &[Operation]) -> String {
    operations.iter().map(|operation| operation.word()).collect::<Vec<_>>().join(", ")
}

async fn close(session: &mut Session<'_>, id: String) -> Verdict {
    let unchanged = format!("{} is closed already: nothing was changed\n", clean(&id));
    let receipt = receipt_of(session, RolloutAct::Close { id }).await?;
    let (now, options) = (session.now(), global_options(session));
    session.out.answer(&receipt, |style| {
        let Some(incident) = &receipt.incident else { return unchanged };
        let mut block = Block::new();
        block.toned("Closed", &incident.id, Tone::Good);
        about(&mut block, incident, now);
        let next = incident.rollout.map_or("NAME", RolloutName::word);
        block.line("Moved", "nobody");
        block.line("Next", format!("`cutover{options} rollout stage {next}` looks at the next step"));
        block.render(style)
    })?;
    Ok(Outcome::Done)
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
