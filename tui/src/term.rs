//! The terminal itself: modes in and out, one write for a frame, signals. As thin as it can be.
//!
//! All output goes past `std::io::stdout`, whose buffer could hold half a frame when a panic gives the screen back and
//! would pour it over the shell's prompt at the end.

use std::io::{self, ErrorKind, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::style::{Attribute, SetAttribute};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use nix::errno::Errno;
use nix::unistd::{Pid, getppid, getsid};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::{Rect, Size};
use ratatui::{Frame, Terminal};
use tokio::signal::unix::{self, SignalKind};

/// Whether the screen is ours. The process has one terminal, and whoever gives it back first (the guard, a panic on
/// any thread, a suspension) does it alone.
static OURS: AtomicBool = AtomicBool::new(false);

/// A thread panicked; what this process shows is not to be trusted any more.
static CRASHED: AtomicBool = AtomicBool::new(false);

/// Bytes that wait for the end of a frame.
#[derive(Clone, Debug, Default)]
struct Pending(Arc<Mutex<Vec<u8>>>);

impl Pending {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Nothing: [`Guard::draw`] writes whole frames, and what a panic leaves here is never written.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen while it is ours; gives it back when dropped.
#[derive(Debug)]
pub struct Guard {
    terminal: Terminal<CrosstermBackend<Pending>>,
    pending: Pending,
    mouse: bool,
    /// The next frame draws every cell.
    whole: bool,
}

impl Guard {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, no cursor, and the mouse where it is wanted. Also
    /// stops crossterm from heeding `NO_COLOR`, because it resets reversed rows then; the theme heeds it.
    pub fn enter(mouse: bool) -> io::Result<Self> {
        crossterm::style::force_color_output(true);
        let pending = Pending::default();
        let terminal = Terminal::new(CrosstermBackend::new(pending.clone()))?;
        take(mouse)?;
        Ok(Self { terminal, pending, mouse, whole: false })
    }

    /// Draws a frame and writes it at once, between marks that keep terminals from showing half of it. An error means
    /// that the screen is no longer ours or that nobody is at the other end: the program should end.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        if !OURS.load(Ordering::SeqCst) {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "the screen was given back"));
        }
        let mut pending = self.pending.clone();
        pending.bytes().clear();
        crossterm::queue!(pending, BeginSynchronizedUpdate)?;
        if std::mem::take(&mut self.whole) {
            self.clear()?;
        }
        self.terminal.draw(draw)?;
        crossterm::queue!(pending, EndSynchronizedUpdate)?;
        write_all(&pending.bytes())
    }

    /// Writes bytes that draw nothing: a bell, a copied text, a title.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if OURS.load(Ordering::SeqCst) { write_all(bytes) } else { Ok(()) }
    }

    /// The terminal's size.
    pub fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    /// Makes the next frame draw every cell.
    pub fn redraw(&mut self) {
        self.whole = true;
    }

    fn clear(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        // Not `Terminal::clear`, which asks the terminal for its cursor and would eat keys while it waits.
        self.terminal.resize(Rect::from((ratatui::layout::Position::ORIGIN, size)))
    }

    /// Gives the screen back, stops this process until somebody continues it, takes the screen again and makes the next
    /// frame whole. `Unsupported` where no shell of this session could continue the process: then nothing was done.
    pub fn suspend(&mut self) -> io::Result<()> {
        let session = getsid(None)?;
        if getsid(Some(getppid())) != Ok(session) || Pid::this() == session {
            return Err(io::Error::new(ErrorKind::Unsupported, "no shell could continue the console"));
        }
        self.pause(|| nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP).map_err(io::Error::from))
    }

    /// Gives the screen back while `work` uses the terminal, as a pager or an editor does.
    pub fn pause(&mut self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        restore();
        let worked = work();
        take(self.mouse)?;
        self.redraw();
        worked
    }

    /// Takes the screen again after somebody else stopped and continued this process.
    pub fn resume(&mut self) -> io::Result<()> {
        // The shell has set modes of its own, while crossterm believes that raw mode is still on.
        restore();
        take(self.mouse)?;
        self.redraw();
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    // From here on there is something to give back, even when the next write fails.
    OURS.store(true, Ordering::SeqCst);
    write_all(&entering(mouse)?).inspect_err(|_| restore())
}

