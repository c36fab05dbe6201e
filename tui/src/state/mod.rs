//! All that the console knows. Changed only by `app/update`, looked at by `screens`; neither time, I/O nor chance comes in
//! here but through events.

pub mod arm;
pub mod dialog;
pub mod errand;
pub mod feed;
pub mod figures;
pub mod fleet;
mod gateway;
pub mod layer;
pub mod layout;
mod leads;
pub mod link;
pub mod list;
mod need;
pub mod rollout;
pub mod subject;
mod time;
pub mod toast;
pub mod tour;
pub mod verb;
pub mod why;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use cutover_shared::ids::RunId;
use cutover_shared::rpc::{Answer, Role, Topic, Welcome};
use cutover_shared::run::{GateView, ItemGroup, RunAnswer, RunView};
use cutover_shared::status::Status;
use cutover_shared::window::{Sort, Window};

pub use self::errand::Errands;
pub use self::feed::{Counted, Feed, Feeds, Slot, Value};
pub use self::layer::{Layer, Layers};
pub use self::leads::leads_to;
pub use self::link::Link;
pub use self::list::Table;
pub use self::subject::Subject;
pub use self::toast::{Toast, Toasts};
pub use self::verb::ScopeChoice;
use crate::keymap::{Keymap, Place};
pub use crate::place::{ListId, Noun, Screen};

/// Rates of a moving run that are remembered for its sparkline.
const PACES: usize = 120;

/// A question under way for longer makes the data stale.
const SLOW_MS: i64 = 5_000;

/// Events may come so far out of order; more means that the clock was set back.
const SET_BACK_MS: i64 = 1_000;

/// The daemon's clock may differ so far from ours before it is said.
const SKEW_MS: i64 = 2_000;

/// What does not change while the console runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The connection was opened as viewer, whatever the daemon would give.
    pub read_only: bool,
    /// Most items a second for applying and undoing.
    pub apply_rate: Option<u32>,
    pub bell: bool,
    /// Shown in front of copied commands, where the socket is not the usual one.
    pub socket: Option<PathBuf>,
    /// Where a view is written to.
    pub folder: PathBuf,
    /// The daemon's state folder, where the kill marker goes.
    pub state_dir: PathBuf,
}

/// How a view is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    Csv,
    JsonLines,
}

/// A whole view to be written, window by window.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewExport {
    pub list: ListId,
    pub of: Option<RunId>,
    pub filter: String,
    pub sort: Option<Sort>,
    /// Columns in their order, by name.
    pub columns: Vec<String>,
    pub format: ExportFormat,
    pub path: PathBuf,
    /// The daemon's time, for ages.
    pub now: i64,
}

/// Why live keys are disarmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Not connected since then.
    Disconnected { since: i64 },
    /// The daemon has not answered since then.
    Slow { since: i64 },
    /// The operator holds the screen still.
    Frozen { since: i64 },
}

/// Someone looks for the newest run of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    pub filter: String,
    pub action: crate::keymap::Action,
    pub missing: &'static str,
}

/// The whole console.
#[derive(Clone, Debug)]
pub struct State {
    /// Milliseconds since the epoch, of the last event.
    pub now: i64,
    /// How far the clock that stamps events was set back: `now` goes on from where it was.
    shift: i64,
    pub began: i64,
    pub size: (u16, u16),
    pub options: Options,
    pub keymap: Keymap,
    pub link: Link,
    /// When the daemon was heard last.
    pub heard: Option<i64>,
    pub feeds: Feeds,
    pub epoch: u64,
    pub versions: BTreeMap<Topic, u64>,
    /// Moving runs with their figures, as `changes` tells them.
    pub moving: Vec<RunView>,
    /// The same, told while the screen was held still.
    pub held: Option<Vec<RunView>>,
    /// Items a second of the first moving run, the newest last.
    pub paces: VecDeque<u64>,
    pub screen: Screen,
    pub tables: BTreeMap<ListId, Table>,
    /// Line of the overview.
    pub line: usize,
    pub layers: Layers,
    pub errands: Errands,
    pub toasts: Toasts,
    pub frozen: Option<i64>,
    pub search: Option<Search>,
    /// What is counted before it is asked about.
    pub counted: Option<Counted>,
    pub tour: Option<tour::Tour>,
    pub ended: bool,
}

