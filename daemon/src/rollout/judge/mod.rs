//! The judge of a rollout (SPEC C5, C6): whether the target arm may advance, must go back, or has not shown enough yet.
//!
//! Error rate, slow calls and differing answers are decided by sequential tests that may be looked at after every window (`evidence`).
//! **Guarantee**: as long as the chance of each call to fail, whatever happened before, is at most the threshold (and the same for slow
//! calls and for differing answers), the tests together roll back with a probability of at most [`Settings::false_alarm_ppm`], over the whole
//! rollout, however long it lasts, however often it is looked at, restarts of the daemon and changes of the stage included. Each test has its
//! part of that probability (union bound). It begins anew after it has fired, and when shadow begins anew. The statement is about the threshold, not about the baseline: a target that is
//! worse than the legacy arm and keeps its thresholds is no breach. Failures that come in bursts are over the threshold while they last.
//!
//! Nothing here knows time, store or chance: equal windows give equal verdicts. The state is plain data in whole numbers, so that a judge
//! which was written down after each window goes on exactly like one that never was.

use cutover_shared::verdict::{Claim, Effect, Firing, Judgement, Reading, ReadingState, Trigger, Verdict};
use serde::{Deserialize, Serialize};

mod arm;
pub mod binomial;
mod evidence;
mod number;
mod plain;
mod proof;
mod recent;
mod settings;
mod share;
mod version;
mod window;

#[cfg(test)]
mod tests;

pub use arm::{ArmError, Armed};
pub use proof::Proof;
pub use settings::{Baseline, Better, Expected, Limits, Measure, Settings};
pub use window::{GrossRow, Outside, Seen, Slower, Window};

use number::{parts, whole};
use recent::Recent;
use settings::MILLION;
use share::{Share, Tally};
use version::Version;

/// What became of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// It was counted.
    Counted,
    /// It was counted before, or is older than one that was.
    Old,
}

/// A judge that is armed. Durable: what is serialised here is read back by this program and by later ones that know the version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judge {
    version: Version,
    settings: Settings,
    baseline: Baseline,
    limits: Limits,
    armed_ms: i64,
    stage_ms: i64,
    /// The number of the last window.
    last: Option<u64>,
    last_call_ms: Option<i64>,
    /// Error rate and latencies.
    shares: Vec<Share>,
    consistency: Option<Share>,
    /// Shadow calls asked for lately, and those of them that were shed. A state that was written before has none: it counted what a
    /// budget leaves out, too.
    #[serde(default)]
    beside: Recent,
    gross: GrossRow,
    lost: u64,
    incomplete: u64,
    /// P95 of the newest calls that no histogram has is over the limit.
    #[serde(default)]
    untimed_slow: bool,
    outside: Outside,
    fired: Option<Firing>,
}

impl Judge {
    /// Takes the next window.
    pub fn observe(&mut self, window: &Window) -> Observed {
        if let Some(last) = self.last {
            if window.number <= last {
                return Observed::Old;
            }
            self.incomplete = self.incomplete.saturating_add(window.number - last - 1);
        }
        self.last = Some(window.number);
        let at_fault = window.incomplete || !window.is_possible();
        self.incomplete = self.incomplete.saturating_add(u64::from(at_fault));
        self.lost = self.lost.saturating_add(window.lost);
        if window.calls > 0 {
            // The last one, not the greatest: a clock that was ahead must not make the stage look fresh.
            self.last_call_ms = Some(window.to_ms);
        }
        if window.untimed > 0 {
            let over = |limit| window.untimed_p95_us.is_some_and(|p95| p95 > limit);
            self.untimed_slow = self.limits.p95_us.is_some_and(over);
        }
        for share in &mut self.shares {
            let (calls, hits) = counted(window, share.rule.trigger);
            share.observe(calls, hits);
        }
        if let Some(consistency) = &mut self.consistency {
            consistency.observe(window.compared, window.mismatches);
        }
        self.beside.add(window.to_ms, window.compared.saturating_add(window.shed), window.shed);
        self.gross = window.gross;
        self.latch(window.to_ms);
        Observed::Counted
    }

    /// Takes a row of gross failures without waiting for its window to end.
    pub fn observe_gross(&mut self, row: GrossRow, at_ms: i64) {
        self.gross = row;
        self.latch(at_ms);
    }

    /// Takes what is known from elsewhere, in place of what was known before.
    pub fn observe_outside(&mut self, outside: Outside, at_ms: i64) {
        self.outside = outside;
        self.latch(at_ms);
    }

    /// A new stage begins: floors and gates are reached anew. The tests and the pool of compared answers go on.
    pub fn begin_stage(&mut self, at_ms: i64) {
        self.shares.iter_mut().for_each(Share::begin_stage);
        self.beside = Recent::default();
        self.gross = GrossRow::default();
        (self.lost, self.incomplete, self.untimed_slow) = (0, 0, false);
        (self.last_call_ms, self.stage_ms) = (None, at_ms);
    }

    /// Why the rollout has to go back, if it has to. It stays until the judge is armed anew.
    pub fn fired(&self) -> Option<&Firing> {
        self.fired.as_ref()
    }

    /// From which time on a call is slow.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Windows of the stage that are not whole.
    pub fn incomplete(&self) -> u64 {
        self.incomplete
    }

