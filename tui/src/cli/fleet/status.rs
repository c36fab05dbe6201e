//! `cutover fleet status`.

use cutover_shared::fleet::{FleetAnswer, FleetQuery};

use super::super::choose::Choice;
use super::super::{Outcome, Verdict};
use super::{ask, instance};
use crate::failure::Failure;
use crate::plain;
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Each tenant's database instead of figures; --filter and --sort mean it, too
    #[arg(long)]
    instances: bool,
    #[command(flatten)]
    choice: Choice,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    if args.instances || args.choice.is_chosen() {
        return instance::list(&args.choice, session).await;
    }
    let FleetAnswer::Status(status) = ask(session, FleetQuery::Status).await? else {
        return Err(Failure::unexpected("fleet status"));
    };
    let now = session.now();
    session.out.answer(&status, |style| plain::fleet::status(&status, now, style))?;
    Ok(Outcome::Done)
}
