//! From what was written to a value of the right type, or to a complaint that says what would be right.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use toml::Spanned;
use toml::de::DeValue;

use super::key::{Kind, SecretForm, UNITS, in_words};
use super::mistake::MistakeKind;

/// A checked value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Flag(bool),
    Whole(i64),
    Length(Duration),
    Path(PathBuf),
    List(Vec<String>),
    Secret(SecretString),
}

/// What is wrong with a value; where is known to whoever asked.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) kind: MistakeKind,
    pub(super) what: String,
    pub(super) mend: String,
    /// Byte offset of the part that is wrong, when it isn't the whole value.
    pub(super) at: Option<usize>,
}

impl Complaint {
    pub(super) fn new(kind: MistakeKind, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { kind, what: what.into(), mend: mend.into(), at: None }
    }

    fn wrong_type(kind: &Kind, found: &str, mend: impl Into<String>) -> Self {
        Self::new(MistakeKind::WrongType, format!("expected {}, found {found}", kind.expected()), mend)
    }

    fn out_of_range(kind: &Kind, found: &str) -> Self {
        let range = kind.range().unwrap_or_else(|| kind.expected());
        Self::new(
            MistakeKind::OutOfRange,
            format!("{found} is out of range"),
            format!("write a value from {range}"),
        )
    }
}

/// Most entries of a list.
const LONGEST_LIST: usize = 10_000;

/// The longest text that is not a secret, in bytes.
const LONGEST_TEXT: usize = 4096;

