//! The last thing that a line passes before it is written.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cutover_shared::redact::redact;
use serde_json::Value;

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One JSON object; it stays one.
    Json,
    /// Text for people.
    Text,
}

/// Writes whole lines, each redacted. It never fails: a line that can't be written (a full disk) is counted, and the
/// next that can be is preceded by one that says how many are missing.
#[derive(Debug)]
pub struct RedactingWriter<W> {
    to: W,
    form: Form,
    /// Lost since the last that was written.
    gap: u64,
    lost: Arc<AtomicU64>,
}

impl<W: Write> RedactingWriter<W> {
    /// `lost` counts every line that could not be written.
    pub fn new(to: W, form: Form, lost: Arc<AtomicU64>) -> Self {
        Self { to, form, gap: 0, lost }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.gap > 0 {
            // The failed line may have been written in part, so this begins on a line of its own.
            let said = match self.form {
                Form::Json => {
                    format!("\n{{\"level\":\"WARN\",\"message\":\"{} log lines were lost\"}}\n", self.gap)
                }
                Form::Text => format!("\nWARN {} log lines were lost\n", self.gap),
            };
            self.to.write_all(said.as_bytes())?;
            self.gap = 0;
        }
        self.to.write_all(line)
    }
}

impl<W: Write> Write for RedactingWriter<W> {
    /// Takes one whole event, as the formatting layers hand it over.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let clean = match self.form {
            Form::Json => clean_json(&text),
            Form::Text => clean_text(&text),
        };
        if self.put(clean.as_bytes()).is_err() {
            self.gap += 1;
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What could not be flushed shows as an error of the next line.
        let _ = self.to.flush();
        Ok(())
    }
}

fn clean_text(event: &str) -> Cow<'_, str> {
    match redact(event) {
        Cow::Borrowed(clean) => Cow::Borrowed(clean),
        // An unfinished PEM block takes everything with it, the line's end too.
        Cow::Owned(clean) if !clean.ends_with('\n') => Cow::Owned(clean + "\n"),
        Cow::Owned(clean) => Cow::Owned(clean),
    }
}

/// Redacts inside the strings of the object, so that it can still be parsed.
fn clean_json(event: &str) -> Cow<'_, str> {
    if matches!(redact(event), Cow::Borrowed(_)) {
        return Cow::Borrowed(event);
    }
    let cleaned = match serde_json::from_str::<Value>(event) {
        Ok(mut value) => {
            clean_value(&mut value);
            value
        }
        Err(_) => serde_json::json!({ "level": "WARN", "message": redact(event) }),
    };
    Cow::Owned(format!("{cleaned}\n"))
}

fn clean_value(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(clean) = redact(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(fields) => {
            *fields = std::mem::take(fields)
                .into_iter()
                .map(|(name, mut value)| {
                    clean_value(&mut value);
                    (redact(&name).into_owned(), value)
                })
                .collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