impl State {
    pub fn new(now: i64, size: (u16, u16), options: Options, keymap: Keymap, screen: Screen) -> Self {
        let mut state = Self {
            now,
            shift: 0,
            began: now,
            size,
            options,
            keymap,
            link: Link::Connecting { attempt: 0 },
            heard: None,
            feeds: Feeds::default(),
            epoch: 0,
            versions: BTreeMap::new(),
            moving: Vec::new(),
            held: None,
            paces: VecDeque::new(),
            screen,
            tables: ListId::ALL.iter().map(|id| (*id, Table::new(*id))).collect(),
            line: 0,
            layers: Layers::default(),
            errands: Errands::default(),
            toasts: Toasts::default(),
            frozen: None,
            search: None,
            counted: None,
            tour: None,
            ended: false,
        };
        state.arrange();
        state
    }

    /// An event came at this time. A clock that is set back must neither bring back what is over nor stop what waits.
    pub(crate) fn advance(&mut self, at: i64) {
        let back = self.now.saturating_sub(at.saturating_add(self.shift));
        if back > SET_BACK_MS {
            self.shift = self.shift.saturating_add(back);
        }
        self.now = self.now.max(at.saturating_add(self.shift));
    }

    pub fn welcome(&self) -> Option<&Welcome> {
        self.link.welcome()
    }

    /// What the daemon gives this connection; none while there is none.
    pub fn role(&self) -> Option<Role> {
        self.welcome().map(|welcome| welcome.role)
    }

    pub fn status(&self) -> Option<&Status> {
        match self.feeds.value(&Slot::Status)? {
            Value::Answer(Answer::Status(status)) => Some(status),
            _ => None,
        }
    }

    pub fn is_killed(&self) -> bool {
        self.status().is_some_and(|status| status.mode.killed)
    }

    /// The table of the screen, where it has one.
    pub fn table(&self) -> Option<&Table> {
        self.tables.get(&self.screen.list()?)
    }

    pub fn table_mut(&mut self) -> Option<&mut Table> {
        self.tables.get_mut(&self.screen.list()?)
    }

    pub fn window(&self, list: ListId) -> Option<&Window<Subject>> {
        match self.feeds.value(&Slot::List(list))? {
            Value::Rows(window) => Some(window),
            Value::Answer(_) => None,
        }
    }

    /// What the cursor stands on.
    pub fn selected(&self) -> Option<Subject> {
        match self.screen.list() {
            Some(list) => self.tables.get(&list)?.selected(self.window(list)).cloned(),
            None => self.lines().into_iter().nth(self.line),
        }
    }

    /// Lines of the overview that the cursor can stand on: what needs a person, then what moves.
    pub fn lines(&self) -> Vec<Subject> {
        let Some(status) = self.status() else { return Vec::new() };
        let attention = status.attention.iter().cloned().map(Subject::Attention);
        let runs = status.live_runs.iter().map(|run| Subject::Run(Box::new(self.fresh(run))));
        attention.chain(runs).collect()
    }

    /// The run that is opened.
    pub fn open_run(&self) -> Option<RunId> {
        if self.screen == Screen::Run { self.tables.get(&ListId::Items)?.of.clone() } else { None }
    }

    /// The newest figures of a run that the console has seen.
    pub fn run(&self, id: &RunId) -> Option<RunView> {
        let shown = match self.feeds.value(&Slot::Run(id.clone())) {
            Some(Value::Answer(Answer::Run(RunAnswer::Show(view)))) => Some((**view).clone()),
            _ => None,
        };
        let moving = || self.moving.iter().find(|run| run.id == *id).cloned();
        let listed = || {
            self.window(ListId::Runs)?.rows.iter().find_map(|row| match row {
                Subject::Run(view) if view.id == *id => Some((**view).clone()),
                _ => None,
            })
        };
        let live = || self.status()?.live_runs.iter().find(|run| run.id == *id).cloned();
        moving().or(shown).or_else(listed).or_else(live)
    }

