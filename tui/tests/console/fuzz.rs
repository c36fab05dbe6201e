//! Ten thousand random events, a frame after each. `CUTOVER_FUZZ_SEED` repeats a failure.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use cutover_shared::catalog::CatalogReceipt;
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::FleetAct;
use cutover_shared::mapping::{MapAct, MapReceipt, SpotCheckReport};
use cutover_shared::rpc::{Act, Answer, KillReceipt, Query, Receipt, Role, Topic};
use cutover_shared::run::RunState;
use cutover_shared::webhook::{WebhookAct, WebhookReceipt};
use cutover_tui::app::effect::Effect;
use cutover_tui::app::event::{Event, Stamped};
use cutover_tui::app::update::update;
use cutover_tui::glyphs::GlyphSet;
use cutover_tui::keymap::{Binding, TABLE};
use cutover_tui::state::errand::{Plan, Step};
use cutover_tui::state::layer::KillLayer;
use cutover_tui::state::tour::Tour;
use cutover_tui::state::{Layer, ListId, Screen, State};
use cutover_tui::theme::ThemeName;

use crate::daemon::{Console, Fake, NOW};
use crate::invariants;
use crate::paint::{frame_as, look};
use crate::sample::{self, id};

const EVENTS: usize = 10_000;

/// SplitMix64: small, seeded, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.roll() % n.max(1)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn luck(&mut self) -> u16 {
        u16::try_from(self.below(1_001)).unwrap()
    }
}

struct Fuzz {
    dice: Dice,
    console: Console,
    asks: Vec<(u64, Query)>,
    acts: Vec<(u64, Act)>,
    /// Acts that somebody said yes to, or that change nothing.
    allowed: Vec<Act>,
    sent: usize,
}

fn gone() -> RpcError {
    RpcError::new(ErrorCode::NotReached, "the daemon is gone", "start it")
}

/// What a confirmed plan may send.
fn allow(allowed: &mut Vec<Act>, plan: &Plan) {
    allowed.extend(plan.steps.iter().filter_map(|step| match step {
        Step::Act(act) => Some(act.clone()),
        Step::Until(..) => None,
    }));
}

impl Fuzz {
    fn new(seed: u64) -> Self {
        let fake = if seed.is_multiple_of(2) { sample::normal() } else { sample::hundred_thousand() };
        let mut console = Console::started(fake, (80, 24), Screen::Overview);
        if seed.is_multiple_of(3) {
            console.state.tour = Some(Tour::default());
        }
        let (asks, acts, allowed) = (Vec::new(), Vec::new(), Vec::new());
        Self { dice: Dice(seed), console, asks, acts, allowed, sent: 0 }
    }

