//! `cutover unkill`: lets go of the kill of a rollout, or of each that was killed by itself.

use cutover_shared::rollout::{RolloutAct, RolloutName};

use super::Verdict;
use super::rollout::done;
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
#[command(after_help = "`cutover mode set` lets go of the switch of everything, which `cutover kill` pulls.")]
pub(super) struct Args {
    #[arg(value_name = "ROLLOUT", value_parser = words::rollout(), required_unless_present = "all")]
    rollout: Option<RolloutName>,
    /// Each rollout that was killed by itself
    #[arg(long, conflicts_with = "rollout")]
    all: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let unchanged = match args.rollout {
        Some(name) => format!("{name} was not killed by itself"),
        None => "no rollout was killed by itself".to_owned(),
    };
    done(session, RolloutAct::Unkill { name: args.rollout, reason: args.reason }, &unchanged).await
}
