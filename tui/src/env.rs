//! Everything outside the program, as values, so that a test or another process role can hand in its own.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use cutover_shared::paths;
use tokio::io::AsyncRead;

use crate::clock;

/// How long following a run outlives a lost connection: a restart of the daemon takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The streams of one call.
pub struct Io<'a> {
    pub stdin: &'a mut (dyn AsyncRead + Unpin),
    pub stdout: &'a mut dyn Write,
    pub stderr: &'a mut dyn Write,
}

/// What a call takes from its surroundings.
#[derive(Clone, Debug)]
pub struct Env {
    /// The daemon's socket where `--socket` does not say: `CUTOVER_SOCKET` or the XDG place.
    pub socket: PathBuf,
    /// The daemon's state folder where `--state-dir` does not say: `CUTOVER_STATE_DIR` or the XDG place.
    pub state_dir: PathBuf,
    /// Width of the terminal that stdout is; none when it is not one, and then nothing is cut.
    pub columns: Option<usize>,
    /// Colours on stdout and on stderr: a terminal, and no `NO_COLOR`.
    pub colour: (bool, bool),
    /// stderr is a terminal: progress may rewrite its line.
    pub live: bool,
    /// How long following a run tries to reach a daemon that went away.
    pub patience: Duration,
    /// Milliseconds since the epoch; ages are counted from it.
    pub now: fn() -> i64,
    pub console: ConsoleEnv,
}

/// What the console takes from its surroundings.
#[derive(Clone, Debug, Default)]
pub struct ConsoleEnv {
    /// stdin and stdout are a terminal that can address its cursor.
    pub screen: bool,
    /// stdin and stdout are a terminal of some kind.
    pub terminal: bool,
    /// `CUTOVER_CONSOLE_CONFIG`.
    pub config: Option<OsString>,
    pub no_color: bool,
    pub colorterm: Option<String>,
    pub term: Option<String>,
    pub locale: Option<String>,
    /// Where a view is written to.
    pub folder: PathBuf,
    /// Where a crash is written to.
    pub crash: PathBuf,
    /// Inside tmux.
    pub tmux: bool,
}

impl Env {
    /// The surroundings of this process.
    pub fn of_process() -> Self {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let columns = stdout
            .is_terminal()
            .then(|| terminal_size::terminal_size_of(&stdout).map_or(80, |(width, _)| usize::from(width.0)));
        Self {
            columns,
            live: stderr.is_terminal(),
            console: ConsoleEnv::of_process(std::io::stdin().is_terminal() && stdout.is_terminal()),
            ..Self::from_variables(
                |name| std::env::var_os(name),
                (stdout.is_terminal(), stderr.is_terminal()),
            )
        }
    }

    /// The surroundings that variables say, without a terminal's width; `terminal` says whether stdout and
    /// stderr are terminals. An empty variable counts as absent.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>, terminal: (bool, bool)) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let plain = set("NO_COLOR").is_some() || set("TERM").is_some_and(|term| term == "dumb");
        Self {
            socket: set("CUTOVER_SOCKET").map_or_else(paths::socket, PathBuf::from),
            state_dir: set("CUTOVER_STATE_DIR").map_or_else(paths::state_dir, PathBuf::from),
            columns: None,
            colour: (terminal.0 && !plain, terminal.1 && !plain),
            live: false,
            patience: PATIENCE,
            now: clock::now_ms,
            console: ConsoleEnv::default(),
        }
    }
}

impl ConsoleEnv {
    fn of_process(terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name)?.into_string().ok().filter(|value| !value.is_empty());
        let term = set("TERM");
        Self {
            screen: terminal && term.as_deref().is_some_and(|term| term != "dumb"),
            terminal,
            config: std::env::var_os(crate::settings::VARIABLE),
            no_color: set("NO_COLOR").is_some(),
            colorterm: set("COLORTERM"),
            term,
            locale: crate::glyphs::locale(set),
            folder: std::env::current_dir().unwrap_or_default(),
            crash: paths::state_dir().join("console-crash.jsonl"),
            tmux: set("TMUX").is_some(),
        }
    }
}
