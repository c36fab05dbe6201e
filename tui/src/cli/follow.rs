//! Following a run until it ends, also across a restart of the daemon.

use std::time::Duration;

use cutover_shared::error::ErrorCode;
use cutover_shared::ids::RunId;
use cutover_shared::rpc::Topic;
use cutover_shared::run::{RunState, RunView};

use super::{Outcome, Verdict, reference};
use crate::clock;
use crate::failure::Failure;
use crate::plain;
use crate::session::Session;

/// Pause between two tries to reach a daemon that went away.
const RETRY: Duration = Duration::from_millis(100);

/// What a follower does when nothing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// The caller set the run going: a pause ends the call, because somebody must decide.
    Act,
    /// The caller watches: whatever is still to come is waited for.
    Watch,
}

/// Follows `id` until it ends, prints the run as it is then, and judges it.
pub(super) async fn follow(session: &mut Session<'_>, id: &RunId, patience: Patience) -> Verdict {
    let view = until_settled(session, id, patience).await?;
    let outcome = judge(&view)?;
    let now = session.now();
    session.out.answer(&view, |style| plain::show(&view, now, style))?;
    Ok(outcome)
}

/// Follows `id` until it ends, or until somebody must decide.
pub(super) async fn until_settled(
    session: &mut Session<'_>,
    id: &RunId,
    patience: Patience,
) -> Result<RunView, Failure> {
    session.follows(id);
    let mut shown: Option<RunState> = None;
    let mut known = (0, Vec::new());
    let mut view = look(session, id).await?;
    loop {
        let step = shown != Some(view.state);
        shown = Some(view.state);
        session.out.progress(&format!("{}  {}", short(id), plain::moving_line(&view)), step);
        if is_settled(view.state, patience) {
            return Ok(view);
        }
        view = match next_view(session, id, &mut known).await {
            Err(lost) if lost.code() == ErrorCode::NotReached => {
                known = (0, Vec::new());
                recover(session, id, lost).await?
            }
            other => other?,
        };
    }
}

/// The run as it is now. A daemon that was reached before and is gone is tried again; one that never was is not.
async fn look(session: &mut Session<'_>, id: &RunId) -> Result<RunView, Failure> {
    let reached = session.is_connected();
    match reference::show(session, id).await {
        Err(lost) if reached && lost.code() == ErrorCode::NotReached => recover(session, id, lost).await,
        other => other,
    }
}

/// Waits until runs have changed, then looks again.
async fn next_view(
    session: &mut Session<'_>,
    id: &RunId,
    known: &mut (u64, Vec<(Topic, u64)>),
) -> Result<RunView, Failure> {
    let conn = session.conn().await?;
    let changes = conn.changes(known.0, known.1.clone()).await?;
    // Only runs matter here: waking for each audit record would be noise.
    let versions = changes.versions.into_iter().filter(|(topic, _)| *topic == Topic::Runs).collect();
    *known = (changes.epoch, versions);
    match changes.moving.into_iter().find(|run| run.id == *id) {
        Some(view) => Ok(view),
        None => reference::show(session, id).await,
    }
}

/// Looks again over new connections, for as long as the environment's patience; then it is `lost` for good.
async fn recover(session: &mut Session<'_>, id: &RunId, lost: Failure) -> Result<RunView, Failure> {
    session.out.note("the connection was lost; trying to reach the daemon again");
    let limit = session.env.patience;
    let tries = async {
        loop {
            session.hang_up();
            // First, so that a daemon that greets and then falls over is not asked in a tight loop.
            clock::pause(RETRY).await;
            match reference::show(session, id).await {
                Err(again) if again.code() == ErrorCode::NotReached => {}
                other => return other,
            }
        }
    };
    clock::within(limit, tries).await.unwrap_or(Err(lost))
}

fn short(id: &RunId) -> &str {
    id.0.get(..13).unwrap_or(&id.0)
}

fn is_settled(state: RunState, patience: Patience) -> bool {
    match state {
        RunState::Done | RunState::Cancelled | RunState::Failed | RunState::Undone | RunState::Expired => {
            true
        }
        RunState::Planned | RunState::Paused => patience == Patience::Act,
        RunState::Approved
        | RunState::Applying
        | RunState::Pausing
        | RunState::Verifying
        | RunState::Undoing => false,
    }
}

/// What the end of a run means for the exit code.
pub(super) fn judge(view: &RunView) -> Verdict {
    let counts = &view.progress.counts;
    let id = &view.id;
    let reason = view.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let items = plain::counts(counts);
    match view.state {
        // A run that is done and still has a reason says what its verification found.
        RunState::Done if counts.findings() > 0 || view.reason.is_some() => Ok(Outcome::Found),
        // What was stale at apply was never changed, so undo owes it nothing.
        RunState::Undone if counts.superseded + counts.unknown + counts.failed > 0 => Ok(Outcome::Found),
        RunState::Done | RunState::Undone => Ok(Outcome::Done),
        RunState::Failed => Err(Failure::new(
            ErrorCode::Outside,
            format!("run {id} failed{reason}; items: {items}"),
            format!(
                "`cutover run items {id} --state failed` says why; `cutover run retry {id}` tries those again, \
                 `cutover run undo {id}` takes back what was done"
            ),
        )),
        RunState::Cancelled => Err(Failure::new(
            ErrorCode::Outside,
            format!("run {id} was cancelled{reason}; items: {items}"),
            format!("what was done stays; `cutover run undo {id}` takes it back"),
        )),
        RunState::Expired => Err(Failure::new(
            ErrorCode::StalePlan,
            format!("plan {id} has expired{reason}"),
            format!("plan again: `cutover {} plan`", plain::noun_of(&view.kind).unwrap_or("map")),
        )),
        RunState::Paused | RunState::Pausing => Err(Failure::new(
            ErrorCode::StillGoing,
            format!("run {id} was paused{reason}; items: {items}"),
            format!("`cutover run resume {id}` goes on, `cutover run cancel {id}` ends it"),
        )),
        RunState::Planned
        | RunState::Approved
        | RunState::Applying
        | RunState::Verifying
        | RunState::Undoing => Err(Failure::new(
            ErrorCode::StillGoing,
            format!("run {id} is {}; items: {items}", view.state),
            format!("`cutover watch {id}` follows it"),
        )),
    }
}

#[cfg(test)]
mod tests;
