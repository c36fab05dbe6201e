//! Deliveries: handled again, or taken in where they are missing.

use cutover_shared::error::RpcError;
use cutover_shared::rpc::Act;
use cutover_shared::webhook::{DeliveryState, DeliveryView, Recovery, WebhookAct};

use super::{Intent, no};
use crate::keymap::Tier;
use crate::plain::{number, shell_argument, shell_option, time};
use crate::state::dialog::{Dialog, Field};
use crate::state::errand::{Plan, Step};
use crate::state::list::delivery_event;
use crate::state::{Counted, ListId, State, Subject};

/// What keeps any replay harmless.
const ONCE: &str = "Effects are committed once for each delivery and never undo what is newer.";

fn deliveries(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "delivery" } else { "deliveries" })
}

/// The marked deliveries, or the selected one.
fn chosen(state: &State) -> Vec<DeliveryView> {
    let of = |subject: Subject| match subject {
        Subject::Delivery(view) => Some(*view),
        _ => None,
    };
    let marked = state.table().into_iter().flat_map(|table| table.marks.values().cloned());
    let mut views: Vec<DeliveryView> = marked.filter_map(of).collect();
    if views.is_empty() {
        views.extend(state.selected().and_then(of));
    }
    views
}

/// Handles the marked deliveries, or the selected one, again.
pub(super) fn replay(state: &State) -> Result<Intent, RpcError> {
    let views = chosen(state);
    if views.is_empty() {
        return Err(no("no delivery is selected", "stand on one in Webhooks, or mark some with space"));
    }
    if let Some(view) = views.iter().find(|view| view.state == DeliveryState::Waiting) {
        return Err(no(
            format!("delivery {} waits to be handled already", view.guid),
            "only what is handled, ignored or dead can be replayed",
        ));
    }
    if let Some(view) = views.iter().find(|view| !view.kept) {
        return Err(no(
            format!("the body of delivery {} is not kept any more", view.guid),
            "recover (M) asks GitHub for it, as far as GitHub keeps it",
        ));
    }
    let (who, what) = match &views[..] {
        [view] => (view.guid.clone(), format!("{} of {}", delivery_event(view), time(view.received_at))),
        many => {
            let count = deliveries(many.len() as u64);
            (count.clone(), format!("{count}, one after the other"))
        }
    };
    let twins: Vec<String> =
        views.iter().map(|view| format!("cutover webhook replay {}", shell_argument(&view.guid))).collect();
    let act =
        |view: &DeliveryView| Step::Act(Act::Webhook(WebhookAct::ReplayOne { guid: view.guid.clone() }));
    let plan = Plan {
        title: format!("replay {who}"),
        twin: twins.join(" && "),
        steps: views.iter().map(act).collect(),
        run: None,
    };
    let mut dialog = Dialog::new(format!("Replay {who}"), Tier::Reversible, "Replay", plan, state.now);
    dialog.effect = vec![format!("Handled again: {what}."), ONCE.to_owned()];
    "nothing to take back: it is what GitHub's own redelivery does".clone_into(&mut dialog.undo);
    Ok(Intent::Ask(Box::new(dialog)))
}

/// All of the filter: counted first.
pub(super) fn replay_all(state: &State) -> Result<Intent, RpcError> {
    let table = state.tables.get(&ListId::Deliveries);
    let filter = table.map_or(String::new(), |table| table.filter.clone());
    Ok(Intent::Count(Counted::Deliveries { filter }))
}

/// All of the filter, now that it is known how many.
pub(super) fn replay_counted(state: &State, filter: &str, count: u64) -> Result<Intent, RpcError> {
    if count == 0 {
        return Err(no(
            "no delivery can be replayed",
            "only those that are handled, ignored or dead, and whose body is kept; another filter may find some",
        ));
    }
    let who = deliveries(count);
    let act = WebhookAct::ReplayAll { filter: filter.to_owned(), expected: count };
    let plan = Plan {
        title: format!("replay {who}"),
        twin: format!("cutover webhook replay {} --yes {count}", shell_option("--filter", filter)),
        steps: vec![Step::Act(Act::Webhook(act))],
        run: None,
    };
    // Without a filter it is the whole inbox.
    let (tier, phrase, of) = match filter.is_empty() {
        true => (Tier::Fleet, format!("replay all {count}"), "the whole inbox".to_owned()),
        false => (Tier::Live, format!("replay {count}"), format!("the filter {filter}")),
    };
    let mut dialog = Dialog::new(format!("Replay {who}"), tier, "Replay", plan, state.now);
    dialog.effect = vec![
        format!("Exactly {who} of {of} are handled again; if there is another number by then, none is."),
        ONCE.to_owned(),
    ];
    "nothing to take back: it is what GitHub's own redelivery does".clone_into(&mut dialog.undo);
    dialog.fields = vec![Field::exactly(format!("type `{phrase}`"), phrase)];
    Ok(Intent::Ask(Box::new(dialog)))
}

/// A comparison of GitHub's list with the inbox; `look` takes in nothing.
pub fn recover(look: bool) -> Plan {
    let (title, flag) =
        if look { ("look for missing deliveries", " --look") } else { ("recover missing deliveries", "") };
    let act = WebhookAct::Recover { since: None, events: Vec::new(), look };
    Plan {
        title: title.to_owned(),
        twin: format!("cutover webhook recover{flag}"),
        steps: vec![Step::Act(Act::Webhook(act))],
        run: None,
    }
}

/// The question after a look; none where nothing is missing.
pub fn recover_found(state: &State, found: &Recovery) -> Option<Intent> {
    let lacking = missing(found);
    if lacking == 0 {
        return None;
    }
    let who = deliveries(lacking);
    let mut dialog =
        Dialog::new(format!("Recover {who}"), Tier::Reversible, "Recover", recover(false), state.now);
    dialog.effect.push(found.statement.clone());
    dialog.effect.push(format!(
        "Of {} that GitHub logged since {}, {} are here and {} are not wanted: {} would be taken in.",
        number(found.logged),
        time(found.since),
        number(found.here),
        number(found.unwanted),
        who
    ));
    if found.lost > 0 {
        let lost = deliveries(found.lost);
        dialog.effect.push(format!("{lost} can't be had: their body is gone, or GitHub refuses."));
    }
    if found.gap {
        dialog.effect.push(format!(
            "What came before {} is unknown: the daemon was away for longer than GitHub keeps deliveries.",
            time(found.horizon)
        ));
    }
    dialog.effect.push("Calls to GitHub: one for each that is missing, within the App's budget.".to_owned());
    "nothing to take back: each is handled once, as if it had come in time".clone_into(&mut dialog.undo);
    Some(Intent::Ask(Box::new(dialog)))
}

/// Deliveries that GitHub logged, that are wanted and were not here.
fn missing(found: &Recovery) -> u64 {
    let not_here = found.logged.saturating_sub(found.here).saturating_sub(found.unwanted);
    not_here.max(found.pulled.saturating_add(found.redelivered))
}
