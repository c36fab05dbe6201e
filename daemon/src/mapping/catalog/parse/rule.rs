//! What each column may hold. An error says what would be right and never repeats the value.

use chrono::DateTime;

/// The longest text of an ordinary column, in characters.
const TEXT_LIMIT: usize = 200;
/// The longest token, in bytes. GitHub promises no length.
const TOKEN_LIMIT: usize = 4_096;
/// Times outside 2001 to 2286 are not milliseconds of an import.
const TIMES: std::ops::Range<i64> = 1_000_000_000_000..10_000_000_000_000;

type Checked<T> = Result<T, String>;

/// The application's own text: anything that people can see.
pub(super) fn id(text: &str) -> Checked<String> {
    if text.chars().any(|c| c.is_control() || is_unseen(c)) {
        return Err("holds a control character: take it out".to_owned());
    }
    if text.chars().count() > TEXT_LIMIT {
        return Err(format!("is longer than {TEXT_LIMIT} characters"));
    }
    Ok(text.to_owned())
}

/// `owner/name` in GitHub's letters.
pub(super) fn repo_full_name(text: &str) -> Checked<String> {
    let right = "write owner/name as GitHub shows it";
    if text.contains("://") || text.starts_with("git@") {
        return Err(format!("is an address: {right}"));
    }
    let Some((owner, name)) = text.split_once('/') else { return Err(format!("has no slash: {right}")) };
    if name.contains('/') {
        return Err(format!("has more than one slash: {right}"));
    }
    login(owner).map_err(|problem| format!("owner {problem}"))?;
    let letters = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > 100 || !name.chars().all(letters) || name == "." || name == ".." {
        return Err("the name has 1 to 100 letters, digits, `-`, `_` and `.`".to_owned());
    }
    if name.len() > 4 && name.to_ascii_lowercase().ends_with(".git") {
        return Err("leave out .git at the end".to_owned());
    }
    Ok(text.to_owned())
}

/// A user's or an organisation's login. Those of enterprise-managed users hold an underscore.
pub(super) fn login(text: &str) -> Checked<String> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 39 || text.starts_with('-') || !text.chars().all(letters) {
        return Err("has 1 to 39 letters, digits, `-` and `_`, and does not begin with `-`".to_owned());
    }
    Ok(text.to_owned())
}

/// One of GitHub's numeric ids.
pub(super) fn number(text: &str) -> Checked<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|id| digits && *id > 0)
        .ok_or_else(|| "must be a positive whole number".to_owned())
}

/// A whole commit or tree id; in lower case from here on.
pub(super) fn sha(text: &str) -> Checked<String> {
    if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("must be 40 or 64 hexadecimal digits".to_owned())
    }
}

/// A token, fit for a header.
pub(super) fn token(text: &str) -> Checked<String> {
    if text.len() > TOKEN_LIMIT {
        return Err(format!("is longer than {TOKEN_LIMIT} bytes"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a character that no token has: copy it again".to_owned());
    }
    Ok(text.to_owned())
}

/// GitHub's marks of tokens.
const TOKEN_MARKS: [&str; 6] = ["gho_", "ghu_", "ghp_", "ghs_", "ghr_", "github_pat_"];
/// Letters behind a mark from which on it is taken for a token.
const TOKEN_LEAST: usize = 20;

/// Holds what GitHub marks as a token. In any other column than the tokens' own it would be stored in clear.
pub(super) fn holds_token(text: &str) -> bool {
    TOKEN_MARKS.iter().any(|mark| {
        text.match_indices(mark).any(|(at, mark)| {
            let rest = &text[at + mark.len()..];
            rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
                >= TOKEN_LEAST
        })
    })
}

/// RFC 3339, or milliseconds since the epoch.
pub(super) fn time(text: &str) -> Checked<i64> {
    let right = "write it as 2025-01-31T12:00:00Z or as milliseconds since 1970";
    let (at, number) = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        (text.parse().ok(), true)
    } else {
        (DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis()), false)
    };
    match at {
        Some(at) if TIMES.contains(&at) => Ok(at),
        Some(at) if number && (TIMES.start / 1_000..TIMES.end / 1_000).contains(&at) => {
            Err(format!("is in seconds: {right}"))
        }
        Some(_) => Err(format!("is not the time of an import: {right}")),
        None => Err(format!("is no time: {right}")),
    }
}

/// Characters that change how text around them looks, and are not seen themselves.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
