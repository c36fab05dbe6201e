//! A daemon in memory: it answers what the console asks, so that a screen comes to be as it does in use.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover_shared::audit::{AuditAnswer, AuditCheck, AuditQuery, AuditView};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, LinkView, TenantView};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAnswer, FleetQuery};
use cutover_shared::ids::OperatorName;
use cutover_shared::mapping::{MappingCounts, Mode, ModeView};
use cutover_shared::rollout::{RolloutAnswer, RolloutQuery};
use cutover_shared::rpc::{Answer, Changes, PROTOCOL, Query, Role, Topic, Welcome};
use cutover_shared::run::{GateView, ItemGroup, ItemView, RunAnswer, RunQuery, RunView};
use cutover_shared::status::{IndexView, Status, WayBack};
use cutover_shared::token::{TokenAnswer, TokenQuery, TokenView};
use cutover_shared::window::{Window, WindowAsk};
use cutover_tui::app::effect::Effect;
use cutover_tui::app::event::{Event, Stamped};
use cutover_tui::app::update::update;
use cutover_tui::keymap::{Action, Keymap};
use cutover_tui::state::{Options, Screen, State};
use serde::Serialize;

use crate::gateway::Gateway;

/// 2026-08-21 14:03:05Z.
pub const NOW: i64 = 1_787_320_985_000;
pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;

/// What the daemon holds. An answer is made from it as it is at that moment.
#[derive(Clone, Debug)]
pub struct Fake {
    pub welcome: Welcome,
    pub status: Status,
    pub links: Vec<LinkView>,
    pub tenants: Vec<TenantView>,
    pub runs: Vec<RunView>,
    /// Of every run.
    pub items: Vec<ItemView>,
    pub groups: Vec<ItemGroup>,
    pub gate: GateView,
    pub tokens: Vec<TokenView>,
    pub audit: Vec<AuditView>,
    pub gateway: Gateway,
    /// Empty before anything is read; else with this step open or not.
    pub rollouts: Option<bool>,
    /// It has a fleet, of so many instances.
    pub fleet: Option<u64>,
    pub chain: AuditCheck,
    /// Runs that move, as `changes` tells them.
    pub moving: Vec<RunView>,
    /// What it says to every question about lists.
    pub refusal: Option<RpcError>,
    /// Its clock is so many milliseconds ahead.
    pub skew: i64,
    /// It takes questions about lists and does not answer.
    pub mute: bool,
    /// Answers made on demand, where a list is too long to be held; asked before all others.
    pub made: fn(&Query) -> Option<Answer>,
    epoch: u64,
    version: u64,
}

impl Fake {
    /// A fresh installation: connected, nothing imported.
    pub fn empty() -> Self {
        Self {
            welcome: Welcome {
                protocol: PROTOCOL,
                version: "0.1.0".into(),
                environment: "staging".into(),
                operator: OperatorName::from("alice"),
                role: Role::Admin,
            },
            status: Status {
                version: "0.1.0".into(),
                environment: "staging".into(),
                github_host: "github.com".into(),
                started_at: NOW - 3 * HOUR,
                now: NOW,
                mode: ModeView {
                    mode: Mode::Off,
                    canary: Vec::new(),
                    changed_at: None,
                    changed_by: None,
                    environment_differs: None,
                    killed: false,
                },
                counts: MappingCounts::default(),
                tenants: 0,
                projects: 0,
                repositories: 0,
                index: IndexView::default(),
                sweeps: cutover_shared::status::SweepView::default(),
                rollouts: Vec::new(),
                live_runs: Vec::new(),
                attention: Vec::new(),
                next: Vec::new(),
                back: WayBack::default(),
            },
            links: Vec::new(),
            tenants: Vec::new(),
            runs: Vec::new(),
            items: Vec::new(),
            groups: Vec::new(),
            gate: GateView { closed: None, facts: Vec::new() },
            tokens: Vec::new(),
            audit: Vec::new(),
            gateway: Gateway::default(),
            rollouts: None,
            fleet: None,
            chain: AuditCheck {
                records: 0,
                intact: true,
                problem: None,
                signed_head_seq: None,
                head: "00".repeat(32),
            },
            moving: Vec::new(),
            refusal: None,
            mute: false,
            skew: 0,
            made: |_| None,
            epoch: 1,
            version: 1,
        }
    }

