//! What is said: changes once, screens and questions when they come up, figures of moving runs now and then.

use std::fmt::Write as _;

use cutover_shared::run::RunState;

use super::closer;
use crate::keymap::{TABLE, Tier};
use crate::plain::{clean, moving_line, number, percent, span};
use crate::state::dialog::{Dialog, Want};
use crate::state::figures::short;
use crate::state::layer::{ChainLayer, KillLayer};
use crate::state::list::{Moment, row_of};
use crate::state::why::{self, Fact};
use crate::state::{Layer, Link, Screen, Slot, State, Subject};

/// Moving figures are said so seldom, in milliseconds.
const SELDOM_MS: i64 = 10_000;

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    link: String,
    toast: Option<(String, i64)>,
    layer: String,
    /// Screen, filter, sort, page: what makes a page another page.
    page: String,
    cursor: Option<String>,
    killed: bool,
    figures: i64,
    states: Vec<(String, RunState)>,
    prompt: bool,
    gateway: String,
}

impl Spoken {
    pub fn welcome(&self) -> String {
        "Line mode. help lists the words; a number stands on a row; an empty line closes or leaves.\n"
            .to_owned()
    }

    /// A line was typed: it wants a prompt, whatever comes of it.
    pub fn heard(&mut self) {
        self.prompt = true;
    }

    pub fn owes_prompt(&mut self) -> bool {
        std::mem::take(&mut self.prompt)
    }

    pub fn prompt(&self, state: &State) -> String {
        let environment = state.welcome().map_or("not connected", |welcome| welcome.environment.as_str());
        let top = match state.layers.top() {
            Some(Layer::Dialog(_)) => " answer",
            Some(Layer::Kill(_)) => " KILL",
            Some(_) => " close with an empty line",
            None => "",
        };
        format!("{} {}{top}> ", clean(environment), state.screen.word())
    }

    /// Everything that is new.
    pub fn speak(&mut self, state: &State) -> String {
        let mut text = String::new();
        self.link(state, &mut text);
        if state.is_killed() != self.killed {
            self.killed = state.is_killed();
            text += if self.killed { "* KILLED: everything is on legacy\n" } else { "* no longer killed\n" };
        }
        self.toast(state, &mut text);
        self.moving(state, &mut text);
        self.page(state, &mut text);
        self.gateway(state, &mut text);
        let layer = state.layers.top().map_or(String::new(), |layer| layer_text(state, layer));
        if layer != self.layer {
            text += &layer;
            self.layer = layer;
        }
        text
    }

    fn link(&mut self, state: &State, text: &mut String) {
        let link = match &state.link {
            Link::Connected { welcome, .. } => format!(
                "* connected to {} as {}, role {}\n",
                clean(&welcome.environment),
                clean(welcome.operator.as_str()),
                welcome.role
            ),
            Link::Connecting { .. } => return,
            Link::Waiting { error, .. } | Link::Incompatible { error, .. } | Link::Refused { error, .. } => {
                format!("* not connected: {}; {}\n", clean(&error.message), clean(&error.hint))
            }
        };
        if link != self.link {
            *text += &link;
            self.link = link;
        }
    }

    fn toast(&mut self, state: &State, text: &mut String) {
        if let Some(toast) = state.toasts.newest() {
            let new = (toast.text.clone(), toast.until);
            if self.toast.as_ref() != Some(&new) {
                let _ = writeln!(text, "* {}", clean(&toast.text));
                self.toast = Some(new);
            }
        }
    }

    fn moving(&mut self, state: &State, text: &mut String) {
        let states: Vec<_> = state.moving.iter().map(|run| (run.id.0.clone(), run.state)).collect();
        let due = state.now.saturating_sub(self.figures) >= SELDOM_MS && !states.is_empty();
        if states != self.states || due {
            for run in &state.moving {
                let _ = writeln!(text, "* run {}: {}", short(&run.id), clean(&moving_line(run)));
            }
            (self.states, self.figures) = (states, state.now);
        }
    }