/// The value of a TOML value.
pub(super) fn from_toml(kind: &Kind, value: &Spanned<DeValue<'_>>) -> Result<Value, Complaint> {
    match (kind, value.get_ref()) {
        (Kind::Whole { .. }, DeValue::Integer(written)) => {
            match i64::from_str_radix(written.as_str(), written.radix()) {
                Ok(number) => whole(kind, number),
                Err(_) => Err(Complaint::out_of_range(kind, &written.to_string())),
            }
        }
        (Kind::Flag, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (Kind::Flag, other) => {
            Err(Complaint::wrong_type(kind, &found(other), "write true or false, without quotes"))
        }
        (Kind::List, DeValue::Array(items)) => {
            let mut texts = Vec::new();
            for item in items {
                match item.get_ref() {
                    DeValue::String(text) => texts.push(text.trim().to_owned()),
                    other => {
                        let mut complaint =
                            Complaint::wrong_type(&Kind::Text, &found(other), "write it in quotes");
                        complaint.at = Some(item.span().start);
                        return Err(complaint);
                    }
                }
            }
            list(texts)
        }
        (Kind::Whole { .. } | Kind::List, DeValue::String(text)) => {
            let mend = match kind {
                Kind::List => format!("write it in brackets: [{}]", quoted(text)),
                _ if text.trim().parse::<i64>().is_ok() => {
                    format!("write it without quotes: {}", text.trim())
                }
                _ => "write a whole number, without quotes".to_owned(),
            };
            Err(Complaint::wrong_type(kind, &quoted(text), mend))
        }
        (Kind::Whole { .. } | Kind::List, other) => {
            Err(Complaint::wrong_type(kind, &found(other), format!("write {}", kind.expected())))
        }
        (_, DeValue::String(text)) => from_word(kind, text),
        (Kind::Length { .. }, DeValue::Integer(number)) => Err(Complaint::wrong_type(
            kind,
            &format!("{number} without a unit"),
            format!("write it with a unit, in quotes: \"{number}s\""),
        )),
        (Kind::Secret(_), other) => {
            // The value itself is not shown: a number in the place of a secret may be the secret.
            Err(Complaint::wrong_type(kind, with_article(other), "write it as a text in quotes"))
        }
        (_, other) => Err(Complaint::wrong_type(kind, &found(other), "write it as a text in quotes")),
    }
}

/// The value of a text from the environment or from a file with a secret.
pub(super) fn from_text(kind: &Kind, text: &str) -> Result<Value, Complaint> {
    match kind {
        Kind::Whole { .. } => match text.trim().parse::<i64>() {
            Ok(number) => whole(kind, number),
            Err(_) => Err(Complaint::wrong_type(kind, &quoted(text), "write digits only")),
        },
        Kind::Flag => match text.trim() {
            "true" => Ok(Value::Flag(true)),
            "false" => Ok(Value::Flag(false)),
            _ => Err(Complaint::wrong_type(kind, &quoted(text), "write true or false")),
        },
        Kind::List => {
            list(text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect())
        }
        Kind::Word(_)
        | Kind::Label
        | Kind::Text
        | Kind::Length { .. }
        | Kind::Path
        | Kind::Address
        | Kind::SqlName
        | Kind::SqlNameOrNone
        | Kind::Filter
        | Kind::Secret(_) => from_word(kind, text),
    }
}

fn from_word(kind: &Kind, text: &str) -> Result<Value, Complaint> {
    if let Kind::Secret(form) = kind {
        return secret(*form, text).map(Value::Secret);
    }
    if text.len() > LONGEST_TEXT {
        let what = format!("{} bytes are too long", text.len());
        return Err(Complaint::new(
            MistakeKind::OutOfRange,
            what,
            format!("write at most {LONGEST_TEXT} bytes"),
        ));
    }
    let wrong = |mend: String| Complaint::wrong_type(kind, &quoted(text), mend);
    match kind {
        Kind::Length { min, max } => {
            let length =
                length(text).ok_or_else(|| wrong("write a number and ms, s, m, h or d: \"90s\"".into()))?;
            if length < *min || length > *max {
                return Err(Complaint::out_of_range(kind, &in_words(length)));
            }
            Ok(Value::Length(length))
        }
        Kind::Path => path(text).map(Value::Path).map_err(|mend| wrong(mend.into())),
        _ => wording(kind, text).map(|text| Value::Text(text.to_owned())).map_err(wrong),
    }
}

/// The text, checked by the rule of its kind, or what to write instead.
fn wording<'t>(kind: &Kind, text: &'t str) -> Result<&'t str, String> {
    let text = text.trim();
    match kind {
        Kind::Word(words) if words.contains(&text) => Ok(text),
        Kind::Word(words) => {
            let near = crate::near::nearest(text, words.iter().copied());
            Err(near.map_or_else(
                || format!("write {}", kind.expected()),
                |word| format!("did you mean \"{word}\"?"),
            ))
        }
        Kind::Label => {
            let fits = (1..=39).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if fits { Ok(text) } else { Err("write 1 to 39 of a to z, 0 to 9 and -".into()) }
        }
        Kind::Address => address(text).map_err(Into::into),
        Kind::SqlNameOrNone if text.is_empty() => Ok(text),
        Kind::SqlName | Kind::SqlNameOrNone => {
            // PostgreSQL cuts longer names silently, and then means another column.
            let fits = (1..=63).contains(&text.len()) && !text.chars().any(char::is_control);
            if fits { Ok(text) } else { Err("write the name as the database has it, 1 to 63 bytes".into()) }
        }
        Kind::Filter => filter(text),
        _ if text.is_empty() || text.chars().any(char::is_control) => {
            Err("write one line that is not empty, or remove the key".into())
        }
        _ => Ok(text),
    }
}

fn whole(kind: &Kind, number: i64) -> Result<Value, Complaint> {
    match kind {
        Kind::Whole { min, max } if number < *min || number > *max => {
            Err(Complaint::out_of_range(kind, &number.to_string()))
        }
        _ => Ok(Value::Whole(number)),
    }
}

