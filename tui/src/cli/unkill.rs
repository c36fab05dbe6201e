//! `cutover unkill`: lets go of a kill, of everything or of one rollout; the others stay killed then.

use clap::ArgGroup;
use cutover_shared::rollout::{RolloutAct, RolloutName};

use super::Verdict;
use super::rollout::done;
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("scope").args(["rollout", "all"]).required(true))]
#[command(after_help = "Stage and mode are as before the kill; runs stay paused until `run resume`.\n\
                  `cutover mode set` lets go, too, of github-auth alone.")]
pub(super) struct Args {
    /// Only this rollout; the others stay killed
    #[arg(value_name = "ROLLOUT", value_parser = words::rollout())]
    rollout: Option<RolloutName>,
    /// Everything that is killed
    #[arg(long)]
    all: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let unchanged = match args.rollout {
        Some(name) => format!("{name} was not killed"),
        None => "nothing was killed".to_owned(),
    };
    done(session, RolloutAct::Unkill { name: args.rollout, reason: args.reason }, &unchanged).await
}