    /// The overview is said at once; what GitHub sends and how installations are, when it is known or becomes another.
    fn gateway(&mut self, state: &State, text: &mut String) {
        if state.screen == Screen::Overview
            && let Some((key, said)) = closer::overview(state)
            && key != self.gateway
        {
            *text += &said;
            self.gateway = key;
        }
    }

    fn page(&mut self, state: &State, text: &mut String) {
        let Some((page, said)) = page(state) else { return };
        if page != self.page {
            *text += &said;
            (self.page, self.cursor) = (page, None);
        }
        let cursor = state.selected().map(|subject| subject.key());
        if cursor != self.cursor && state.layers.is_empty() {
            if let (Some(subject), true) = (state.selected(), self.cursor.is_some()) {
                let _ = writeln!(text, "on {} {}", subject.noun().word(), clean(&subject.key()));
                *text += &facts(&why::detail(state, &subject));
            }
            self.cursor = cursor;
        }
    }
}

/// What the screen says, once it has its data, and what makes it another.
fn page(state: &State) -> Option<(String, String)> {
    let status = state.status()?;
    let mut said = format!("\n{}\n", state.screen.title());
    if state.screen == Screen::Overview {
        let counts = &status.counts;
        let all = counts.mapped + counts.pending + counts.unmappable + counts.unplanned;
        let _ = writeln!(
            said,
            "mode {}; {} of {} repositories mapped ({} %), {} pending, {} unmappable, {} unplanned",
            status.mode.mode,
            number(counts.mapped),
            number(all),
            if all == 0 { 0 } else { percent(counts.mapped, all) },
            number(counts.pending),
            number(counts.unmappable),
            number(counts.unplanned)
        );
        for (at, subject) in state.lines().iter().enumerate() {
            let line = match subject {
                Subject::Attention(notice) => format!("{}: {}", notice.health, notice.text),
                Subject::Run(run) => format!("run {}: {}", short(&run.id), moving_line(run)),
                other => other.key(),
            };
            let _ = writeln!(said, "{}. {}", at + 1, clean(&line));
        }
        for step in &status.next {
            let _ = writeln!(said, "next: {}: {}", clean(&step.text), clean(&step.command));
        }
        let back = match (&status.back.blocked, status.back.seconds) {
            (Some(why), _) => format!("not now: {}", clean(why)),
            (None, Some(seconds)) => {
                format!("{} effects, about {}", number(status.back.items), span(seconds))
            }
            (None, None) => format!("{} effects, no rate was measured yet", number(status.back.items)),
        };
        let _ = writeln!(said, "way back: {back}");
        let attention: Vec<&str> = status.attention.iter().map(|notice| notice.text.as_str()).collect();
        return Some((format!("overview {attention:?} {:?}", status.next), said));
    }
    let list = state.screen.list()?;
    let table = state.tables.get(&list)?;
    let Some(window) = state.window(list) else {
        let error = state.feeds.get(&Slot::List(list))?.error.as_ref()?;
        let line = format!("{}; {}\n", clean(&error.message), clean(&error.hint));
        return Some((line.clone(), line));
    };
    if state.screen == Screen::Webhooks {
        // Both come at the same time; the figures are said first.
        if state.feeds.get(&Slot::Figures).is_none_or(crate::state::Feed::is_loading) {
            return None;
        }
        said += &closer::inbox(state);
    }
    let mut also = String::new();
    if state.screen == Screen::Fleet {
        let (key, told) = closer::fleet(state)?;
        (also, said) = (key, said + &told);
    }
    if let Some(run) = state.open_run().and_then(|id| state.run(&id)) {
        said += &facts(&why::detail(state, &Subject::Run(Box::new(run))));
    }
    if window.total == 0 {
        let none = if table.filter.is_empty() { table.spec().empty } else { "nothing passes the filter" };
        let _ = writeln!(said, "{none}");
    }
    let last = (table.top + table.height).min(window.total);
    for row in table.top..last {
        let subject = row_of(window, row)?;
        let cells = table.columns().filter_map(|column| {
            let text = (column.cell)(subject, Moment { now: state.daemon_now() }).text;
            (!text.is_empty()).then(|| format!("{} {}", column.name, clean(&text)))
        });
        let mark = if table.marks.contains_key(&subject.key()) { "marked, " } else { "" };
        let _ = writeln!(said, "{}. {mark}{}", row + 1, cells.collect::<Vec<_>>().join(", "));
    }
    if last < window.total {
        let _ = writeln!(said, "{} of {}: page-down goes on", number(last), number(window.total));
    }
    let state_of_run = state.open_run().and_then(|id| state.run(&id)).map(|run| run.state);
    let page = format!(
        "{list:?} {:?} {} {:?} {} {} {state_of_run:?} {also} {:?}",
        table.of,
        table.filter,
        table.sort,
        table.top,
        window.total,
        table.marks.keys().collect::<Vec<_>>()
    );
    Some((page, said))
}