fn entering(mouse: bool) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    crossterm::queue!(bytes, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
    if mouse {
        crossterm::queue!(bytes, EnableMouseCapture)?;
    }
    Ok(bytes)
}

/// Undoes everything, in any state: the mouse is released even where it was never taken, and an update that a panic
/// left open is ended.
fn leaving() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    crossterm::queue!(
        bytes,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableBracketedPaste,
        SetAttribute(Attribute::Reset),
        LeaveAlternateScreen,
        Show
    )?;
    Ok(bytes)
}

/// Gives the screen back, once; without a screen of ours, nothing. Ignores errors: when the terminal is gone, nobody
/// could read about it.
pub fn restore() {
    if OURS.swap(false, Ordering::SeqCst) {
        let _gone = leaving().and_then(|bytes| write_all(&bytes));
        let _gone = disable_raw_mode();
    }
}

/// Makes a panic on any thread give the screen back before its message is printed, call `dump` once after that, and end the
/// process by SIGTERM, which a loop takes as its end. `dump` must not panic: that would abort the process.
pub fn restore_on_panic(dump: impl FnOnce() + Send + 'static) {
    let dump = Mutex::new(Some(dump));
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        CRASHED.store(true, Ordering::SeqCst);
        restore();
        let dump = dump.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(dump) = dump {
            dump();
        }
        print(info);
        // A loop that sleeps on another thread is woken, so that nobody waits in front of a dead console.
        let _gone = nix::sys::signal::kill(Pid::this(), nix::sys::signal::Signal::SIGTERM);
    }));
}

/// Some thread panicked since [`restore_on_panic`].
pub fn has_crashed() -> bool {
    CRASHED.load(Ordering::SeqCst)
}

/// Says something on the normal screen, to people: on stderr, where errors go.
pub fn say(text: &str) {
    let _gone = io::stderr().lock().write_all(text.as_bytes());
}

/// Prints lines, or a prompt that ends in none: what the line mode says, the last words of a console. A reader that has
/// left is no error.
pub fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _gone = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes to the terminal that stdout is.
fn write_all(mut bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout();
    while !bytes.is_empty() {
        match nix::unistd::write(&stdout, bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What another process wants of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End: SIGTERM, SIGINT or SIGQUIT. In raw mode no key makes these.
    Terminate,
    /// Stop: SIGTSTP. The answer is [`Guard::suspend`]; in raw mode Ctrl-Z is a key.
    Suspend,
    /// Somebody continued the process: SIGCONT. The answer is [`Guard::resume`], unless the process suspended itself.
    Continue,
    /// The terminal is gone: SIGHUP.
    Hangup,
}

/// The signals that this process gets from now on instead of what they do by themselves.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    quit: unix::Signal,
    suspend: unix::Signal,
    proceed: unix::Signal,
    hangup: unix::Signal,
}

/// Begins to listen to signals; must be called in a runtime.
pub fn signals() -> io::Result<Signals> {
    let raw = |signal: nix::sys::signal::Signal| unix::signal(SignalKind::from_raw(signal as i32));
    Ok(Signals {
        terminate: unix::signal(SignalKind::terminate())?,
        interrupt: unix::signal(SignalKind::interrupt())?,
        quit: unix::signal(SignalKind::quit())?,
        suspend: raw(nix::sys::signal::Signal::SIGTSTP)?,
        proceed: raw(nix::sys::signal::Signal::SIGCONT)?,
        hangup: unix::signal(SignalKind::hangup())?,
    })
}

impl Signals {
    /// The next signal. Loses none when it is dropped half-way.
    pub async fn next(&mut self) -> Signal {
        let got = tokio::select! {
            biased;
            got = self.hangup.recv() => got.map(|()| Signal::Hangup),
            got = self.terminate.recv() => got.map(|()| Signal::Terminate),
            got = self.interrupt.recv() => got.map(|()| Signal::Terminate),
            got = self.quit.recv() => got.map(|()| Signal::Terminate),
            got = self.suspend.recv() => got.map(|()| Signal::Suspend),
            got = self.proceed.recv() => got.map(|()| Signal::Continue),
        };
        // A stream ends only with its runtime, so to say, when there is nobody left to wait.
        match got {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests;
