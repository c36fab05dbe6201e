//! A trigger on a share of calls: a sequential test, a floor, and what was seen lately.

use cutover_shared::verdict::{Effect, Evidence, Reading, ReadingState, Trigger, Unit};
use serde::{Deserialize, Serialize};

use super::binomial::divergence;
use super::evidence::{Detector, Nats};
use super::number::{over, parts, whole};
use super::settings::MILLION;

/// The rule of one trigger, fixed when it is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub trigger: Trigger,
    pub threshold_ppm: u32,
    pub floor: u64,
    /// The evidence from which on it fires.
    pub limit: Nats,
}

/// Calls and hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub calls: u64,
    pub hits: u64,
}

impl Tally {
    pub fn add(&mut self, calls: u64, hits: u64) {
        self.calls = self.calls.saturating_add(calls);
        self.hits = self.hits.saturating_add(hits.min(calls));
    }
}

/// One trigger on a share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Share {
    pub rule: Rule,
    detector: Detector,
    /// Since the stage began; of consistency since shadow began.
    pub total: Tally,
    /// The last calls that make up a floor, and those since.
    full: Tally,
    filling: Tally,
}

impl Share {
    pub fn new(rule: Rule) -> Self {
        let none = Tally::default();
        Self { rule, detector: Detector::default(), total: none, full: none, filling: none }
    }

    pub fn observe(&mut self, calls: u64, hits: u64) {
        self.detector.observe(calls, hits, f64::from(self.rule.threshold_ppm) / f64::from(MILLION));
        self.total.add(calls, hits);
        self.filling.add(calls, hits);
        if self.filling.calls >= self.rule.floor {
            self.full = std::mem::take(&mut self.filling);
        }
    }

    /// A new stage begins. Its floor has to be reached anew; the test goes on, because its guarantee is for the whole rollout.
    pub fn begin_stage(&mut self) {
        *self = Self { detector: self.detector.clone(), ..Self::new(self.rule) };
    }

    /// Takes over what another has seen of the same question.
    pub fn go_on_from(&mut self, earlier: &Self) {
        if self.rule.threshold_ppm == earlier.rule.threshold_ppm {
            *self = Self { rule: self.rule, ..earlier.clone() };
        }
    }

    pub fn fires(&self) -> bool {
        self.total.calls >= self.rule.floor && self.detector.log_e() >= self.rule.limit
    }

    /// `lately` is what the value is taken from; `stale` says that there have been no calls for too long.
    pub fn reading(&self, lately: Tally, stale: bool) -> Reading {
        let Rule { trigger, threshold_ppm, floor, limit } = self.rule;
        let (log_e, calls) = (self.detector.log_e(), self.total.calls);
        let threshold = u64::from(threshold_ppm);
        let value = parts(lately.hits, lately.calls, MILLION);
        let (state, missing) = if self.fires() {
            (ReadingState::Fired, 0)
        } else if calls < floor {
            (ReadingState::NotEnoughData, floor - calls)
        } else if stale {
            (ReadingState::NotEnoughData, floor)
        } else if over(lately.hits, lately.calls, threshold, MILLION) {
            (ReadingState::Undecided, self.calls_until_decided(lately))
        } else if value >= threshold.div_ceil(2) {
            (ReadingState::Warning, 0)
        } else {
            (ReadingState::Clear, 0)
        };
        Reading {
            trigger,
            name: None,
            effect: Effect::Rollback,
            state,
            unit: Unit::Ppm,
            value,
            threshold,
            warning_at: threshold.div_ceil(2),
            distance_permille: self.distance(state),
            sample: calls,
            floor,
            missing,
            evidence: Some(Evidence {
                log_e_millinats: log_e.millinats(),
                limit_millinats: limit.millinats(),
            }),
        }
    }

    /// The last calls, at least a floor of them and less than two floors and a window.
    pub fn lately(&self) -> Tally {
        let mut lately = self.full;
        lately.add(self.filling.calls, self.filling.hits);
        lately
    }

    /// By evidence: what was seen lately may be chance, the capital of a bet is not.
    fn distance(&self, state: ReadingState) -> u16 {
        if state == ReadingState::Fired {
            return 0;
        }
        let (log_e, limit) = (self.detector.log_e().millinats().max(0), self.rule.limit.millinats().max(1));
        u16::try_from((limit - log_e).max(0).saturating_mul(1_000) / limit).unwrap_or(1_000).clamp(1, 1_000)
    }

    /// An estimate: how many calls at today's share bring the evidence to its limit.
    fn calls_until_decided(&self, lately: Tally) -> u64 {
        let seen = lately.hits as f64 / lately.calls.max(1) as f64;
        let each = divergence(seen, f64::from(self.rule.threshold_ppm) / f64::from(MILLION));
        let gap = (self.rule.limit.millinats() - self.detector.log_e().millinats()).max(1);
        whole((gap as f64 / 1_000.0 / each.max(1e-9)).ceil()).max(1)
    }
}
