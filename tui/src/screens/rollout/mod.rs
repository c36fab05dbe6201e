//! Below the list of rollouts: the one under the cursor. Where there is no room for all of it, what matters least goes
//! first, whole lines at a time.

mod arms;
mod banner;
mod judge;
mod owed;
mod receipts;

use cutover_shared::rollout::{CriterionState, OperationFigures, RolloutView, TrackStage, TrackState};
use cutover_shared::status::RolloutBrief;
use cutover_shared::verdict::Verdict;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::sign::fitting;
use super::{notice, sign};
use crate::keymap::Action;
use crate::plain::rollout::{inside, verdict};
use crate::plain::{number, span};
use crate::state::why::verdict_role;
use crate::state::{Slot, State, Subject};
use crate::theme::Role;
use crate::widgets::{Gauge, Look, Panel, Piece, Step, StepState, bar, track};

/// Below this the verdict has a line of its own.
const NARROW: u16 = 60;

/// Columns for what a line is about.
const KEY: u16 = 10;

/// A line, and how much it matters: the highest goes first where there is no room.
struct Row {
    rank: u8,
    what: What,
}

enum What {
    /// Groups of pieces: a group that does not fit whole is left out.
    Words(Vec<Vec<Piece>>),
    Track(Vec<(String, StepState)>),
    /// The stage with the time that it has to stay.
    Soak(Vec<Piece>, u64, u64, Vec<Piece>),
    Arms(arms::Line),
    /// How much of the way to firing is gone, of a thousand.
    Trigger {
        name: Piece,
        spent: u64,
        told: Vec<Vec<Piece>>,
        role: Role,
    },
}

fn words(rank: u8, groups: Vec<Vec<Piece>>) -> Row {
    Row { rank, what: What::Words(groups) }
}

pub(super) fn draw(state: &State, look: &Look, buffer: &mut Buffer, area: Rect) {
    if area.is_empty() {
        return;
    }
    let Some(Subject::Rollout(line)) = state.selected() else { return };
    let feed = state.feeds.get(&Slot::Rollout(line.name));
    let view = state.rollout(line.name);
    let age = notice::age(state, feed.filter(|_| view.is_some()), look);
    let panel = Panel {
        title: line.name.word(),
        right: age.as_deref().unwrap_or_default(),
        stale: age.is_some(),
        ..Panel::default()
    };
    let inside = sign::inset(panel.draw(buffer, area, look), 1);
    let Some(view) = view else {
        let lines = notice::waiting(state, feed, "this rollout", look);
        return notice::draw(buffer, inside, look, &lines);
    };
    let rows = fitted(rows(state, view, look, inside), inside.height);
    for (at, row) in (0..inside.height).zip(&rows) {
        one(state, look, buffer, sign::line(inside, at), &row.what);
    }
}

/// The rows that there is room for, in their order.
fn fitted(mut rows: Vec<Row>, height: u16) -> Vec<Row> {
    while rows.len() > usize::from(height) {
        let Some(worst) = rows.iter().enumerate().max_by_key(|(at, row)| (row.rank, *at)).map(|(at, _)| at)
        else {
            break;
        };
        rows.remove(worst);
    }
    rows
}

fn rows(state: &State, view: &RolloutView, look: &Look, area: Rect) -> Vec<Row> {
    let mut rows = banner::rows(state, view, look);
    rows.push(Row { rank: 3, what: What::Track(steps(view)) });
    rows.extend(stage(state, view));
    let said = said(state, view, look);
    if area.width < NARROW {
        let said = said.map(|piece| vec![piece]);
        rows.push(words(1, std::iter::once(vec![key("verdict")]).chain(said).collect()));
        rows.push(words(2, vec![standing(state, view)]));
    } else {
        let [word, rest, why] = said;
        let verdict = vec![Piece::new("   verdict ", Role::Dim), word];
        rows.push(words(2, vec![standing(state, view), verdict, vec![rest], vec![why]]));
    }
    rows.extend(
        arms::rows(state, view, area.width)
            .into_iter()
            .map(|(rank, line)| Row { rank, what: What::Arms(line) }),
    );
    rows.push(words(8, compared(state, view, look)));
    rows.extend(judge::rows(state, view, look, area.width));
    let owed = rows.len();
    rows.push(words(7, owed::row(state, view, look)));
    rows.extend(criteria(state, view, look, area.height));
    rows.extend(receipts::rows(state, view));
    // The drill takes a line of its own only where that costs no other line.
    if rows.len() < usize::from(area.height) {
        rows.insert(owed + 1, words(10, owed::drill(state, view, look)));
    } else {
        rows[owed] = words(7, owed::with_drill(state, view, look));
    }
    rows
}