    fn key(&mut self) -> KeyEvent {
        let held = match self.dice.below(12) {
            0 => KeyModifiers::CONTROL,
            1 => KeyModifiers::ALT,
            2 => KeyModifiers::SHIFT,
            _ => KeyModifiers::NONE,
        };
        match self.dice.below(10) {
            // Every key that is bound, as its terminal would send it.
            0..=5 => {
                let row = self.dice.pick(TABLE);
                let name = *self.dice.pick(row.keys);
                crate::daemon::pressed(name)
            }
            // What a dialog wants.
            6 => KeyEvent::new(
                *self.dice.pick(&[KeyCode::Tab, KeyCode::Char('y'), KeyCode::Enter]),
                KeyModifiers::NONE,
            ),
            7 => KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE),
            8 => {
                let c = char::from_u32(u32::try_from(self.dice.below(0x3000)).unwrap()).unwrap_or('x');
                KeyEvent::new(KeyCode::Char(c), held)
            }
            _ => {
                let codes = [
                    KeyCode::Backspace,
                    KeyCode::Delete,
                    KeyCode::Insert,
                    KeyCode::Null,
                    KeyCode::F(24),
                    KeyCode::CapsLock,
                ];
                let kinds = [KeyEventKind::Press, KeyEventKind::Repeat, KeyEventKind::Release];
                let (code, kind) = (*self.dice.pick(&codes), *self.dice.pick(&kinds));
                KeyEvent::new_with_kind(code, held, kind)
            }
        }
    }

    /// Types what the dialog on top wants, so that some are confirmed.
    fn answer_dialog(&mut self) {
        let Some(Layer::Dialog(dialog)) = self.console.state.layers.top() else { return };
        let fields = dialog.fields.clone();
        self.console.now += 400;
        let tab = KeyEvent::new(KeyCode::Tab, KeyModifiers::NONE);
        for field in fields {
            let text = match field.want {
                cutover_tui::state::dialog::Want::Exactly(text) => text,
                cutover_tui::state::dialog::Want::Something => "known".to_owned(),
            };
            self.one(Event::Key(tab));
            for c in text.chars() {
                self.one(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
            }
        }
        self.one(Event::Key(tab));
        self.one(Event::Key(KeyEvent::new(KeyCode::Char('y'), KeyModifiers::NONE)));
    }

    fn receipt(&mut self, act: &Act) -> Receipt {
        let state = *self.dice.pick(RunState::ALL);
        let run = Box::new(sample::run(self.dice.below(12), "tenant:acme", state));
        match act {
            Act::Run(_) => Receipt::Run(run),
            Act::Map(MapAct::Plan { .. }) => Receipt::Map(MapReceipt::Planned(run)),
            Act::Map(MapAct::SetMode { .. }) => {
                Receipt::Map(MapReceipt::Mode(self.console.fake.status.mode.clone()))
            }
            Act::Map(MapAct::SpotCheck { seed, .. }) => {
                Receipt::Map(MapReceipt::SpotCheck(Box::new(SpotCheckReport {
                    seed: *seed,
                    at: NOW,
                    population: 0,
                    rows: Vec::new(),
                    passed: false,
                    verdict: "nothing is mapped".into(),
                })))
            }
            Act::Hooks(_) => unreachable!("the console looks for no old webhooks"),
            Act::Catalog(_) => Receipt::Catalog(CatalogReceipt::Taken { parts: 1 }),
            Act::Token(_) => Receipt::Token(sample::token(1)),
            Act::App(_) => unreachable!("the console makes no App"),
            Act::Context(_) => unreachable!("the console comments on nothing"),
            Act::Webhook(act) => {
                let recovery = sample::recovery(self.dice.below(3));
                let recovery = matches!(act, WebhookAct::Recover { .. }).then_some(recovery);
                Receipt::Webhook(WebhookReceipt { replayed: 1, recovery })
            }
            Act::Workflow(_) => Receipt::Workflow(cutover_shared::workflow::WorkflowReceipt::Replayed(1)),
            Act::Rollout(act) => Receipt::Rollout(Box::new(crate::rollout::receipt(act))),
            Act::Fleet(act) => Receipt::Fleet(crate::fleet::receipt(act)),
            Act::Import(_) => Receipt::Import(Box::new(sample::import())),
            Act::Kill { .. } => Receipt::Kill(KillReceipt {
                at: NOW,
                marker: true,
                stored: false,
                paused: vec![id(1)],
                owed: "the store".into(),
                replicas: vec![],
            }),
        }
    }

    fn reply(&mut self) -> Event {
        if self.asks.is_empty() {
            return Event::Wake;
        }
        let at = usize::try_from(self.dice.below(self.asks.len() as u64)).unwrap();
        let (ask, query) = self.asks.swap_remove(at);
        let now = self.console.now;
        let result: Result<Answer, RpcError> = match self.dice.below(20) {
            0 => Err(RpcError::new(
                *self.dice.pick(&[ErrorCode::Store, ErrorCode::Internal, ErrorCode::NotReached]),
                "no \u{1b}[2J",
                "",
            )),
            // An answer to another question.
            1 => {
                let other = self.asks.first().map_or(Query::Status, |(_, query)| query.clone());
                self.console.fake.answer(&other, now).unwrap_or_else(|| Err(gone()))
            }
            _ => self.console.fake.answer(&query, now).unwrap_or_else(|| Err(gone())),
        };
        // The question may be answered twice.
        if self.dice.below(30) == 0 {
            self.asks.push((ask, query));
        }
        Event::Answered { ask, result: Box::new(result) }
    }

    fn acted(&mut self) -> Event {
        if self.acts.is_empty() {
            return Event::Wake;
        }
        let at = usize::try_from(self.dice.below(self.acts.len() as u64)).unwrap();
        let (act, what) = self.acts.swap_remove(at);
        let result = match self.dice.below(6) {
            0 => {
                Err(RpcError::new(ErrorCode::WrongState, "it moved on", "look again").with_runbook("kill.md"))
            }
            1 => Err(gone()),
            _ => Ok(self.receipt(&what)),
        };
        Event::Acted { act, result: Box::new(result) }
    }

    fn world_moves(&mut self) -> Event {
        let fake: &mut Fake = &mut self.console.fake;
        match self.dice.below(7) {
            0 => fake.status.mode.killed = !fake.status.mode.killed,
            1 => {
                let n = self.dice.below(fake.runs.len() as u64);
                let state = *self.dice.pick(RunState::ALL);
                fake.runs[usize::try_from(n).unwrap()] = sample::run(n, "tenant:acme", state);
            }
            2 => fake.links.truncate(usize::try_from(self.dice.below(80)).unwrap()),
            3 => fake.links.insert(0, sample::link(1_000 + self.dice.below(1_000))),
            4 => {
                let role = *self.dice.pick(Role::ALL);
                fake.welcome.role = role;
            }
            5 => fake.rollouts = Some(self.dice.below(2) == 0),
            _ => {
                let closed = self.dice.below(2) == 0;
                fake.gate.closed = closed.then(|| "not on the canary list".into());
            }
        }
        fake.moving = fake.runs.iter().filter(|run| run.state.is_moving()).cloned().collect();
        let mut changes = fake.changes();
        changes.epoch = if self.dice.below(50) == 0 { self.dice.roll() } else { changes.epoch };
        let topics = [
            Topic::Runs,
            Topic::Mapping,
            Topic::Tokens,
            Topic::Mode,
            Topic::Audit,
            Topic::Catalog,
            Topic::Index,
            Topic::Inbox,
            Topic::Outbox,
            Topic::Rollouts,
            Topic::Fleet,
        ];
        changes.versions = topics.iter().map(|topic| (*topic, self.dice.below(3))).collect();
        Event::Changed { result: Ok(changes), luck: self.dice.luck() }
    }

    /// Mostly anything; where nothing can happen any more, sometimes what lets it.
    fn next(&mut self) -> Event {
        let state = &self.console.state;
        let (cut, held, deep) =
            (state.welcome().is_none(), state.frozen.is_some(), state.layers.all().count() > 1);
        let idle = state.layers.is_empty();
        let tiny = cutover_tui::state::layout::is_tiny(state.size);
        let viewer = self.console.fake.welcome.role == Role::Viewer;
        match self.dice.below(10) {
            0 | 1 if cut || viewer => {
                self.console.fake.welcome.role = Role::Operator;
                Event::Opened { result: Ok(self.console.fake.welcome.clone()), luck: 0 }
            }
            0..=2 if tiny => Event::Resize { columns: 100, rows: 30 },
            2 if held => Event::Line("freeze".to_owned()),
            3..=5 if deep => Event::Key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)),
            3 if idle => {
                // What makes no sense where the cursor stands is tried below.
                let place = state.place();
                let fits = |row: &&Binding| row.role > Role::Viewer && place.has(row.when);
                let verbs: Vec<&str> = TABLE.iter().filter(fits).map(|row| row.name).collect();
                Event::Line((*self.dice.pick(&verbs)).to_owned())
            }
            4 if matches!(state.layers.top(), Some(Layer::Scope { .. } | Layer::Mode { .. })) => {
                Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE))
            }
            6..=8 if self.asks.len() > 4 => self.reply(),
            _ => self.any(),
        }
    }

    fn any(&mut self) -> Event {
        match self.dice.below(100) {
            0..=44 => Event::Key(self.key()),
            45..=69 => self.reply(),
            70..=77 => self.acted(),
            78..=83 => self.world_moves(),
            84 | 85 => {
                let welcome = self.console.fake.welcome.clone();
                let result = if self.dice.below(4) == 0 { Err(gone()) } else { Ok(welcome) };
                Event::Opened { result, luck: self.dice.luck() }
            }
            86 => {
                let codes = [ErrorCode::NotReached, ErrorCode::Version, ErrorCode::Role];
                let error = RpcError::new(*self.dice.pick(&codes), "gone", "");
                Event::Changed { result: Err(error), luck: self.dice.luck() }
            }
            87..=89 => {
                let (columns, rows) = match self.dice.below(8) {
                    0 => (self.dice.below(4), self.dice.below(4)),
                    1 => (self.dice.below(500), self.dice.below(200)),
                    2 => (self.dice.below(65_536), self.dice.below(65_536)),
                    _ => (30 + self.dice.below(110), 8 + self.dice.below(40)),
                };
                Event::Resize { columns: u16::try_from(columns).unwrap(), rows: u16::try_from(rows).unwrap() }
            }
            90 => Event::Paste(
                (*self.dice.pick(&["y", "acme", "status:pending", "\u{1b}[2J\r\ny", ""])).to_owned(),
            ),
            91 => {
                let file = Ok("/var/lib/cutover/KILL".to_owned());
                Event::Marked(if self.dice.below(2) == 0 {
                    file
                } else {
                    Err("read-only file system".to_owned())
                })
            }
            92 => Event::Copied(Ok(36)),
            93 => Event::Exported(Err("disk full".into())),
            94 => Event::Tour((*self.dice.pick(&["ready", "killed", "restarted", "\u{1b}"])).to_owned()),
            95 | 96 => Event::Line(self.dice.pick(TABLE).name.to_owned()),
            _ => Event::Wake,
        }
    }

    /// One event with everything that must hold after it.
    fn one(&mut self, event: Event) {
        let state = &mut self.console.state;
        let dialog = match state.layers.top() {
            Some(Layer::Dialog(dialog)) if is_yes(&event) => Some(dialog.clone()),
            _ => None,
        };
        let depth = state.layers.all().count();
        let armed = state
            .layers
            .all()
            .any(|layer| matches!(layer, Layer::Kill(KillLayer::Armed | KillLayer::Failed { .. })));
        let kill_key = matches!(&event, Event::Key(_) | Event::Line(_));
        let at = self.console.now;
        for effect in update(state, Stamped { at, event }) {
            match effect {
                Effect::Ask { ask, query } => self.asks.push((ask, query)),
                Effect::Act { act, what } => {
                    let reads = matches!(
                        what,
                        Act::Map(MapAct::Plan { .. } | MapAct::SpotCheck { .. })
                            | Act::Webhook(WebhookAct::Recover { look: true, .. })
                            | Act::Fleet(FleetAct::Plan { .. } | FleetAct::Test { .. })
                    );
                    let kills = matches!(what, Act::Kill { .. })
                        && (armed && kill_key || self.allowed.contains(&what));
                    if let Some(dialog) = dialog.clone().filter(|_| state.layers.all().count() < depth) {
                        assert!(state.now - dialog.opened >= 300, "nobody can have read it");
                        assert!(dialog.is_complete(), "not everything was typed: {dialog:?}");
                        allow(&mut self.allowed, &dialog.with_reason());
                    }
                    assert!(reads || kills || self.allowed.contains(&what), "nobody said yes to {what:?}");
                    if kills {
                        self.allowed.push(what.clone());
                    }
                    self.sent += 1;
                    self.acts.push((act, what));
                }
                Effect::Mark { .. } => {
                    let kill = state.layers.all().any(|layer| matches!(layer, Layer::Kill(_)));
                    assert!(kill, "a marker without the kill layer");
                }
                _ => {}
            }
        }
        state.ended = false;
        // A daemon that never answers is a test of its own.
        if self.asks.len() > 200 {
            self.asks.drain(..100);
        }
        bounded(state, at);
    }

    fn draw(&mut self) {
        let state = &self.console.state;
        if u64::from(state.size.0) * u64::from(state.size.1) > 20_000 {
            return;
        }
        let theme = *self.dice.pick(ThemeName::ALL);
        let glyphs = *self.dice.pick(GlyphSet::ALL);
        let buffer = frame_as(state, &look(theme, glyphs));
        invariants::sound(state, &buffer, state.layers.is_empty());
        if state.layers.is_empty() {
            invariants::selected(state, &buffer);
        }
    }
}

