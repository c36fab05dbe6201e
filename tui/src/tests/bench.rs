//! For tests of the rules: a console and a made-up daemon that answers when it is told to.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover_shared::audit::{AuditAnswer, AuditCheck, AuditQuery, AuditView};
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, Link, LinkView, TenantView};
use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::{Digest, InstallationId, LinkKey, OperatorName, ProjectId, RunId, TenantId};
use cutover_shared::mapping::{MappingCounts, Mode, ModeView};
use cutover_shared::rpc::{Act, Answer, Changes, Query, Receipt, Role, Topic, Welcome};
use cutover_shared::run::{
    Counts, EffectClass, GateView, ItemState, ItemView, Progress, Reversibility, RunAnswer, RunQuery,
    RunState, RunView,
};
use cutover_shared::status::{Attention, Health, IndexView, Status, WayBack};
use cutover_shared::token::{TokenAnswer, TokenQuery, TokenState, TokenView};
use cutover_shared::window::{Window, WindowAsk};

use crate::app::effect::Effect;
use crate::app::event::{Event, Stamped};
use crate::app::update::update;
use crate::keymap::{Action, Keymap};
use crate::state::{Layer, Options, Screen, State, Subject};

pub const NOW: i64 = 1_787_320_985_000;

pub fn welcome(role: Role) -> Welcome {
    Welcome {
        protocol: 1,
        version: "0.1.0".into(),
        environment: "staging".into(),
        operator: OperatorName::from("alice"),
        role,
    }
}

pub fn run(id: &str, scope: &str, state: RunState) -> RunView {
    let applied = !matches!(state, RunState::Planned | RunState::Approved | RunState::Expired);
    let done = if applied { 40 } else { 0 };
    RunView {
        id: RunId::from(id),
        kind: "map".into(),
        scope: scope.into(),
        state,
        digest: Digest::from("3f79bb7b"),
        effect: EffectClass::Local,
        reversibility: Reversibility::Reversible,
        author: OperatorName::from("bob"),
        planned_at: NOW - 60_000,
        approved_by: None,
        approved_at: None,
        self_approved: false,
        expires_at: NOW + 3_600_000,
        started_at: applied.then_some(NOW - 30_000),
        ended_at: None,
        rate: None,
        progress: Progress {
            counts: Counts { done, failed: done / 20, pending: 60, ..Counts::default() },
            per_second: 0.0,
            seconds_left: None,
        },
        reason: None,
        summary: serde_json::Value::Null,
    }
}

pub fn item(ord: u64, state: ItemState) -> ItemView {
    ItemView {
        ord,
        key: format!("web-{ord}:acme/web-{ord}"),
        state,
        body: serde_json::json!({"tenant": "acme"}),
        reason: Some("it's so".into()),
        attempts: 1,
        updated_at: NOW,
    }
}

pub fn tenant(name: &str) -> TenantView {
    TenantView {
        id: TenantId::from(name),
        projects: 4,
        repositories: 5,
        canary: false,
        counts: MappingCounts { mapped: 2, pending: 1, unmappable: 1, unplanned: 1 },
    }
}

pub fn link(ord: u64) -> LinkView {
    let (project, repo) = (ProjectId(format!("web-{ord}")), format!("acme/web-{ord}"));
    LinkView {
        link: Link {
            key: LinkKey::new(&project, &repo),
            project,
            tenant: TenantId::from("acme"),
            repo_full_name: repo,
            repo_id: None,
            owner_id: None,
            owner_login: None,
            token: None,
            imported_commit_sha: None,
            imported_tree_sha: None,
            imported_at: None,
            import_method: None,
        },
        mapping: None,
    }
}

pub fn token(installation: i64, state: TokenState) -> TokenView {
    TokenView {
        installation: InstallationId(installation),
        account: Some("acme".into()),
        state,
        minted_at: Some(NOW),
        expires_at: Some(NOW + 3_600_000),
        generation: 1,
        error: Some("401".into()),
        remaining: Some(10),
        limit: Some(5000),
    }
}

