//! One table of everything that a key can do. It feeds the hint bar, the help, the palette, the line mode, the configuration
//! and `docs/console.md`; what is not in it does not exist.

mod table;

use cutover_shared::rpc::Role;
use serde::{Deserialize, Serialize};

use crate::place::{ListId, Noun, Screen};
use crate::settings::Chord;
pub use table::TABLE;

/// Everything that a key, the palette or a line can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Overview,
    Mapping,
    Tenants,
    Runs,
    Tokens,
    Audit,
    Webhooks,
    Installations,
    Workflows,
    Rollouts,
    Fleet,
    Help,
    Next,
    Previous,
    Palette,
    Back,
    Quit,
    Kill,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Filter,
    Sort,
    SortReverse,
    Columns,
    Mark,
    Unmark,
    Export,
    Copy,
    CopyCommand,
    Why,
    Runbook,
    Receipts,
    Freeze,
    Reconnect,
    Suspend,
    DryRun,
    DryRunScope,
    Apply,
    Undo,
    Rollback,
    Hold,
    Cancel,
    Retry,
    SettleYes,
    SettleNo,
    SpotCheck,
    Mode,
    Canary,
    TokenRefresh,
    TokenInvalidate,
    AuditVerify,
    Payload,
    Explain,
    ExplainDelivery,
    Replay,
    ReplayAll,
    Recover,
    ReplayDispatches,
    RemoveWorkflow,
    Deliveries,
    Repositories,
    Advance,
    RolloutBack,
    FreezeRollout,
    Members,
    Timeline,
    Failures,
    FleetRetry,
    FleetBack,
    InstanceTest,
    History,
    TourNext,
    TourSkip,
}

/// Where an action makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Anywhere,
    /// Any list on the screen.
    InLists,
    /// The cursor stands on one of these.
    On(&'static [Noun]),
    /// One of these screens is shown.
    At(&'static [Screen]),
    /// The guided tour is on.
    InTour,
}

/// How much harm an action can do, which decides how it is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Changes nothing.
    Look,
    /// Can be taken back at once: `y`.
    Reversible,
    /// Live, or a whole tenant: its name is typed.
    Live,
    /// The whole fleet: a phrase is typed.
    Fleet,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub action: Action,
    /// Its name in palette, configuration and line mode.
    pub name: &'static str,
    /// Keys, as the configuration writes them.
    pub keys: &'static [&'static str],
    pub when: When,
    /// For the hint bar: one or two words.
    pub hint: &'static str,
    /// For help and documents: one sentence.
    pub about: &'static str,
    /// The least tier that it can ask for; a wider scope asks for more.
    pub tier: Tier,
    /// The least role that the daemon wants for it.
    pub role: Role,
    /// Its place in the hint bar, the lowest first; 0 is not shown.
    pub rank: u8,
    /// The command line's verb that does the same; empty where it changes only the view.
    pub verb: &'static str,
}

impl Action {
    /// Its row of the table.
    pub fn binding(self) -> &'static Binding {
        // The test below holds that every action has a row; the first row only keeps this total.
        TABLE.iter().find(|row| row.action == self).unwrap_or(&TABLE[0])
    }

    /// The key that leads to a screen.
    pub fn of_screen(screen: Screen) -> Self {
        match screen {
            Screen::Overview => Self::Overview,
            Screen::Mapping => Self::Mapping,
            Screen::Tenants => Self::Tenants,
            Screen::Runs | Screen::Run => Self::Runs,
            Screen::Tokens => Self::Tokens,
            Screen::Audit => Self::Audit,
            Screen::Webhooks => Self::Webhooks,
            Screen::Installations => Self::Installations,
            Screen::Workflows => Self::Workflows,
            Screen::Rollouts => Self::Rollouts,
            Screen::Fleet => Self::Fleet,
        }
    }

    /// The action of a name.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.action)
    }
}

/// Keys as they are configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    keys: Vec<(Action, Vec<Chord>)>,
}

/// Why keys can't be configured like this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    #[error("there is no action `{name}`")]
    NoAction { name: String },
    #[error("`{chord}` is both {one} and {other}, and both may be meant at the same place")]
    Clash { chord: String, one: &'static str, other: &'static str },
    #[error("the kill switch can't be without a key")]
    NoKill,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = TABLE.iter().map(|row| {
            let chords = row.keys.iter().filter_map(|key| key.parse::<Chord>().ok()).collect();
            (row.action, chords)
        });
        Self { keys: keys.collect() }
    }
}

impl Keymap {
    /// The default keys with some of them replaced. Answers every mistake with the place in `changes` that it is about.
    pub fn with(changes: &[(String, Vec<Chord>)]) -> Result<Self, Vec<(usize, KeymapError)>> {
        let (mut map, mut errors) = (Self::default(), Vec::new());
        for (at, (name, chords)) in changes.iter().enumerate() {
            match Action::named(name) {
                Some(Action::Kill) if chords.is_empty() => errors.push((at, KeymapError::NoKill)),
                Some(action) => map.set(action, chords.clone()),
                None => errors.push((at, KeymapError::NoAction { name: name.clone() })),
            }
        }
        for (at, (name, chords)) in changes.iter().enumerate() {
            let Some(action) = Action::named(name) else { continue };
            for (other, theirs) in map.keys.iter().filter(|(other, _)| *other != action) {
                if let Some(chord) = chords.iter().find(|chord| theirs.contains(chord))
                    && meet(action.binding().when, other.binding().when)
                {
                    let other = other.binding().name;
                    let error =
                        KeymapError::Clash { chord: chord.to_string(), one: action.binding().name, other };
                    errors.push((at, error));
                }
            }
        }
        if errors.is_empty() { Ok(map) } else { Err(errors) }
    }

    fn set(&mut self, action: Action, chords: Vec<Chord>) {
        if let Some(entry) = self.keys.iter_mut().find(|(of, _)| *of == action) {
            entry.1 = chords;
        }
    }

    /// The keys of an action.
    pub fn keys(&self, action: Action) -> &[Chord] {
        self.keys.iter().find(|(of, _)| *of == action).map_or(&[], |(_, chords)| chords)
    }

    /// The first key of an action, as people write it; empty when it has none.
    pub fn key(&self, action: Action) -> String {
        self.keys(action).first().map_or(String::new(), ToString::to_string)
    }

    /// What a key means at a place.
    pub fn action(&self, chord: Chord, place: &Place) -> Option<Action> {
        let mut fits = self
            .keys
            .iter()
            .filter(|(action, chords)| chords.contains(&chord) && place.has(action.binding().when));
        fits.next().map(|(action, _)| *action)
    }
}

/// Whether two places can be the same.
fn meet(one: When, other: When) -> bool {
    match (one, other) {
        (When::On(a), When::On(b)) => a.iter().any(|noun| b.contains(noun)),
        (When::At(a), When::At(b)) => a.iter().any(|screen| b.contains(screen)),
        _ => true,
    }
}

/// Where a key is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub screen: Screen,
    pub list: Option<ListId>,
    pub noun: Option<Noun>,
    pub tour: bool,
}

impl Place {
    /// Whether an action makes sense here.
    pub fn has(&self, when: When) -> bool {
        match when {
            When::Anywhere => true,
            When::InLists => self.list.is_some(),
            When::On(nouns) => self.noun.is_some_and(|noun| nouns.contains(&noun)),
            When::At(screens) => screens.contains(&self.screen),
            When::InTour => self.tour,
        }
    }
}

#[cfg(test)]
mod tests;
