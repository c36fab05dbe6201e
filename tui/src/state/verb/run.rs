//! Acts on runs: apply, undo, rollback, hold, cancel, retry, settle.

use cutover_shared::error::RpcError;
use cutover_shared::fleet::FLEET;
use cutover_shared::hooks::HooksSummary;
use cutover_shared::mapping::PlanSummary;
use cutover_shared::rpc::Act;
use cutover_shared::run::{EffectClass, ItemState, Reversibility, RunAct, RunState, RunView};

use super::{Intent, name_of, no, tier_of, title};
use crate::keymap::Tier;
use crate::plain::{noun_of, number, shell_argument, span};
use crate::state::State;
use crate::state::dialog::{Dialog, Field};
use crate::state::errand::{Plan, Step};
use crate::state::subject::Subject;

/// States in which a run stands still after a pause, or has ended by itself meanwhile. In the last two somebody else was
/// faster: the daemon then refuses the undo and says so, which is better than to wait for ever.
const STANDING: &[RunState] = &[
    RunState::Paused,
    RunState::Done,
    RunState::Failed,
    RunState::Cancelled,
    RunState::Undoing,
    RunState::Undone,
];

/// The kind whose runs remove old webhooks.
pub(super) const OLD_HOOKS: &str = "old_hooks";

fn dialog(state: &State, view: &RunView, verb: &str, tier: Tier, plan: Plan) -> Dialog {
    let mut dialog = Dialog::new(title(verb, view), tier, verb, plan, state.now);
    dialog.expects = Some((view.id.clone(), view.state));
    dialog
}

fn one(view: &RunView, verb: &str, twin: String, act: RunAct) -> Plan {
    Plan { title: title(verb, view), twin, steps: vec![Step::Act(Act::Run(act))], run: Some(view.id.clone()) }
}

/// The line to be typed: the name of what is changed, or for the whole fleet a phrase with the count in it.
fn typed(view: &RunView, verb: &str, items: u64) -> Field {
    match tier_of(&view.scope) {
        Tier::Fleet => {
            let phrase = format!("{verb} all {items}");
            Field::exactly(format!("type `{phrase}`"), phrase)
        }
        _ => Field::exactly(format!("type `{}`", name_of(&view.scope)), name_of(&view.scope)),
    }
}

fn pace(rate: Option<u32>) -> String {
    rate.map_or(String::new(), |rate| format!(" --rate {rate}"))
}

/// Approve by digest, then apply.
pub(super) fn apply(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    let id = view.id.clone();
    match view.state {
        RunState::Planned | RunState::Approved => {}
        RunState::Expired => {
            return Err(no("this plan is too old to be applied", "`d` makes a new one of the same scope"));
        }
        RunState::Paused => return Err(no("this run is paused", "`h` goes on with it")),
        state => {
            return Err(no(
                format!("this run is {state}: it was applied before"),
                "`d` makes a new plan of the same scope; `u` takes this one back",
            ));
        }
    }
    if view.state == RunState::Planned && state.daemon_now() >= view.expires_at {
        return Err(no("this plan is too old to be applied", "`d` makes a new one of the same scope"));
    }
    let rate = state.options.apply_rate;
    let items = view.progress.counts.total();
    let planned = view.state == RunState::Planned;
    let approve = RunAct::Approve { id: id.clone(), digest: view.digest.clone(), override_reason: None };
    let start = RunAct::Apply { id: id.clone(), rate };
    let noun = noun_of(&view.kind).unwrap_or("map");
    let twin = if planned {
        format!("cutover {noun} apply {id} --approve {}{}", view.digest, pace(rate))
    } else {
        format!("cutover {noun} apply {id}{}", pace(rate))
    };
    let mut steps = if planned { vec![Step::Act(Act::Run(approve))] } else { Vec::new() };
    steps.push(Step::Act(Act::Run(start)));
    let plan = Plan { title: title("apply", view), twin, steps, run: Some(id.clone()) };
    let mut dialog = dialog(state, view, "Apply", tier_of(&view.scope), plan);
    dialog.effect = effect(view, rate);
    dialog.undo = undo_line(view);
    dialog.basis = Some((id.clone(), view.planned_at));
    if planned {
        dialog.gate = Some(id);
        if state.welcome().is_some_and(|welcome| welcome.operator == view.author) {
            dialog.effect.push("You planned it yourself: the audit log will say self-approved.".to_owned());
        }
    }
    dialog.fields = vec![typed(view, "apply", items)];
    Ok(Intent::Ask(Box::new(dialog)))
}

