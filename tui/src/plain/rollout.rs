//! Figures of rollouts in words. Whole numbers only, cut and never rounded up, so that 99.999 % is not 100 %.

use cutover_shared::rollout::{
    ArmFigures, BaselineMeasure, ChangeView, CriterionState, DrillView, MeasureLine, Measured, Member,
    OperationFigures, ReverseView, RolloutLine, TrackState, Why,
};
use cutover_shared::verdict::{Judgement, Reading, ReadingState, Trigger, Unit, Verdict};

use super::{Tone, age, number, percent, span};

/// `850 us`, `12.4 ms`, `1.2 s`.
pub fn latency(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", number(us / 1_000_000), us % 1_000_000 / 100_000),
    }
}

/// `1.25 %` of parts of a million.
pub fn ppm(n: u64) -> String {
    format!("{}.{:02} %", number(n / 10_000), n % 10_000 / 100)
}

/// `99.9 %`, `99.95 %`: a share as it was written, without zeros at its end.
pub fn share(ppm: u64) -> String {
    let digits = format!("{}.{:04}", ppm / 10_000, ppm % 10_000);
    format!("{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// Errors as a share of calls; none without calls.
pub fn error_rate(arm: &ArmFigures) -> Option<String> {
    (arm.calls > 0).then(|| ppm(share_ppm(arm.errors, arm.calls)))
}

/// A share in parts of a million.
pub fn share_ppm(part: u64, whole: u64) -> u64 {
    let ppm = u128::from(part) * 1_000_000 / u128::from(whole.max(1));
    u64::try_from(ppm).unwrap_or(u64::MAX)
}

/// What a reading counts, in its unit.
pub fn amount(unit: Unit, n: u64) -> String {
    match unit {
        Unit::Ppm => ppm(n),
        Unit::Permille => format!("{}.{} %", number(n / 10), n % 10),
        Unit::Count => number(n),
        Unit::Millis if n < 10_000 => format!("{} ms", number(n)),
        Unit::Millis => span(n / 1_000),
    }
}

/// `error rate`, `performance of checkout`.
pub fn trigger(reading: &Reading) -> String {
    let word = reading.trigger.word().replace('_', " ");
    reading.name.as_ref().map_or(word.clone(), |name| format!("{word} of {name}"))
}

/// How a trigger stands, in words.
pub fn reading_state(state: ReadingState) -> &'static str {
    match state {
        ReadingState::Clear => "clear",
        ReadingState::Warning => "warning",
        ReadingState::Undecided => "undecided",
        ReadingState::NotEnoughData => "not enough data",
        ReadingState::Fired => "FIRED",
    }
}

/// What the judge says, in words.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::NotEnoughData => "not enough data",
        Verdict::GateFailed => "gate failed",
        Verdict::Breach => "BREACH",
    }
}

/// What a reading lacks, in words; empty where nothing is missing.
pub fn missing(reading: &Reading) -> String {
    match reading.state {
        ReadingState::NotEnoughData => format!("{} more", number(reading.missing)),
        ReadingState::Undecided => format!("about {} more", number(reading.missing)),
        _ => String::new(),
    }
}

/// How much of the way to firing is gone, 0 to 1,000.
pub fn spent(reading: &Reading) -> u64 {
    1_000_u64.saturating_sub(u64::from(reading.distance_permille.min(1_000)))
}

/// The reading that is nearest to firing, or that lacks most.
pub fn nearest(judgement: &Judgement) -> Option<&Reading> {
    judgement.readings.iter().min_by_key(|reading| (reading.distance_permille, reading.trigger))
}

/// `12 of 120 (10 %)`.
pub fn inside(line: &RolloutLine) -> String {
    let (inside, all) = (line.inside, line.tenants);
    if all == 0 {
        return "no tenants".to_owned();
    }
    format!("{} of {} ({} %)", number(inside), number(all), percent(inside, all))
}

/// `212.0 ms of 400`, or that there is no data.
pub fn measured(one: &Measured) -> String {
    let Some(value) = one.value else { return "no data".to_owned() };
    let value = match one.measure {
        BaselineMeasure::ImportLatency | BaselineMeasure::TokenIssuance => latency(value),
        BaselineMeasure::ImportSuccess | BaselineMeasure::WebhookFailure => ppm(value),
    };
    format!("{value} of {}", number(one.sample))
}

/// `token issuance`, and what follows it: `212.0 ms of 400 before, no data in this stage`.
pub fn measure(line: &MeasureLine) -> (String, String) {
    let what = line.measure.word().replace('_', " ");
    (what, format!("{} before, {} in this stage", measured(&line.before), measured(&line.now)))
}

/// A sign and the word, so that no criterion is told by a colour alone.
pub fn criterion(state: CriterionState) -> &'static str {
    match state {
        CriterionState::Holds => "+ holds",
        CriterionState::Fails => "x fails",
        CriterionState::Unknown => "? unknown",
    }
}

/// A sign and the word.
pub fn track_state(state: TrackState) -> &'static str {
    match state {
        TrackState::Passed => "+ done",
        TrackState::Now => "> now",
        TrackState::Next => "o next",
        TrackState::Later => "  later",
    }
}

