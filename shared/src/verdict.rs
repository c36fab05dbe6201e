//! What the judge says of a rollout, and why: for each trigger its value, its threshold and how far it is from firing.
//! Whole numbers only. Times are milliseconds since 1970 UTC; ppm are parts of a million, 10,000 ppm are 1 %.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::run::words;

#[cfg(test)]
mod tests;

/// The answer of the judge. The worst reading decides: `breach`, then `gate_failed`, then `not_enough_data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every trigger has seen enough and none is over its threshold: the stage may advance.
    Pass,
    /// Something has not seen enough: neither advance nor rollback. Its reading has the number that is missing.
    NotEnoughData,
    /// A gate is closed: no advance, and no rollback either.
    GateFailed,
    /// Roll back now.
    Breach,
}

/// What can stop a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Share of calls that failed.
    ErrorRate,
    /// Share of calls slower than the limit that belongs to the baseline's P50.
    LatencyP50,
    /// Share of calls slower than the limit that belongs to the baseline's P95: over 5 % means that P95 is over the limit.
    LatencyP95,
    /// Share of calls slower than the limit that belongs to the baseline's P99.
    LatencyP99,
    /// Share of compared answers that differ, since shadow began.
    Consistency,
    /// Gross failures in a row, from several tenants.
    GrossFailures,
    /// Critical incidents that are open.
    CriticalIncident,
    /// How long the service has been disrupted.
    Disruption,
    /// Share of users with wrong data.
    WrongData,
    /// Named critical functions that fail.
    CriticalFunction,
    /// How much worse than the baseline a measure is: the wide threshold.
    Performance,
    /// The same with the narrow threshold, for the decision to advance.
    Regression,
    /// Calls that were made and not counted.
    RecordsLost,
    /// Windows that a crash cut short, that are missing, or whose figures contradict themselves.
    IncompleteWindows,
    /// Share of the last shadow calls that were shed, so that what was compared is not what was asked. What a budget leaves out is
    /// none of them.
    ShadowShed,
}

/// What follows when a trigger fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The rollout goes back.
    Rollback,
    /// The rollout may not advance.
    Gate,
}

/// What `value`, `threshold` and `warning_at` of a reading count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Parts of a million.
    Ppm,
    /// Parts of a thousand.
    Permille,
    /// Things.
    Count,
    /// Milliseconds.
    Millis,
}

impl Unit {
    /// `5.00 %`, `0.0042 %`, `12.5 %`, `10`, `350 ms`: a figure for people, cut and never rounded up.
    pub fn amount(self, n: u64) -> String {
        match self {
            Self::Ppm if n.is_multiple_of(100) => format!("{}.{:02} %", n / 10_000, n % 10_000 / 100),
            Self::Ppm => format!("{}.{:04} %", n / 10_000, n % 10_000),
            Self::Permille => format!("{}.{} %", n / 10, n % 10),
            Self::Count => n.to_string(),
            Self::Millis => format!("{n} ms"),
        }
    }
}

/// Where a trigger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingState {
    /// Enough was seen, and all is well.
    Clear,
    /// Over half of the threshold.
    Warning,
    /// Over the threshold, and it may still be chance: neither advance nor rollback.
    Undecided,
    /// Below the floor.
    NotEnoughData,
    /// It fires.
    Fired,
}

words!(Verdict {
    Pass = "pass", NotEnoughData = "not_enough_data", GateFailed = "gate_failed", Breach = "breach",
});
words!(Trigger {
    ErrorRate = "error_rate", LatencyP50 = "latency_p50", LatencyP95 = "latency_p95", LatencyP99 = "latency_p99",
    Consistency = "consistency", GrossFailures = "gross_failures", CriticalIncident = "critical_incident",
    Disruption = "disruption", WrongData = "wrong_data", CriticalFunction = "critical_function",
    Performance = "performance", Regression = "regression", RecordsLost = "records_lost",
    IncompleteWindows = "incomplete_windows", ShadowShed = "shadow_shed",
});
words!(Effect { Rollback = "rollback", Gate = "gate" });
words!(Unit { Ppm = "ppm", Permille = "permille", Count = "count", Millis = "millis" });
words!(ReadingState {
    Clear = "clear", Warning = "warning", Undecided = "undecided", NotEnoughData = "not_enough_data", Fired = "fired",
});

/// How strongly what was seen speaks against "the share is at most the threshold", in thousandths of a natural logarithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The logarithm of the e-value now; negative when what was seen speaks for the target.
    pub log_e_millinats: i64,
    /// It fires from here on: the logarithm of one over the permitted share of false alarms.
    pub limit_millinats: i64,
}

