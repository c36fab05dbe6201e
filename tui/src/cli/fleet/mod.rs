//! `cutover fleet`.

mod apply;
mod history;
mod instance;
mod lint;
mod plan;
mod registry;
mod status;

use clap::Subcommand;
use cutover_shared::filter::INSTANCES;
use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};

use super::Verdict;
use super::choose::help;
use super::map::Apply;
use crate::failure::Failure;
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A dry-run: what each group of tenants would get; changes nothing
    Plan(plan::Plan),
    /// Applies an approved plan, no more and no less, follows it, and says how each tenant fared
    Apply(Apply),
    /// Plans the way back to a version; `fleet apply` goes it
    Rollback(plan::Rollback),
    /// How far the fleet is: by version and status, by wave, failures by their cause
    #[command(after_help = help(&INSTANCES))]
    Status(status::Args),
    /// Attempts at migrations, newest first: of all tenants, or of one
    History(history::Args),
    /// Mistakes of migrations, and statements that would lock or rewrite a large table
    #[command(after_help = lint::EXITS)]
    Lint(lint::Args),
    /// Takes the failed tenants of one cause once more, and follows
    Retry(apply::Retry),
    /// The migrations that the daemon knows: checksum, whether one was run, how many tenants have it
    Registry,
    /// Tenants' own databases
    #[command(subcommand)]
    Instance(instance::Verb),
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Plan(args) => plan::plan(args, session).await,
        Verb::Apply(args) => apply::apply(args, session).await,
        Verb::Rollback(args) => plan::rollback(args, session).await,
        Verb::Status(args) => status::run(args, session).await,
        Verb::History(args) => history::run(args, session).await,
        Verb::Lint(args) => lint::run(args, session).await,
        Verb::Retry(args) => apply::retry(args, session).await,
        Verb::Registry => registry::run(session).await,
        Verb::Instance(verb) => instance::run(verb, session).await,
    }
}

/// An answer about the fleet.
async fn ask(session: &mut Session<'_>, query: FleetQuery) -> Result<FleetAnswer, Failure> {
    match session.ask(Query::Fleet(query)).await? {
        Answer::Fleet(answer) => Ok(answer),
        _ => Err(Failure::unexpected("fleet")),
    }
}

/// The receipt of the call's only act.
async fn act(session: &mut Session<'_>, act: FleetAct) -> Result<FleetReceipt, Failure> {
    of_fleet(session.act(Act::Fleet(act)).await?)
}

fn of_fleet(receipt: Receipt) -> Result<FleetReceipt, Failure> {
    match receipt {
        Receipt::Fleet(receipt) => Ok(receipt),
        _ => Err(Failure::unexpected("an act on the fleet")),
    }
}