fn list(texts: Vec<String>) -> Result<Value, Complaint> {
    if texts.len() > LONGEST_LIST {
        let what = format!("{} entries are too many", texts.len());
        return Err(Complaint::new(
            MistakeKind::OutOfRange,
            what,
            format!("write at most {LONGEST_LIST} entries"),
        ));
    }
    if texts.iter().any(|text| text.is_empty() || text.chars().any(char::is_control)) {
        return Err(Complaint::new(
            MistakeKind::WrongType,
            "an entry is empty or has a line break",
            "write one line for each entry",
        ));
    }
    Ok(Value::List(texts))
}

/// `500ms`, `90s`, `15m`, `24h`, `7d`.
fn length(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == &text[digits..])?;
    number.checked_mul(*unit).map(Duration::from_millis)
}

fn path(text: &str) -> Result<PathBuf, &'static str> {
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err("write the path of a file or folder");
    }
    if text.starts_with('~') || text.starts_with('$') {
        return Err("write the whole path: ~ and $ are not replaced");
    }
    Ok(PathBuf::from(text))
}

pub(super) fn address(text: &str) -> Result<&str, &'static str> {
    let text = text.trim_end_matches('/');
    let address: http::Uri =
        text.parse().map_err(|_| "write an address such as \"https://api.github.com\"")?;
    if !matches!(address.scheme_str(), Some("http" | "https")) {
        return Err("start it with https://");
    }
    if address.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err("write no user or password into the address");
    }
    if address.query().is_some() || text.contains('#') {
        return Err("leave out what follows ? or #");
    }
    Ok(text)
}

fn filter(text: &str) -> Result<&str, String> {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    for part in text.split(',').map(str::trim) {
        // A word alone that is no level would be taken as the name of a module, so a typo would go unnoticed.
        if !part.contains(['=', '[']) && !LEVELS.contains(&part.to_lowercase().as_str()) {
            let near = crate::near::nearest(part, LEVELS.iter().copied()).unwrap_or("info");
            return Err(format!(
                "did you mean \"{near}\"? For one part write `cutover_daemon::github=debug`"
            ));
        }
    }
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text),
        Err(_) => Err("write a level, or directives such as \"info,cutover_daemon::github=debug\"".into()),
    }
}

/// A secret in its form. No complaint quotes anything of it.
fn secret(form: SecretForm, text: &str) -> Result<SecretString, Complaint> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Complaint::new(
            MistakeKind::WrongType,
            "the secret is empty",
            "write it, or remove the key",
        ));
    }
    match form {
        SecretForm::Opaque | SecretForm::DatabaseUrl if text.chars().any(char::is_control) => {
            let what = "the secret has a line break or another control character";
            Err(Complaint::new(MistakeKind::WrongType, what, "write it as one line"))
        }
        SecretForm::Opaque | SecretForm::DatabaseUrl => Ok(SecretString::from(text.to_owned())),
        SecretForm::PrivateKey => {
            let pem = SecretString::from(text.replace("\\r", "").replace("\\n", "\n"));
            if signs(&pem) {
                return Ok(pem);
            }
            let mend = "take the .pem file that GitHub offers under \"Private keys\" of the App, unchanged; \
                        in the environment \\n stands for a line end";
            Err(Complaint::new(MistakeKind::WrongType, "this is not an RSA private key in PEM", mend))
        }
    }
}

/// A broken key would otherwise show only when the first token is asked for.
fn signs(pem: &SecretString) -> bool {
    let Ok(key) = jsonwebtoken::EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()) else {
        return false;
    };
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    jsonwebtoken::encode(&header, &serde_json::json!({}), &key).is_ok()
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            with_article(value).to_owned()
        }
    }
}

/// The beginning of a text, in quotes.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    // Redacted before it is cut: half a token would no longer look like one.
    let clean = cutover_shared::redact::redact(text);
    let start: String = clean.chars().take(SHOWN).collect();
    let more = if clean.chars().nth(SHOWN).is_some() { "\u{2026}" } else { "" };
    format!("\"{start}{more}\"")
}
