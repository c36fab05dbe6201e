//! What the judge is armed with. It is kept in the judge's state: a running judge never changes its rules.

use std::collections::BTreeSet;

use cutover_shared::verdict::{Effect, Trigger};
use serde::{Deserialize, Serialize};

/// The whole of a million.
pub(super) const MILLION: u32 = 1_000_000;
/// Names of measures and functions, at most so many.
pub(super) const MOST_NAMES: usize = 32;
/// Bytes of a name.
pub(super) const LONGEST_NAME: usize = 120;

/// Thresholds, floors and what is to be expected. The defaults are SPEC's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Which triggers watch; the error rate always does.
    pub armed: BTreeSet<Trigger>,
    /// At most this share of rollouts whose true shares are at their thresholds or below is ever rolled back by the sequential tests, all of
    /// them together, over the whole rollout. Divided among them by weight. Several judges of one rollout (one for each operation) each have their
    /// own: for all together it is the sum.
    pub false_alarm_ppm: u32,
    /// More failed calls than this roll back.
    pub error_ppm: u32,
    /// Fewest calls of a stage for a word on the error rate.
    pub error_floor: u64,
    /// A latency limit is the baseline's quantile times this, in thousandths.
    pub slower_permille: u32,
    /// Fewest calls of a stage for a word on P95; P50 and P99 take as many as give the same number beyond the quantile, and never fewer
    /// than the error rate.
    pub p95_floor: u64,
    /// Which share of compared answers must agree.
    pub consistency_ppm: u32,
    /// How sure a claim of consistency must be.
    pub confidence_permille: u16,
    /// From how many compared answers on a difference may roll back. None: from as many as the claim takes.
    pub consistency_from: Option<u64>,
    /// So many gross failures in a row ...
    pub gross_row: u64,
    /// ... from so many tenants, or from all if there are fewer, roll back at once.
    pub gross_tenants: u64,
    /// A longer disruption rolls back.
    pub disruption_ms: u64,
    /// More users with wrong data roll back.
    pub wrong_data_ppm: u32,
    /// ... and from so many of them on: of five tenants one is a fifth, and no proof.
    #[serde(default)]
    pub wrong_data_floor: u64,
    /// Names of the critical functions.
    pub critical_functions: BTreeSet<String>,
    /// A measure that is worse than the baseline by more than this has its effect.
    pub performance_permille: u32,
    /// A measure that is worse by more than this keeps the stage from advancing.
    pub regression_permille: u32,
    /// Fewest samples for a word on a measure.
    pub measure_floor: u64,
    /// Windows of a stage that may be incomplete.
    pub incomplete_allowed: u64,
    /// A larger share of shadow calls that were shed keeps the stage from advancing.
    pub shed_permille: u32,
    /// A stage whose last call lies further back has not seen enough.
    pub fresh_ms: i64,
    /// What each trigger's proof stands on.
    pub expected: Expected,
}

/// The traffic for which each trigger must be able to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Calls of a window.
    pub calls: u64,
    /// Compared answers of a window.
    pub compared: u64,
    /// Tenants on the target.
    pub tenants: u64,
    /// Windows within which each trigger has to find a fault of twice its threshold (consistency: ten times).
    pub windows: u32,
    /// The longest that a call can take before it is given up.
    pub longest_call_us: u64,
}

/// What the legacy arm did before the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Calls that the quantiles stand on.
    pub calls: u64,
    pub p50_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
    /// What else is compared with it, at most 32.
    pub measures: Vec<Measure>,
}

/// A measure of the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    pub name: String,
    pub better: Better,
    pub value: u64,
    /// A smaller baseline counts as this much, because a share of next to nothing says nothing.
    pub least: u64,
    /// What follows when it is worse by the wide threshold: a rollback where the target is the cause.
    #[serde(default = "gate")]
    pub effect: Effect,
}

/// What followed in states of older versions.
fn gate() -> Effect {
    Effect::Gate
}

/// In which direction a measure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
}

/// From which time on a call is slow. Whoever counts calls asks here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub p50_us: Option<u64>,
    pub p95_us: Option<u64>,
    pub p99_us: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        let unarmed = [Trigger::LatencyP50, Trigger::LatencyP99, Trigger::CriticalFunction];
        Self {
            armed: Trigger::ALL.iter().copied().filter(|trigger| !unarmed.contains(trigger)).collect(),
            false_alarm_ppm: 20_000,
            error_ppm: 50_000,
            error_floor: 100,
            slower_permille: 2_000,
            p95_floor: 200,
            consistency_ppm: 999_900,
            confidence_permille: 950,
            consistency_from: None,
            gross_row: 10,
            gross_tenants: 3,
            disruption_ms: 15 * 60 * 1_000,
            wrong_data_ppm: 1_000,
            wrong_data_floor: 3,
            critical_functions: BTreeSet::new(),
            performance_permille: 500,
            regression_permille: 100,
            measure_floor: 200,
            incomplete_allowed: 0,
            shed_permille: 100,
            fresh_ms: 24 * 60 * 60 * 1_000,
            expected: Expected::default(),
        }
    }
}

impl Default for Expected {
    /// 20 calls a second in windows of 5 s, every tenth compared, watched for a day.
    fn default() -> Self {
        Self { calls: 100, compared: 10, tenants: 3, windows: 17_280, longest_call_us: 60_000_000 }
    }
}

impl Settings {
    /// The largest chance with which a claim of consistency may be wrong.
    pub(super) fn miss(&self) -> f64 {
        1.0 - f64::from(self.confidence_permille.min(1_000)) / 1_000.0
    }

    /// The share of differing answers above which it rolls back.
    pub(super) fn mismatch_ppm(&self) -> u32 {
        MILLION.saturating_sub(self.consistency_ppm)
    }

    /// Fewest calls for a word on a quantile beyond which lie `tail_ppm`.
    pub(super) fn latency_floor(&self, tail_ppm: u32) -> u64 {
        let beyond = u128::from(self.p95_floor) * u128::from(P95_TAIL_PPM);
        u64::try_from(beyond.div_ceil(u128::from(tail_ppm.max(1)))).unwrap_or(u64::MAX).max(self.error_floor)
    }
}

/// What lies beyond each quantile.
pub(super) const P50_TAIL_PPM: u32 = 500_000;
pub(super) const P95_TAIL_PPM: u32 = 50_000;
pub(super) const P99_TAIL_PPM: u32 = 10_000;

impl Limits {
    /// The limits of the armed quantiles: the baseline's times the settings' factor.
    pub(super) fn of(settings: &Settings, baseline: &Baseline) -> Self {
        let limit = |trigger, quantile: u64| {
            let limit = u128::from(quantile) * u128::from(settings.slower_permille) / 1_000;
            settings.armed.contains(&trigger).then(|| u64::try_from(limit).unwrap_or(u64::MAX))
        };
        Self {
            p50_us: limit(Trigger::LatencyP50, baseline.p50_us),
            p95_us: limit(Trigger::LatencyP95, baseline.p95_us),
            p99_us: limit(Trigger::LatencyP99, baseline.p99_us),
        }
    }

    /// For a call of this length: 1 for each limit that it exceeds.
    pub fn slower(&self, call_us: u64) -> super::window::Slower {
        let exceeds = |limit: Option<u64>| u64::from(limit.is_some_and(|limit| call_us > limit));
        super::window::Slower {
            p50: exceeds(self.p50_us),
            p95: exceeds(self.p95_us),
            p99: exceeds(self.p99_us),
        }
    }
}
