//! `cutover fleet instance`: tenants' own databases.

mod add;
mod source;

use clap::Subcommand;
use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt, InstanceState};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};
use serde_json::json;

use super::super::choose::{Choice, Windowed, help, windows};
use super::super::list::Layout;
use super::super::{Outcome, Verdict};
use super::{act, ask};
use crate::failure::Failure;
use crate::plain::fleet::{self as words, INSTANCE_COLUMNS, instance_row};
use crate::plain::{Cell, Style, Table, clean, wrap};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Adds a tenant's database, or many of a file; the daemon seals address and key
    #[command(after_help = add::FORMS)]
    Add(add::Args),
    /// Takes databases from the application's own table
    FromApplication,
    /// Connects and reads version and schema; without a tenant, of all that could not be reached
    Test {
        /// The tenant
        tenant: Option<String>,
    },
    /// Databases and how they stand, by tenant
    #[command(after_help = help(&INSTANCES))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// One database: each migration, the last error, what was changed by hand
    Show {
        /// The tenant
        tenant: String,
    },
    /// Takes the schema as it is for the one that is expected
    Accept {
        /// The tenant
        tenant: String,
    },
    /// Forgets a database and its credential; nothing is done to the database itself
    Remove {
        /// The tenant
        tenant: String,
    },
    /// Adds a key and seals every credential again with it, in the background
    RotateKey,
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Add(args) => add::run(args, session).await,
        Verb::FromApplication => from_application(session).await,
        Verb::Test { tenant } => test(tenant.map(TenantId), session).await,
        Verb::List { choice } => list(&choice, session).await,
        Verb::Show { tenant } => show(TenantId(tenant), session).await,
        Verb::Accept { tenant } => told(FleetAct::Accept { tenant: TenantId(tenant) }, session).await,
        Verb::Remove { tenant } => told(FleetAct::Remove { tenant: TenantId(tenant) }, session).await,
        Verb::RotateKey => told(FleetAct::RotateKey, session).await,
    }
}

/// Databases in windows.
pub(super) async fn list(choice: &Choice, session: &mut Session<'_>) -> Verdict {
    let windowed = Windowed {
        fields: &INSTANCES,
        ask: &|ask| Query::Fleet(FleetQuery::Instances { ask }),
        take: |answer| match answer {
            Answer::Fleet(FleetAnswer::Instances(window)) => Some(window),
            _ => None,
        },
    };
    let layout = Layout { noun: INSTANCES.noun, columns: INSTANCE_COLUMNS, row: |one, _| instance_row(one) };
    windows(session, choice, layout, windowed).await
}

async fn show(tenant: TenantId, session: &mut Session<'_>) -> Verdict {
    let FleetAnswer::Instance(detail) = ask(session, FleetQuery::Instance { tenant }).await? else {
        return Err(Failure::unexpected("fleet instance show"));
    };
    let now = session.now();
    session.out.answer(&detail, |style| words::show(&detail, now, style))?;
    Ok(Outcome::Done)
}

async fn test(tenant: Option<TenantId>, session: &mut Session<'_>) -> Verdict {
    let FleetReceipt::Tested(tested) = act(session, FleetAct::Test { tenant }).await? else {
        return Err(Failure::unexpected("fleet instance test"));
    };
    session.out.answer(&json!({ "rows": tested }), |style| {
        if tested.is_empty() {
            return "none is in error: nothing was asked\n".to_owned();
        }
        let rows: Vec<Vec<Cell>> = tested.iter().map(instance_row).collect();
        Table::whole(INSTANCE_COLUMNS, &rows, style)
    })?;
    let is_found = tested.iter().any(|one| one.state == InstanceState::Error || one.drift.is_some());
    Ok(if is_found { Outcome::Found } else { Outcome::Done })
}

/// An act on one, told in a sentence.
async fn told(wanted: FleetAct, session: &mut Session<'_>) -> Verdict {
    let receipt = act(session, wanted).await?;
    let text = |style: Style| wrap(&clean(&words::receipt(&receipt)), style.measure()).join("\n") + "\n";
    match &receipt {
        FleetReceipt::Accepted(view) => session.out.answer(view, text)?,
        other => session.out.answer(other, text)?,
    }
    Ok(Outcome::Done)
}

async fn from_application(session: &mut Session<'_>) -> Verdict {
    let receipt = act(session, FleetAct::FromApplication).await?;
    let FleetReceipt::FromApplication { left_out, .. } = &receipt else {
        return Err(Failure::unexpected("fleet instance from-application"));
    };
    let mut text = words::receipt(&receipt) + "\n";
    for line in left_out {
        text += &format!("left out: {}\n", clean(line));
    }
    session.out.answer(&receipt, |_| text)?;
    Ok(if left_out.is_empty() { Outcome::Done } else { Outcome::Found })
}
