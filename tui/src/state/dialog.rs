//! Questions before something is done. One engine for every tier: what exactly will happen, how it is taken back, what it
//! stands on. The focus begins on Cancel, Enter never confirms, the first moments take no key, and what is pasted is no key.

use crossterm::event::{Event as TermEvent, KeyCode, KeyEvent, KeyModifiers};
use cutover_shared::ids::RunId;
use cutover_shared::rollout::RolloutAct;
use cutover_shared::rpc::Act;
use cutover_shared::run::{RunAct, RunState};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

use super::errand::{Plan, Step};
use crate::keymap::Tier;

/// Keys that were meant for what was on the screen before are not taken for an answer.
pub const DEAF_MS: i64 = 300;

/// Lines that a page key scrolls; where a terminal is so small that it must, more would skip some.
const PAGE: u16 = 3;

/// More lines than any question has.
const FURTHEST: u16 = 500;

/// What stands in a command for a reason that is not typed yet.
pub const UNTYPED: &str = " --reason TEXT";

/// The longest text of a field.
const LONGEST: usize = 500;

/// What a field must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// These very letters.
    Exactly(String),
    /// Anything but nothing.
    Something,
}

/// A line to be typed.
#[derive(Clone, Debug)]
pub struct Field {
    pub label: String,
    pub want: Want,
    pub input: Input,
}

impl Field {
    pub fn exactly(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), want: Want::Exactly(text.into()), input: Input::default() }
    }

    pub fn something(label: impl Into<String>) -> Self {
        Self { label: label.into(), want: Want::Something, input: Input::default() }
    }

    pub fn holds(&self) -> bool {
        match &self.want {
            Want::Exactly(text) => self.input.value() == text,
            Want::Something => !self.input.value().trim().is_empty(),
        }
    }
}

/// Where the keyboard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    Cancel,
    Field(usize),
    Confirm,
}

/// The question.
#[derive(Clone, Debug)]
pub struct Dialog {
    pub title: String,
    pub tier: Tier,
    /// What exactly will happen, a sentence each.
    pub effect: Vec<String>,
    /// How it is taken back, or that it can't be.
    pub undo: String,
    /// The dry-run that it stands on, and when that was made.
    pub basis: Option<(RunId, i64)>,
    /// The gates of this run are asked, and their answer is shown.
    pub gate: Option<RunId>,
    /// The run has to be in this state still when it is confirmed.
    pub expects: Option<(RunId, RunState)>,
    pub fields: Vec<Field>,
    pub focus: Focus,
    pub opened: i64,
    /// Lines of what is told that are above the first that is shown; what is typed and the buttons never scroll.
    pub scroll: u16,
    /// The confirming button.
    pub button: String,
    /// What is done when it is confirmed.
    pub plan: Plan,
    /// Why it can't be confirmed at all, as things stand; it is shown for what it tells.
    pub blocked: Option<String>,
    /// What the last key did not do, and why.
    pub note: Option<String>,
}

/// What a key did to a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Open,
    Cancelled,
    Confirmed,
}

impl Dialog {
    /// A question with the focus on Cancel, that tells nothing and asks for nothing to be typed as yet; `opened` is in
    /// milliseconds.
    pub fn new(
        title: impl Into<String>,
        tier: Tier,
        button: impl Into<String>,
        plan: Plan,
        opened: i64,
    ) -> Self {
        Self {
            title: title.into(),
            tier,
            effect: Vec::new(),
            undo: String::new(),
            basis: None,
            gate: None,
            expects: None,
            fields: Vec::new(),
            focus: Focus::Cancel,
            opened,
            scroll: 0,
            button: button.into(),
            plan,
            blocked: None,
            note: None,
        }
    }

    /// Everything that was to be typed is there.
    pub fn is_complete(&self) -> bool {
        self.fields.iter().all(Field::holds)
    }

    /// What the typed reason of an override is, where one was asked for.
    pub fn reason(&self) -> Option<&str> {
        self.fields.iter().find(|field| field.want == Want::Something).map(|field| field.input.value().trim())
    }

    /// A closed gate passes only with a reason, which the audit log keeps.
    pub fn ask_for_reason(&mut self) {
        if self.reason().is_none() {
            self.fields.push(Field::something("a gate is closed: why pass it all the same? (audited)"));
        }
        self.focus = Focus::Field(self.fields.len() - 1);
        self.note = Some("the gate above is closed: give a reason, or leave it".to_owned());
    }