pub(super) fn facts(facts: &[Fact]) -> String {
    let mut text = String::new();
    for fact in facts {
        let colon = if fact.key.is_empty() { "" } else { ": " };
        let _ = writeln!(text, "  {}{colon}{}", clean(&fact.key), clean(&fact.value));
    }
    text
}

fn layer_text(state: &State, layer: &Layer) -> String {
    let mut text = String::from("\n");
    match layer {
        Layer::Dialog(dialog) => question(state, dialog, &mut text),
        Layer::Kill(kill) => {
            text += &match kill {
                KillLayer::Armed => {
                    "KILL SWITCH. kill once more fires: every decision is legacy, every run pauses. An empty \
                                     line leaves it.\n"
                        .to_owned()
                }
                KillLayer::Asked { .. } => "KILL: asked of the daemon ...\n".to_owned(),
                KillLayer::Marking { why } => {
                    format!("KILL: {}; the marker is being written ...\n", clean(why))
                }
                KillLayer::Fired { text } => format!("KILLED: {}\n", clean(text)),
                KillLayer::Failed { text } => {
                    format!("{}\nWithout this console: cutover kill --local\n", clean(text))
                }
            };
        }
        Layer::Help { .. } => help(state, &mut text),
        Layer::Why { subject, .. } => {
            let subject = subject.as_deref();
            let _ =
                writeln!(text, "Why{}", subject.map_or(String::new(), |s| format!(": {}", clean(&s.key()))));
            text += &facts(&why::why(state, subject));
        }
        Layer::Detail { subject, .. } => {
            text += &closer::detail(state, subject).unwrap_or_else(|| facts(&why::detail(state, subject)));
        }
        Layer::Payload { .. } | Layer::Explain { .. } | Layer::Guid { .. } => {
            text += &closer::layer(state, layer);
        }
        Layer::Runbook { file, .. } => {
            text += crate::runbook::find(file).map_or("there is no such runbook\n", |(_, text)| text);
        }
        Layer::Receipts { .. } => closer::receipts(state, &mut text),
        Layer::Refusal { title, error } => {
            let _ = writeln!(text, "{title}: {}\n  {}", clean(&error.message), clean(&error.hint));
            if let Some(runbook) = &error.runbook {
                let _ = writeln!(text, "  runbook: {} (runbook opens it)", clean(runbook));
            }
        }
        Layer::Columns { list, .. } => {
            let table = state.tables.get(list);
            for (at, column) in list.spec().columns.iter().enumerate() {
                let hidden = table.is_some_and(|table| table.hidden.contains(column.name));
                let _ =
                    writeln!(text, "{}. {} {}", at + 1, column.name, if hidden { "hidden" } else { "shown" });
            }
        }
        Layer::Scope { choices, refresh, .. } => {
            text += "What shall the dry-run cover?\n";
            for (at, choice) in choices.iter().enumerate() {
                let _ = writeln!(text, "{}. {}", at + 1, clean(&choice.text));
            }
            let is = if *refresh { "yes" } else { "no" };
            let (what, _) = choices.first().map_or(("", ""), crate::state::ScopeChoice::refreshes);
            let _ = writeln!(text, "Read {what} again first: {is}; `refresh` changes that.");
        }
        Layer::Mode { .. } => {
            text += "The ceiling for every tenant?\n1. off: legacy for everybody\n2. canary: only the list\n3. on: everybody who is mapped\n";
        }
        Layer::Members { .. } | Layer::Timeline { .. } | Layer::Failures { .. } | Layer::History { .. } => {
            text += &closer::layer(state, layer);
        }
        Layer::Export { .. } => text += "Write all rows of this view as?\n1. CSV\n2. JSON Lines\n",
        Layer::Chain(ChainLayer::Asked { .. }) => text += "checking the chain ...\n",
        Layer::Chain(ChainLayer::Checked(check)) => {
            let problem =
                check.problem.as_deref().map_or(String::new(), |problem| format!(": {}", clean(problem)));
            let word = if check.intact { "intact" } else { "BROKEN" };
            let _ = writeln!(text, "The chain of {} records is {word}{problem}", number(check.records));
        }
        Layer::Chain(ChainLayer::Failed(error)) => {
            let _ = writeln!(text, "{}; {}", clean(&error.message), clean(&error.hint));
        }
        Layer::SpotCheck { report, .. } => {
            let word = if report.passed { "passed" } else { "NOT PASSED" };
            let _ = writeln!(text, "Spot-check {word}: {}", clean(&report.verdict));
            for row in &report.rows {
                let _ =
                    writeln!(text, "  {}: {}, {}", clean(row.key.as_str()), row.outcome, clean(&row.detail));
            }
        }
        Layer::Filter(_) | Layer::Palette(_) => text += "type a word, or an empty line\n",
    }
    text
}

