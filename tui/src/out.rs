//! Where a call prints: answers on stdout, progress and notes on stderr.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::env::Env;
use crate::failure::Failure;
use crate::plain::{self, Style, clean};

/// The two printing streams of a call.
pub(crate) struct Out<'a> {
    stdout: &'a mut dyn Write,
    stderr: &'a mut dyn Write,
    /// Answers are JSON, and stderr holds nothing but an error.
    pub json: bool,
    /// stderr may rewrite its line.
    live: bool,
    /// A rewritable line stands on the terminal, without its end.
    pending: bool,
    /// The reader of stdout has left; the work goes on, printing does not.
    closed: bool,
    /// How stdout looks.
    pub style: Style,
    errors: Style,
}

impl<'a> Out<'a> {
    pub fn new(stdout: &'a mut dyn Write, stderr: &'a mut dyn Write, env: &Env, json: bool) -> Self {
        Self {
            stdout,
            stderr,
            json,
            live: env.live && !json,
            pending: false,
            closed: false,
            style: Style { colour: env.colour.0, columns: env.columns },
            errors: Style { colour: env.colour.1, columns: None },
        }
    }

    /// Nobody reads stdout any more: a long listing may end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Writes `text` to stdout as it is. A reader that has left is no error.
    pub fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes to stdout as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.end_line();
        if self.closed {
            return Ok(());
        }
        match self.stdout.write_all(bytes).and_then(|()| self.stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => Err(Failure::outside(
                format!("can't write to standard output: {error}"),
                "what was asked of the daemon is done; print it again with another output",
            )),
        }
    }

    /// Writes one JSON document to stdout.
    pub fn document(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = to_json(value, true)?;
        self.raw(&(text + "\n"))
    }

    /// Writes an answer: `text` for people, `value` with `--json`.
    pub fn answer(
        &mut self,
        value: &impl Serialize,
        text: impl FnOnce(Style) -> String,
    ) -> Result<(), Failure> {
        if self.json { self.document(value) } else { self.raw(&text(self.style)) }
    }

    /// A line on stderr for people; nothing with `--json`.
    pub fn note(&mut self, text: &str) {
        if !self.json {
            self.end_line();
            self.whisper(&format!("{}\n", clean(text)));
        }
    }

    /// Text on stderr as it is; nothing with `--json`.
    pub fn aside(&mut self, text: &str) {
        if !self.json {
            self.end_line();
            self.whisper(text);
        }
    }

    /// What a person must do for the call to go on: on stderr, with `--json` too.
    pub fn instruct(&mut self, text: &str) {
        self.end_line();
        self.whisper(&format!("{}\n", clean(text)));
    }

    /// Progress: on a terminal it takes the place of the line before. Elsewhere only `steps` are lines.
    pub fn progress(&mut self, text: &str, step: bool) {
        if self.live {
            // A longer line would wrap, and the next one could not take its place.
            let room = self.style.columns.unwrap_or(plain::WIDTH).saturating_sub(1);
            self.whisper(&format!("\r\x1b[K{}", plain::cut(&clean(text), room)));
            self.pending = true;
        } else if step {
            self.note(text);
        }
    }

    /// Says why the call failed.
    pub fn failure(&mut self, failure: &Failure) {
        self.end_line();
        failure.print(self.stderr, self.json, self.errors);
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.pending) {
            self.whisper("\n");
        }
    }

    fn whisper(&mut self, text: &str) {
        // A stderr that is gone must not end the work that it would have told about.
        let _gone = self.stderr.write_all(text.as_bytes()).and_then(|()| self.stderr.flush());
    }
}

/// JSON text of a value that this program made or received.
pub(crate) fn to_json(value: &impl Serialize, pretty: bool) -> Result<String, Failure> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| {
        Failure::new(
            cutover_shared::error::ErrorCode::Internal,
            format!("can't write the answer as JSON: {error}"),
            "report this with the command that led to it",
        )
    })
}