fn one(state: &State, look: &Look, buffer: &mut Buffer, line: Rect, what: &What) {
    match what {
        What::Words(groups) => bar(buffer, line, look, &fitting(groups, line.width), &[]),
        What::Track(steps) => {
            let steps: Vec<Step<'_>> =
                steps.iter().map(|(name, state)| Step { name, state: *state }).collect();
            track(buffer, line, look, &steps);
        }
        What::Soak(left, gone, full, right) => {
            let (used, end) = (sign::columns(left), sign::columns(right).saturating_add(1));
            let room = line.width.saturating_sub(used).saturating_sub(end);
            if room < 8 {
                return bar(buffer, line, look, &fitting(&[left.clone(), right.clone()], line.width), &[]);
            }
            let at = Rect { x: line.x.saturating_add(used), width: room.min(24), ..line };
            bar(buffer, line, look, left, &[]);
            Gauge { segments: &[(*gone, sign::aged(state, Role::Gauge))], total: *full, label: "" }
                .bar(buffer, at, look);
            let x = at.right().saturating_add(1);
            bar(buffer, Rect { x, width: line.right().saturating_sub(x), ..line }, look, right, &[]);
        }
        What::Arms(one) => arms::draw(state, look, buffer, line, one),
        What::Trigger { name, spent, told, role } => {
            let name_room = if line.width < 90 { 19 } else { 26 };
            let name_room = name_room.min(line.width);
            bar(buffer, Rect { width: name_room, ..line }, look, std::slice::from_ref(name), &[]);
            let x = line.x.saturating_add(name_room);
            let room = line.right().saturating_sub(x);
            let width = (room / 3).min(24);
            if width >= 6 {
                Gauge { segments: &[(*spent, *role)], total: 1_000, label: "" }.bar(
                    buffer,
                    Rect { x, width, ..line },
                    look,
                );
            }
            let x = if width >= 6 { x.saturating_add(width + 1) } else { x };
            let rest = Rect { x, width: line.right().saturating_sub(x), ..line };
            bar(buffer, rest, look, &fitting(told, rest.width), &[]);
        }
    }
}

fn key(word: &str) -> Piece {
    Piece::new(format!("{word:<0$}", usize::from(KEY)), Role::Dim)
}

/// Text that is dim where it is old.
fn aged(state: &State, text: impl Into<String>, role: Role) -> Piece {
    Piece::new(text, sign::aged(state, role))
}

fn steps(view: &RolloutView) -> Vec<(String, StepState)> {
    let step = |stage: &TrackStage| {
        let state = match stage.state {
            TrackState::Passed => StepState::Done,
            TrackState::Now if view.line.killed => StepState::Failed,
            TrackState::Now if view.freeze.is_some() => StepState::Held,
            TrackState::Now => StepState::Now,
            TrackState::Next | TrackState::Later => StepState::Ahead,
        };
        (stage.stage.to_string(), state)
    };
    view.track.iter().map(step).collect()
}

/// Where it is, how long it has to stay, and what comes next.
fn stage(state: &State, view: &RolloutView) -> Vec<Row> {
    let now = state.daemon_now();
    let Some(is) = view.track.iter().find(|stage| stage.state == TrackState::Now) else { return Vec::new() };
    let about = sign::about(state);
    let left = vec![key("now"), aged(state, format!("{}  ", is.stage), Role::Strong)];
    let since = is.since.unwrap_or(view.line.since);
    let gone = now.saturating_sub(since).max(0).unsigned_abs();
    let full = is.soak_ms.max(0).unsigned_abs();
    if full == 0 {
        let text = format!("for {about}{}, no soak", span(gone / 1_000));
        let row = vec![left, vec![aged(state, text, Role::Text)]];
        return vec![words(3, row)];
    }
    let role = if gone >= full { Role::Good } else { Role::Text };
    let soaked = if gone >= full {
        format!("soaked {}", span(full / 1_000))
    } else {
        format!("soak {about}{} of {}", span(gone / 1_000), span(full / 1_000))
    };
    let right = vec![aged(state, soaked, role)];
    vec![Row { rank: 3, what: What::Soak(left, gone.min(full), full, right) }]
}

fn standing(state: &State, view: &RolloutView) -> Vec<Piece> {
    let about = sign::about(state);
    let exact = if view.exact.is_some() { " by name" } else { "" };
    vec![key("on target"), aged(state, format!("{about}{}{exact}", inside(&view.line)), Role::Strong)]
}