/// One trigger: all that a gauge or the question "why" needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub trigger: Trigger,
    /// Which measure or function, where a trigger has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub effect: Effect,
    pub state: ReadingState,
    pub unit: Unit,
    /// What was seen lately.
    pub value: u64,
    pub threshold: u64,
    /// From here on it warns: half of the threshold.
    pub warning_at: u64,
    /// How far from firing: 0 fires, 1000 is nowhere near.
    pub distance_permille: u16,
    /// What it stands on: calls, compared answers, tenants of the row of failures.
    pub sample: u64,
    /// Below this sample it says nothing.
    pub floor: u64,
    /// How many more are needed until it says something; with `undecided` how many at today's share, as an estimate.
    pub missing: u64,
    /// For triggers that are decided by a sequential test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl Reading {
    /// In a sentence: what was seen, and against what.
    pub fn text(&self) -> String {
        let trigger = self.trigger.word().replace('_', " ");
        let (value, threshold, missing) =
            (self.unit.amount(self.value), self.unit.amount(self.threshold), self.missing);
        match self.state {
            ReadingState::NotEnoughData | ReadingState::Undecided => format!(
                "not enough data: {trigger}, {missing} more are needed ({value} so far, fires at {threshold})"
            ),
            _ => format!("{trigger} {value}, fires at {threshold}"),
        }
    }
}

/// How consistent the arms are proven to be. Displays as `0 mismatches in 3,000; proven >= 99.9001 %`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub compared: u64,
    pub mismatches: u64,
    /// Lower end of the exact one-sided interval (Clopper-Pearson), rounded down.
    pub proven_ppm: u32,
    /// What is to be claimed.
    pub wanted_ppm: u32,
    /// The interval's confidence.
    pub confidence_permille: u16,
    /// Clean comparisons still needed for the claim; 0 when it is proven.
    pub missing: u64,
}

/// A trigger that has fired, as it stood at that moment. It stays until the judge is armed anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firing {
    pub at_ms: i64,
    pub reading: Reading,
}

/// The verdict with all that it stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    pub at_ms: i64,
    /// When the judge was armed.
    pub armed_ms: i64,
    /// When the present stage began; calls are counted from here.
    pub stage_ms: i64,
    /// One for each armed trigger, for each measure and each function.
    pub readings: Vec<Reading>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// Why it rolls back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fired: Option<Firing>,
    /// At most this share of healthy rollouts is ever rolled back by the sequential tests, all of them together.
    pub false_alarm_ppm: u32,
}

/// What came of asking whether to migrate at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorthOutcome {
    /// A threshold was exceeded for long enough, without a dip.
    Migrate,
    /// None was, for a whole period of review.
    NotNeeded,
    /// There is not enough data for either.
    Watching,
}

/// What is watched to decide whether to migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorthMeasure {
    /// Milliseconds.
    P95,
    /// Parts of a million.
    ErrorRate,
    /// Calls at once.
    Concurrency,
    /// Milliseconds.
    PoolWait,
    /// Millionths of the currency's unit.
    CostPerCall,
}

words!(WorthOutcome { Migrate = "migrate", NotNeeded = "not_needed", Watching = "watching" });
words!(WorthMeasure {
    P95 = "p95", ErrorRate = "error_rate", Concurrency = "concurrency", PoolWait = "pool_wait",
    CostPerCall = "cost_per_call",
});

/// A time in which every sample was over the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exceeded {
    pub since_ms: i64,
    pub until_ms: i64,
    pub samples: u64,
    pub least: u64,
    pub most: u64,
}

/// One watched threshold and the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorthReading {
    pub measure: WorthMeasure,
    pub threshold: u64,
    /// Where its samples come from; none: there is no source, and nothing can be said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The last sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<u64>,
    /// The time that goes on, or, when it was long enough once, that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceeded: Option<Exceeded>,
    /// How much longer it must go on, in milliseconds; 0 when it was long enough.
    pub missing_ms: i64,
    /// When a sample was last at or under the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_dip_ms: Option<i64>,
    /// When samples were last missing for so long that nothing can be said of the time between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_hole_ms: Option<i64>,
}

/// Whether to migrate, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worth {
    pub outcome: WorthOutcome,
    pub readings: Vec<WorthReading>,
    /// When people are to look at it again.
    pub review_ms: i64,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.mismatches == 1 { "mismatch" } else { "mismatches" };
        let (mismatches, compared) = (Grouped(self.mismatches), Grouped(self.compared));
        write!(f, "{mismatches} {noun} in {compared}; proven >= {} %", Percent(self.proven_ppm))
    }
}

/// Parts of a million as percent: at least one digit after the point, none for nothing.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:04}", self.0 % 10_000);
        let digits = digits.trim_end_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        write!(f, "{}.{digits}", self.0 / 10_000)
    }
}

/// A number with commas between thousands.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}
