//! `cutover hooks`.

use clap::Subcommand;
use cutover_shared::hooks::{HooksAct, HooksReceipt};
use cutover_shared::rpc::{Act, Receipt};

use super::map::{self, Apply, Scope};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain;
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A dry-run: reads the webhooks of mapped repositories, writes a plan, changes nothing
    #[command(
        after_help = "Only webhooks whose address begins with one of `migration.old_hook_urls` are planned."
    )]
    Plan(Scope),
    /// Removes the webhooks of an approved plan, no more and no less, and follows it to its end
    Apply(Apply),
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Plan(scope) => plan(scope, session).await,
        Verb::Apply(args) => map::apply(args, session).await,
    }
}

async fn plan(scope: Scope, session: &mut Session<'_>) -> Verdict {
    let receipt = session.act(Act::Hooks(HooksAct::Plan { scope: scope.chosen() })).await?;
    let Receipt::Hooks(HooksReceipt::Planned(view)) = receipt else {
        return Err(Failure::unexpected("hooks plan"));
    };
    let now = session.now();
    let options = map::global_options(session);
    session
        .out
        .answer(&view, |style| plain::show(&view, now, style) + &plain::next_of_plan(&view, &options))?;
    Ok(Outcome::Done)
}