pub fn record(seq: i64) -> AuditView {
    AuditView {
        seq,
        at: NOW,
        actor: "alice".into(),
        origin: "rpc uid 1000".into(),
        act: "run.approve".into(),
        subject: "run-1".into(),
        detail: serde_json::json!({"reason": "x"}),
        prev: "00".into(),
        hash: "01".into(),
    }
}

pub fn attention(run: Option<&str>) -> Attention {
    Attention {
        health: Health::Warning,
        text: format!("look at {run:?}"),
        run: run.map(RunId::from),
        command: Some("cutover status".into()),
        runbook: Some("kill.md".into()),
        why: "because".into(),
    }
}

/// What the made-up daemon knows.
#[derive(Clone, Debug)]
pub struct World {
    pub role: Role,
    pub mode: Mode,
    pub killed: bool,
    pub canary: Vec<TenantId>,
    pub runs: Vec<RunView>,
    pub attention: Vec<Attention>,
    pub tenants: Vec<TenantView>,
    pub items: Vec<ItemView>,
    pub tokens: Vec<TokenView>,
    pub links: u64,
    pub gate: Option<String>,
    pub now: i64,
}

impl Default for World {
    fn default() -> Self {
        Self {
            role: Role::Operator,
            mode: Mode::Off,
            killed: false,
            canary: Vec::new(),
            runs: Vec::new(),
            attention: Vec::new(),
            tenants: vec![tenant("acme"), tenant("globex")],
            items: ItemState::ALL.iter().zip(0..).map(|(state, ord)| item(ord, *state)).collect(),
            tokens: TokenState::ALL.iter().zip(1..).map(|(state, id)| token(id, *state)).collect(),
            links: 200,
            gate: None,
            now: NOW,
        }
    }
}

pub fn window<T: Clone>(ask: &WindowAsk, all: &[T]) -> Window<T> {
    let total = all.len();
    let from = usize::try_from(ask.offset).unwrap().min(total);
    let to = from.saturating_add(ask.limit as usize).min(total);
    Window { rows: all[from..to].to_vec(), offset: from as u64, total: total as u64 }
}

impl World {
    pub fn status(&self) -> Status {
        Status {
            version: "0.1.0".into(),
            environment: "staging".into(),
            github_host: "github.com".into(),
            started_at: NOW - 1000,
            now: self.now,
            mode: ModeView {
                mode: self.mode,
                canary: self.canary.clone(),
                changed_at: None,
                changed_by: None,
                environment_differs: None,
                killed: self.killed,
            },
            counts: MappingCounts::default(),
            tenants: 2,
            projects: 8,
            repositories: self.links,
            index: IndexView::default(),
            sweeps: cutover_shared::status::SweepView::default(),
            rollouts: crate::rollout_sample::briefs(),
            live_runs: self.runs.iter().filter(|run| run.state.is_live()).cloned().collect(),
            attention: self.attention.clone(),
            next: Vec::new(),
            back: WayBack::default(),
        }
    }

