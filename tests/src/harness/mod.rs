//! Real processes: the daemon and the command line as an operator starts them, out of one program that plays their
//! roles. Nothing here waits by sleeping: the daemon says itself when it serves.

mod cli;
mod daemon;

mod home;
mod hook;
mod life;
pub mod role;
pub mod terminal;

pub use cli::{Cli, Said};
pub use daemon::{Daemon, Ended};
pub use home::Home;
pub use hook::{Hook, HookAnswer};
pub use life::{Life, Watched};
pub use terminal::Terminal;

/// What went wrong while processes were being handled.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A file or a process could not be handled.
    #[error("{doing}: {cause}")]
    Io { doing: String, cause: std::io::Error },
    /// The daemon ended before it served; its own words.
    #[error("the daemon ended with {code:?} before it served:\n{said}")]
    NotStarted { code: Option<i32>, said: String },
    /// Nothing happened within the time that the harness allows for it.
    #[error("{0} took too long")]
    TooLong(&'static str),
    /// What the command line printed is not what was asked for.
    #[error("`cutover {args}` ended with {code}:\n{stderr}")]
    Command { args: String, code: i32, stderr: String },
    /// Its JSON can't be read.
    #[error("`cutover {args}` printed something that can't be read: {cause}")]
    Unreadable { args: String, cause: String },
    /// A screen did not come, or can't come any more.
    #[error("waited in vain for {what}; the process: {life:?}\n{screen}")]
    Screen { what: String, life: Life, screen: terminal::Picture },
    /// No key has this name.
    #[error("{0:?} is no key")]
    Key(String),
}

/// Names what was being done when the system failed.
pub(crate) fn failed(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> HarnessError {
    let doing = doing.into();
    move |cause| HarnessError::Io { doing, cause }
}