/// What exactly is written, where, how fast.
fn effect(view: &RunView, rate: Option<u32>) -> Vec<String> {
    let items = number(view.progress.counts.total());
    let place = match view.effect {
        EffectClass::Local => "in Cutover's own store; GitHub and the application are not touched",
        EffectClass::Marked => "in a database that holds our marker beside each",
        EffectClass::Remote if view.kind == OLD_HOOKS => "at GitHub: webhooks of repositories are removed",
        EffectClass::Remote => {
            "in the application's database: the installation and status columns, by compare-and-set"
        }
    };
    let mut lines = Vec::new();
    let hooks = hooks(view).map(|plan| removed(&plan));
    let fleet = super::fleet::effect(view);
    match serde_json::from_value::<PlanSummary>(view.summary.clone()) {
        _ if hooks.is_some() => lines.extend(hooks.unwrap_or_default()),
        _ if fleet.is_some() => lines.extend(fleet.unwrap_or_default()),
        Ok(plan) if view.kind == "map" => {
            lines.push(format!("{} of {items} stored mappings change, {place}.", number(plan.changes)));
            lines.push(format!(
                "Afterwards {} are mapped, {} pending, {} unmappable.",
                number(plan.counts.mapped),
                number(plan.counts.pending),
                number(plan.counts.unmappable)
            ));
            if plan.probes_owed > 0 {
                let owed = number(plan.probes_owed);
                lines.push(format!("{owed} checks at GitHub are still owed: another dry-run makes them."));
            }
        }
        _ => lines.push(format!("{items} items, {place}.")),
    }
    if let Some(rate) = rate {
        let seconds = view.progress.counts.total().div_ceil(u64::from(rate).max(1));
        lines.push(format!("At most {rate} items a second: about {}.", span(seconds)));
    }
    lines
}

/// What a plan about old webhooks found; none of another kind.
pub(in crate::state) fn hooks(view: &RunView) -> Option<HooksSummary> {
    (view.kind == OLD_HOOKS).then(|| serde_json::from_value(view.summary.clone()).ok()).flatten()
}

fn removed(plan: &HooksSummary) -> Vec<String> {
    let (hooks, of) = (number(plan.hooks), number(plan.repositories));
    let left_out = plan.left_out.iter();
    let left_out = left_out.map(|(why, n)| format!("{} repositories are left out: {why}.", number(*n)));
    std::iter::once(format!("{hooks} old webhooks of {of} mapped repositories are removed at GitHub."))
        .chain(left_out)
        .collect()
}

fn undo_line(view: &RunView) -> String {
    match &view.reversibility {
        Reversibility::Reversible => {
            "u takes it back: each value that still holds what the run wrote".to_owned()
        }
        Reversibility::ReversibleUntil(until) => format!("u takes it back, until {until}"),
        Reversibility::IrreversibleFor(what) => format!("u takes it back, but IT CAN'T for {what}"),
        Reversibility::Irreversible => "IT CAN'T BE TAKEN BACK".to_owned(),
    }
}

fn may_undo(view: &RunView) -> Result<u64, RpcError> {
    if view.reversibility == Reversibility::Irreversible {
        return Err(no(
            "what this run did can't be taken back",
            "its kind is irreversible, as its approval said",
        ));
    }
    match view.progress.counts.done {
        0 => Err(no("this run has done nothing that stands", "there is nothing to take back")),
        done => Ok(done),
    }
}

