//! The console without processes: its own rules and drawing, in front of a real daemon's answers. The daemon's time is not
//! counted here.

use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use cutover_daemon::clock::Clock;
use cutover_shared::rpc::Query;
use cutover_tui::app::effect::Effect;
use cutover_tui::app::event::{Event, Stamped};
use cutover_tui::app::record::{FORMAT, Header, Recorder};
use cutover_tui::app::update::update;
use cutover_tui::conn::Conn;
use cutover_tui::keymap::Keymap;
use cutover_tui::screens;
use cutover_tui::state::{Options, Screen, State};
use cutover_tui::widgets::Look;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::SIZE;
use crate::load::mapping::LoadError;
use crate::load::meter::{self, Times};

/// Rounds of questions that one event may lead to.
const ROUNDS: usize = 20;

/// Plays a console.
pub(super) struct Player<'a> {
    conn: &'a Conn,
    clock: &'a Clock,
    pub(super) state: State,
    look: Look,
    recorder: Recorder,
    terminal: Terminal<TestBackend>,
    asks: Vec<(u64, Query)>,
    pub(super) frames: Frames,
}

/// How long frames took, each with the event before it: taken, kept and ruled on.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    /// By the clock.
    pub(super) all: Times,
    /// The same without the time in which other programs had the processors.
    pub(super) own: Times,
    /// Of these the ones after an answer with rows, which are the dearest.
    pub(super) answers: Times,
}

impl<'a> Player<'a> {
    /// Connected, and everything that the screen needs has come.
    pub(super) async fn open(conn: &'a Conn, clock: &'a Clock, screen: Screen) -> Result<Self, LoadError> {
        let options = Options { folder: PathBuf::from("/"), ..Options::default() };
        let header = Header {
            cutover_recording: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: clock.now(),
            size: SIZE,
            screen,
            read_only: false,
            apply_rate: None,
        };
        let mut player = Self {
            conn,
            clock,
            state: State::new(clock.now(), SIZE, options, Keymap::default(), screen),
            look: Look::default(),
            recorder: Recorder::begin(&header, None)?,
            terminal: terminal(),
            asks: Vec::new(),
            frames: Frames::default(),
        };
        player.play(Event::Opened { result: Ok(conn.welcome().clone()), luck: 0 }).await?;
        let changes = conn.changes(0, Vec::new()).await?;
        player.play(Event::Changed { result: Ok(changes), luck: 0 }).await?;
        player.frames = Frames::default();
        Ok(player)
    }

    /// Presses a key, and plays what follows.
    pub(super) async fn press(&mut self, code: KeyCode) -> Result<(), LoadError> {
        self.play(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))).await
    }

    /// One event and the answers to all questions that it leads to; a frame for each.
    async fn play(&mut self, event: Event) -> Result<(), LoadError> {
        self.frame(event);
        for _ in 0..ROUNDS {
            let asks = std::mem::take(&mut self.asks);
            if asks.is_empty() {
                return Ok(());
            }
            for (ask, query) in asks {
                let result = Box::new(self.conn.query(query).await);
                self.frame(Event::Answered { ask, result });
            }
        }
        Err(LoadError::Wrong("the console never stops asking".to_owned()))
    }

    fn frame(&mut self, event: Event) {
        let stamped = Stamped { at: self.clock.now(), event };
        let answer = matches!(stamped.event, Event::Answered { .. });
        let waited = meter::waited();
        let start = self.clock.monotonic();
        self.recorder.keep(&stamped);
        let effects = update(&mut self.state, stamped);
        let Ok(_) = self.terminal.draw(|frame| screens::draw(&self.state, &self.look, frame));
        let took = self.clock.monotonic() - start;
        let stolen = meter::waited().zip(waited).map_or(Duration::ZERO, |(now, then)| now - then);
        let own = took.saturating_sub(stolen);
        self.frames.all.add(took);
        self.frames.own.add(own);
        if answer {
            self.frames.answers.add(own);
        }
        self.asks.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Ask { ask, query } => Some((ask, query)),
            _ => None,
        }));
    }

    /// What the screen shows.
    pub(super) fn shown(&self) -> String {
        self.terminal.backend().to_string()
    }
}

/// A terminal in memory.
pub(super) fn terminal() -> Terminal<TestBackend> {
    let Ok(terminal) = Terminal::new(TestBackend::new(SIZE.0, SIZE.1));
    terminal
}
