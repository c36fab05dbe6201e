//! Mistakes in how users of the application's API are told apart, in where its workflows are, and in the days of the old OAuth
//! callback.

use chrono::{DateTime, NaiveDate};

use super::gather::Values;
use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::value::{address, quoted};

/// Keys that others' tokens are signed with too would let any of their users in.
pub(super) fn api(values: &Values, mistakes: &mut Mistakes) {
    let (keys, audience) = ("api.jwks_url", "api.jwt_audience");
    let told = values.text(audience).is_some() || values.text("api.jwt_issuer").is_some();
    let lenient = values.text("environment") == Some("demo");
    if values.text(keys).is_some() && !told && !lenient && !mistakes.has_syntax() {
        let what = "is set without api.jwt_issuer or api.jwt_audience: a token for another application would be taken";
        let mend = "set `jwt_issuer`, `jwt_audience` or both under [api]";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, keys, values.place(keys), what, mend));
    }
}

/// Workflows are read where the catalog is read.
pub(super) fn workflows(values: &Values, mistakes: &mut Mistakes) {
    if mistakes.has_syntax() {
        return;
    }
    let source = "workflows.source";
    if values.text(source) == Some("application") && values.text("catalog.source") != Some("postgres") {
        let what = "is \"application\" while catalog.source is not \"postgres\": there is no database to read them in";
        let mend = "set catalog.source = \"postgres\" with its database, or \"registered\" here";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, source, values.place(source), what, mend));
    }
}

/// A day of the migration, in milliseconds since the epoch; none where it is not set, or said to be no day.
pub(super) fn day(values: &Values, mistakes: &mut Mistakes, key: &'static str) -> Option<i64> {
    let text = values.text(key)?;
    let moment = moment(text);
    if moment.is_none() {
        let what = format!("expected a day or a moment, found {}", quoted(text));
        let mend = "write \"2027-06-30\" or \"2027-06-30T12:00:00Z\"";
        mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
    }
    moment
}

/// What the addresses of the old app's webhooks begin with, each without a slash at its end.
pub(super) fn old_hook_urls(values: &Values, mistakes: &mut Mistakes) -> Option<Vec<String>> {
    let key = "migration.old_hook_urls";
    let (mut urls, mut good) = (Vec::new(), true);
    for text in values.list(key)? {
        match address(text) {
            Ok(url) => urls.push(url.to_owned()),
            Err(mend) => {
                good = false;
                let what = format!("expected addresses, found {}", quoted(text));
                mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
            }
        }
    }
    urls.sort();
    urls.dedup();
    good.then_some(urls)
}

/// A day is its beginning, UTC.
fn moment(text: &str) -> Option<i64> {
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let moment = match day {
        Some(day) => day.and_utc().timestamp_millis(),
        None => DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis(),
    };
    // What HTTP can't write as a date, no client could read.
    (0..=253_402_300_799_000).contains(&moment).then_some(moment)
}
