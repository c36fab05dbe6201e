//! The loop: the only place where the console meets terminal, clock and daemon.

use std::io;
use std::path::PathBuf;

use crossterm::event::{Event as Input, EventStream};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::effect::Effect;
use super::event::{Event, Stamped};
use super::record::{FORMAT, Header, Recorder};
use super::summary::summary;
use super::update::update;
use super::worker::{Message, Worker};
use super::{export, tour};
use crate::clipboard::osc52;
use crate::clock;
use crate::conn::Introduction;
use crate::keymap::Keymap;
use crate::marker;
use crate::screens;
use crate::state::{ListId, Options, Screen, State};
use crate::term::{self, Guard, Signal};
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

    fn header(&self, at: i64, size: (u16, u16)) -> Header {
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
    let (columns, rows) = crossterm::terminal::size()?;
    let now = clock::now_ms();
    let recorder = Recorder::begin(&setup.header(now, (columns, rows)), setup.record.as_deref())?;
    let dump = recorder.dump(setup.crash.clone());
    term::restore_on_panic(move || {
        if let Some(path) = dump.write() {
            term::say(&format!(
                "the last events are in {0}; look with: cutover replay {0}\n",
                path.display()
            ));
        }
    });
    let (worker, mut messages) = Worker::new(setup.socket.clone(), setup.introduction.clone());
    let tour = setup.tour.as_deref().map(|socket| tour::open(socket, worker.sender()));
    let state = setup.state(now, (columns, rows));
    let guard = Guard::enter(false)?;
    let mut console =
        Console { setup, state, guard, worker, recorder, tour, over: false, dirty: true, drawn: 0 };
    let mut input = EventStream::new();
    console.perform(Effect::Connect);
    console.draw()?;
    while !console.over {
        let wait = console.wait();
        tokio::select! {
            biased;
            key = input.next() => match key {
                Some(Ok(input)) => console.input(input),
                // The terminal is gone.
                Some(Err(error)) => return Err(error),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            },
            signal = signals.next() => console.signal(signal)?,
            message = messages.recv() => console.message(message),
            () = clock::pause(wait) => console.wake(),
        }
        // What has come meanwhile is taken together, and drawn once.
        while let Ok(message) = messages.try_recv() {
            console.message(Some(message));
        }
        console.draw()?;
    }
    Ok(Ended { summary: summary(&console.state) })
}

struct Console {
    setup: Setup,
    state: State,
    guard: Guard,
    worker: Worker,
    recorder: Recorder,
    tour: Option<mpsc::Sender<String>>,
    over: bool,
    dirty: bool,
    /// When the last frame was drawn.
    drawn: i64,
}

impl Console {
    fn input(&mut self, input: Input) {
        match input {
            Input::Key(key) => self.take(Event::Key(key)),
            Input::Paste(text) => self.take(Event::Paste(text)),
            Input::Resize(columns, rows) => self.take(Event::Resize { columns, rows }),
            Input::FocusGained | Input::FocusLost | Input::Mouse(_) => {}
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match signal {
            Signal::Terminate | Signal::Hangup => self.take(Event::Stop),
            Signal::Suspend => self.suspend(),
            Signal::Continue => {
                self.guard.resume()?;
                self.resized()?;
            }
        }
        Ok(())
    }

    fn message(&mut self, message: Option<Message>) {
        match message {
            Some(Message::Event(event)) => self.take(event),
            Some(Message::Conn(conn)) => self.worker.connected(conn),
            None => {}
        }
    }

    fn wake(&mut self) {
        if clock::now_ms() >= self.state.next_wake() {
            self.take(Event::Wake);
        }
    }

    /// One event: kept, ruled on, performed.
    fn take(&mut self, event: Event) {
        let stamped = Stamped { at: clock::now_ms(), event };
        if let Some(trouble) = self.recorder.keep(&stamped) {
            self.state.toasts.push(trouble, crate::theme::Role::Warn, stamped.at);
        }
        for effect in update(&mut self.state, stamped) {
            self.perform(effect);
        }
        self.dirty = true;
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Connect => self.worker.connect(),
            Effect::Ask { ask, query } => self.worker.ask(ask, query),
            Effect::Act { act, what } => self.worker.act(act, what),
            Effect::Mark { reason } => self.mark(reason),
            Effect::Export(view) => self.export(view),
            Effect::Copy(text) => self.copy(&text),
            Effect::Bell => self.send(b"\x07"),
            Effect::Tour(line) => {
                if let Some(tour) = &self.tour {
                    // A tour whose other side is gone says so by itself.
                    let _full = tour.try_send(line);
                }
            }
            Effect::Suspend => self.suspend(),
            Effect::Quit => self.over = true,
        }
    }

    /// Off this thread, because a disk may hang; the rules go on meanwhile.
    fn mark(&self, reason: String) {
        let (folder, send) = (self.setup.state_dir.clone(), self.worker.sender());
        tokio::spawn(async move {
            let work = move || marker::write(&folder, &reason, "console", clock::now_ms());
            let written = tokio::task::spawn_blocking(work).await;
            let result = match written {
                Ok(Ok(marker)) => Ok(marker.path.display().to_string()),
                Ok(Err(failure)) => Err(failure.message()),
                Err(error) => Err(error.to_string()),
            };
            let _ended = send.send(Message::Event(Event::Marked(result))).await;
        });
    }

    fn export(&self, view: crate::state::ViewExport) {
        let (conn, send) = (self.worker.conn().cloned(), self.worker.sender());
        tokio::spawn(async move {
            let result = match conn {
                Some(conn) => export::export(&conn, &view).await,
                None => Err("there is no connection to the daemon".to_owned()),
            };
            let _ended = send.send(Message::Event(Event::Exported(result))).await;
        });
    }

    fn copy(&mut self, text: &str) {
        let result = match osc52(text, self.setup.tmux) {
            Ok(sequence) => {
                self.send(sequence.as_bytes());
                Ok(text.len())
            }
            Err(error) => Err(error.to_string()),
        };
        self.take(Event::Copied(result));
    }

    fn send(&mut self, bytes: &[u8]) {
        // A terminal that is gone ends the loop at its next frame.
        let _gone = self.guard.send(bytes);
    }

    fn suspend(&mut self) {
        match self.guard.suspend() {
            Ok(()) => {
                let _gone = self.resized();
            }
            Err(error) => {
                let text = format!("not suspended: {error}");
                self.state.toasts.push(text, crate::theme::Role::Warn, clock::now_ms());
                self.dirty = true;
            }
        }
    }

    /// The terminal may have changed while somebody else had it.
    fn resized(&mut self) -> io::Result<()> {
        let size = self.guard.size()?;
        self.take(Event::Resize { columns: size.width, rows: size.height });
        Ok(())
    }

    /// How long nothing has to be done: until the next frame is due, or something on the screen changes by itself.
    fn wait(&self) -> std::time::Duration {
        let now = clock::now_ms();
        let at = if self.dirty { self.drawn + self.frame() } else { self.state.next_wake() };
        std::time::Duration::from_millis(at.saturating_sub(now).max(1).unsigned_abs())
    }

    /// Milliseconds between two frames.
    fn frame(&self) -> i64 {
        1000 / i64::from(self.setup.fps.max(1))
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = clock::now_ms();
        if !self.dirty || now.saturating_sub(self.drawn).abs() < self.frame() {
            return Ok(());
        }
        (self.dirty, self.drawn) = (false, now);
        let (state, look) = (&self.state, &self.setup.look);
        self.guard.draw(|frame| screens::draw(state, look, frame))
    }
}