    /// The answer at the time `now`; none where it stays silent.
    pub fn answer(&self, query: &Query, now: i64) -> Option<Result<Answer, RpcError>> {
        if let Query::Status = query {
            return Some(Ok(Answer::Status(Box::new(Status {
                now: now + self.skew,
                ..self.status.clone()
            }))));
        }
        if self.mute {
            return None;
        }
        if let Some(refusal) = &self.refusal {
            return Some(Err(refusal.clone()));
        }
        Some((self.made)(query).map_or_else(|| self.told(query), Ok))
    }

    fn told(&self, query: &Query) -> Result<Answer, RpcError> {
        let missing = || RpcError::new(ErrorCode::NotFound, "there is no such run", "look at the list");
        Ok(match query {
            Query::Catalog(CatalogQuery::LinkWindow { ask }) => {
                Answer::Catalog(CatalogAnswer::LinkWindow(window(&self.links, ask)))
            }
            Query::Catalog(CatalogQuery::TenantWindow { ask }) => {
                Answer::Catalog(CatalogAnswer::TenantWindow(window(&self.tenants, ask)))
            }
            Query::Run(RunQuery::Window { ask }) => Answer::Run(RunAnswer::Window(window(&self.runs, ask))),
            Query::Run(RunQuery::ItemWindow { ask, .. }) => {
                Answer::Run(RunAnswer::ItemWindow(window(&self.items, ask)))
            }
            Query::Run(RunQuery::Show { id }) => {
                let run = self.runs.iter().find(|run| run.id == *id).ok_or_else(missing)?;
                Answer::Run(RunAnswer::Show(Box::new(run.clone())))
            }
            Query::Run(RunQuery::Groups { .. }) => Answer::Run(RunAnswer::Groups(self.groups.clone())),
            Query::Run(RunQuery::Gate { .. }) => Answer::Run(RunAnswer::Gate(self.gate.clone())),
            Query::Token(TokenQuery::Window { ask }) => {
                Answer::Token(TokenAnswer::Window(window(&self.tokens, ask)))
            }
            Query::Audit(AuditQuery::Window { ask }) => {
                Answer::Audit(AuditAnswer::Window(window(&self.audit, ask)))
            }
            Query::Audit(AuditQuery::Verify) => Answer::Audit(AuditAnswer::Check(self.chain.clone())),
            Query::Rollout(query) => Answer::Rollout(self.of_rollouts(query)),
            Query::Fleet(query) => Answer::Fleet(match (query, self.fleet) {
                (query, None) => crate::fleet::none(query),
                (FleetQuery::Instances { ask }, Some(total)) => {
                    FleetAnswer::Instances(crate::fleet::window(ask, total))
                }
                (query, Some(_)) => crate::fleet::answer(query),
            }),
            other => {
                if let Some(answer) = self.gateway.answer(other) {
                    return answer;
                }
                return Err(RpcError::new(ErrorCode::Usage, format!("{other:?} is not asked here"), ""));
            }
        })
    }

    fn of_rollouts(&self, query: &RolloutQuery) -> RolloutAnswer {
        match (query, self.rollouts) {
            (RolloutQuery::List, None) => RolloutAnswer::List(Vec::new()),
            (RolloutQuery::Step { name, .. }, Some(open)) => {
                RolloutAnswer::Step(Box::new(crate::rollout::step(*name, open)))
            }
            _ => crate::rollout::answer(query),
        }
    }

    /// What `changes` says.
    pub fn changes(&self) -> Changes {
        let topics = [
            Topic::Runs,
            Topic::Mapping,
            Topic::Catalog,
            Topic::Index,
            Topic::Tokens,
            Topic::Inbox,
            Topic::Outbox,
            Topic::Mode,
            Topic::Rollouts,
            Topic::Fleet,
            Topic::Audit,
        ];
        let versions = topics.iter().map(|topic| (*topic, self.version)).collect();
        Changes { epoch: self.epoch, versions, moving: self.moving.clone() }
    }
}

