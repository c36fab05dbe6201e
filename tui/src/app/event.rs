//! Everything that can happen to the console, in one order. Events are data, so that a session can be recorded and played again.

use crossterm::event::KeyEvent;
use cutover_shared::error::RpcError;
use cutover_shared::rpc::{Answer, Changes, Receipt, Welcome};
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Key(KeyEvent),
    /// Text that came in one piece. Never taken for keys.
    Paste(String),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// The moment that [`crate::state::State::next_wake`] named has come.
    Wake,
    /// A try to connect has ended. `luck` in permille spreads the next try.
    Opened {
        result: Result<Welcome, RpcError>,
        luck: u16,
    },
    /// The daemon tells what changed, or the connection broke.
    Changed {
        result: Result<Changes, RpcError>,
        luck: u16,
    },
    Answered {
        ask: u64,
        result: Box<Result<Answer, RpcError>>,
    },
    Acted {
        act: u64,
        result: Box<Result<Receipt, RpcError>>,
    },
    /// The kill marker was written (where), or could not be (why).
    Marked(Result<String, String>),
    /// A view was written: file and rows, or why not.
    Exported(Result<(String, u64), String>),
    /// Text went to the clipboard: how many bytes, or why not.
    Copied(Result<usize, String>),
    /// The guided tour's other side said something.
    Tour(String),
    /// A line of the line mode.
    Line(String),
    /// SIGTERM or SIGHUP.
    Stop,
}

/// An event and when it came, in milliseconds since the epoch. The only time that the rules ever see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub at: i64,
    pub event: Event,
}
