//! A real pseudo-terminal with a process in it: what the process writes is shown by an emulator, what is typed arrives as
//! keys. Nothing here waits by sleeping: output and the end of the process wake whoever waits.

mod emulator;
pub mod key;

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::termios::LocalFlags;
use nix::unistd::Pid;
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use tokio::sync::mpsc;
use vt100::{Cell, Screen};

pub use emulator::Picture;
use emulator::{Emulator, Seen};

use super::life::{Life, Watched};
use super::{Ended, HarnessError, failed};

/// Whatever a terminal waits for comes sooner, two busy cores included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pieces of input that wait for a process which does not read.
const INPUTS: usize = 64;

/// A shell with job control: it says when its job has stopped or ended, and waits for a line before it goes on.
fn shell() -> String {
    let (tstp, stop) = (128 + Signal::SIGTSTP as i32, 128 + Signal::SIGSTOP as i32);
    format!(
        r#"set -m
"$@"; code=$?
while [ "$code" -eq {tstp} ] || [ "$code" -eq {stop} ]; do
  printf '[stopped]\n'; read -r _; fg >/dev/null; code=$?
done
printf '[ended %s]\n' "$code"; read -r _; exit "$code""#
    )
}

/// How the terminal treats lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineMode {
    /// Input arrives by lines (ICANON).
    pub canonical: bool,
    /// What is typed is shown (ECHO).
    pub echo: bool,
    /// Ctrl-C and Ctrl-Z are signals (ISIG).
    pub signals: bool,
}

impl LineMode {
    /// As a shell wants it.
    pub const COOKED: Self = Self { canonical: true, echo: true, signals: true };
    /// As a full-screen program wants it.
    pub const RAW: Self = Self { canonical: false, echo: false, signals: false };
}

/// A terminal and the process in it. Dropping it kills the process.
pub struct Terminal {
    emulator: Arc<Emulator>,
    master: Mutex<Box<dyn MasterPty + Send>>,
    input: mpsc::Sender<Vec<u8>>,
    leader: Watched,
    /// The leader is a shell, and what matters is its job.
    shell: bool,
    clock: Clock,
}

impl Terminal {
    /// Starts a command as the leader of a session that has the terminal. Of its environment only what was set on
    /// `command` reaches it, then `env`, and `TERM=xterm-256color` where neither says otherwise.
    ///
    /// The kernel does not let such a leader be stopped by SIGTSTP, because its group has no parent in the session to
    /// wake it up again: for that see [`Terminal::start_in_shell`]. SIGSTOP stops anybody.
    pub fn start(
        command: &Command,
        cols: u16,
        rows: u16,
        env: &[(&str, &str)],
    ) -> Result<Self, HarnessError> {
        let mut built = CommandBuilder::new(command.get_program());
        built.args(command.get_args());
        Self::open(built, command, cols, rows, env, false)
    }

    /// The same as the job of a shell, as an operator has it. When the command has stopped, the shell prints
    /// `[stopped]`; when it has ended, `[ended CODE]`; either time it waits for [`Terminal::go_on`], which takes up
    /// what was stopped, or ends the shell with that code.
    pub fn start_in_shell(
        command: &Command,
        cols: u16,
        rows: u16,
        env: &[(&str, &str)],
    ) -> Result<Self, HarnessError> {
        let mut built = CommandBuilder::new("/bin/sh");
        built.args([OsStr::new("-c"), OsStr::new(&shell()), OsStr::new("sh"), command.get_program()]);
        built.args(command.get_args());
        Self::open(built, command, cols, rows, env, true)
    }

