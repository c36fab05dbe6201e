//! Arming: settings that contradict themselves and triggers that can't fire are refused.

use cutover_shared::verdict::Trigger;

use super::binomial::needed;
use super::evidence::limit;
use super::recent::Recent;
use super::settings::{
    Baseline, LONGEST_NAME, Limits, MILLION, MOST_NAMES, P50_TAIL_PPM, P95_TAIL_PPM, P99_TAIL_PPM, Settings,
};
use super::share::{Rule, Share};
use super::version::Version;
use super::window::{GrossRow, Outside};
use super::{Judge, Proof, proof};

/// Why a judge can't be armed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArmError {
    /// Without it a rollout without calls could pass.
    #[error("`error_rate` is not armed: without it a target that is never called would pass")]
    NoErrorRate,
    /// A setting out of its range.
    #[error("`{key}` is {value}: {mend}")]
    OutOfRange { key: &'static str, value: u64, mend: &'static str },
    /// The baseline stands on too little.
    #[error("the baseline for `{trigger}` stands on {calls} calls of at least {floor}: record it for longer")]
    ShortBaseline { trigger: Trigger, calls: u64, floor: u64 },
    /// The baseline was not recorded.
    #[error("there is no baseline for `{trigger}`: record it before the start, or don't arm it")]
    NoBaseline { trigger: Trigger },
    /// Nothing is named that the trigger could watch.
    #[error("`{trigger}` is armed and nothing is named for it to watch: name it, or don't arm it")]
    NothingToWatch { trigger: Trigger },
    /// More names than anybody can look at, or longer ones.
    #[error(
        "`{trigger}` watches {count} names, one of them {longest} bytes long: at most 32 names of 120 bytes"
    )]
    TooManyNames { trigger: Trigger, count: usize, longest: usize },
    /// No call lasts as long as the limit.
    #[error(
        "`{trigger}` can't fire: a call is given up after {longest_us} us and is slow from {limit_us} us on; lower the factor or raise the \
         time-out"
    )]
    NeverSlow { trigger: Trigger, limit_us: u64, longest_us: u64 },
    /// The synthetic breach went unnoticed.
    #[error(
        "`{trigger}` can't fire: with the expected traffic a clear breach is not found in {windows} windows; watch longer, or lower its floor"
    )]
    CannotFire { trigger: Trigger, windows: u32 },
}

impl ArmError {
    /// The trigger that can't be armed. None: nothing can.
    pub fn trigger(&self) -> Option<Trigger> {
        match self {
            Self::NoErrorRate | Self::OutOfRange { .. } => None,
            Self::ShortBaseline { trigger, .. }
            | Self::NoBaseline { trigger }
            | Self::NothingToWatch { trigger }
            | Self::TooManyNames { trigger, .. }
            | Self::NeverSlow { trigger, .. }
            | Self::CannotFire { trigger, .. } => Some(*trigger),
        }
    }
}

/// A judge and the proof that each of its triggers can fire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    pub judge: Judge,
    /// One for each armed trigger, in their order.
    pub proofs: Vec<Proof>,
}

impl Judge {
    /// Arms a judge, once each trigger has been shown a synthetic breach and has fired. `before` hands over what was compared
    /// since shadow began, if the consistency to be claimed is the same; after a rollback for differing answers it is left out.
    ///
    /// # Errors
    /// [`ArmError`] with what to mend.
    pub fn arm(
        settings: Settings,
        baseline: Baseline,
        before: Option<&Self>,
        now_ms: i64,
    ) -> Result<Armed, ArmError> {
        check(&settings, &baseline)?;
        let mut judge = Self::unproven(settings, baseline, now_ms);
        let proofs = proof::prove(&judge)?;
        let earlier = before.and_then(|before| before.consistency.as_ref());
        if let (Some(share), Some(earlier)) = (&mut judge.consistency, earlier) {
            share.go_on_from(earlier);
        }
        judge.latch(now_ms);
        Ok(Armed { judge, proofs })
    }

