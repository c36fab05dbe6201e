//! What the console's guided tour and the demo's supervisor say to each other: words, each on a line of its own.
//!
//! | the console says | and is answered |
//! |---|---|
//! | `hello` | `ready COMMAND`: the command for a second terminal; then `killed`, `died HOW` or `failed WHY` if no daemon runs |
//! | `kill-daemon` | `killed`; after the darkness the daemon is started again, and `restarted` follows |
//! | `restart-daemon` | `restarted` once it serves, or `failed WHY`; `running` if it never was away |
//! | anything else | `what` |
//!
//! `killed`, `restarted`, `failed WHY` and `died HOW` (it ended by itself) are told to every console that listens.

pub mod socket;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::harness::Ended;

/// Bytes of a line from the console at most.
pub const LINE: usize = 64;

/// What the console asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Is anybody there?
    Hello,
    /// End the daemon as a power cut would.
    KillDaemon,
    /// Start it now, if it is not there.
    RestartDaemon,
}

impl Word {
    /// Reads a line; none for one that says nothing.
    pub fn read(line: &str) -> Option<Self> {
        match line.trim() {
            "hello" => Some(Self::Hello),
            "kill-daemon" => Some(Self::KillDaemon),
            "restart-daemon" => Some(Self::RestartDaemon),
            _ => None,
        }
    }
}

/// What the supervisor answers or tells. Its `Display` is a line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The supervisor is there; the command for a second terminal.
    Ready(String),
    /// The daemon was killed on request.
    Killed,
    /// The daemon serves again.
    Restarted,
    /// The daemon was there all the time.
    Running,
    /// The daemon ended by itself.
    Died(Ended),
    /// The daemon could not be started.
    Failed(String),
    /// The line says nothing.
    What,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(command) => write!(f, "ready {}", Line(command)),
            Self::Killed => f.write_str("killed"),
            Self::Restarted => f.write_str("restarted"),
            Self::Running => f.write_str("running"),
            Self::Died(Ended::Code(code)) => write!(f, "died code {code}"),
            Self::Died(Ended::Signal(signal)) => write!(f, "died signal {signal}"),
            Self::Failed(why) => write!(f, "failed {}", Line(why)),
            Self::What => f.write_str("what"),
        }
    }
}

/// Text on one line, whatever it has: a daemon's own words may have several.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| fmt::Write::write_char(f, if c.is_control() { ' ' } else { c }))
    }
}
