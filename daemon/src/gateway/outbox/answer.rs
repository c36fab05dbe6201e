//! What an answer of the engine or the scheduler means: pure.

use std::time::Duration;

use serde_json::Value;

/// The longest wait that is taken from an answer.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Letters of an id, and of an answer that is quoted.
const ID: usize = 200;
const QUOTED: usize = 200;

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken {
        execution_id: Option<String>,
        note: Option<String>,
    },
    /// The next try may help. `wait`: the other side asks to be left alone for so long. `sick`: the other side itself failed.
    Again {
        why: String,
        wait: Option<Duration>,
        sick: bool,
    },
    /// No other try will help.
    Refused {
        why: String,
    },
}

/// Judges an answer. `retry_after`: the header of that name; `now`: milliseconds since the epoch, UTC.
pub(super) fn judge(who: &str, status: u16, retry_after: Option<&str>, body: &[u8], now: i64) -> Verdict {
    let why = || {
        let text: String =
            String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(QUOTED).collect();
        let text = cutover_shared::redact::redact(text.trim());
        if text.is_empty() {
            format!("{who} answered {status}")
        } else {
            format!("{who} answered {status}: {text}")
        }
    };
    match status {
        200..=299 => Verdict::Taken { execution_id: execution(body), note: None },
        // An earlier try arrived, though its answer did not.
        409 => Verdict::Taken { execution_id: execution(body), note: Some(format!("{who} had it already")) },
        408 | 425 => Verdict::Again { why: why(), wait: None, sick: false },
        429 => Verdict::Again { why: why(), wait: wait(retry_after, now), sick: false },
        500.. => Verdict::Again { why: why(), wait: wait(retry_after, now), sick: true },
        _ => Verdict::Refused { why: why() },
    }
}

/// Seconds, or a date.
fn wait(header: Option<&str>, now: i64) -> Option<Duration> {
    let text = header?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
            Duration::from_millis(u64::try_from(at.saturating_sub(now)).unwrap_or(0))
        }
    };
    Some(wait.min(LONGEST))
}

fn execution(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let id = match answer.get("execution_id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let id: String = id.chars().filter(|c| !c.is_control()).take(ID).collect();
    (!id.is_empty()).then_some(id)
}