/// The part that is asked for. A filter keeps rows that hold the value of its last term anywhere; the order stays.
pub fn window<T: Clone + Serialize>(all: &[T], ask: &WindowAsk) -> Window<T> {
    let wanted = ask.filter.rsplit(' ').next().unwrap_or_default();
    let wanted = wanted.rsplit(':').next().unwrap_or_default().trim_matches('"');
    let skip = usize::try_from(ask.offset).unwrap();
    let rows = ask.rows() as usize;
    if wanted.is_empty() {
        let rows = all.iter().skip(skip).take(rows).cloned().collect();
        return Window { rows, offset: ask.offset, total: all.len() as u64 };
    }
    let holds = |row: &&T| serde_json::to_string(row).unwrap().contains(wanted);
    let kept: Vec<&T> = all.iter().filter(holds).collect();
    let rows = kept.iter().skip(skip).take(rows).map(|row| (*row).clone()).collect();
    Window { rows, offset: ask.offset, total: kept.len() as u64 }
}

/// A press as a terminal reports it.
pub fn pressed(key: &str) -> KeyEvent {
    let (held, name) = match key.strip_prefix("ctrl-") {
        Some(rest) if !rest.is_empty() => (KeyModifiers::CONTROL, rest),
        _ => (KeyModifiers::NONE, key),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "space" => KeyCode::Char(' '),
        "backspace" => KeyCode::Backspace,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "f1" => KeyCode::F(1),
        "f2" => KeyCode::F(2),
        "f10" => KeyCode::F(10),
        letter => KeyCode::Char(letter.chars().next().unwrap()),
    };
    KeyEvent::new(code, held)
}

/// A console in front of that daemon. Time moves only when it is told to.
#[derive(Clone, Debug)]
pub struct Console {
    pub state: State,
    pub fake: Fake,
    pub now: i64,
    /// What was to be done outside and is no question: the test looks at it, or answers it.
    pub effects: Vec<Effect>,
}

impl Console {
    /// Just started; not connected.
    pub fn started(fake: Fake, size: (u16, u16), screen: Screen) -> Self {
        let options = Options { folder: "/home/alice".into(), ..Options::default() };
        let state = State::new(NOW, size, options, Keymap::default(), screen);
        Self { state, fake, now: NOW, effects: Vec::new() }
    }

    /// Connected, and everything that the screen needs has come, as far as the daemon says it.
    pub fn open(fake: Fake, size: (u16, u16), screen: Screen) -> Self {
        let mut console = Self::started(fake, size, screen);
        console.connect();
        console
    }

    pub fn connect(&mut self) {
        let welcome = self.fake.welcome.clone();
        self.event(Event::Opened { result: Ok(welcome), luck: 500 });
        self.changed();
    }

    /// The daemon tells what changed: everything.
    pub fn changed(&mut self) {
        self.fake.version += 1;
        let changes = self.fake.changes();
        self.event(Event::Changed { result: Ok(changes), luck: 500 });
    }

    /// The connection breaks.
    pub fn lose(&mut self, error: RpcError) {
        self.event(Event::Changed { result: Err(error), luck: 500 });
    }

    /// A try to connect fails.
    pub fn fail(&mut self, error: RpcError) {
        self.event(Event::Opened { result: Err(error), luck: 500 });
    }

    /// One event, and everything that the daemon answers to what follows from it.
    pub fn event(&mut self, event: Event) {
        let mut effects: VecDeque<Effect> = update(&mut self.state, Stamped { at: self.now, event }).into();
        while let Some(effect) = effects.pop_front() {
            let Effect::Ask { ask, query } = effect else {
                self.effects.push(effect);
                continue;
            };
            if let Some(answer) = self.fake.answer(&query, self.now) {
                let event = Event::Answered { ask, result: Box::new(answer) };
                effects.extend(update(&mut self.state, Stamped { at: self.now, event }));
            }
        }
    }

    /// Presses keys, as the settings write them: `d`, `ctrl-k`, `enter`.
    pub fn press(&mut self, keys: &[&str]) {
        for key in keys {
            self.event(Event::Key(pressed(key)));
        }
    }

    /// Writes a text letter by letter.
    pub fn write(&mut self, text: &str) {
        for letter in text.chars() {
            self.event(Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)));
        }
    }

    pub fn act(&mut self, action: Action) {
        self.event(Event::Line(action.binding().name.to_owned()));
    }

    /// Time passes.
    pub fn wait(&mut self, ms: i64) {
        self.now += ms;
        self.event(Event::Wake);
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.event(Event::Resize { columns, rows });
    }
}