fn undone(view: &RunView, rate: Option<u32>) -> Vec<String> {
    let done = number(view.progress.counts.done);
    let mut lines = match view.kind.as_str() {
        OLD_HOOKS => vec![
            format!("{done} webhooks are made anew at GitHub, with other ids."),
            "Those whose secret is not known, or whose address has one again, are listed (superseded)."
                .to_owned(),
        ],
        FLEET => vec![
            format!("{done} migrations are taken back by their `down`, the newest of each tenant first."),
            "Data that came into what a `down` drops is gone.".to_owned(),
        ],
        _ => vec![
            format!("{done} values go back to what they were before this run, byte for byte."),
            "Values that somebody changed since are left as they are, and listed (superseded).".to_owned(),
        ],
    };
    if let Some(rate) = rate {
        let seconds = view.progress.counts.done.div_ceil(u64::from(rate).max(1));
        lines.push(format!("At most {rate} items a second: about {}.", span(seconds)));
    }
    lines
}

/// Takes back what a standing run did.
pub(super) fn undo(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    match view.state {
        RunState::Done | RunState::Failed | RunState::Cancelled | RunState::Paused => {}
        RunState::Applying | RunState::Pausing | RunState::Verifying => {
            return Err(no("this run still moves", "`r` stops it and takes it back; `h` only pauses it"));
        }
        RunState::Undoing => return Err(no("this run is being undone already", "it goes on by itself")),
        RunState::Undone => return Err(no("this run is undone", "there is nothing to take back")),
        RunState::Planned | RunState::Approved | RunState::Expired => {
            return Err(no("this run was never applied", "there is nothing to take back"));
        }
    }
    let done = may_undo(view)?;
    let (id, rate) = (view.id.clone(), state.options.apply_rate);
    let twin = format!("cutover run undo {id}{}", pace(rate));
    let plan = one(view, "undo", twin, RunAct::Undo { id, rate });
    let mut dialog = dialog(state, view, "Undo", Tier::Live, plan);
    dialog.effect = undone(view, rate);
    dialog.undo = "a new dry-run of the same scope, applied".to_owned();
    dialog.fields = vec![Field::exactly(format!("type `{}`", name_of(&view.scope)), name_of(&view.scope))];
    if done == view.progress.counts.total() {
        dialog.effect.push("That is everything that the run was about.".to_owned());
    }
    Ok(Intent::Ask(Box::new(dialog)))
}

/// Stops a moving run first. No rate: who rolls back is in a hurry.
pub(super) fn rollback(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    let id = view.id.clone();
    let moving = matches!(view.state, RunState::Applying | RunState::Pausing | RunState::Verifying);
    if !moving {
        return undo(state, view);
    }
    if view.reversibility == Reversibility::Irreversible {
        may_undo(view)?;
    }
    let plan = Plan {
        title: title("roll back", view),
        twin: format!("cutover run pause {id} && cutover run undo {id}"),
        steps: vec![
            Step::Act(Act::Run(RunAct::Pause { id: id.clone() })),
            Step::Until(id.clone(), STANDING),
            Step::Act(Act::Run(RunAct::Undo { id: id.clone(), rate: None })),
        ],
        run: Some(id),
    };
    let mut dialog = dialog(state, view, "Roll back", Tier::Live, plan);
    dialog.effect = vec!["The run stops after the chunk under way.".to_owned()];
    dialog.effect.extend(undone(view, None));
    dialog.undo = "a new dry-run of the same scope, applied".to_owned();
    // It may end while this is being read, and then there is the more to take back.
    dialog.expects = None;
    dialog.fields = vec![Field::exactly(format!("type `{}`", name_of(&view.scope)), name_of(&view.scope))];
    Ok(Intent::Ask(Box::new(dialog)))
}

