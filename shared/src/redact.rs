//! Takes what looks like a credential out of text that is about to be logged or shown.
//! Typed secrets never reach here; this is the net below them.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Prefixes after which GitHub, JWT and PEM secrets run on to the end of the word. No length is assumed.
const MARKS: [&str; 8] = ["ghs_", "gho_", "ghu_", "ghr_", "ghp_", "github_pat_", "eyJ", "-----BEGIN"];

/// `text` without anything that looks like a GitHub token, a JWT, a PEM block or the password of a URL.
pub fn redact(text: &str) -> Cow<'_, str> {
    let suspicious =
        MARKS.iter().any(|mark| text.contains(mark)) || (text.contains("://") && text.contains('@'));
    if !suspicious {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_url_passwords(&without_marked(text)))
}

fn without_marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, mark)) = MARKS.iter().filter_map(|mark| rest.find(mark).map(|at| (at, *mark))).min() {
        out.push_str(&rest[..at]);
        out.push_str(REDACTED);
        let tail = &rest[at..];
        let length = if mark == "-----BEGIN" {
            pem_length(tail)
        } else {
            tail.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(tail.len())
        };
        rest = &tail[length..];
    }
    out.push_str(rest);
    out
}

/// From `-----BEGIN` to the end of the `-----END ...-----` line; all that is left when that is missing.
fn pem_length(tail: &str) -> usize {
    let Some(end) = tail.find("-----END") else { return tail.len() };
    let after = end + "-----END".len();
    tail[after..].find("-----").map_or(tail.len(), |at| after + at + "-----".len())
}

fn without_url_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = at + 3;
        let tail = &rest[start..];
        let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'<>".contains(c)).unwrap_or(tail.len());
        let authority = &tail[..end];
        out.push_str(&rest[..start]);
        match authority.rfind('@').map(|i| authority.split_at(i)) {
            Some((user, host)) if user.contains(':') => {
                out.push_str(user.split(':').next().unwrap_or_default());
                out.push(':');
                out.push_str(REDACTED);
                out.push_str(host);
            }
            _ => out.push_str(authority),
        }
        rest = &tail[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