    fn open(
        mut built: CommandBuilder,
        command: &Command,
        cols: u16,
        rows: u16,
        env: &[(&str, &str)],
        shell: bool,
    ) -> Result<Self, HarnessError> {
        built.env_clear();
        built.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        built.env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                built.env(name, value);
            }
        }
        for (name, value) in env {
            built.env(name, value);
        }
        match command.get_current_dir() {
            Some(dir) => built.cwd(dir),
            None => built.cwd(std::env::current_dir().map_err(failed("finding the working folder"))?),
        }
        let pair = native_pty_system().openpty(size(cols, rows)).map_err(opening)?;
        let reader = pair.master.try_clone_reader().map_err(opening)?;
        let writer = pair.master.take_writer().map_err(opening)?;
        let child: Box<dyn portable_pty::Child> = pair.slave.spawn_command(built).map_err(opening)?;
        let Ok(child) = child.downcast::<std::process::Child>() else {
            return Err(opening("a child of another kind"));
        };
        // As long as anybody holds the other side open, the end of the output is not seen.
        drop(pair.slave);
        let emulator = Arc::new(Emulator::new(cols, rows));
        let (input, typed) = mpsc::channel(INPUTS);
        thread::spawn(move || write_all(typed, writer));
        let (shown, replies) = (emulator.clone(), input.clone());
        thread::spawn(move || read_all(reader, &shown, &replies));
        Ok(Self {
            emulator,
            master: Mutex::new(pair.master),
            input,
            leader: Watched::over(*child),
            shell,
            clock: Clock::system(),
        })
    }

    /// Waits until the screen is as wanted. Fails, and shows the screen, when that does not come, or can't any more.
    pub async fn wait_for(&self, wanted: impl Fn(&Screen) -> bool) -> Result<(), HarnessError> {
        self.until("a screen", |seen| wanted(seen.screen())).await
    }

    /// Waits until some row of the screen has this text.
    pub async fn wait_text(&self, text: &str) -> Result<(), HarnessError> {
        self.until(&format!("{text:?}"), |seen| Picture::of(seen.screen()).text().contains(text)).await
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Result<(), HarnessError> {
        let mut changes = self.emulator.changes();
        let waiting = async {
            loop {
                {
                    let seen = self.emulator.seen();
                    if wanted(&seen) {
                        return true;
                    }
                    if seen.closed {
                        return false;
                    }
                }
                // The sender lives as long as the emulator.
                let _ = changes.changed().await;
            }
        };
        match self.clock.timeout(PATIENCE, waiting).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(HarnessError::Screen {
                what: what.to_owned(),
                life: self.leader.now(),
                screen: self.picture(),
            }),
        }
    }

    /// Types these bytes. Fails when the process has not read for a long time.
    pub async fn send(&self, bytes: &[u8]) -> Result<(), HarnessError> {
        let sending = self.input.send(bytes.to_vec());
        match self.clock.timeout(PATIENCE, sending).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(HarnessError::TooLong("a process reading its input")),
        }
    }

    /// Presses a key; [`key::bytes`] has the names.
    pub async fn key(&self, name: &str) -> Result<(), HarnessError> {
        let application = self.look(Screen::application_cursor);
        match key::bytes(name, application) {
            Some(bytes) => self.send(&bytes).await,
            None => Err(HarnessError::Key(name.to_owned())),
        }
    }

    /// Pastes, in brackets as a terminal does for whoever asked for them.
    pub async fn paste(&self, text: &str) -> Result<(), HarnessError> {
        self.send(format!("\x1b[200~{text}\x1b[201~").as_bytes()).await
    }

    /// Another size, in columns and rows.
    pub fn resize(&self, cols: u16, rows: u16) -> Result<(), HarnessError> {
        // First the emulator: the process draws for the new size as soon as it hears of it.
        // The emulator overflows on one row or one column (vt100 0.16); what is cut off there nobody reads.
        self.emulator.resize(cols.max(2), rows.max(2));
        self.master().resize(size(cols, rows)).map_err(opening)
    }

    /// Looks at the screen as it is now.
    pub fn look<T>(&self, at: impl FnOnce(&Screen) -> T) -> T {
        at(self.emulator.seen().screen())
    }

    /// The rows of the screen, to be printed.
    pub fn picture(&self) -> Picture {
        self.look(Picture::of)
    }

    /// The rows of the screen, without blanks at their ends.
    pub fn screen_text(&self) -> String {
        self.picture().text()
    }

    /// A cell with its attributes, counted from 0; none outside the screen.
    pub fn cell(&self, row: u16, col: u16) -> Option<Cell> {
        self.look(|screen| screen.cell(row, col).cloned())
    }

    /// Whether the process has taken the alternate screen.
    pub fn alternate_screen(&self) -> bool {
        self.look(Screen::alternate_screen)
    }

    /// Everything the process has written, as it came; of very much only the end.
    pub fn raw_output(&self) -> Vec<u8> {
        self.emulator.raw()
    }

    /// Texts that the process has put on the clipboard (OSC 52), the oldest first.
    pub fn copied(&self) -> Vec<String> {
        self.emulator.copied()
    }

    /// The process; under a shell that which has the terminal now: the shell itself before its job began and while it
    /// is stopped.
    pub fn pid(&self) -> Pid {
        let foreground = || self.master().process_group_leader().map(Pid::from_raw);
        if self.shell { foreground().unwrap_or(self.leader.pid()) } else { self.leader.pid() }
    }

    /// Sends a signal to [`Terminal::pid`].
    pub fn signal(&self, signal: Signal) -> Result<(), HarnessError> {
        if !self.shell {
            return self.leader.signal(signal);
        }
        kill(self.pid(), signal).map_err(|error| failed("signalling a process")(error.into()))
    }

    /// Lets the shell go on after `[stopped]` or `[ended CODE]`.
    pub async fn go_on(&self) -> Result<(), HarnessError> {
        // Not what Enter sends: a line that was left raw would never see its end.
        self.send(b"\n").await
    }

    /// What the leader of the session is doing: the command, or its shell.
    pub fn life(&self) -> Life {
        self.leader.now()
    }

    /// Waits until a signal has stopped the leader of the session; answers its number.
    pub async fn wait_stopped(&self) -> Result<i32, HarnessError> {
        let mut life = self.leader.changes();
        let waiting = async {
            loop {
                match *life.borrow_and_update() {
                    Life::Stopped(signal) => return Some(signal),
                    Life::Ended(_) => return None,
                    Life::Running => {}
                }
                let _ = life.changed().await;
            }
        };
        match self.clock.timeout(PATIENCE, waiting).await {
            Ok(Some(signal)) => Ok(signal),
            Ok(None) | Err(_) => Err(HarnessError::Screen {
                what: "the stop of the process".to_owned(),
                life: self.life(),
                screen: self.picture(),
            }),
        }
    }

    /// Waits until the leader of the session has ended and all its output is shown.
    pub async fn wait_exit(&self) -> Result<Ended, HarnessError> {
        let limit = self.clock.timeout(PATIENCE, self.leader.ended()).await;
        let Ok(ended) = limit else {
            return Err(HarnessError::Screen {
                what: "the end of the process".to_owned(),
                life: self.life(),
                screen: self.picture(),
            });
        };
        self.until("the end of the output", |seen| seen.closed).await?;
        Ok(ended)
    }

    /// How the line is set, now or as the last process left it (which a test of this harness holds against the kernel:
    /// one that reset the line would make a check after the end prove nothing).
    pub fn termios(&self) -> Result<LineMode, HarnessError> {
        let gone = || failed("reading the settings of the line")(std::io::ErrorKind::NotConnected.into());
        let flags = self.master().get_termios().ok_or_else(gone)?.local_flags.bits();
        let has = |flag: LocalFlags| flags & flag.bits() != 0;
        Ok(LineMode {
            canonical: has(LocalFlags::ICANON),
            echo: has(LocalFlags::ECHO),
            signals: has(LocalFlags::ISIG),
        })
    }

    fn master(&self) -> std::sync::MutexGuard<'_, Box<dyn MasterPty + Send>> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.shell && !matches!(self.leader.now(), Life::Ended(_)) {
            // The shell's end would only hang up on its job, which may not listen.
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
    }
}

fn size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn opening(cause: impl std::fmt::Display) -> HarnessError {
    failed("a pseudo-terminal")(std::io::Error::other(cause.to_string()))
}

/// Says that nothing more will come, even if the emulator stumbles over what it is to show.
struct Closing<'a>(&'a Emulator);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn read_all(mut reader: impl Read, emulator: &Emulator, replies: &mpsc::Sender<Vec<u8>>) {
    let closing = Closing(emulator);
    let mut bytes = [0; 16 << 10];
    loop {
        match reader.read(&mut bytes) {
            Ok(0) => break,
            Ok(length) => {
                let owed = emulator.show(&bytes[..length]);
                if !owed.is_empty() {
                    // A process that asks without reading gets no answer.
                    let _ = replies.try_send(owed);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    drop(closing);
}

/// Ends when the terminal is gone, or the process can't be written to any more.
fn write_all(mut typed: mpsc::Receiver<Vec<u8>>, mut writer: impl Write) {
    while let Some(bytes) = typed.blocking_recv() {
        if writer.write_all(&bytes).and_then(|()| writer.flush()).is_err() {
            return;
        }
    }
}
