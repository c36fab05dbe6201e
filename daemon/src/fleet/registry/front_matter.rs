//! The comment lines at the head of a file of SQL: `-- key: value`.
//!
//! ```text
//! -- Gives every note a slug.
//! -- transaction: none
//! -- timeout: 5m
//! -- verify: SELECT count(*) = 0
//! --   FROM notes WHERE slug IS NULL
//! ```

use std::time::Duration;

use cutover_shared::fleet::LintFinding;

use super::finding::mistake;
use super::split::{SplitMistake, split};
use super::token::{Lines, Tokens, tokens};
use crate::fleet::migration::Chunk;

pub(super) const RULE: &str = "front-matter";

/// Of times that do not go together. What was recorded before there was this rule is run all the same.
pub(super) const TIMES: &str = "lock-timeout";

/// What can stand there.
const KEYS: [&str; 8] =
    ["description", "transaction", "timeout", "lock_timeout", "chunk", "cursor", "verify", "replaces"];

/// A statement that takes longer than this is no migration that a run can wait for.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Rows of one chunk.
const MOST_ROWS: u32 = 1_000_000;

/// What the head of a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FrontMatter {
    /// `description`, else the first comment line.
    pub(super) description: Option<String>,
    /// `transaction: none`
    pub(super) is_outside: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) lock_timeout: Option<Duration>,
    pub(super) chunk: Option<Chunk>,
    pub(super) verify: Option<String>,
    pub(super) replaces: Option<String>,
}

/// One `key: value`.
struct Entry {
    key: &'static str,
    value: String,
    line: u32,
}

/// Reads the head of a file; its mistakes go to `findings`.
pub(super) fn front_matter(
    file: &str,
    text: &str,
    found: &Tokens<'_>,
    findings: &mut Vec<LintFinding>,
) -> FrontMatter {
    let mut refuse =
        |line, message: String, help: String| findings.push(mistake(file, line, RULE, message, help));
    let (entries, first, head) = entries(text, &mut refuse);
    for comment in found.comments.iter().filter(|comment| comment.at >= head) {
        if let Some(key) =
            key_of(comment.text).and_then(|(key, _)| KEYS.into_iter().find(|known| *known == key))
        {
            // A description harms nobody; a time-out that is not obeyed does.
            if key != "description" {
                let line = Lines::of(text).at(comment.at);
                let message = format!("`{key}:` stands below the first statement, where it is not read");
                refuse(
                    line,
                    message,
                    "move it to the head of the file, or write it without the colon".to_owned(),
                );
            }
        }
    }
    let mut matter = FrontMatter { description: first, ..FrontMatter::default() };
    let mut rows = None;
    let mut cursor = None;
    let mut lock_line = 0;
    for Entry { key, value, line } in entries {
        if value.is_empty() {
            refuse(line, format!("`{key}` has no value"), "write one, or remove the line".to_owned());
            continue;
        }
        let read = match key {
            "description" => {
                matter.description = Some(value);
                Ok(())
            }
            "transaction" => transaction(&value).map(|is_outside| matter.is_outside = is_outside),
            "timeout" => length(&value).map(|length| matter.timeout = Some(length)),
            "lock_timeout" => length(&value).map(|length| {
                (matter.lock_timeout, lock_line) = (Some(length), line);
            }),
            "chunk" => chunk(&value).map(|number| rows = Some((number, line))),
            "cursor" => {
                cursor = Some((value, line));
                Ok(())
            }
            "verify" => verify(&value).map(|query| matter.verify = Some(query)),
            _ => {
                matter.replaces = Some(value);
                Ok(())
            }
        };
        if let Err((message, help)) = read {
            refuse(line, format!("`{key}`: {message}"), help);
        }
    }
    if matter.timeout.zip(matter.lock_timeout).is_some_and(|(timeout, lock)| lock >= timeout) {
        let message = "`lock_timeout` is as long as `timeout`: a wait for a lock would look like a statement that takes too long";
        findings.push(mistake(
            file,
            lock_line,
            TIMES,
            message,
            "write a shorter `lock_timeout`: the step is tried again, `fleet.lock_tries` times",
        ));
    }
    let mut refuse =
        |line, message: String, help: String| findings.push(mistake(file, line, RULE, message, help));
    match (rows, cursor) {
        (Some((_, line)), _) if matter.is_outside => refuse(
            line,
            "`chunk` and `transaction: none` together".to_owned(),
            "remove `transaction: none`: each chunk has its own transaction, with its cursor in the ledger"
                .to_owned(),
        ),
        (Some((rows, line)), cursor) => {
            for name in ["cursor", "chunk"].into_iter().filter(|name| !says(found, name)) {
                refuse(
                    line,
                    format!("`chunk` without `:{name}` in a statement"),
                    "write `WHERE id > :cursor AND id <= :cursor + :chunk`, and let the last statement answer with the next cursor"
                        .to_owned(),
                );
            }
            matter.chunk =
                Some(Chunk { rows, start: cursor.map_or_else(|| "0".to_owned(), |(value, _)| value) });
        }
        (None, Some((_, line))) => {
            refuse(line, "`cursor` without `chunk`".to_owned(), "write `-- chunk: 1000`, too".to_owned());
        }
        (None, None) => {}
    }
    matter
}

