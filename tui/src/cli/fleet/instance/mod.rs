//! `cutover fleet instance`: tenants' own databases.

mod add;
mod detail;
mod source;

use clap::Subcommand;
use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{
    FleetAct, FleetAnswer, FleetQuery, FleetReceipt, InstanceState, InstanceView, StepStatus,
};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};
use serde_json::json;

use super::super::choose::{Choice, Windowed, help, windows};
use super::super::list::Layout;
use super::super::{Outcome, Verdict};
use super::{act, tenants, version};
use crate::failure::Failure;
use crate::plain::{Cell, Column, Table, Tone, clean};
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
        Verb::Show { tenant } => detail::show(TenantId(tenant), session).await,
        Verb::Accept { tenant } => accept(TenantId(tenant), session).await,
        Verb::Remove { tenant } => remove(TenantId(tenant), session).await,
        Verb::RotateKey => rotate(session).await,
    }
}

/// The colour of a status.
pub(super) fn status_tone(status: StepStatus) -> Tone {
    match status {
        StepStatus::Completed => Tone::Good,
        StepStatus::Failed => Tone::Bad,
        StepStatus::Skipped => Tone::Warn,
        StepStatus::Running => Tone::Strong,
        StepStatus::Pending => Tone::Plain,
    }
}

fn state_tone(state: InstanceState) -> Tone {
    match state {
        InstanceState::Connected => Tone::Good,
        InstanceState::Error => Tone::Bad,
        InstanceState::New => Tone::Plain,
    }
}

const COLUMNS: &[Column] = &[
    Column::long("TENANT"),
    Column::long("SERVER"),
    Column::words("STATE"),
    Column::words("VERSION"),
    Column::words("STATUS"),
    Column::number("WAVE"),
    Column::long("NOTE"),
];

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
    let layout = Layout { noun: INSTANCES.noun, columns: COLUMNS, row: |one, _| row(one) };
    windows(session, choice, layout, windowed).await
}

fn row(instance: &InstanceView) -> Vec<Cell> {
    vec![
        instance.tenant.as_str().into(),
        instance.server.as_str().into(),
        Cell::toned(instance.state.word(), state_tone(instance.state)),
        version(instance.version).into(),
        Cell::toned(instance.status.word(), status_tone(instance.status)),
        instance.wave.to_string().into(),
        note(instance).into(),
    ]
}

/// What a person should know first.
fn note(instance: &InstanceView) -> String {
    let reason = instance.reason.clone().filter(|_| instance.state == InstanceState::Error);
    let failed = || {
        let (at, error) = (instance.failed.as_ref()?, instance.error.as_deref().unwrap_or_default());
        Some(format!("{at}: {error}"))
    };
    let drift = || instance.drift.as_ref().map(|line| format!("drifted: {line}"));
    reason.or_else(failed).or_else(drift).unwrap_or_default()
}

async fn test(tenant: Option<TenantId>, session: &mut Session<'_>) -> Verdict {
    let FleetReceipt::Tested(tested) = act(session, FleetAct::Test { tenant }).await? else {
        return Err(Failure::unexpected("fleet instance test"));
    };
    session.out.answer(&json!({ "rows": tested }), |style| {
        if tested.is_empty() {
            return "none is in error: nothing was asked\n".to_owned();
        }
        let rows: Vec<Vec<Cell>> = tested.iter().map(row).collect();
        Table::whole(COLUMNS, &rows, style)
    })?;
    let is_found = tested.iter().any(|one| one.state == InstanceState::Error || one.drift.is_some());
    Ok(if is_found { Outcome::Found } else { Outcome::Done })
}

async fn accept(tenant: TenantId, session: &mut Session<'_>) -> Verdict {
    let FleetReceipt::Accepted(view) = act(session, FleetAct::Accept { tenant }).await? else {
        return Err(Failure::unexpected("fleet instance accept"));
    };
    session.out.answer(&view, |_| {
        format!("{}: its schema as it is now is the one that is expected\n", clean(view.tenant.as_str()))
    })?;
    Ok(Outcome::Done)
}

async fn remove(tenant: TenantId, session: &mut Session<'_>) -> Verdict {
    let receipt = act(session, FleetAct::Remove { tenant }).await?;
    let FleetReceipt::Removed { tenant } = &receipt else {
        return Err(Failure::unexpected("fleet instance remove"));
    };
    let text =
        format!("{}: database and credential are forgotten; the history stays\n", clean(tenant.as_str()));
    session.out.answer(&receipt, |_| text)?;
    Ok(Outcome::Done)
}

async fn rotate(session: &mut Session<'_>) -> Verdict {
    let receipt = act(session, FleetAct::RotateKey).await?;
    let FleetReceipt::Rotating { key, left } = &receipt else {
        return Err(Failure::unexpected("fleet instance rotate-key"));
    };
    let text = format!(
        "key {} seals from now on; {} still to be sealed again: `cutover fleet status` says when none is left\n",
        clean(key),
        tenants(*left)
    );
    session.out.answer(&receipt, |_| text)?;
    Ok(Outcome::Done)
}

async fn from_application(session: &mut Session<'_>) -> Verdict {
    let receipt = act(session, FleetAct::FromApplication).await?;
    let FleetReceipt::FromApplication { added, replaced, left_out } = &receipt else {
        return Err(Failure::unexpected("fleet instance from-application"));
    };
    let mut text = add::taken(*added, *replaced);
    for line in left_out {
        text += &format!("left out: {}\n", clean(line));
    }
    session.out.answer(&receipt, |_| text)?;
    Ok(if left_out.is_empty() { Outcome::Done } else { Outcome::Found })
}
