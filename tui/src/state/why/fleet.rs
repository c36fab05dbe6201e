//! An instance: all that is known of it, and why it stands where it stands.

use cutover_shared::fleet::{InstanceState, InstanceView, StepStatus};

use super::{Fact, fact, toned};
use crate::plain::fleet::{WaveState, facts, headline, version, waves};
use crate::plain::number;
use crate::state::{State, Subject};
use crate::theme::{self, Role};

fn newest(state: &State, view: &InstanceView) -> InstanceView {
    if let Some(detail) = state.instance_detail(&view.tenant) {
        return detail.instance.clone();
    }
    match state.newest(&Subject::Instance(Box::new(view.clone()))) {
        Subject::Instance(view) => *view,
        _ => view.clone(),
    }
}

pub(super) fn detail(state: &State, view: &InstanceView) -> Vec<Fact> {
    let view = newest(state, view);
    let facts = facts(&view, state.daemon_now());
    let role = |key: &str, tone| match key {
        "Status" => crate::state::list::step_role(view.status),
        _ => theme::tone(tone),
    };
    facts.into_iter().map(|(key, value, tone)| toned(key, value, role(key, tone))).collect()
}

fn rule(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Pending => {
            "it has migrations before it that were not tried yet; their turn comes with its wave"
        }
        StepStatus::Running => "a migration is under way in it",
        StepStatus::Completed => "it has every migration up to the target",
        StepStatus::Failed => "its newest try failed; what comes after that migration is not tried",
        StepStatus::Skipped => {
            "it was left out when its turn came: it could not be reached, or its schema was changed by hand; the next plan takes it \
             where that is mended"
        }
    }
}

pub(super) fn why(state: &State, view: &InstanceView) -> Vec<Fact> {
    let view = newest(state, view);
    let status = state.fleet();
    let role = crate::state::list::step_role(view.status);
    let mut facts = vec![toned("Status", view.status.word(), role), fact("Rule", rule(view.status))];
    let target = status.as_ref().and_then(|status| status.target);
    let of =
        target.map_or("no target was set".to_owned(), |target| format!("the target is {}", version(target)));
    facts.push(fact(
        "Inputs",
        format!("it is at version {}, {of}; its state is {}", version(view.version), view.state),
    ));
    if let (InstanceState::Error, Some(reason)) = (view.state, &view.reason) {
        facts.push(toned("Unreachable", reason.as_str(), Role::Bad));
        facts.push(fact("", "no run takes it; it is asked again by the clock, and by `I`"));
    }
    if let Some(failed) = &view.failed {
        let error = view.error.as_deref().unwrap_or("no error was kept");
        facts.push(toned("Failed", format!("{failed}: {error}"), Role::Bad));
    }
    if let Some(class) = view.class {
        facts.push(fact("Class", class.word()));
        facts.push(fact("Next", class.next_step()));
    }
    if let Some(drift) = &view.drift {
        facts.push(toned("Drift", format!("its schema was changed by hand: {drift}"), Role::Warn));
    }
    facts.push(match view.pending {
        0 => fact("Distance", "none: it has what it is to have"),
        1 => fact("Distance", "1 migration until the target"),
        n => fact("Distance", format!("{} migrations until the target", number(n.into()))),
    });
    let Some(status) = status else { return facts };
    if let Some((wave, is)) = waves(&status).into_iter().find(|(wave, _)| wave.wave == view.wave) {
        let text = format!(
            "{}, {}: {} ({} of {} done, {} failed, {} unreachable)",
            wave.wave,
            wave.name,
            is.word(),
            number(wave.at_target),
            number(wave.tenants),
            number(wave.failed),
            number(wave.unreachable)
        );
        facts.push(toned("Wave", text, theme::tone(is.tone())));
    }
    let held = waves(&status).iter().any(|(_, is)| matches!(is, WaveState::Halted | WaveState::Held));
    if held && view.pending > 0 {
        let line = headline(&status, state.daemon_now());
        facts.push(toned("Held by", format!("{}: {}", line.word, line.text), theme::tone(line.tone)));
    }
    for one in status.throttles.iter().filter(|one| one.server == view.server && view.pending > 0) {
        facts.push(toned("Throttled", format!("{}: {}", one.server, one.reason), Role::Warn));
    }
    facts
}
