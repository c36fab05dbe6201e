//! All that is known of a thing, and why it is so: rule, inputs, threshold, distance. And what goes with it: the runbook,
//! the command.

mod delivery;
mod detail;
mod fleet;
mod installation;
mod rollout;
mod rule;
mod workflow;

pub use delivery::{Stage, explained, journey};
pub use detail::detail;
pub use rollout::{criterion_role, reading_role, verdict_role};
pub use rule::why;

use super::{Layer, Screen, Slot, State, Subject};
use crate::theme::Role;

/// One line: what, how much, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Empty for a line that goes on.
    pub key: String,
    pub value: String,
    pub role: Role,
}

/// A fact without colour.
fn fact(key: &str, value: impl Into<String>) -> Fact {
    toned(key, value, Role::Text)
}

fn toned(key: &str, value: impl Into<String>, role: Role) -> Fact {
    Fact { key: key.to_owned(), value: value.into(), role }
}

/// The runbook for what the cursor stands on; the index where there is none of its own.
pub fn runbook(state: &State) -> &'static str {
    let named = |file: &str| crate::runbook::find(file).map(|(name, _)| name);
    if let Some(Layer::Refusal { error, .. }) = state.layers.top()
        && let Some(file) = error.runbook.as_deref().and_then(named)
    {
        return file;
    }
    // A list that could not be read says which one mends it.
    let refused = state.screen.list().and_then(|list| state.feeds.get(&Slot::List(list))?.error.as_ref());
    if let Some(file) = refused.and_then(|error| error.runbook.as_deref()).and_then(named) {
        return file;
    }
    if state.is_killed() {
        return "kill.md";
    }
    match (state.screen, state.selected()) {
        (_, Some(Subject::Attention(notice))) => {
            notice.runbook.as_deref().and_then(named).unwrap_or("README.md")
        }
        (_, Some(Subject::Run(_) | Subject::Item { .. })) | (Screen::Run | Screen::Runs, _) => {
            "undo_mapping.md"
        }
        (Screen::Tokens, _) => "github_rate_limit.md",
        (Screen::Webhooks, _) => named("missed_webhooks.md").unwrap_or("README.md"),
        _ => "README.md",
    }
}

/// The command that shows what the cursor stands on.
pub fn twin(state: &State) -> String {
    use crate::plain::shell_argument;
    match state.selected() {
        Some(Subject::Link(view)) => {
            format!("cutover project show {}", shell_argument(view.link.project.as_str()))
        }
        Some(Subject::Tenant(view)) => format!("cutover tenant show {}", shell_argument(view.id.as_str())),
        Some(Subject::Run(view)) => format!("cutover run show {}", view.id),
        Some(Subject::Attention(notice)) => notice.command.unwrap_or_else(|| "cutover status".to_owned()),
        Some(Subject::Delivery(view)) => format!("cutover webhook show {}", shell_argument(&view.guid)),
        Some(Subject::Installation(view)) => format!("cutover installation show {}", view.id),
        Some(Subject::Workflow(view)) => format!("cutover workflow show {}", shell_argument(&view.id)),
        Some(Subject::Rollout(line)) => format!("cutover rollout show {}", line.name),
        Some(Subject::Instance(view)) => {
            format!("cutover fleet instance show {}", shell_argument(view.tenant.as_str()))
        }
        Some(Subject::Item { .. } | Subject::Token(_) | Subject::Record(_)) | None => {
            state.table().map_or_else(|| "cutover status".to_owned(), super::Table::twin)
        }
    }
}

/// The command that shows what a layer shows, where it has one of its own.
pub fn layer_twin(layer: &Layer) -> Option<String> {
    use crate::plain::{shell_argument, shell_option};
    match layer {
        Layer::Payload { guid, .. } => {
            Some(format!("cutover webhook show --payload {}", shell_argument(guid)))
        }
        Layer::Explain { guid, workflow, .. } => {
            let only = workflow.as_ref().map_or(String::new(), |id| shell_option(" --workflow", id));
            Some(format!("cutover workflow test{only} {}", shell_argument(guid)))
        }
        Layer::Failures { .. } => Some("cutover fleet status".to_owned()),
        Layer::History { tenant, pages, .. } => {
            let after =
                pages.last().map_or(String::new(), |after| format!(" {}", shell_option("--after", after)));
            Some(format!("cutover fleet history{after} {}", shell_argument(tenant.as_str())))
        }
        Layer::Timeline { name, .. } => Some(format!("cutover rollout timeline {name}")),
        _ => None,
    }
}

/// A command as it works in another shell too: with the socket, where it is not the usual one.
pub fn runnable(state: &State, command: &str) -> String {
    match &state.options.socket {
        Some(socket) => {
            let socket = crate::plain::shell_word(&socket.to_string_lossy()).into_owned();
            let of = |part: &str| match part.strip_prefix("cutover ") {
                Some(rest) => format!("cutover --socket {socket} {rest}"),
                None => part.to_owned(),
            };
            command.split(" && ").map(of).collect::<Vec<_>>().join(" && ")
        }
        None => command.to_owned(),
    }
}

#[cfg(test)]
mod tests;
