//! Why a call did not do what was asked, and how that is said.

use std::io::Write;

use cutover_shared::catalog::BadRow;
use cutover_shared::error::{ErrorCode, RpcError};

use crate::plain::{Style, Tone, clean, wrap};

/// What ends a call with an exit code of 2 or more.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The daemon or this program says what, why and the mend.
    Told(RpcError),
    /// An upload with mistakes; nothing was taken. `bad_count` may be more than the rows that are listed.
    /// `hint` is the caller's: not every verb can leave bad rows out.
    Upload { file: String, bad: Vec<BadRow>, bad_count: u64, hint: &'static str },
    /// Mistakes, each with its place: in the console's settings, in migrations. `mistakes` is what `--json` has of them.
    Settings { lines: Vec<String>, mistakes: Box<serde_json::Value>, error: RpcError },
    /// The arguments make no sense; the parser's own words, already laid out.
    Arguments { text: String, message: String, hint: String },
}

impl From<RpcError> for Failure {
    fn from(error: RpcError) -> Self {
        Self::Told(error)
    }
}

impl Failure {
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Told(RpcError::new(code, message, hint))
    }

    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Usage, message, hint)
    }

    /// A file or stream failed.
    pub fn outside(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorCode::Outside, message, hint)
    }

    /// The daemon answered a question that nobody asked.
    pub fn unexpected(asked: &str) -> Self {
        Self::new(
            ErrorCode::Internal,
            format!("the daemon gave an answer of another kind to `{asked}`"),
            "report this with the versions that `cutover status` and `cutover --version` print",
        )
    }

    /// The exit code.
    pub fn exit(&self) -> u8 {
        self.code().exit()
    }

    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Told(error) => error.code,
            Self::Upload { .. } => ErrorCode::BadUpload,
            Self::Arguments { .. } => ErrorCode::Usage,
            Self::Settings { error, .. } => error.code,
        }
    }

    /// What, why and the mend in one line.
    pub fn message(&self) -> String {
        let error = self.told();
        if error.hint.is_empty() { error.message } else { format!("{}; {}", error.message, error.hint) }
    }

    /// Writes it to stderr: text, or one JSON object. A stderr that is gone is no further error.
    pub fn print(&self, stderr: &mut dyn Write, json: bool, style: Style) {
        let text = if json { self.json().to_string() + "\n" } else { self.text(style) };
        let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }

    fn told(&self) -> RpcError {
        match self {
            Self::Told(error) | Self::Settings { error, .. } => error.clone(),
            Self::Upload { file, bad_count, hint, .. } => RpcError::new(
                ErrorCode::BadUpload,
                format!("{file} was refused: {}; nothing was taken", rows(*bad_count)),
                *hint,
            ),
            Self::Arguments { message, hint, .. } => {
                RpcError::new(ErrorCode::Usage, message.clone(), hint.clone())
            }
        }
    }

    fn json(&self) -> serde_json::Value {
        let error = self.told();
        let mut object = serde_json::json!({
            "code": error.code, "message": error.message, "hint": error.hint, "runbook": error.runbook,
        });
        if let Self::Upload { bad, bad_count, .. } = self {
            object["bad"] = serde_json::json!(bad);
            object["bad_count"] = serde_json::json!(bad_count);
        }
        if let Self::Settings { mistakes, .. } = self {
            object["mistakes"] = (**mistakes).clone();
        }
        serde_json::json!({ "error": object })
    }

    fn text(&self, style: Style) -> String {
        if let Self::Arguments { text, .. } = self {
            return text.clone();
        }
        let error = self.told();
        let mut text = String::new();
        if let Self::Settings { lines, .. } = self {
            for line in lines {
                text += &format!("{}\n", clean(line));
            }
        }
        if let Self::Upload { file, bad, bad_count, .. } = self {
            text += &bad_rows(file, bad, *bad_count);
        }
        let room = style.measure() - 2;
        // The first line is a sentence; what follows is a difference, which is not wrapped.
        let mut message = error.message.lines();
        let sentence = format!("error: {}", clean(message.next().unwrap_or_default()));
        let told = wrap(&sentence, room).join("\n  ");
        text += &told.replacen("error:", &style.paint("error:", Tone::Bad), 1);
        text.push('\n');
        for line in message {
            text += &format!("    {}\n", clean(line));
        }
        if !error.hint.is_empty() {
            text += &format!("  {}\n", wrap(&clean(&error.hint), room).join("\n  "));
        }
        if let Some(runbook) = &error.runbook {
            text += &format!("  runbook: {}\n", clean(runbook));
        }
        text
    }
}

/// Bad rows as compilers write their findings: `FILE:line: column: problem`.
pub(crate) fn bad_rows(file: &str, bad: &[BadRow], count: u64) -> String {
    let mut text = String::new();
    for BadRow { line, column, problem } in bad {
        let column = if column.is_empty() { String::new() } else { format!("{}: ", clean(column)) };
        text += &format!("{}:{line}: {column}{}\n", clean(file), clean(problem));
    }
    let listed = u64::try_from(bad.len()).unwrap_or(u64::MAX);
    if count > listed {
        text += &format!("{}: and {} that are not listed\n", clean(file), rows(count - listed));
    }
    text
}

fn rows(count: u64) -> String {
    let word = if count == 1 { "row" } else { "rows" };
    format!("{} bad {word}", crate::plain::number(count))
}
