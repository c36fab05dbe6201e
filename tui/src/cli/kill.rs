//! `cutover kill`: by the daemon, or without it by the marker that the daemon obeys.

use std::path::{Path, PathBuf};

use cutover_shared::error::ErrorCode;
use cutover_shared::rollout::RolloutName;
use cutover_shared::rpc::{Act, KillReceipt, Receipt, ReplicaReceipt, ReplicaState, Role};

use super::{Outcome, Verdict, rollout};
use crate::failure::Failure;
use crate::marker::{self, Marker};
use crate::plain::{Block, Style, Tone, clean, number, time};
use crate::session::Session;
use crate::words;

/// The longest reason that is kept.
const LONGEST_REASON: usize = 2000;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only this rollout: legacy for everybody in it, until `unkill`
    #[arg(value_name = "ROLLOUT", value_parser = words::rollout(), conflicts_with_all = ["all", "local"])]
    rollout: Option<RolloutName>,
    /// Everything (the default)
    #[arg(long)]
    all: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", default_value = "not given")]
    reason: String,
    /// Write the kill marker into the state folder instead of asking the daemon
    #[arg(long)]
    local: bool,
    /// The daemon's state folder, for --local [env: CUTOVER_STATE_DIR]
    #[arg(long, value_name = "FOLDER", requires = "local")]
    state_dir: Option<PathBuf>,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let reason: String = args.reason.chars().take(LONGEST_REASON).collect();
    if args.local {
        // The daemon is not asked here, so the promise of --read-only is kept by us.
        if session.options.read_only || session.options.role == Some(Role::Viewer) {
            return Err(Failure::new(
                ErrorCode::Role,
                "a viewer can't kill: this call has --read-only or --role viewer",
                "leave that option out",
            ));
        }
        let folder = args.state_dir.unwrap_or_else(|| session.env.state_dir.clone());
        return local(session, &folder, &reason);
    }
    let act = Act::Kill { reason, rollout: args.rollout };
    let all = args.rollout.is_none();
    // The marker kills everything, so it is no way to kill one rollout; and what is owed to the store has taken effect.
    let receipt = session.act(act).await;
    let receipt = receipt.map_err(|failure| if all { or_local(failure, session) } else { failure })?;
    if let (Some(name), Receipt::Rollout(done)) = (args.rollout, &receipt) {
        let now = session.now();
        session.out.answer(done, |style| rollout::killed(name, done, now, style))?;
        return Ok(Outcome::Done);
    }
    let Receipt::Kill(receipt) = receipt else { return Err(or_local(Failure::unexpected("kill"), session)) };
    session.out.answer(&receipt, |style| text(&receipt, style))?;
    let went_on = receipt.replicas.iter().any(|replica| replica.targets_after.is_some_and(|calls| calls > 0));
    Ok(if receipt.owed.is_empty() && !went_on { Outcome::Done } else { Outcome::Found })
}

/// Whatever kept the daemon from killing, the operator must hear of the other way.
fn or_local(failure: Failure, session: &Session<'_>) -> Failure {
    let Failure::Told(mut error) = failure else { return failure };
    if error.code != ErrorCode::Role {
        error.hint = format!(
            "NOTHING WAS KILLED as far as is known. `cutover kill --local` writes the marker into {}, which the \
             daemon obeys, and reads when it starts. {}",
            session.env.state_dir.display(),
            error.hint,
        );
    }
    Failure::Told(error)
}

/// Whoever wanted a way back and reached no daemon must hear of the one that needs none.
pub(super) fn or_kill(failure: Failure, session: &Session<'_>) -> Failure {
    let Failure::Told(mut error) = failure else { return failure };
    if error.code == ErrorCode::NotReached && !error.hint.contains("kill --local") {
        error.hint = format!(
            "nothing went back as far as is known; {}. `cutover kill --local` brings everything to legacy without the \
             daemon: it writes the marker into {}, which the daemon obeys",
            error.hint,
            session.env.state_dir.display(),
        );
    }
    Failure::Told(error)
}

fn text(receipt: &KillReceipt, style: Style) -> String {
    let yes = |done: bool| if done { ("done", Tone::Good) } else { ("NOT YET", Tone::Bad) };
    let mut block = Block::new();
    block.toned("Killed", format!("every decision is legacy since {}", time(receipt.at)), Tone::Strong);
    let (marker, stored) = (yes(receipt.marker), yes(receipt.stored));
    block.toned("Marker", marker.0, marker.1);
    block.toned("Stored", stored.0, stored.1);
    let paused = u64::try_from(receipt.paused.len()).unwrap_or(u64::MAX);
    block.line("Paused", format!("{} {}", number(paused), if paused == 1 { "run" } else { "runs" }));
    for run in &receipt.paused {
        block.line("", run.as_str());
    }
    if !receipt.owed.is_empty() {
        block.toned("Still owed", &receipt.owed, Tone::Warn);
    }
    let mut text = block.render(style);
    for one in &receipt.replicas {
        // Unwrapped: each is a line of the receipt, which is searched for its words.
        text += &replica(one, style);
        text.push('\n');
    }
    text
}

fn replica(one: &ReplicaReceipt, style: Style) -> String {
    let (name, at) = (clean(&one.name), time(one.at));
    let told = match (one.state, one.targets_after) {
        (ReplicaState::LegacyByLease, _) => return format!("{name}: legacy by lease at {at}"),
        (ReplicaState::Confirmed, None) => return format!("{name}: confirmed, legacy since {at}"),
        (ReplicaState::Confirmed, Some(1)) => "1 call".to_owned(),
        (ReplicaState::Confirmed, Some(calls)) => format!("{} calls", number(calls)),
    };
    let tone = if one.targets_after == Some(0) { Tone::Plain } else { Tone::Bad };
    style.paint(&format!("{name}: confirmed, legacy since {at}, {told} took the target since"), tone)
}

fn local(session: &mut Session<'_>, folder: &Path, reason: &str) -> Verdict {
    let Marker { path, already, content } = marker::write(folder, reason, "cli --local", session.now())?;
    let document = serde_json::json!({ "marker": path, "already": already, "content": content });
    session.out.answer(&document, |_| {
        let place = path.to_string_lossy();
        let how = if already { "the kill marker was already there" } else { "kill marker written" };
        format!(
            "{how}: {}\nA running daemon obeys it at once, a starting one before it serves anything.\n\
             `cutover status` shows it when the daemon can be reached.\n",
            clean(&place)
        )
    })?;
    Ok(Outcome::Done)
}