    pub fn answer(&self, query: &Query) -> Result<Answer, RpcError> {
        let missing = || RpcError::new(ErrorCode::NotFound, "there is no such run", "look at the list");
        Ok(match query {
            Query::Status => Answer::Status(Box::new(self.status())),
            Query::Run(RunQuery::Window { ask }) => {
                // A search by id or state; the list itself has no filter in these tests.
                let terms = ask.filter.trim_start_matches("kind:map ");
                let fits = |run: &&RunView| {
                    terms.strip_prefix("id:").is_none_or(|id| run.id.as_str() == id)
                        && terms.strip_prefix("state:").is_none_or(|rest| {
                            let states = rest.split(' ').next().unwrap();
                            states.split(',').any(|word| word == run.state.word())
                        })
                };
                let runs: Vec<RunView> = self.runs.iter().filter(fits).cloned().collect();
                Answer::Run(RunAnswer::Window(window(ask, &runs)))
            }
            Query::Run(RunQuery::Show { id }) => {
                let run = self.runs.iter().find(|run| run.id == *id).ok_or_else(missing)?;
                Answer::Run(RunAnswer::Show(Box::new(run.clone())))
            }
            Query::Run(RunQuery::ItemWindow { ask, .. }) => {
                Answer::Run(RunAnswer::ItemWindow(window(ask, &self.items)))
            }
            Query::Run(RunQuery::Groups { .. }) => Answer::Run(RunAnswer::Groups(Vec::new())),
            Query::Run(RunQuery::Gate { .. }) => Answer::Run(RunAnswer::Gate(GateView {
                closed: self.gate.clone(),
                facts: vec!["a fact".into()],
            })),
            Query::Catalog(CatalogQuery::LinkWindow { ask }) => {
                let to = (ask.offset + u64::from(ask.limit)).min(self.links);
                let from = ask.offset.min(to);
                let rows = (from..to).map(link).collect();
                Answer::Catalog(CatalogAnswer::LinkWindow(Window { rows, offset: from, total: self.links }))
            }
            Query::Catalog(CatalogQuery::TenantWindow { ask }) => {
                Answer::Catalog(CatalogAnswer::TenantWindow(window(ask, &self.tenants)))
            }
            Query::Token(TokenQuery::Window { ask }) => {
                Answer::Token(TokenAnswer::Window(window(ask, &self.tokens)))
            }
            Query::Audit(AuditQuery::Window { ask }) => {
                let records: Vec<AuditView> = (0..50).map(record).collect();
                Answer::Audit(AuditAnswer::Window(window(ask, &records)))
            }
            Query::Audit(AuditQuery::Verify) => Answer::Audit(AuditAnswer::Check(AuditCheck {
                records: 50,
                intact: true,
                problem: None,
                signed_head_seq: None,
                head: "01".into(),
            })),
            Query::Rollout(query) => Answer::Rollout(crate::rollout_sample::answer(query)),
            Query::Fleet(query) => Answer::Fleet(crate::fleet_sample::answer(query)),
            other => match crate::gateway::answer(other) {
                Some(answer) => answer,
                None => return Err(missing()),
            },
        })
    }
}

/// A conversation: the console, what it wants done and has not got yet, the daemon.
pub struct Bench {
    pub state: State,
    pub world: World,
    pub now: i64,
    pub asks: Vec<(u64, Query)>,
    pub acts: Vec<(u64, Act)>,
    /// Everything else that it wanted.
    pub others: Vec<Effect>,
    versions: u64,
}

impl Bench {
    /// A console that was never connected.
    pub fn new(world: World) -> Self {
        Self::with(world, Options::default())
    }

    pub fn with(world: World, options: Options) -> Self {
        let state = State::new(NOW, (120, 40), options, Keymap::default(), Screen::Overview);
        let (asks, acts, others) = (Vec::new(), Vec::new(), Vec::new());
        Self { state, world, now: NOW, asks, acts, others, versions: 0 }
    }

    /// Connected, and every question answered.
    pub fn ready(world: World) -> Self {
        let mut bench = Self::new(world);
        bench.connect();
        bench.calm();
        bench
    }

    pub fn event(&mut self, event: Event) {
        for effect in update(&mut self.state, Stamped { at: self.now, event }) {
            match effect {
                Effect::Ask { ask, query } => self.asks.push((ask, query)),
                Effect::Act { act, what } => self.acts.push((act, what)),
                other => self.others.push(other),
            }
        }
    }

    pub fn connect(&mut self) {
        let role = self.world.role;
        self.event(Event::Opened { result: Ok(welcome(role)), luck: 500 });
    }

    pub fn cut(&mut self) {
        self.event(Event::Changed { result: Err(not_reached()), luck: 500 });
        self.asks.clear();
    }

    /// The daemon says that these have changed.
    pub fn changed(&mut self, topics: &[Topic]) {
        self.versions += 1;
        let versions = topics.iter().map(|topic| (*topic, self.versions)).collect();
        let moving = self.world.runs.iter().filter(|run| run.state.is_moving()).cloned().collect();
        self.event(Event::Changed {
            result: Ok(Changes { epoch: self.state.epoch, versions, moving }),
            luck: 0,
        });
    }

    pub fn wait(&mut self, ms: i64) {
        self.now += ms;
        self.world.now += ms;
        self.event(Event::Wake);
    }

