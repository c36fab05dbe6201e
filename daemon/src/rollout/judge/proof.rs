//! Shows each armed trigger a synthetic breach, through the code that judges the real one.

use cutover_shared::verdict::{ReadingState, Trigger};
use serde::{Deserialize, Serialize};

use super::arm::ArmError;
use super::number::whole;
use super::settings::{Better, Expected, MILLION, P50_TAIL_PPM, P95_TAIL_PPM, P99_TAIL_PPM, Settings};
use super::window::{GrossRow, Outside, Seen, Slower, Window};
use super::{Baseline, Judge};

/// A share of calls that fail or are slow is found at twice its threshold ...
const TWICE: u32 = 2;
/// ... and one of answers that differ at ten times: between 1 and 2 in 10,000 lie hundreds of thousands of comparisons.
const TENFOLD: u32 = 10;

/// A trigger has fired on a synthetic breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub trigger: Trigger,
    /// After so many windows of the expected traffic; 0 when it does not need any.
    pub windows: u32,
}

/// A proof for each armed trigger, with exactly the settings, baseline and limits of this judge, which has seen nothing.
pub(super) fn prove(judge: &Judge) -> Result<Vec<Proof>, ArmError> {
    judge.settings.armed.iter().map(|trigger| one(judge, *trigger)).collect()
}

fn one(judge: &Judge, trigger: Trigger) -> Result<Proof, ArmError> {
    let mut judge = judge.clone();
    let breach = outside(trigger, &judge.settings, &judge.baseline);
    if let Some(breach) = breach {
        judge.observe_outside(breach, 0);
        if fires(&judge, trigger) {
            return Ok(Proof { trigger, windows: 0 });
        }
    }
    let expected = judge.settings.expected;
    let mut sent = Sent::default();
    for number in 1..=expected.windows {
        let window = sent.window(trigger, u64::from(number), &judge);
        judge.observe(&window);
        if fires(&judge, trigger) {
            return Ok(Proof { trigger, windows: number });
        }
    }
    Err(ArmError::CannotFire { trigger, windows: expected.windows })
}

/// Whether this trigger fires, and not only another one with it. What rolls back must have been kept as a firing, too.
fn fires(judge: &Judge, trigger: Trigger) -> bool {
    let tests = judge.shares.iter().chain(&judge.consistency);
    match tests.into_iter().find(|share| share.rule.trigger == trigger) {
        Some(share) => share.fires() && judge.fired.is_some(),
        None => judge
            .plain()
            .iter()
            .any(|reading| reading.trigger == trigger && reading.state == ReadingState::Fired),
    }
}

/// What was sent so far, so that a share is met also where a window holds less than one hit.
#[derive(Default)]
struct Sent {
    calls: u64,
    hits: u64,
}

impl Sent {
    /// The next `calls`, of which so many are hits that all sent so far have this share.
    fn hits(&mut self, calls: u64, share_ppm: u32) -> u64 {
        self.calls = self.calls.saturating_add(calls);
        let wanted = self.calls as f64 * f64::from(share_ppm) / f64::from(MILLION);
        let hits = whole(wanted).saturating_sub(self.hits).min(calls);
        self.hits = self.hits.saturating_add(hits);
        hits
    }

    fn window(&mut self, trigger: Trigger, number: u64, judge: &Judge) -> Window {
        let settings = &judge.settings;
        let Expected { calls, compared, tenants, longest_call_us, .. } = settings.expected;
        let twice = |ppm: u32| ppm.saturating_mul(TWICE).min(MILLION);
        let empty = Window { number, ..Window::default() };
        let quiet = Window { calls, compared, ..empty.clone() };
        // A slow call is as slow as it can be; the limits say whether that is slow.
        let longest = judge.limits.slower(longest_call_us);
        let slower =
            |hits: u64| Slower { p50: hits * longest.p50, p95: hits * longest.p95, p99: hits * longest.p99 };
        match trigger {
            Trigger::ErrorRate => Window { errors: self.hits(calls, twice(settings.error_ppm)), ..quiet },
            Trigger::LatencyP50 => Window { slower: slower(self.hits(calls, twice(P50_TAIL_PPM))), ..quiet },
            Trigger::LatencyP95 => Window { slower: slower(self.hits(calls, twice(P95_TAIL_PPM))), ..quiet },
            Trigger::LatencyP99 => Window { slower: slower(self.hits(calls, twice(P99_TAIL_PPM))), ..quiet },
            Trigger::Consistency => {
                let share = settings.mismatch_ppm().saturating_mul(TENFOLD).min(MILLION);
                Window { mismatches: self.hits(compared, share), ..quiet }
            }
            Trigger::GrossFailures => {
                let errors = self.hits(calls, MILLION);
                let gross = GrossRow { length: self.hits, tenants: tenants.min(self.hits), of: tenants };
                Window { errors, gross, ..quiet }
            }
            Trigger::RecordsLost => Window { lost: 1, ..quiet },
            Trigger::IncompleteWindows => Window { incomplete: true, ..quiet },
            Trigger::ShadowShed => Window { compared: 0, shed: compared, ..quiet },
            _ => quiet,
        }
    }
}

/// The least of what is known from elsewhere that must fire; None for triggers that watch calls.
fn outside(trigger: Trigger, settings: &Settings, baseline: &Baseline) -> Option<Outside> {
    let none = Outside::default();
    let measures = |permille: u32| {
        let worse = |measure: &super::Measure| {
            let base = measure.value.max(measure.least);
            let by = u128::from(base) * u128::from(permille) / 1_000 + 1;
            let by = u64::try_from(by).unwrap_or(u64::MAX);
            let value = match measure.better {
                Better::Lower => base.saturating_add(by),
                Better::Higher => base.saturating_sub(by),
            };
            (measure.name.clone(), Seen { value, sample: settings.measure_floor })
        };
        Outside { measures: baseline.measures.iter().map(worse).collect(), ..Outside::default() }
    };
    let outside = match trigger {
        Trigger::CriticalIncident => Outside { critical_incidents: 1, ..none },
        Trigger::Disruption => Outside { disruption_ms: settings.disruption_ms.saturating_add(1), ..none },
        Trigger::WrongData => {
            let users = settings.wrong_data_floor.max(1);
            Outside { users, users_wrong: users, ..none }
        }
        Trigger::CriticalFunction => {
            Outside { failing: settings.critical_functions.iter().take(1).cloned().collect(), ..none }
        }
        Trigger::Performance => measures(settings.performance_permille),
        Trigger::Regression => measures(settings.regression_permille),
        _ => return None,
    };
    Some(outside)
}