    /// Arms this judge with other settings or another baseline, and goes on: whatever is still the same question keeps its test and
    /// its firing. A test whose question is another one begins anew, with its part of the false alarms.
    ///
    /// # Errors
    /// [`ArmError`] with what to mend.
    pub fn renew(&self, settings: Settings, baseline: Baseline, now_ms: i64) -> Result<Armed, ArmError> {
        check(&settings, &baseline)?;
        let fresh = Self::unproven(settings, baseline, now_ms);
        let proofs = proof::prove(&fresh)?;
        let is_same = |trigger| fresh.asks_as(self, trigger);
        let mut judge = Self {
            stage_ms: self.stage_ms,
            last: self.last,
            last_call_ms: self.last_call_ms,
            beside: self.beside,
            gross: self.gross,
            lost: self.lost,
            incomplete: self.incomplete,
            untimed_slow: self.untimed_slow && is_same(Trigger::LatencyP95),
            outside: self.outside.clone(),
            fired: self.fired.clone().filter(|firing| is_same(firing.reading.trigger)),
            ..fresh.clone()
        };
        for share in judge.shares.iter_mut().chain(&mut judge.consistency) {
            let trigger = share.rule.trigger;
            let mut earlier = self.shares.iter().chain(&self.consistency);
            if let Some(earlier) = earlier.find(|one| one.rule.trigger == trigger && is_same(trigger)) {
                share.go_on_from(earlier);
            }
        }
        judge.latch(now_ms);
        Ok(Armed { judge, proofs })
    }

    /// Whether an armed trigger asks what it asked in another judge.
    fn asks_as(&self, other: &Self, trigger: Trigger) -> bool {
        let same = match trigger {
            Trigger::LatencyP50 => self.limits.p50_us == other.limits.p50_us,
            Trigger::LatencyP95 => self.limits.p95_us == other.limits.p95_us,
            Trigger::LatencyP99 => self.limits.p99_us == other.limits.p99_us,
            Trigger::Consistency => self.settings.consistency_ppm == other.settings.consistency_ppm,
            Trigger::CriticalFunction => {
                self.settings.critical_functions.is_superset(&other.settings.critical_functions)
            }
            Trigger::Performance | Trigger::Regression => self.baseline.measures == other.baseline.measures,
            _ => true,
        };
        same && self.settings.armed.contains(&trigger)
    }

    /// A judge that has seen nothing.
    pub(super) fn unproven(settings: Settings, baseline: Baseline, now_ms: i64) -> Self {
        let limits = Limits::of(&settings, &baseline);
        let shares = rules(&settings).into_iter().filter(|rule| rule.trigger != Trigger::Consistency);
        let consistency = rules(&settings).into_iter().find(|rule| rule.trigger == Trigger::Consistency);
        Self {
            version: Version,
            limits,
            armed_ms: now_ms,
            stage_ms: now_ms,
            last: None,
            last_call_ms: None,
            shares: shares.map(Share::new).collect(),
            consistency: consistency.map(Share::new),
            beside: Recent::default(),
            gross: GrossRow::default(),
            lost: 0,
            incomplete: 0,
            untimed_slow: false,
            outside: Outside::default(),
            fired: None,
            settings,
            baseline,
        }
    }
}