    /// Answers what is asked, until nothing is asked any more.
    pub fn calm(&mut self) {
        for _ in 0..20 {
            let asks = std::mem::take(&mut self.asks);
            if asks.is_empty() {
                return;
            }
            for (ask, query) in asks {
                let result = Box::new(self.world.answer(&query));
                self.event(Event::Answered { ask, result });
            }
        }
        panic!("it never stops asking: {:?}", self.asks);
    }

    /// Keys as the settings write them.
    pub fn keys(&mut self, keys: &[&str]) {
        for key in keys {
            self.event(Event::Key(press(key)));
            self.calm();
        }
    }

    pub fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.event(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
    }

    pub fn act(&mut self, action: Action) {
        self.event(Event::Line(action.binding().name.to_owned()));
        self.calm();
    }

    /// Waits until the dialog listens, types what it wants, goes to the button and says yes.
    pub fn confirm(&mut self) {
        self.calm();
        self.wait(400);
        let Some(Layer::Dialog(dialog)) = self.state.layers.top() else {
            panic!("no dialog: {:?}", self.state.layers.top())
        };
        for field in dialog.fields.clone() {
            match field.want {
                crate::state::dialog::Want::Exactly(text) if !field.holds() => self.write(&text),
                crate::state::dialog::Want::Exactly(_) => {}
                crate::state::dialog::Want::Something => self.write("it's known"),
            }
        }
        for _ in 0..4 {
            if !matches!(self.state.layers.top(), Some(Layer::Dialog(dialog)) if dialog.focus == crate::state::dialog::Focus::Confirm)
            {
                self.event(Event::Key(press("tab")));
            }
        }
        self.event(Event::Key(press("y")));
    }

    /// The daemon did the oldest act that waits.
    pub fn done(&mut self, receipt: Receipt) {
        let (act, _) = self.acts.remove(0);
        self.event(Event::Acted { act, result: Box::new(Ok(receipt)) });
    }

    pub fn refuse(&mut self, error: RpcError) {
        let (act, _) = self.acts.remove(0);
        self.event(Event::Acted { act, result: Box::new(Err(error)) });
    }

    pub fn take_asks(&mut self) -> Vec<Query> {
        std::mem::take(&mut self.asks).into_iter().map(|(_, query)| query).collect()
    }

    pub fn note(&self) -> String {
        match self.state.layers.top() {
            Some(Layer::Dialog(dialog)) => dialog.note.clone().unwrap_or_default(),
            Some(Layer::Refusal { error, .. }) => format!("{}; {}", error.message, error.hint),
            other => panic!("neither dialog nor refusal: {other:?}"),
        }
    }

    pub fn select(&mut self, screen: Screen, fits: impl Fn(&Subject) -> bool) {
        self.act(crate::keymap::Action::of_screen(screen));
        self.act(Action::Top);
        for _ in 0..100 {
            if self.state.selected().as_ref().is_some_and(&fits) {
                return;
            }
            self.act(Action::Down);
        }
        panic!("no such row on {screen:?}");
    }
}

pub fn press(key: &str) -> KeyEvent {
    let (held, name) = match key.split_once('-') {
        Some(("ctrl", name)) => (KeyModifiers::CONTROL, name),
        Some(("shift", name)) => (KeyModifiers::SHIFT, name),
        _ => (KeyModifiers::NONE, key),
    };
    let mut chars = name.chars();
    let code = match (name, chars.next(), chars.next()) {
        ("tab", ..) => KeyCode::Tab,
        ("enter", ..) => KeyCode::Enter,
        ("esc", ..) => KeyCode::Esc,
        ("space", ..) => KeyCode::Char(' '),
        ("up", ..) => KeyCode::Up,
        ("down", ..) => KeyCode::Down,
        ("left", ..) => KeyCode::Left,
        ("right", ..) => KeyCode::Right,
        ("home", ..) => KeyCode::Home,
        ("end", ..) => KeyCode::End,
        ("pgup", ..) => KeyCode::PageUp,
        ("pgdn", ..) => KeyCode::PageDown,
        (_, Some(c), None) => KeyCode::Char(c),
        (name, ..) => KeyCode::F(name.trim_start_matches('f').parse().unwrap()),
    };
    KeyEvent::new(code, held)
}

pub fn not_reached() -> RpcError {
    RpcError::new(ErrorCode::NotReached, "the daemon is gone", "start it")
}
