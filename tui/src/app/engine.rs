//! Rules, recorder and worker in one hand; what shows the state (a screen, lines) stands around it.

use std::io;

use tokio::sync::mpsc;

use super::effect::Effect;
use super::event::{Event, Stamped};
use super::record::Recorder;
use super::run::Setup;
use super::update::update;
use super::worker::{Message, Worker};
use super::{export, tour};
use crate::state::{State, ViewExport};
use crate::{clock, marker, term};

/// The console without its face.
pub struct Engine {
    pub setup: Setup,
    pub state: State,
    worker: Worker,
    recorder: Recorder,
    tour: Option<mpsc::Sender<String>>,
    /// The state changed since somebody looked.
    pub dirty: bool,
    pub over: bool,
}

/// What only a terminal can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Face {
    Copy(String),
    Bell,
    Suspend,
}

impl Engine {
    /// Begins, and connects. A crash leaves the last events in a file and says where.
    pub fn begin(setup: Setup, size: (u16, u16)) -> io::Result<(Self, mpsc::Receiver<Message>)> {
        let now = clock::now_ms();
        let recorder = Recorder::begin(&setup.header(now, size), setup.record.as_deref())?;
        let dump = recorder.dump(setup.crash.clone());
        term::restore_on_panic(move || {
            if let Some(path) = dump.write() {
                term::say(&format!(
                    "cutover crashed; the last events are in {0}; look with: cutover replay {0}\n",
                    path.display()
                ));
            }
        });
        let (mut worker, messages) = Worker::new(setup.socket.clone(), setup.introduction.clone());
        let tour = setup.tour.as_deref().map(|socket| tour::open(socket, worker.sender()));
        let state = setup.state(now, size);
        worker.connect();
        let engine = Self { setup, state, worker, recorder, tour, dirty: true, over: false };
        Ok((engine, messages))
    }

    /// What a task sent.
    pub fn message(&mut self, message: Option<Message>) -> Vec<Face> {
        match message {
            Some(Message::Event(event)) => self.take(event),
            Some(Message::Conn(conn)) => {
                self.worker.connected(conn);
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// The time that was waited for may have come.
    pub fn wake(&mut self) -> Vec<Face> {
        if clock::now_ms() >= self.state.next_wake() { self.take(Event::Wake) } else { Vec::new() }
    }

    /// One event: kept, ruled on, performed. Answers what is the terminal's to do.
    pub fn take(&mut self, event: Event) -> Vec<Face> {
        let stamped = Stamped { at: clock::now_ms(), event };
        if let Some(trouble) = self.recorder.keep(&stamped) {
            self.state.toasts.push(trouble, crate::theme::Role::Warn, stamped.at);
        }
        self.dirty = true;
        let effects = update(&mut self.state, stamped);
        effects.into_iter().filter_map(|effect| self.perform(effect)).collect()
    }

    fn perform(&mut self, effect: Effect) -> Option<Face> {
        match effect {
            Effect::Connect => self.worker.connect(),
            Effect::Ask { ask, query } => self.worker.ask(ask, query),
            Effect::Act { act, what } => self.worker.act(act, what),
            Effect::Mark { reason } => self.mark(reason),
            Effect::Export(view) => self.export(view),
            Effect::Tour(line) => {
                if let Some(tour) = &self.tour {
                    // A tour whose other side is gone says so by itself.
                    let _full = tour.try_send(line);
                }
            }
            Effect::Quit => self.over = true,
            Effect::Copy(text) => return Some(Face::Copy(text)),
            Effect::Bell => return Some(Face::Bell),
            Effect::Suspend => return Some(Face::Suspend),
        }
        None
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

    fn export(&self, view: ViewExport) {
        let (conn, send) = (self.worker.conn().cloned(), self.worker.sender());
        tokio::spawn(async move {
            let result = match conn {
                Some(conn) => export::export(&conn, &view).await,
                None => Err("there is no connection to the daemon".to_owned()),
            };
            let _ended = send.send(Message::Event(Event::Exported(result))).await;
        });
    }
}