/// The entries, the first comment line that is none, and where the head ends.
fn entries(text: &str, refuse: &mut impl FnMut(u32, String, String)) -> (Vec<Entry>, Option<String>, usize) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut first = None;
    let mut is_open = false;
    let mut at = 0;
    for (number, whole) in (1..).zip(text.split_inclusive('\n')) {
        let line = whole.trim();
        let Some(comment) = line.strip_prefix("--") else {
            if !line.is_empty() {
                break;
            }
            is_open = false;
            at += whole.len();
            continue;
        };
        at += whole.len();
        if is_open && comment.starts_with("   ") {
            if let Some(entry) = entries.last_mut() {
                entry.value.push('\n');
                entry.value.push_str(comment.trim());
            }
            continue;
        }
        is_open = false;
        let Some((key, value)) = key_of(line) else {
            let remark = comment.trim();
            // What is said to the linter describes nothing.
            let is_one = !remark.is_empty() && !remark.starts_with("squawk-");
            first = first.or_else(|| is_one.then(|| remark.to_owned()));
            continue;
        };
        if let Some(known) = KEYS.into_iter().find(|known| *known == key) {
            if entries.iter().any(|entry| entry.key == known) {
                refuse(number, format!("`{known}` stands there twice"), "remove one of them".to_owned());
            }
            is_open = known == "verify";
            entries.push(Entry { key: known, value: value.to_owned(), line: number });
        } else if let Some(near) = crate::near::nearest(key, KEYS) {
            let message = format!("`{key}` is not known");
            refuse(
                number,
                message,
                format!("did you mean `{near}`? A remark has no colon after its first word"),
            );
        } else {
            first = first.or_else(|| Some(comment.trim().to_owned()));
        }
    }
    (entries, first, at)
}

/// `-- key: value`; the key is one word.
fn key_of(comment: &str) -> Option<(&str, &str)> {
    let (key, value) = comment.strip_prefix("--")?.split_once(':')?;
    let key = key.trim();
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    is_key.then_some((key, value.trim()))
}

/// What is wrong, and the mend.
type Wrong = (String, String);

fn transaction(value: &str) -> Result<bool, Wrong> {
    match value {
        "none" => Ok(true),
        "one" => Ok(false),
        _ => Err((
            format!("`{value}` is neither `one` nor `none`"),
            "write `none` for statements that PostgreSQL refuses in a transaction; else remove the line"
                .to_owned(),
        )),
    }
}

/// `500ms`, `30s`, `5m`, `2h`, `1d`, in quotes or not, as the configuration writes lengths of time.
pub(super) fn length(value: &str) -> Result<Duration, Wrong> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let plain = value.trim_matches('"');
    let digits = plain.len() - plain.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = plain.split_at(digits);
    let length = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, millis)| number.parse::<u64>().ok()?.checked_mul(*millis))
        .map(Duration::from_millis);
    match length {
        None => Err((
            format!("`{value}` is no length of time"),
            "write a number and ms, s, m, h or d: 30s, 5m".to_owned(),
        )),
        Some(length) if length.is_zero() || length > LONGEST => {
            Err((format!("`{value}` is out of range"), "write more than 0 and at most 7d".to_owned()))
        }
        Some(length) => Ok(length),
    }
}

fn chunk(value: &str) -> Result<u32, Wrong> {
    value.parse().ok().filter(|rows| (1..=MOST_ROWS).contains(rows)).ok_or_else(|| {
        (format!("`{value}` is no number of rows"), format!("write a whole number from 1 to {MOST_ROWS}"))
    })
}

/// One query.
fn verify(value: &str) -> Result<String, Wrong> {
    let help =
        || "write one query whose single value is true, such as SELECT count(*) = 0 FROM t WHERE c IS NULL";
    let found = tokens(value);
    let pieces =
        split(value, &found).map_err(|SplitMistake { message, help, .. }| (message, help.to_owned()))?;
    match pieces.as_slice() {
        [query] if ["select", "with", "values", "table"].iter().any(|word| query.begins(&[word])) => {
            Ok(query.text.to_owned())
        }
        [_] => Err(("it is not a query".to_owned(), help().to_owned())),
        _ => Err((format!("it is {} statements", pieces.len()), help().to_owned())),
    }
}

/// Whether a statement has this parameter; `::cursor` is a cast.
fn says(found: &Tokens<'_>, name: &str) -> bool {
    use squawk_lexer::TokenKind::Colon;
    found.tokens.windows(2).enumerate().any(|(at, pair)| {
        let [colon, word] = pair else { return false };
        let is_cast = at
            .checked_sub(1)
            .and_then(|before| found.tokens.get(before))
            .is_some_and(|before| before.kind == Colon && before.end() == colon.at);
        colon.kind == Colon && word.at == colon.end() && word.text == name && !is_cast
    })
}

#[cfg(test)]
mod tests;
