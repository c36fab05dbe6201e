//! What has to be shown before a rollout advances: a baseline, the way back, credentials.

use std::time::Duration;

use cutover_shared::rollout::{RolloutAct, RolloutName};

use super::super::Verdict;
use super::{Moment, done, moment};
use crate::session::Session;
use crate::words;

/// What a baseline covers where nobody says since when.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Baseline {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// From then until now: 2026-11-20T10:00:00Z, or how long ago, 2h [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
}

pub(super) async fn baseline(args: Baseline, session: &mut Session<'_>) -> Verdict {
    let Baseline { name, since } = args;
    let since_ms = since.unwrap_or(Moment::Ago(DAY)).ms(session.now());
    done(session, RolloutAct::Baseline { name, since_ms }, "no figures were recorded").await
}

pub(super) async fn drill(session: &mut Session<'_>, name: RolloutName) -> Verdict {
    done(session, RolloutAct::Drill { name }, "nothing was walked").await
}

pub(super) async fn preflight(session: &mut Session<'_>, name: RolloutName) -> Verdict {
    done(session, RolloutAct::Preflight { name }, "nothing was tried").await
}