    /// The same run with newer figures, where there are any.
    pub fn fresh(&self, run: &RunView) -> RunView {
        self.moving.iter().find(|moving| moving.id == run.id).unwrap_or(run).clone()
    }

    pub fn groups(&self, id: &RunId) -> Option<&[ItemGroup]> {
        match self.feeds.value(&Slot::Groups(id.clone()))? {
            Value::Answer(Answer::Run(RunAnswer::Groups(groups))) => Some(groups),
            _ => None,
        }
    }

    pub fn gate(&self, id: &RunId) -> Option<&GateView> {
        match self.feeds.value(&Slot::Gate(id.clone()))? {
            Value::Answer(Answer::Run(RunAnswer::Gate(gate))) => Some(gate),
            _ => None,
        }
    }

    /// The daemon's time now, as far as its clock is known.
    pub fn daemon_now(&self) -> i64 {
        self.now.saturating_add(self.skew())
    }

    /// From our time to the daemon's, where it is worth it.
    fn skew(&self) -> i64 {
        Some(self.apart()).filter(|apart| apart.saturating_abs() > SKEW_MS).unwrap_or(0)
    }

    fn apart(&self) -> i64 {
        let feed = self.feeds.get(&Slot::Status);
        let at = feed.and_then(|feed| feed.at);
        self.status().zip(at).map_or(0, |(status, at)| status.now.saturating_sub(at))
    }

    /// How far the daemon's clock is from the clock of this machine in milliseconds, where that is worth saying.
    pub fn told_skew(&self) -> Option<i64> {
        Some(self.apart().saturating_add(self.shift)).filter(|apart| apart.saturating_abs() > SKEW_MS)
    }

    /// Why what is shown may not be so any more.
    pub fn stale(&self) -> Option<Stale> {
        let since = self.heard.unwrap_or(self.began);
        if let Some(since) = self.frozen {
            return Some(Stale::Frozen { since });
        }
        if self.welcome().is_none() {
            return Some(Stale::Disconnected { since });
        }
        let asked = self.feeds.get(&Slot::Status).and_then(Feed::asked_at);
        let slow = asked.filter(|at| self.now.saturating_sub(*at) > SLOW_MS);
        slow.map(|since| Stale::Slow { since })
    }

    /// Fits the table of the screen into its place.
    pub fn arrange(&mut self) {
        let Some(list) = self.screen.list() else {
            self.line = self.line.min(self.lines().len().saturating_sub(1));
            return;
        };
        let height = layout::rows(self);
        let total = self.window(list).map(|window| window.total);
        if let Some(table) = self.tables.get_mut(&list) {
            table.fit(height, total);
        }
    }

    /// Where the next key is pressed.
    pub fn place(&self) -> Place {
        Place {
            screen: self.screen,
            list: self.screen.list().filter(|list| !list.is_whole()),
            // In an opened run the keys are the run's, also before its first item has come.
            noun: self.selected().map(|subject| subject.noun()).or(match self.screen {
                Screen::Run => self.open_run().map(|_| Noun::Run),
                // And what holds the whole fleet is looked at also where no instance passes the filter.
                Screen::Fleet => Some(Noun::Instance),
                _ => None,
            }),
            tour: self.tour.is_some(),
        }
    }

    /// Keeps the rate of the first moving run.
    pub fn pace(&mut self) {
        match self.moving.first() {
            Some(run) => {
                if self.paces.len() == PACES {
                    self.paces.pop_front();
                }
                // A rate is small and never negative; what is no number counts as nothing.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped just before"
                )]
                let pace = run.progress.per_second.clamp(0.0, 1e9) as u64;
                self.paces.push_back(pace);
            }
            None => self.paces.clear(),
        }
    }
}

/// A value as a term of a filter, quoted where it must be.
pub fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('"', ""))
}