    /// What is done: with the typed reason in the approval and in the command.
    pub fn with_reason(mut self) -> Plan {
        let Some(reason) = self.reason().map(str::to_owned) else { return self.plan };
        for step in &mut self.plan.steps {
            let option = match step {
                Step::Act(
                    Act::Run(RunAct::Approve { override_reason, .. })
                    | Act::Rollout(RolloutAct::Stage { override_reason, .. }),
                ) => {
                    *override_reason = Some(reason.clone());
                    "--override"
                }
                Step::Act(Act::Rollout(RolloutAct::Freeze { reason: why, .. })) => {
                    why.clone_from(&reason);
                    self.plan.twin = self.plan.twin.trim_end_matches(UNTYPED).to_owned();
                    "--reason"
                }
                _ => continue,
            };
            self.plan.twin += &format!(" {}", crate::plain::shell_option(option, &reason));
        }
        self.plan
    }

    /// How it is confirmed, for the last line.
    pub fn way(&self) -> &'static str {
        if self.blocked.is_some() {
            return "it can't be done as things stand; Esc leaves it";
        }
        match (self.tier, self.focus) {
            (Tier::Look | Tier::Reversible, _) if self.fields.is_empty() => "y does it, Esc leaves it",
            (_, Focus::Confirm) => "y does it, Esc leaves it",
            _ => "type what is asked, Tab to the button, then y; Esc leaves it",
        }
    }

    /// A key came.
    pub fn key(&mut self, key: KeyEvent, now: i64) -> Answer {
        if now.saturating_sub(self.opened) < DEAF_MS {
            return Answer::Open;
        }
        self.note = None;
        let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Esc => return Answer::Cancelled,
            KeyCode::Enter => match self.focus {
                Focus::Cancel => return Answer::Cancelled,
                Focus::Field(_) | Focus::Confirm => {
                    self.note = Some("Enter never confirms".to_owned());
                }
            },
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(PAGE),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(PAGE).min(FURTHEST),
            KeyCode::Tab | KeyCode::Down => self.focus = self.next(1),
            KeyCode::BackTab | KeyCode::Up => self.focus = self.next(-1),
            KeyCode::Char('y') if plain && (self.focus == Focus::Confirm || self.fields.is_empty()) => {
                return self.confirm();
            }
            KeyCode::Char(_) if self.focus == Focus::Confirm => {}
            KeyCode::Char(_)
            | KeyCode::Backspace
            | KeyCode::Delete
            | KeyCode::Left
            | KeyCode::Right
            | KeyCode::Home
            | KeyCode::End => self.type_into(key),
            _ => {}
        }
        Answer::Open
    }

    fn confirm(&mut self) -> Answer {
        if let Some(open) = self.fields.iter().position(|field| !field.holds()) {
            self.focus = Focus::Field(open);
            self.note = Some("not yet: what is asked for is not typed".to_owned());
            return Answer::Open;
        }
        Answer::Confirmed
    }

    /// Text came in one piece: never an answer.
    pub fn paste(&mut self) {
        self.note = Some("what is pasted is not taken here: type it".to_owned());
    }

    fn type_into(&mut self, key: KeyEvent) {
        let at = match self.focus {
            Focus::Field(at) => at,
            Focus::Cancel | Focus::Confirm => {
                self.fields.iter().position(|field| !field.holds()).unwrap_or(0)
            }
        };
        let Some(field) = self.fields.get_mut(at) else { return };
        self.focus = Focus::Field(at);
        let full = field.input.value().chars().count() >= LONGEST;
        if !(full && matches!(key.code, KeyCode::Char(_))) {
            field.input.handle_event(&TermEvent::Key(key));
        }
    }

    fn next(&self, by: isize) -> Focus {
        let stops = self.fields.len().cast_signed() + 2;
        let at = match self.focus {
            Focus::Cancel => 0,
            Focus::Field(at) => at.cast_signed() + 1,
            Focus::Confirm => stops - 1,
        };
        match (at + by).rem_euclid(stops) {
            0 => Focus::Cancel,
            at if at == stops - 1 => Focus::Confirm,
            at => Focus::Field(at.cast_unsigned() - 1),
        }
    }
}

#[cfg(test)]
mod tests;