    /// What it is held against.
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// What it was armed with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How consistent the arms are proven to be since shadow began. None when consistency is not armed.
    pub fn claim(&self) -> Option<Claim> {
        let Tally { calls, hits } = self.consistency.as_ref()?.total;
        let (miss, wanted_ppm) = (self.settings.miss(), self.settings.consistency_ppm);
        let share = f64::from(self.settings.mismatch_ppm()) / f64::from(MILLION);
        let needed = binomial::needed(hits, share, miss).unwrap_or(u64::MAX);
        let proven = (1.0 - binomial::upper(hits, calls, miss)) * f64::from(MILLION);
        // Between one call short and proven lies less than a rounding: the number of calls decides.
        let missing = needed.saturating_sub(calls);
        let proven = u32::try_from(whole(proven)).unwrap_or(MILLION);
        let proven_ppm =
            if missing == 0 { proven.max(wanted_ppm) } else { proven.min(wanted_ppm.saturating_sub(1)) };
        Some(Claim {
            compared: calls,
            mismatches: hits,
            proven_ppm,
            wanted_ppm,
            confidence_permille: self.settings.confidence_permille,
            missing,
        })
    }

    /// The verdict now, with a reading for each armed trigger.
    pub fn judgement(&self, now_ms: i64) -> Judgement {
        let readings = self.readings(now_ms);
        let any = |state: ReadingState, effect: Option<Effect>| {
            readings.iter().any(|r| r.state == state && effect.is_none_or(|effect| r.effect == effect))
        };
        let verdict = if self.fired.is_some() || any(ReadingState::Fired, Some(Effect::Rollback)) {
            Verdict::Breach
        } else if any(ReadingState::Fired, None) {
            Verdict::GateFailed
        } else if any(ReadingState::NotEnoughData, None) || any(ReadingState::Undecided, None) {
            Verdict::NotEnoughData
        } else {
            Verdict::Pass
        };
        Judgement {
            verdict,
            at_ms: now_ms,
            armed_ms: self.armed_ms,
            stage_ms: self.stage_ms,
            readings,
            claim: self.claim(),
            fired: self.fired.clone(),
            false_alarm_ppm: self.settings.false_alarm_ppm,
        }
    }

    /// Keeps the first firing that rolls back, as it stands now.
    fn latch(&mut self, at_ms: i64) {
        if self.fired.is_some() {
            return;
        }
        let tests = self.shares.iter().chain(&self.consistency);
        let of_calls = tests.filter(|share| share.fires()).map(|share| share.reading(share.lately(), false));
        let plain = self.plain().into_iter();
        let fired = of_calls
            .chain(plain)
            .find(|reading| reading.state == ReadingState::Fired && reading.effect == Effect::Rollback);
        self.fired = fired.map(|reading| Firing { at_ms, reading });
    }

    fn readings(&self, now_ms: i64) -> Vec<Reading> {
        let stale =
            self.last_call_ms.is_some_and(|last| now_ms.saturating_sub(last) > self.settings.fresh_ms);
        // Calls that nobody timed can't fire, and what their source says of them keeps the others from proving that all is well.
        let is_unsure = |trigger| stale || (self.untimed_slow && trigger == Trigger::LatencyP95);
        let shares =
            self.shares.iter().map(|share| share.reading(share.lately(), is_unsure(share.rule.trigger)));
        let mut readings: Vec<Reading> = shares.collect();
        if let (Some(share), Some(claim)) = (&self.consistency, self.claim()) {
            let mut reading = share.reading(share.total, false);
            // It passes by what is proven, not by what was seen.
            if reading.state != ReadingState::Fired && claim.missing > 0 {
                (reading.state, reading.missing) = (ReadingState::NotEnoughData, claim.missing);
            }
            readings.push(reading);
        }
        readings.extend(self.plain());
        readings
    }

    /// Readings of the armed triggers that need no statistics.
    fn plain(&self) -> Vec<Reading> {
        let settings = &self.settings;
        let mut readings = vec![plain::gross(self.gross, settings)];
        readings.extend(plain::outside(&self.outside, settings));
        readings.extend(plain::measures(&self.outside, &self.baseline, settings));
        readings.extend(plain::counting(self.lost, self.incomplete, settings));
        readings.push(plain::shed(self.beside.tally(), settings));
        readings.retain(|reading| settings.armed.contains(&reading.trigger));
        readings
    }

    /// The share of calls that count for a trigger, since the stage began; of compared answers since shadow began. In ppm.
    pub fn share_ppm(&self, trigger: Trigger) -> Option<u64> {
        let share =
            self.shares.iter().chain(&self.consistency).find(|share| share.rule.trigger == trigger)?;
        Some(parts(share.total.hits, share.total.calls, MILLION))
    }
}

/// The calls of a window that a trigger looks at, and those of them that count against the target.
fn counted(window: &Window, trigger: Trigger) -> (u64, u64) {
    let timed = window.calls.saturating_sub(window.untimed);
    match trigger {
        Trigger::LatencyP50 => (timed, window.slower.p50),
        Trigger::LatencyP95 => (timed, window.slower.p95),
        Trigger::LatencyP99 => (timed, window.slower.p99),
        _ => (window.calls, window.errors),
    }
}
