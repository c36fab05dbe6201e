//! The tasks that talk to the daemon. Each ends in messages on one channel; none touches the state.

use std::collections::HashMap;
use std::path::PathBuf;

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::ids::ActKey;
use cutover_shared::rpc::{Act, Query};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::event::Event;
use crate::conn::{Conn, Introduction};

/// Events that wait to be taken; a daemon that floods waits with them.
const WAITING: usize = 1_024;

/// Acts whose keys are remembered, for a repeat.
const KEYS: usize = 1_000;

/// What tasks send.
#[derive(Debug)]
pub enum Message {
    Event(Event),
    /// The connection to ask by from now on.
    Conn(Conn),
}

/// Starts tasks, and holds the connection that they share.
pub struct Worker {
    socket: PathBuf,
    introduction: Introduction,
    send: mpsc::Sender<Message>,
    conn: Option<Conn>,
    link: Option<AbortHandle>,
    keys: HashMap<u64, ActKey>,
}

impl Worker {
    /// The worker, and where its messages come out.
    pub fn new(socket: PathBuf, introduction: Introduction) -> (Self, mpsc::Receiver<Message>) {
        let (send, receive) = mpsc::channel(WAITING);
        (Self { socket, introduction, send, conn: None, link: None, keys: HashMap::new() }, receive)
    }

    /// Where tasks of other modules send their events.
    pub fn sender(&self) -> mpsc::Sender<Message> {
        self.send.clone()
    }

    pub fn conn(&self) -> Option<&Conn> {
        self.conn.as_ref()
    }

    /// A connection is there.
    pub fn connected(&mut self, conn: Conn) {
        self.conn = Some(conn);
    }

    /// Hangs up, connects anew, and then listens for changes until that connection breaks.
    pub fn connect(&mut self) {
        if let Some(link) = self.link.take() {
            link.abort();
        }
        self.conn = None;
        let (socket, introduction, send) =
            (self.socket.clone(), self.introduction.clone(), self.send.clone());
        let task = tokio::spawn(async move {
            let opened = Conn::open(&socket, &introduction).await;
            let result = opened.as_ref().map(|conn| conn.welcome().clone()).map_err(Clone::clone);
            if let Ok(conn) = &opened
                && send.send(Message::Conn(conn.clone())).await.is_err()
            {
                return;
            }
            let _ended = send.send(Message::Event(Event::Opened { result, luck: luck() })).await;
            if let Ok(conn) = opened {
                listen(&conn, &send).await;
            }
        });
        self.link = Some(task.abort_handle());
    }

    pub fn ask(&self, ask: u64, query: Query) {
        let (conn, send) = (self.conn.clone(), self.send.clone());
        tokio::spawn(async move {
            let result = match conn {
                Some(conn) => conn.query(query).await,
                None => Err(no_connection()),
            };
            let _ended = send.send(Message::Event(Event::Answered { ask, result: Box::new(result) })).await;
        });
    }

    /// The same number has the same key, so that the daemon does it once however often it is sent.
    pub fn act(&mut self, act: u64, what: Act) {
        if self.keys.len() >= KEYS {
            self.keys.clear();
        }
        let key = self.keys.entry(act).or_insert_with(ActKey::fresh).clone();
        let (conn, send) = (self.conn.clone(), self.send.clone());
        tokio::spawn(async move {
            let result = match conn {
                Some(conn) => conn.act(key, what).await,
                None => Err(no_connection()),
            };
            let _ended = send.send(Message::Event(Event::Acted { act, result: Box::new(result) })).await;
        });
    }
}

/// Hears of changes until the connection breaks.
async fn listen(conn: &Conn, send: &mpsc::Sender<Message>) {
    let (mut epoch, mut seen) = (0, Vec::new());
    loop {
        let result = conn.changes(epoch, seen).await;
        let ended = result.is_err();
        (epoch, seen) = match &result {
            Ok(changes) => (changes.epoch, changes.versions.clone()),
            Err(_) => (0, Vec::new()),
        };
        let event = Event::Changed { result, luck: luck() };
        if send.send(Message::Event(event)).await.is_err() || ended {
            return;
        }
    }
}

/// The jitter of the next try, in permille.
fn luck() -> u16 {
    rand::random_range(0..=1000)
}

fn no_connection() -> RpcError {
    RpcError::new(
        ErrorCode::NotReached,
        "there is no connection to the daemon",
        "it is tried again by itself",
    )
}