/// `canary-10 to canary-50`, or the stage alone where it stays.
pub fn moved(change: &ChangeView) -> String {
    if change.from == change.to { change.to.to_string() } else { format!("{} to {}", change.from, change.to) }
}

/// Why a tenant is where it is, with its bucket where that decided.
pub fn why(member: &Member) -> String {
    match member.why {
        Why::Bucket => {
            format!("its bucket, {} of 10,000, against the share", number(u64::from(member.bucket)))
        }
        why => why.text().to_owned(),
    }
}

/// `stage shadow to canary-10`, `flag git.clone.use_service_layer off`, `override acme to legacy`, `mode on`: what was
/// changed, in one phrase.
pub fn changed(change: &ChangeView) -> String {
    let word = |key: &str| change.detail[key].as_str().unwrap_or_default().to_owned();
    match change.act.as_str() {
        "flag" => {
            let on = change.detail["on"].as_bool().map_or("", |on| if on { " on" } else { " off" });
            format!("flag {}{on}", word("flag")).trim_end().to_owned()
        }
        "override" => match change.detail["after"].as_str() {
            Some(side) => format!("override {} to {side}", word("tenant")),
            None => format!("override of {} taken away", word("tenant")),
        },
        "mode" => format!("mode {}", word("mode")).trim_end().to_owned(),
        "begin" => format!("begin at {}", change.to),
        act if change.from == change.to => format!("{act} in {}", change.to),
        act => format!("{act} {}", moved(change)),
    }
}

/// That the budget of calls limits what is compared; none while it does not.
pub fn limited(figures: &OperationFigures) -> Option<String> {
    (figures.over_budget > 0).then(|| {
        format!(
            "limited by the budget (`rollout.shadow_calls_per_hour`): {} compared, {} left out, which is no loss",
            number(figures.compared),
            number(figures.over_budget)
        )
    })
}

/// How the last drill of the way back went.
pub fn walked(last: Option<&ReverseView>, now: i64) -> (String, Tone) {
    match last {
        Some(walked) if walked.ok => (format!("passed {}", age(now, walked.at)), Tone::Good),
        Some(walked) => (format!("FAILED {}", age(now, walked.at)), Tone::Bad),
        None => ("none yet".to_owned(), Tone::Warn),
    }
}

/// When the next drill is.
pub fn next_drill(drill: &DrillView, now: i64) -> (String, Tone) {
    let left = drill.due_at.saturating_sub(now);
    match (drill.overdue, left > 0) {
        (true, _) => (format!("next OVERDUE, due {}", age(now, drill.due_at)), Tone::Warn),
        (false, true) => (format!("next in {}", span(left.unsigned_abs() / 1_000)), Tone::Plain),
        (false, false) => ("next due, in the hours of rollouts".to_owned(), Tone::Plain),
    }
}

/// How an act on a rollout looks.
pub fn act_tone(act: &str) -> Tone {
    match act {
        "kill" | "rollback" | "auto-rollback" => Tone::Bad,
        "freeze" | "back" => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// What a trigger's figure is a figure of.
pub fn counted(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::ErrorRate => "of calls failed",
        Trigger::LatencyP50 | Trigger::LatencyP95 | Trigger::LatencyP99 => {
            "of calls over the baseline's limit"
        }
        Trigger::Consistency => "of compared answers differ",
        Trigger::GrossFailures => "in a row",
        Trigger::CriticalIncident => "open",
        Trigger::Disruption => "disrupted",
        Trigger::WrongData => "of users with wrong data",
        Trigger::CriticalFunction => "failing",
        Trigger::Performance | Trigger::Regression => "worse than the baseline",
        Trigger::RecordsLost => "calls not counted",
        Trigger::IncompleteWindows => "windows cut short",
        Trigger::ShadowShed => "of shadow calls lost lately",
    }
}

/// How much a reading matters to who looks: what has fired first, what is clear last.
pub fn urgency(reading: &Reading) -> (u8, u16, Trigger) {
    let rank = match reading.state {
        ReadingState::Fired => 0,
        ReadingState::Undecided => 1,
        ReadingState::Warning => 2,
        ReadingState::NotEnoughData => 3,
        ReadingState::Clear => 4,
    };
    (rank, reading.distance_permille, reading.trigger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_cut_and_never_rounded_up() {
        assert_eq!(
            (latency(850), latency(12_499), latency(1_290_000)),
            ("850 us".into(), "12.4 ms".into(), "1.2 s".into())
        );
        assert_eq!(
            (ppm(999_999), ppm(42), ppm(12_500)),
            ("99.99 %".into(), "0.00 %".into(), "1.25 %".into())
        );
        assert_eq!(amount(Unit::Permille, 125), "12.5 %");
        assert_eq!((amount(Unit::Millis, 350), amount(Unit::Millis, 90_000)), ("350 ms".into(), span(90)));
        assert_eq!(share_ppm(u64::MAX, 1), u64::MAX);
        assert_eq!(error_rate(&ArmFigures::default()), None, "of nothing there is no share");
    }
}
