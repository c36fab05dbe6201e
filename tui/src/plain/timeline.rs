//! A rollout's timeline in words, the same on the command line and in the console.

use cutover_shared::rollout::{Ring, RolloutName, Stay, StayEvent, StayEventKind, TimelineView};

use super::rollout::act_tone;
use super::{Tone, number, span, time};

/// Stays that are asked for where nobody says how many.
pub const STAYS: u32 = 20;

/// A key, what is said of it, and what that means. An empty key goes on with the one before.
pub type Said = (String, String, Tone);

/// Where it goes next, and from when on.
pub fn ahead(view: &TimelineView, now: i64) -> Vec<Said> {
    let Some(next) = &view.planned else {
        return vec![said("Next", "nothing: this is the last stage", Tone::Plain)];
    };
    let mut all = vec![
        said("Next", format!("{}{}", next.stage, of_ring(next.ring)), Tone::Plain),
        said("Earliest", moment(next.earliest_at, now), Tone::Plain),
    ];
    if next.soaked_at != next.earliest_at {
        all.push(said("Soaked", moment(next.soaked_at, now), Tone::Plain));
    }
    if !next.waits.is_empty() {
        all.push(said("Waits for", next.waits.join(", "), Tone::Warn));
    }
    all
}

/// Each stay in a stage with what happened in it, the newest first.
pub fn behind(view: &TimelineView, now: i64) -> Vec<Said> {
    view.stays.rows.iter().flat_map(|one| stay(view.rollout, one, now)).collect()
}

fn stay(name: RolloutName, stay: &Stay, now: i64) -> Vec<Said> {
    let lasted = stay.left_at.unwrap_or(now).saturating_sub(stay.entered_at).max(0);
    let lasted = span(lasted.unsigned_abs() / 1_000);
    let (until, tone) = match stay.left_at {
        Some(at) => (time(at), Tone::Plain),
        None => ("now".to_owned(), Tone::Strong),
    };
    let times = format!("{} until {until}, {lasted}{}", time(stay.entered_at), of_ring(stay.ring));
    let mut all =
        vec![said(&stay.stage.to_string(), times, tone), said("", began(stay), act_tone(&stay.act))];
    if !stay.passed.is_empty() {
        all.push(said("", format!("passed by an approver: {}", stay.passed.join(", ")), Tone::Warn));
    }
    all.extend(stay.events.iter().map(event));
    if stay.more {
        all.push(said("", format!("and more: `cutover rollout changes {name}` has all"), Tone::Dim));
    }
    all
}

/// What led there: who, named for what, for how many tenants, and why.
fn began(stay: &Stay) -> String {
    let by = if stay.by.as_str() == "daemon" { "the daemon" } else { stay.by.as_str() };
    let named = if stay.named.is_empty() { String::new() } else { format!(" ({})", stay.named.join(", ")) };
    let mut text = match stay.act.as_str() {
        "begin" => "began here".to_owned(),
        "stage" => format!("advanced by {by}{named}"),
        "rollback" => format!("rolled back by {by}{named}"),
        "auto-rollback" => format!("ROLLED BACK by {by}{named}"),
        other => format!("{other} by {by}{named}"),
    };
    if let (Some(inside), Some(tenants)) = (stay.inside, stay.tenants) {
        text += &format!("; {} of {} tenants in", number(inside), number(tenants));
    }
    if !stay.reason.is_empty() {
        text += &format!(": {}", stay.reason);
    }
    text
}

fn event(event: &StayEvent) -> Said {
    let StayEvent { at, kind, by, text } = event;
    let colon = if text.is_empty() { "" } else { ": " };
    let tone = match kind {
        StayEventKind::Kill | StayEventKind::Incident => Tone::Bad,
        StayEventKind::Freeze => Tone::Warn,
        StayEventKind::Unkill | StayEventKind::Unfreeze | StayEventKind::IncidentClosed => Tone::Plain,
    };
    said("", format!("{} {} by {by}{colon}{text}", time(*at), kind.word()), tone)
}

/// A moment that may lie ahead.
fn moment(at: i64, now: i64) -> String {
    let left = at.saturating_sub(now);
    let left = if left > 0 { format!("in {}", span(left.unsigned_abs() / 1_000)) } else { "now".to_owned() };
    format!("{} ({left})", time(at))
}

fn of_ring(ring: Ring) -> String {
    if ring.is_all() { String::new() } else { format!(", for ring {ring}") }
}

fn said(key: &str, text: impl Into<String>, tone: Tone) -> Said {
    (key.to_owned(), text.into(), tone)
}
