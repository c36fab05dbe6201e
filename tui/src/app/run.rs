//! The loop: the only place where the console meets terminal and clock.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{Event as Input, EventStream};
use futures::StreamExt as _;

use super::engine::{Engine, Face};
use super::event::Event;
use super::record::{FORMAT, Header};
use super::summary::summary;
use crate::clipboard::osc52;
use crate::clock;
use crate::conn::Introduction;
use crate::keymap::Keymap;
use crate::screens;
use crate::state::{ListId, Options, Screen, State};
use crate::term::{self, Guard, Signal};
use crate::theme::Role;
use crate::widgets::Look;

/// Everything that a console begins with.
pub struct Setup {
    pub socket: PathBuf,
    pub state_dir: PathBuf,
    pub introduction: Introduction,
    pub options: Options,
    pub keymap: Keymap,
    pub look: Look,
    pub screen: Screen,
    /// Frames a second at most.
    pub fps: u32,
    pub record: Option<PathBuf>,
    /// Where the recorder writes the last events when the program crashes.
    pub crash: PathBuf,
    /// The other side of the guided tour.
    pub tour: Option<PathBuf>,
    /// Columns that are not wanted.
    pub hidden: Vec<(ListId, Vec<String>)>,
    /// Copied text goes through tmux.
    pub tmux: bool,
}

impl Setup {
    /// The state that it begins with.
    pub fn state(&self, now: i64, size: (u16, u16)) -> State {
        let mut state = State::new(now, size, self.options.clone(), self.keymap.clone(), self.screen);
        for (list, columns) in &self.hidden {
            if let Some(table) = state.tables.get_mut(list) {
                table.hidden = columns.iter().cloned().collect();
            }
        }
        if self.tour.is_some() {
            state.tour = Some(crate::state::tour::Tour::default());
        }
        state
    }

    /// What a recording of it begins with.
    pub fn header(&self, at: i64, size: (u16, u16)) -> Header {
        Header {
            cutover_recording: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at,
            size,
            screen: self.screen,
            read_only: self.options.read_only,
            apply_rate: self.options.apply_rate,
        }
    }
}

/// What the outside wants to know of an ended console.
pub struct Ended {
    /// For the normal screen.
    pub summary: String,
}

/// Runs the console in this terminal until it is left. An error means that the terminal could not be had, or is gone.
pub async fn run(setup: Setup) -> io::Result<Ended> {
    let mut signals = term::signals()?;
    let size = crossterm::terminal::size()?;
    let (engine, mut messages) = Engine::begin(setup, size)?;
    let guard = Guard::enter(false)?;
    let mut console = Console { engine, guard, drawn: 0 };
    let mut input = EventStream::new();
    console.draw()?;
    while !console.engine.over {
        let wait = console.wait();
        let faces = tokio::select! {
            biased;
            key = input.next() => match key {
                Some(Ok(input)) => console.input(input),
                // The terminal is gone.
                Some(Err(error)) => return Err(error),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            },
            signal = signals.next() => console.signal(signal)?,
            message = messages.recv() => console.engine.message(message),
            () = clock::pause(wait) => console.engine.wake(),
        };
        console.perform(faces)?;
        // What has come meanwhile is taken together, and drawn once.
        while let Ok(message) = messages.try_recv() {
            let faces = console.engine.message(Some(message));
            console.perform(faces)?;
        }
        console.draw()?;
    }
    if term::has_crashed() {
        return Err(io::Error::other("a part of it crashed"));
    }
    Ok(Ended { summary: summary(&console.engine.state) })
}

struct Console {
    engine: Engine,
    guard: Guard,
    /// When the last frame was drawn.
    drawn: i64,
}

impl Console {
    fn input(&mut self, input: Input) -> Vec<Face> {
        match input {
            Input::Key(key) => self.engine.take(Event::Key(key)),
            Input::Paste(text) => self.engine.take(Event::Paste(text)),
            Input::Resize(columns, rows) => {
                // Also where the size is what it was: the terminal may have been smaller since the last frame.
                self.guard.redraw();
                self.engine.take(Event::Resize { columns, rows })
            }
            Input::FocusGained | Input::FocusLost | Input::Mouse(_) => Vec::new(),
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<Vec<Face>> {
        Ok(match signal {
            Signal::Terminate | Signal::Hangup => self.engine.take(Event::Stop),
            Signal::Suspend => vec![Face::Suspend],
            Signal::Continue => {
                self.guard.resume()?;
                self.resized()?
            }
        })
    }

    fn perform(&mut self, faces: Vec<Face>) -> io::Result<()> {
        for face in faces {
            let more = match face {
                Face::Bell => {
                    self.guard.send(b"\x07")?;
                    Vec::new()
                }
                Face::Copy(text) => {
                    let result = match osc52(&text, self.engine.setup.tmux) {
                        Ok(sequence) => {
                            self.guard.send(sequence.as_bytes())?;
                            Ok(text.len())
                        }
                        Err(error) => Err(error.to_string()),
                    };
                    self.engine.take(Event::Copied(result))
                }
                Face::Suspend => self.suspend()?,
            };
            self.perform(more)?;
        }
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<Vec<Face>> {
        match self.guard.suspend() {
            Ok(()) => self.resized(),
            Err(error) => {
                let now = self.engine.state.now;
                self.engine.state.toasts.push(format!("not suspended: {error}"), Role::Warn, now);
                self.engine.dirty = true;
                Ok(Vec::new())
            }
        }
    }

    /// The terminal may have changed while somebody else had it.
    fn resized(&mut self) -> io::Result<Vec<Face>> {
        let size = self.guard.size()?;
        Ok(self.engine.take(Event::Resize { columns: size.width, rows: size.height }))
    }

    /// How long nothing has to be done: until the next frame is due, or something on the screen changes by itself.
    fn wait(&self) -> Duration {
        let now = clock::now_ms();
        let at = if self.engine.dirty { self.drawn + self.frame() } else { self.engine.state.next_wake() };
        Duration::from_millis(at.saturating_sub(now).max(1).unsigned_abs())
    }

    /// Milliseconds between two frames.
    fn frame(&self) -> i64 {
        1000 / i64::from(self.engine.setup.fps.max(1))
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = clock::now_ms();
        if !self.engine.dirty || now.saturating_sub(self.drawn).abs() < self.frame() {
            return Ok(());
        }
        // In a storm of sizes the last report may be of one that is over: what counts is the terminal's word now.
        let size = self.guard.size()?;
        if (size.width, size.height) != self.engine.state.size {
            self.guard.redraw();
            let faces = self.resized()?;
            self.perform(faces)?;
        }
        (self.engine.dirty, self.drawn) = (false, now);
        let (state, look) = (&self.engine.state, &self.engine.setup.look);
        self.guard.draw(|frame| screens::draw(state, look, frame))
    }
}