/// What the judge says, what it stands on, and that there is more to it.
fn said(state: &State, view: &RolloutView, look: &Look) -> [Piece; 3] {
    let why = state.keymap.key(Action::Why);
    let line = view.line.verdict.as_str();
    let (word, rest, role) = match &view.judgement {
        Some(judgement) => {
            let word = verdict(judgement.verdict);
            // The daemon's sentence begins with the same word; a pass stands on the line below.
            let rest = match line.strip_prefix(word) {
                _ if judgement.verdict == Verdict::Pass => "",
                Some(rest) => rest.trim_start_matches([':', ' ']),
                None => line,
            };
            (word, rest, verdict_role(judgement.verdict))
        }
        None => (line, "", Role::Dim),
    };
    let rest = if rest.is_empty() { String::new() } else { format!(": {rest}") };
    [
        aged(state, format!("{} {word}", sign::of_role(look, role)), role),
        aged(state, rest, role),
        Piece::new(format!("  ({why} why)"), Role::Dim),
    ]
}

/// How far both arms say the same, over all operations.
fn compared(state: &State, view: &RolloutView, look: &Look) -> Vec<Vec<Piece>> {
    let about = sign::about(state);
    let total = |of: fn(&OperationFigures) -> u64| {
        arms::whole(view).iter().map(|one| of(one)).fold(0_u64, u64::saturating_add)
    };
    let (compared, mismatched, shed) =
        (total(|one| one.compared), total(|one| one.mismatched), total(|one| one.shed));
    let beyond = total(|one| one.over_budget);
    let role = if mismatched > 0 { Role::Warn } else { Role::Text };
    let sign = if mismatched > 0 { format!("{} ", look.glyphs.warn) } else { String::new() };
    let mut groups = vec![vec![
        key("compared"),
        aged(state, format!("{about}{} answers, ", number(compared)), Role::Text),
        aged(state, format!("{sign}{about}{} differed", number(mismatched)), role),
    ]];
    if let Some(claim) = view.judgement.as_ref().and_then(|judgement| judgement.claim.as_ref()) {
        let proven = claim.to_string();
        let proven = proven.split("; ").nth(1).unwrap_or_default().to_owned();
        let role = if claim.missing == 0 { Role::Good } else { Role::Text };
        groups.push(vec![aged(state, format!("   {proven} same"), role)]);
        let wanted = crate::plain::rollout::share(u64::from(claim.wanted_ppm));
        groups.push(vec![Piece::new(format!(" of {wanted} claimed"), Role::Dim)]);
    }
    if shed > 0 {
        groups.push(vec![aged(state, format!("   {about}{} lost", number(shed)), Role::Dim)]);
    }
    if beyond > 0 {
        groups.push(vec![aged(state, format!("   {about}{} beyond the budget", number(beyond)), Role::Dim)]);
    }
    groups
}

/// The next stage, and what stands before it: by name what does not hold, how many do.
fn criteria(state: &State, view: &RolloutView, look: &Look, height: u16) -> Vec<Row> {
    let role = crate::state::why::criterion_role;
    let next = view.track.iter().find(|stage| stage.state == TrackState::Next);
    let Some(next) = next else {
        return vec![words(5, vec![vec![key("next"), aged(state, "nothing: the last stage", Role::Text)]])];
    };
    let mut summary = vec![vec![key("next"), aged(state, format!("{}   ", next.stage), Role::Text)]];
    let failing: Vec<_> = view.criteria.iter().filter(|one| one.state != CriterionState::Holds).collect();
    for one in &failing {
        let text = format!("{} {}   ", sign::of_word(look, one.state.word(), role(one.state)), one.name);
        summary.push(vec![aged(state, text, role(one.state))]);
    }
    let holding = view.criteria.len().saturating_sub(failing.len());
    if holding > 0 {
        let (is, all) = (CriterionState::Holds, if failing.is_empty() { "all " } else { "" });
        let text = format!("{} {all}{holding} hold   ", sign::of_word(look, is.word(), role(is)));
        summary.push(vec![aged(state, text, role(is))]);
    }
    let advance = state.keymap.key(Action::Advance);
    let way = if failing.is_empty() { "takes it" } else { "looks at it" };
    summary.push(vec![Piece::new(format!("({advance} {way})"), Role::Dim)]);
    let mut rows = vec![words(5, summary)];
    // In a low terminal `w` and Enter tell them.
    if height >= 18 {
        for one in failing {
            let text = format!(
                "{} {}: {}",
                sign::of_word(look, one.state.word(), role(one.state)),
                one.name,
                one.text
            );
            rows.push(words(9, vec![vec![key(""), aged(state, text, role(one.state))]]));
        }
    }
    rows
}

/// How its state looks, for the tabs and the overview.
pub(super) fn brief(line: &RolloutBrief) -> (String, Role) {
    let (word, role) = match line {
        RolloutBrief { killed: true, .. } => (" KILLED", Role::Bad),
        RolloutBrief { frozen: true, .. } => (" frozen", Role::Warn),
        _ => ("", Role::Text),
    };
    (format!("{} {}{word}", line.name, line.stage), role)
}

#[cfg(test)]
mod tests;
