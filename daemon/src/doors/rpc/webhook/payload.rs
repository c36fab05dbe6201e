//! A body as people may see it: indented, without secrets, bounded.

use std::borrow::Cow;

use cutover_shared::redact::redact;
use cutover_shared::webhook::MAX_PAYLOAD;
use serde::de::IgnoredAny;

/// The text of a body, at most [`MAX_PAYLOAD`] bytes, and whether there is more.
pub(super) fn text(body: &[u8]) -> (String, bool) {
    let json = std::str::from_utf8(body).ok().filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    let (mut text, more) = match json {
        Some(json) => indented(json),
        None => {
            // Three bytes of a mark may stand for one that can't be read, so this is always enough.
            let head = body.get(..=MAX_PAYLOAD).unwrap_or(body);
            shown(&String::from_utf8_lossy(head), head.len() < body.len())
        }
    };
    let more = more || text.len() > MAX_PAYLOAD;
    text.truncate(text.floor_char_boundary(MAX_PAYLOAD));
    (text, more)
}

/// JSON a line a value, in its own order. Written as it is read and only as far as it is shown: a tree of 25 MB of brackets
/// would need gigabytes.
fn indented(json: &str) -> (String, bool) {
    let (mut out, mut depth, mut more) = (String::new(), 0, false);
    let mut rest = json.trim_ascii();
    while let Some(first) = rest.chars().next() {
        if out.len() > MAX_PAYLOAD {
            return (out, true);
        }
        let length = match first {
            '"' => string(rest),
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        rest = after.trim_ascii_start();
        match first {
            '{' | '[' => {
                out.push(first);
                match rest.chars().next() {
                    Some(end @ ('}' | ']')) => {
                        out.push(end);
                        rest = rest[1..].trim_ascii_start();
                    }
                    _ => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(first);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => more |= quoted(token, &mut out),
            _ => out.push(first),
        }
    }
    (out, more)
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Bytes of the string that `rest` begins with, its quotes among them.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |at| at + 2)
}

/// A string without its secrets, which escapes would hide. Answers whether it was cut.
fn quoted(token: &str, out: &mut String) -> bool {
    let plain: Cow<'_, str> = match serde_json::from_str::<String>(token) {
        Ok(plain) => plain.into(),
        // Half of a pair of surrogates, which no text can hold: it stays as it was written.
        Err(_) => token.trim_matches('"').into(),
    };
    let (text, cut) = shown(&plain, false);
    out.push_str(&serde_json::Value::from(text).to_string());
    cut
}

/// Text without secrets, cut so that no half of one is taken for harmless. `more` says that it was cut before.
fn shown(text: &str, more: bool) -> (String, bool) {
    let mut head = &text[..text.floor_char_boundary(MAX_PAYLOAD)];
    let cut = more || head.len() < text.len();
    // Tokens and keys are known by how they begin, the password of a URL by the sign behind it, which may be cut off.
    if let (true, Some(at)) = (cut, head.rfind("://")) {
        let begin = at + "://".len();
        let ends = |c: char| c.is_whitespace() || "/?#\"'<>".contains(c);
        if !head[begin..].contains(ends) {
            head = &head[..begin];
        }
    }
    (redact(head).into_owned(), cut)
}

#[cfg(test)]
mod tests;
