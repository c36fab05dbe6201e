//! Numbers, times and durations as people read them, and durations as they write them.

use std::time::Duration;

use chrono::DateTime;

use crate::clock::LONGEST;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `12345` as `12,345`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A rate: whole above ten, one place below. What is no number is 0.
pub fn decimal(x: f64) -> String {
    let x = if x.is_finite() && x > 0.0 { x } else { 0.0 };
    if x >= 10.0 { group(&format!("{x:.0}")) } else { format!("{x:.1}") }
}

fn group(digits: &str) -> String {
    digits.parse().map_or_else(|_| digits.to_owned(), number)
}

/// Whole percent of `part` in `whole`, rounded down, so that 100 % means all.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 100;
    }
    u64::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100)
}

/// A duration in its two largest units: `3 h 12 min`. Below a second in milliseconds.
pub fn duration(length: Duration) -> String {
    if length < Duration::from_secs(1) && !length.is_zero() {
        return format!("{} ms", length.as_millis());
    }
    span(length.as_secs())
}

/// The largest unit that fits into `seconds`, and the one below it.
fn units(seconds: u64) -> ((u64, &'static str), (u64, &'static str)) {
    if seconds < MINUTE {
        ((1, "s"), (1, "s"))
    } else if seconds < HOUR {
        ((MINUTE, "min"), (1, "s"))
    } else if seconds < DAY {
        ((HOUR, "h"), (MINUTE, "min"))
    } else {
        ((DAY, "d"), (HOUR, "h"))
    }
}

/// Seconds in their two largest units.
pub fn span(seconds: u64) -> String {
    let ((big, large), (small, little)) = units(seconds);
    let (many, rest) = (number(seconds / big), seconds % big / small);
    if rest == 0 { format!("{many} {large}") } else { format!("{many} {large} {rest} {little}") }
}

/// How far `then` lies from `now` (milliseconds since the epoch), in one unit: `3 min ago`, `in 24 h`.
pub fn age(now: i64, then: i64) -> String {
    let seconds = now.abs_diff(then) / 1000;
    let ((unit, word), _) = units(seconds);
    let many = number(seconds / unit);
    match (seconds, then > now) {
        (0, _) => "just now".to_owned(),
        (_, true) => format!("in {many} {word}"),
        (_, false) => format!("{many} {word} ago"),
    }
}

/// Milliseconds since the epoch as `2026-08-21 14:03:05Z`.
pub fn time(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms)
        .map_or_else(|| format!("{ms} ms"), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// Reads `90`, `90s`, `1500ms`, `5min`, `2h`, `1d`: more than nothing and at most a year.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    const WANTED: &str = "write a duration like 90s, 5min, 2h or 1d";
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let count: u64 = digits.parse().map_err(|_| WANTED.to_owned())?;
    let milliseconds: u64 = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => MINUTE * 1000,
        "h" => HOUR * 1000,
        "d" => DAY * 1000,
        _ => return Err(WANTED.to_owned()),
    };
    let length = count.checked_mul(milliseconds).map(Duration::from_millis).filter(|d| *d <= LONGEST);
    match length {
        Some(length) if length.is_zero() => Err("a duration of nothing would end at once".to_owned()),
        Some(length) => Ok(length),
        None => Err("a year is the longest".to_owned()),
    }
}
