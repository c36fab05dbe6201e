//! From a key and what the cursor stands on to what would be done: at once where it changes nothing, else as a question.
//! Pure, so that what a key does can be told before it does it.

mod delivery;
mod fleet;
mod mode;
mod plan;
mod rollout;
mod run;
mod token;
mod workflow;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::RunId;
use cutover_shared::mapping::MapScope;
use cutover_shared::run::RunView;

use super::dialog::Dialog;
use super::errand::Plan;
use super::layer::Layer;
use super::subject::Subject;
use super::{Counted, Screen, State};
use crate::keymap::{Action, Tier};

pub use delivery::{recover, recover_found};
pub use fleet::retry_group;
pub use mode::{mode_choice, others_killed, toggle_canary};
pub use plan::{Dryable, ScopeChoice, dry_run};
pub use rollout::stepped;
pub(super) use run::hooks;

/// What a key comes to.
#[derive(Clone, Debug)]
pub enum Intent {
    /// Changes nothing: it is done at once.
    Now(Plan),
    Ask(Box<Dialog>),
    Open(Layer),
    /// The newest run of this filter is looked for; the action then is about it.
    Look {
        filter: String,
        action: Action,
        missing: &'static str,
    },
    /// It is counted how many it would take; then it is asked about.
    Count(Counted),
}

/// What the action would do with what is selected.
pub fn intend(state: &State, action: Action) -> Result<Intent, RpcError> {
    let subject = state.selected();
    match action {
        Action::DryRun => plan::selected(state, subject.as_ref()),
        Action::DryRunScope => Ok(plan::menu(state, subject.as_ref())),
        Action::Apply | Action::Undo | Action::Rollback => match subject.as_ref() {
            _ if state.screen == Screen::Fleet => Ok(fleet::apply()),
            Some(Subject::Link(_) | Subject::Tenant(_)) => of_tenant(subject.as_ref(), action),
            _ => about(state, action),
        },
        Action::Hold | Action::Cancel if state.screen == Screen::Fleet => fleet::live(state, action),
        Action::Hold | Action::Cancel | Action::Retry => about(state, action),
        Action::SettleYes | Action::SettleNo => run::settle(state, action == Action::SettleYes),
        Action::SpotCheck => Ok(Intent::Now(plan::spot_check(state.now))),
        Action::Mode => Ok(Intent::Open(Layer::Mode { cursor: 0 })),
        Action::Canary => toggle_canary(state),
        Action::TokenRefresh => token::refresh(state),
        Action::TokenInvalidate => token::invalidate(state),
        Action::Replay => delivery::replay(state),
        Action::ReplayAll => delivery::replay_all(state),
        Action::Recover => Ok(Intent::Now(recover(true))),
        Action::ReplayDispatches => workflow::replay(state),
        Action::RemoveWorkflow => workflow::remove(state),
        Action::Advance => rollout::advance(state),
        Action::RolloutBack => rollout::back(state),
        Action::FreezeRollout => rollout::freeze(state),
        Action::Members => rollout::members(state),
        Action::Timeline => rollout::timeline(state),
        Action::Failures => Ok(Intent::Open(Layer::Failures { cursor: 0 })),
        Action::FleetRetry => fleet::retry(state),
        Action::FleetBack => fleet::back(state),
        Action::InstanceTest => fleet::test(state),
        Action::History => fleet::history(state),
        _ => Err(RpcError::new(ErrorCode::Internal, "this key has no verb", "report it")),
    }
}

/// The question about what was counted.
pub fn with_count(state: &State, counted: &Counted, count: u64) -> Result<Intent, RpcError> {
    match counted {
        Counted::Deliveries { filter } => delivery::replay_counted(state, filter, count),
        Counted::Dispatches { workflow } => {
            workflow::replay_counted(state, workflow, counted.filter(), count)
        }
        Counted::Step { .. } => Err(no("a step is no count", "report it")),
    }
}

/// What the action would do with this very run.
pub fn with_run(state: &State, action: Action, view: &RunView) -> Result<Intent, RpcError> {
    match action {
        Action::Apply => run::apply(state, view),
        Action::Undo => run::undo(state, view),
        Action::Rollback => run::rollback(state, view),
        Action::Hold => run::hold(state, view),
        Action::Cancel => run::cancel(state, view),
        Action::Retry => run::retry(state, view),
        _ => Err(RpcError::new(ErrorCode::Internal, "this key is not about runs", "report it")),
    }
}

/// The run that is selected, or that the selected thing belongs to.
fn about(state: &State, action: Action) -> Result<Intent, RpcError> {
    let none = || no("no run is selected", "stand on a run: the Runs screen lists them");
    let id =
        state.selected().and_then(|subject| subject.run()).or_else(|| state.open_run()).ok_or_else(none)?;
    match state.run(&id) {
        Some(view) => with_run(state, action, &view),
        // The overview names a run that this console has not seen yet.
        None => Ok(Intent::Look { filter: format!("id:{id}"), action, missing: "the run is gone" }),
    }
}

/// The newest run of the tenant that the action fits.
fn of_tenant(subject: Option<&Subject>, action: Action) -> Result<Intent, RpcError> {
    let Some(tenant) = subject.and_then(Subject::tenant) else {
        return Err(no("nothing is selected", "stand on a tenant, a repository or a run"));
    };
    let scope = super::quoted(&format!("tenant:{tenant}"));
    let (states, missing) = match action {
        Action::Apply => {
            ("planned,approved", "there is no plan for this tenant that waits: `d` makes one, Enter opens it")
        }
        _ => (
            "applying,pausing,paused,verifying,done,cancelled,failed",
            "no run of this tenant alone was applied; one of scope canary or all is on the Runs screen",
        ),
    };
    Ok(Intent::Look { filter: format!("kind:map state:{states} scope:{scope}"), action, missing })
}

/// A refusal of this console.
pub(super) fn no(message: impl Into<String>, hint: impl Into<String>) -> RpcError {
    RpcError::new(ErrorCode::WrongState, message, hint)
}

/// The scope that a run's word stands for.
pub(super) fn scope_of(word: &str) -> Option<MapScope> {
    match word {
        "all" => Some(MapScope::All),
        "canary" => Some(MapScope::Canary),
        other => other.strip_prefix("tenant:").map(|tenant| MapScope::Tenant(tenant.into())),
    }
}

/// What has to be typed for a scope: the tenant's name, `canary` or `all`.
fn name_of(scope: &str) -> &str {
    // An empty name would be typed before anybody types.
    scope.strip_prefix("tenant:").filter(|name| !name.is_empty()).unwrap_or(scope)
}

/// How dangerous it is to change a scope.
fn tier_of(scope: &str) -> Tier {
    if scope == "all" { Tier::Fleet } else { Tier::Live }
}

fn title(verb: &str, view: &RunView) -> String {
    format!("{verb} {} of {}", short(&view.id), view.scope)
}

fn short(id: &RunId) -> &str {
    super::figures::short(id)
}

#[cfg(test)]
mod tests;
