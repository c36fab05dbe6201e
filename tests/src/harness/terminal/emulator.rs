//! What a process wrote, as a terminal shows it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use tokio::sync::watch;
use vt100::{Parser, Screen};

/// Bytes of output that are kept; older ones are given up.
const KEPT: usize = 8 << 20;

/// Texts that are kept of what was copied.
const COPIES: usize = 64;

/// What the process asked of its terminal beyond showing something.
#[derive(Default)]
pub(super) struct Wishes {
    /// Answers that are owed to it.
    replies: Vec<u8>,
    copied: Vec<String>,
}

impl vt100::Callbacks for Wishes {
    fn copy_to_clipboard(&mut self, _: &mut Screen, _: &[u8], data: &[u8]) {
        let text = base64::engine::general_purpose::STANDARD.decode(data).unwrap_or_default();
        if self.copied.len() < COPIES {
            self.copied.push(String::from_utf8_lossy(&text).into_owned());
        }
    }

    fn unhandled_csi(
        &mut self,
        screen: &mut Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        // "Where is the cursor?" Whoever asks waits for the answer.
        if last == 'n' && first.is_none() && params == [[6]] {
            let (row, col) = screen.cursor_position();
            self.replies.extend(format!("\x1b[{};{}R", row + 1, col + 1).bytes());
        }
    }
}

pub(super) struct Seen {
    pub(super) parser: Parser<Wishes>,
    raw: Vec<u8>,
    /// Nothing more will come.
    pub(super) closed: bool,
}

impl Seen {
    pub(super) fn screen(&self) -> &Screen {
        self.parser.screen()
    }
}

/// The emulator, and who is woken when it has changed.
pub(super) struct Emulator {
    seen: Mutex<Seen>,
    changed: watch::Sender<()>,
}

impl Emulator {
    pub(super) fn new(cols: u16, rows: u16) -> Self {
        let parser = Parser::new_with_callbacks(rows, cols, 0, Wishes::default());
        Self {
            seen: Mutex::new(Seen { parser, raw: Vec::new(), closed: false }),
            changed: watch::Sender::new(()),
        }
    }

    /// A panic of the emulator leaves what was seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Shows `bytes`; answers what the process is to be told.
    pub(super) fn show(&self, bytes: &[u8]) -> Vec<u8> {
        let mut seen = self.seen();
        seen.raw.extend_from_slice(bytes);
        if seen.raw.len() > KEPT {
            let old = seen.raw.len() - KEPT / 2;
            seen.raw.drain(..old);
        }
        seen.parser.process(bytes);
        let replies = std::mem::take(&mut seen.parser.callbacks_mut().replies);
        drop(seen);
        self.changed.send_replace(());
        replies
    }

    pub(super) fn resize(&self, cols: u16, rows: u16) {
        self.seen().parser.screen_mut().set_size(rows, cols);
        self.changed.send_replace(());
    }

    pub(super) fn close(&self) {
        self.seen().closed = true;
        self.changed.send_replace(());
    }

    pub(super) fn raw(&self) -> Vec<u8> {
        self.seen().raw.clone()
    }

    pub(super) fn copied(&self) -> Vec<String> {
        self.seen().parser.callbacks().copied.clone()
    }
}

/// Rows of a screen, framed; `{:?}` shows it the same way, so that an `unwrap` in a test prints it readably.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    cols: u16,
    rows: Vec<String>,
}

impl Picture {
    pub(super) fn of(screen: &Screen) -> Self {
        let cols = screen.size().1;
        Self { cols, rows: screen.rows(0, cols).map(|row| row.trim_end().to_owned()).collect() }
    }

    /// The rows without the frame, without blanks at their ends.
    pub fn text(&self) -> String {
        self.rows.join("\n")
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edge = "-".repeat(usize::from(self.cols));
        writeln!(f, "+{edge}+ {}x{}", self.cols, self.rows.len())?;
        for row in &self.rows {
            writeln!(f, "|{row}")?;
        }
        write!(f, "+{edge}+")
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}\n")
    }
}
