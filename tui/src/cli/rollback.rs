//! `cutover rollback`: a rollout to an earlier stage. Legal in every state.

use cutover_shared::rollout::{RolloutAct, RolloutName, Stage};

use super::Verdict;
use super::kill::or_kill;
use super::rollout::{done, stage_word};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_name = "ROLLOUT", value_parser = words::rollout())]
    rollout: RolloutName,
    /// An earlier stage [default: the last good one, `shadow`, in which legacy answers for everybody; before it, the stage before]
    #[arg(long, value_name = "STAGE", value_parser = stage_word)]
    to: Option<Stage>,
    /// Why, for the receipt and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let Args { rollout: name, to, reason } = args;
    let act = RolloutAct::Rollback { name, to, reason };
    done(session, act, &format!("{name} is there already")).await.map_err(|failure| or_kill(failure, session))
}