fn question(state: &State, dialog: &Dialog, text: &mut String) {
    // Said once, whole: what the gates answer belongs to it.
    if dialog.gate.as_ref().is_some_and(|id| state.gate(id).is_none()) && state.welcome().is_some() {
        *text += "asking the gates ...\n";
        return;
    }
    let _ = writeln!(text, "{}", clean(&dialog.title));
    for line in &dialog.effect {
        let _ = writeln!(text, "  {}", clean(line));
    }
    let _ = writeln!(text, "  Undo: {}", clean(&dialog.undo));
    if let Some((run, at)) = &dialog.basis {
        let _ = writeln!(
            text,
            "  Stands on: dry-run {}, {}",
            short(run),
            crate::plain::age(state.daemon_now(), *at)
        );
    }
    if let Some(id) = &dialog.gate {
        match state.gate(id) {
            None => *text += "  Gate: asking ...\n",
            Some(gate) => match &gate.closed {
                Some(why) => {
                    let _ = writeln!(text, "  Gate: CLOSED, {}", clean(why));
                }
                None => *text += "  Gate: open\n",
            },
        }
    }
    let _ = writeln!(text, "  The same as: {}", clean(&dialog.plan.twin));
    if let Some(note) = &dialog.note {
        let _ = writeln!(text, "! {}", clean(note));
    }
    match dialog.fields.iter().find(|field| !field.holds()) {
        Some(field) => {
            let how = match &field.want {
                Want::Exactly(_) => " to do it",
                Want::Something => "",
            };
            let _ = writeln!(text, "{}{how}; an empty line leaves it.", clean(&field.label));
        }
        None => *text += "yes does it; an empty line leaves it.\n",
    }
}

fn help(state: &State, text: &mut String) {
    let place = state.place();
    for row in TABLE.iter().filter(|row| place.has(row.when)) {
        let tier = match row.tier {
            Tier::Look => "",
            Tier::Reversible => " Asks yes.",
            Tier::Live | Tier::Fleet => " Asks for a name.",
        };
        let _ = writeln!(text, "{} ({}): {}.{tier}", row.name, state.keymap.key(row.action), row.about);
    }
    *text += "a number: stands on that row. filter TERMS. sort FIELD, sort -FIELD.\n";
}