/// Pause, or go on.
pub(super) fn hold(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    let id = view.id.clone();
    let left = view.progress.counts.pending + view.progress.counts.leased;
    let (verb, twin, act, effect, undo) = match view.state {
        RunState::Applying | RunState::Undoing | RunState::Verifying => (
            "Pause",
            format!("cutover run pause {id}"),
            RunAct::Pause { id },
            format!("The run stops after the chunk under way; {} items stay to be done.", number(left)),
            "h goes on",
        ),
        RunState::Paused => (
            "Go on",
            format!("cutover run resume {id}{}", pace(state.options.apply_rate)),
            RunAct::Resume { id, rate: state.options.apply_rate },
            format!("The run goes on where it stopped; {} items are to be done.", number(left)),
            "h pauses it again",
        ),
        state => {
            return Err(no(
                format!("this run is {state}: it neither moves nor is it paused"),
                "a starts a plan",
            ));
        }
    };
    let plan = one(view, &verb.to_lowercase(), twin, act);
    let mut dialog = dialog(state, view, verb, Tier::Reversible, plan);
    dialog.effect = vec![effect];
    undo.clone_into(&mut dialog.undo);
    Ok(Intent::Ask(Box::new(dialog)))
}

pub(super) fn cancel(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    match view.state {
        RunState::Planned
        | RunState::Approved
        | RunState::Applying
        | RunState::Pausing
        | RunState::Paused
        | RunState::Verifying => {}
        state => return Err(no(format!("this run is {state}: it has ended"), "there is nothing to cancel")),
    }
    let id = view.id.clone();
    let plan = one(view, "cancel", format!("cutover run cancel {id}"), RunAct::Cancel { id });
    let mut dialog = dialog(state, view, "End the run", Tier::Reversible, plan);
    dialog.effect = vec![format!(
        "The run ends. {} items are done and stay; {} are not done any more.",
        number(view.progress.counts.done),
        number(view.progress.counts.pending + view.progress.counts.leased)
    )];
    dialog.undo = "u takes back what was done; a new dry-run covers the rest".to_owned();
    Ok(Intent::Ask(Box::new(dialog)))
}

pub(super) fn retry(state: &State, view: &RunView) -> Result<Intent, RpcError> {
    if !matches!(view.state, RunState::Done | RunState::Failed) {
        let message = format!("this run is {}: only one that has ended can be retried", view.state);
        return Err(no(message, "h goes on with a paused one"));
    }
    if view.progress.counts.failed == 0 {
        return Err(no("no item of this run failed", "stale items need a new dry-run: d"));
    }
    let id = view.id.clone();
    let plan = one(view, "retry", format!("cutover run retry {id}"), RunAct::Retry { id });
    let mut dialog = dialog(state, view, "Retry", Tier::Reversible, plan);
    dialog.effect = vec![format!(
        "{} failed items of the same approval are tried once more.",
        number(view.progress.counts.failed)
    )];
    dialog.undo = undo_line(view);
    Ok(Intent::Ask(Box::new(dialog)))
}

/// A person says what happened.
pub(super) fn settle(state: &State, happened: bool) -> Result<Intent, RpcError> {
    let Some(Subject::Item { run, item }) = state.selected() else {
        return Err(no("no item is selected", "open a run with Enter and stand on an item"));
    };
    if item.state != ItemState::Unknown {
        return Err(no(
            format!("this item is {}: its outcome is known", item.state),
            "only unknown items are settled",
        ));
    }
    let Some(view) = state.run(&run) else { return Err(no("the run is not known yet", "wait a moment")) };
    let word = if happened { "yes" } else { "no" };
    let twin = format!("cutover run settle {run} --happened {word} {}", shell_argument(&item.key));
    let act = RunAct::Settle { id: run.clone(), key: item.key.clone(), happened };
    let plan = one(&view, "settle an item", twin, act);
    let mut dialog = dialog(state, &view, "Settle", Tier::Live, plan);
    dialog.effect = vec![if happened {
        format!("{} is taken as done: its effect is there.", item.key)
    } else {
        format!("{} is taken as not done: it may be tried again.", item.key)
    }];
    dialog.undo = "there is none: look at the other side first".to_owned();
    dialog.fields = vec![Field::exactly(format!("type `{word}`"), word)];
    Ok(Intent::Ask(Box::new(dialog)))
}