/// The armed sequential tests. The permitted share of false alarms is divided by weight: most for what needs speed, and consistency with its
/// high floor needs none.
fn rules(settings: &Settings) -> Vec<Rule> {
    let needed = needed(0, f64::from(settings.mismatch_ppm()) / f64::from(MILLION), settings.miss());
    let consistency_floor = settings.consistency_from.unwrap_or(needed.unwrap_or(u64::MAX));
    let floor = |tail_ppm| settings.latency_floor(tail_ppm);
    let all = [
        (Trigger::ErrorRate, 10, settings.error_ppm, settings.error_floor),
        (Trigger::LatencyP95, 8, P95_TAIL_PPM, floor(P95_TAIL_PPM)),
        (Trigger::LatencyP50, 2, P50_TAIL_PPM, floor(P50_TAIL_PPM)),
        (Trigger::LatencyP99, 2, P99_TAIL_PPM, floor(P99_TAIL_PPM)),
        (Trigger::Consistency, 2, settings.mismatch_ppm(), consistency_floor),
    ];
    let armed: Vec<_> = all.into_iter().filter(|(trigger, ..)| settings.armed.contains(trigger)).collect();
    let weights: u32 = armed.iter().map(|(_, weight, ..)| weight).sum();
    let rule = |(trigger, weight, threshold_ppm, floor): (Trigger, u32, u32, u64)| {
        let part = f64::from(weight) / f64::from(weights.max(1));
        let false_alarms = part * f64::from(settings.false_alarm_ppm) / f64::from(MILLION);
        Rule { trigger, threshold_ppm, floor: floor.max(1), limit: limit(false_alarms) }
    };
    armed.into_iter().map(rule).collect()
}

fn check(settings: &Settings, baseline: &Baseline) -> Result<(), ArmError> {
    if !settings.armed.contains(&Trigger::ErrorRate) {
        return Err(ArmError::NoErrorRate);
    }
    let share = |key, value: u32, most: u32, mend| {
        let fits = value > 0 && value < most;
        if fits { Ok(()) } else { Err(ArmError::OutOfRange { key, value: u64::from(value), mend }) }
    };
    let of_all = "a share above 0 and below all";
    share("false_alarm_ppm", settings.false_alarm_ppm, 500_000, "above 0 and below half")?;
    share("error_ppm", settings.error_ppm, MILLION, of_all)?;
    share("consistency_ppm", settings.consistency_ppm, MILLION, "above 0, and all can never be proven")?;
    share("confidence_permille", settings.confidence_permille.into(), 1_000, of_all)?;
    share("wrong_data_ppm", settings.wrong_data_ppm, MILLION, of_all)?;
    share("shed_permille", settings.shed_permille, 1_000, of_all)?;
    share("slower_permille", settings.slower_permille, u32::MAX, "above 0")?;
    check_latency(settings, baseline)?;
    let names = |trigger, names: &mut dyn Iterator<Item = &String>| {
        let lengths: Vec<usize> = names.map(String::len).collect();
        let (count, longest) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
        if settings.armed.contains(&trigger) && count == 0 {
            return Err(ArmError::NothingToWatch { trigger });
        }
        let fits = count <= MOST_NAMES && longest <= LONGEST_NAME;
        if fits { Ok(()) } else { Err(ArmError::TooManyNames { trigger, count, longest }) }
    };
    names(Trigger::CriticalFunction, &mut settings.critical_functions.iter())?;
    for trigger in [Trigger::Performance, Trigger::Regression] {
        names(trigger, &mut baseline.measures.iter().map(|measure| &measure.name))?;
        let nothing = baseline.measures.iter().any(|measure| measure.value.max(measure.least) == 0);
        if settings.armed.contains(&trigger) && nothing {
            return Err(ArmError::NoBaseline { trigger });
        }
    }
    Ok(())
}

fn check_latency(settings: &Settings, baseline: &Baseline) -> Result<(), ArmError> {
    let limits = Limits::of(settings, baseline);
    let longest_us = settings.expected.longest_call_us;
    for (trigger, limit, tail_ppm) in [
        (Trigger::LatencyP50, limits.p50_us, P50_TAIL_PPM),
        (Trigger::LatencyP95, limits.p95_us, P95_TAIL_PPM),
        (Trigger::LatencyP99, limits.p99_us, P99_TAIL_PPM),
    ] {
        let Some(limit_us) = limit else { continue };
        let (calls, floor) = (baseline.calls, settings.latency_floor(tail_ppm));
        if limit_us == 0 {
            return Err(ArmError::NoBaseline { trigger });
        }
        if calls < floor {
            return Err(ArmError::ShortBaseline { trigger, calls, floor });
        }
        if longest_us <= limit_us {
            return Err(ArmError::NeverSlow { trigger, limit_us, longest_us });
        }
    }
    Ok(())
}
