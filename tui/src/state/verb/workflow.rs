//! Workflows: dispatches sent again, a registration taken away.

use cutover_shared::error::RpcError;
use cutover_shared::rpc::Act;
use cutover_shared::workflow::{WorkflowAct, WorkflowView};

use super::{Intent, no};
use crate::keymap::Tier;
use crate::plain::{number, shell_argument, shell_option};
use crate::state::dialog::{Dialog, Field};
use crate::state::errand::{Plan, Step};
use crate::state::list::short_trigger;
use crate::state::{Counted, ListId, State, Subject};

fn selected(state: &State) -> Result<WorkflowView, RpcError> {
    match state.selected() {
        Some(Subject::Workflow(view)) => Ok(*view),
        _ => Err(no("no workflow is selected", "stand on one in Workflows")),
    }
}

fn dispatches(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "dispatch" } else { "dispatches" })
}

/// The dead dispatches of the workflow: counted first.
pub(super) fn replay(state: &State) -> Result<Intent, RpcError> {
    let view = selected(state)?;
    if view.dead == 0 {
        return Err(no(
            format!("workflow {} has no dead dispatches", view.id),
            "those that wait are tried again by themselves",
        ));
    }
    Ok(Intent::Count(Counted::Dispatches { workflow: view.id }))
}

/// The dead dispatches of the workflow, now that it is known how many the filter takes.
pub(super) fn replay_counted(
    state: &State,
    workflow: &str,
    filter: String,
    count: u64,
) -> Result<Intent, RpcError> {
    if count == 0 {
        return Err(no(
            format!("workflow {workflow} has no dead dispatches"),
            "there is nothing to send again",
        ));
    }
    let rows = state.window(ListId::Workflows).map(|window| window.rows.as_slice()).unwrap_or_default();
    let own = rows.iter().find_map(|row| match row {
        Subject::Workflow(view) if view.id == workflow => Some(view.dead),
        _ => None,
    });
    let others = count.saturating_sub(own.unwrap_or(count));
    let who = dispatches(count);
    let plan = Plan {
        title: format!("send {who} again"),
        twin: format!("cutover workflow replay {} --yes {count}", shell_option("--filter", &filter)),
        steps: vec![Step::Act(Act::Workflow(WorkflowAct::Replay { filter, expected: count }))],
        run: None,
    };
    // What reaches beyond the workflow under the cursor wants more than a letter.
    let tier = if others > 0 { Tier::Live } else { Tier::Reversible };
    let mut dialog = Dialog::new(format!("Send {who} again"), tier, "Send", plan, state.now);
    dialog.effect = vec![
        format!("{who} of workflow {workflow} are sent to the engine again; if there is another number by then, none is."),
        "Each keeps its idempotency key: an engine that took it already answers with the execution that it began."
            .to_owned(),
    ];
    if others > 0 {
        let text = format!(
            "{} of them belong to workflows whose id only holds `{workflow}`: a filter can't tell them apart.",
            number(others)
        );
        dialog.effect.push(text);
        let phrase = format!("send {count}");
        dialog.fields = vec![Field::exactly(format!("type `{phrase}`"), phrase)];
    }
    "nothing to take back here: what the engine began is ended there".clone_into(&mut dialog.undo);
    Ok(Intent::Ask(Box::new(dialog)))
}

/// Takes the registration away.
pub(super) fn remove(state: &State) -> Result<Intent, RpcError> {
    let view = selected(state)?;
    // An empty name would be typed before anybody types.
    let phrase = if view.id.is_empty() { "remove".to_owned() } else { view.id.clone() };
    let plan = Plan {
        title: format!("remove workflow {}", view.id),
        twin: format!("cutover workflow remove {}", shell_argument(&view.id)),
        steps: vec![Step::Act(Act::Workflow(WorkflowAct::Remove { id: view.id.clone() }))],
        run: None,
    };
    let mut dialog =
        Dialog::new(format!("Remove workflow {}", view.id), Tier::Live, "Remove", plan, state.now);
    dialog.effect = vec![
        format!("No delivery triggers it any more: {}.", short_trigger(&view.trigger)),
        format!("It matched {} deliveries so far.", number(view.matches)),
    ];
    if view.waiting > 0 {
        dialog
            .effect
            .push(format!("What waits to be sent for it is given up: {}.", dispatches(view.waiting)));
    }
    "`cutover workflow add` registers it again, or the application does".clone_into(&mut dialog.undo);
    dialog.fields = vec![Field::exactly(format!("type `{phrase}`"), phrase)];
    Ok(Intent::Ask(Box::new(dialog)))
}