fn is_yes(event: &Event) -> bool {
    matches!(event, Event::Key(key) if key.code == KeyCode::Char('y'))
}

fn bounded(state: &State, at: i64) {
    assert!(state.layers.all().count() <= 8);
    assert!(state.errands.all().len() <= 200);
    assert!(state.paces.len() <= 120);
    for list in ListId::ALL {
        let table = &state.tables[list];
        assert!(table.marks.len() <= 1_000);
        let window = state.window(*list);
        assert!(window.is_none_or(|window| window.rows.len() <= 500));
        assert!(
            table.height >= 1 && table.top <= table.cursor && table.cursor - table.top < table.height,
            "{table:?}"
        );
        assert!(window.is_none_or(|window| table.cursor < window.total.max(1)), "{table:?}");
    }
    let wake = state.next_wake();
    assert!((at..=at.saturating_add(10_000)).contains(&wake), "{wake} at {at}");
}

fn run(seed: u64, events: usize) -> usize {
    let mut fuzz = Fuzz::new(seed);
    for n in 0..events {
        fuzz.console.now += match fuzz.dice.below(200) {
            0 if fuzz.dice.below(4) == 0 => 3_600_000,
            1 if fuzz.dice.below(4) == 0 => -3_600_000,
            2..=10 => 1_000,
            _ => i64::try_from(fuzz.dice.below(120)).unwrap(),
        };
        let step = std::panic::AssertUnwindSafe(|| {
            let asked = matches!(fuzz.console.state.layers.top(), Some(Layer::Dialog(_)));
            if asked && fuzz.dice.below(3) == 0 {
                fuzz.answer_dialog();
            } else {
                let event = fuzz.next();
                fuzz.one(event);
            }
            fuzz.draw();
        });
        if let Err(panic) = std::panic::catch_unwind(step) {
            let what = panic.downcast_ref::<String>().map_or("", String::as_str);
            panic!("seed {seed}, event {n}: {what}");
        }
    }
    fuzz.sent
}

fn quarter(seed: u64) {
    let seed = option_env!("CUTOVER_FUZZ_SEED").and_then(|text| text.parse().ok()).unwrap_or(seed);
    let sent = run(seed, EVENTS / 4);
    assert!(sent > 25, "the operator of this test does too little: {sent} acts");
}

// Four tests, so that they run beside each other.
#[test]
fn random_events_break_nothing_1() {
    quarter(1);
}

#[test]
fn random_events_break_nothing_2() {
    quarter(2);
}

#[test]
fn random_events_break_nothing_3() {
    quarter(3);
}

#[test]
fn random_events_break_nothing_4() {
    quarter(4);
}
