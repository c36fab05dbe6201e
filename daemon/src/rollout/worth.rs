//! Whether to migrate at all (SPEC C11): thresholds of the legacy arm are watched, and the migration is worth it when one of them was exceeded for two
//! weeks without a dip. The state is plain data and goes on after a restart.

use std::collections::BTreeMap;

use cutover_shared::verdict::{Exceeded, Worth, WorthMeasure, WorthOutcome, WorthReading};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is watched, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorthSettings {
    /// A sample above this exceeds.
    pub thresholds: BTreeMap<WorthMeasure, u64>,
    /// For so long, without a dip.
    pub long_enough_ms: i64,
    /// Between two samples lies at most this much; else nothing can be said of the time between.
    pub hole_ms: i64,
    /// How often people look at it.
    pub review_ms: i64,
}

impl Default for WorthSettings {
    /// Two weeks, samples at least every hour, reviewed every quarter. What is too slow or too dear depends on the application, so the
    /// thresholds are examples to be changed: P95 of 10 s, 5 % errors, 50 calls at once, 5 s of waiting, 0.10 of the currency's unit.
    fn default() -> Self {
        Self {
            thresholds: BTreeMap::from([
                (WorthMeasure::P95, 10_000),
                (WorthMeasure::ErrorRate, 50_000),
                (WorthMeasure::Concurrency, 50),
                (WorthMeasure::PoolWait, 5_000),
                (WorthMeasure::CostPerCall, 100_000),
            ]),
            long_enough_ms: 14 * DAY_MS,
            hole_ms: DAY_MS / 24,
            review_ms: 91 * DAY_MS,
        }
    }
}

/// What was seen so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorthWatch {
    settings: WorthSettings,
    began_ms: i64,
    seen: BTreeMap<WorthMeasure, Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    value: u64,
    at_ms: i64,
    /// Since when there has been no hole.
    whole_ms: i64,
    exceeded: Option<Exceeded>,
    /// The first time that was long enough. What has been is not undone by a dip afterwards.
    reached: Option<Exceeded>,
    dip_ms: Option<i64>,
    hole_ms: Option<i64>,
}

impl WorthWatch {
    /// Begins to watch.
    pub fn begin(settings: WorthSettings, now_ms: i64) -> Self {
        Self { settings, began_ms: now_ms, seen: BTreeMap::new() }
    }

    /// Goes on with other settings. What was held against another threshold says nothing of this one: that measure begins anew.
    pub fn adopt(&mut self, settings: WorthSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        let thresholds = &self.settings.thresholds;
        self.seen.retain(|measure, _| thresholds.get(measure) == before.thresholds.get(measure));
        for seen in self.seen.values_mut() {
            // It was long enough by another rule.
            let long_enough = self.settings.long_enough_ms;
            seen.reached = seen.reached.filter(|reached| lasted(reached) >= long_enough);
        }
    }

    /// People have looked and decided: the next review is a whole period away, and what was long enough before is settled by it. A
    /// time that goes on goes on.
    pub fn review(&mut self, at_ms: i64) {
        if at_ms > self.began_ms {
            self.began_ms = at_ms;
            self.seen.values_mut().for_each(|seen| seen.reached = None);
        }
    }

    /// When a measure was last sampled.
    pub fn sampled_ms(&self) -> Option<i64> {
        self.seen.values().map(|seen| seen.at_ms).max()
    }

    /// Takes a sample. One of the same moment changes nothing, nor does one of a measure without a threshold. One that is older was
    /// sampled after a clock that was ahead was set back: by less than a hole it goes on, by more it begins anew.
    pub fn observe(&mut self, measure: WorthMeasure, value: u64, at_ms: i64) {
        let Some(threshold) = self.settings.thresholds.get(&measure).copied() else { return };
        // No review is a period away from a day that is still to come.
        self.began_ms = self.began_ms.min(at_ms);
        let exceeds = value > threshold;
        let begun = Exceeded { since_ms: at_ms, until_ms: at_ms, samples: 1, least: value, most: value };
        let Some(seen) = self.seen.get_mut(&measure) else {
            let first = Seen {
                value,
                at_ms,
                whole_ms: at_ms,
                exceeded: exceeds.then_some(begun),
                reached: None,
                dip_ms: (!exceeds).then_some(at_ms),
                hole_ms: None,
            };
            self.seen.insert(measure, first);
            return;
        };
        if at_ms == seen.at_ms {
            return;
        }
        if at_ms.saturating_sub(seen.at_ms).saturating_abs() > self.settings.hole_ms {
            (seen.hole_ms, seen.whole_ms, seen.exceeded) = (Some(at_ms), at_ms, None);
        }
        (seen.value, seen.at_ms, seen.whole_ms) = (value, at_ms, seen.whole_ms.min(at_ms));
        if !exceeds {
            (seen.dip_ms, seen.exceeded) = (Some(at_ms), None);
            return;
        }
        let now = match seen.exceeded {
            None => begun,
            Some(before) => Exceeded {
                since_ms: before.since_ms.min(at_ms),
                until_ms: at_ms,
                samples: before.samples.saturating_add(1),
                least: before.least.min(value),
                most: before.most.max(value),
            },
        };
        seen.exceeded = Some(now);
        if seen.reached.is_none() && lasted(&now) >= self.settings.long_enough_ms {
            seen.reached = Some(now);
        }
    }

    /// What follows, with the evidence.
    pub fn worth(&self, now_ms: i64) -> Worth {
        let settings = &self.settings;
        let reading = |(measure, threshold): (&WorthMeasure, &u64)| {
            let seen = self.seen.get(measure);
            // A time whose last sample lies too far back has ended without anybody seeing it.
            let goes_on = |seen: &&Seen| now_ms.saturating_sub(seen.at_ms) <= settings.hole_ms;
            let reached = seen.and_then(|seen| seen.reached);
            let exceeded = reached.or_else(|| seen.filter(goes_on).and_then(|seen| seen.exceeded));
            let lasted = exceeded.as_ref().map_or(0, lasted);
            WorthReading {
                measure: *measure,
                threshold: *threshold,
                source: None,
                value: seen.map(|seen| seen.value),
                exceeded,
                missing_ms: settings.long_enough_ms.saturating_sub(lasted).max(0),
                last_dip_ms: seen.and_then(|seen| seen.dip_ms),
                last_hole_ms: seen.and_then(|seen| seen.hole_ms),
            }
        };
        let readings: Vec<WorthReading> = settings.thresholds.iter().map(reading).collect();
        let review_ms = self.began_ms.saturating_add(settings.review_ms);
        let outcome = if readings.iter().any(|reading| reading.exceeded.is_some() && reading.missing_ms == 0)
        {
            WorthOutcome::Migrate
        } else if now_ms >= review_ms
            && settings.thresholds.keys().all(|measure| self.is_quiet(*measure, now_ms))
        {
            WorthOutcome::NotNeeded
        } else {
            WorthOutcome::Watching
        };
        Worth { outcome, readings, review_ms }
    }

    /// Whether nobody can say that a threshold is, or was, exceeded: it was seen without a hole for as long as would have been enough, and is not
    /// exceeded now.
    fn is_quiet(&self, measure: WorthMeasure, now_ms: i64) -> bool {
        self.seen.get(&measure).is_some_and(|seen| {
            let whole = now_ms.saturating_sub(seen.whole_ms) >= self.settings.long_enough_ms;
            let fresh = now_ms.saturating_sub(seen.at_ms) <= self.settings.hole_ms;
            whole && fresh && seen.exceeded.is_none()
        })
    }
}

fn lasted(exceeded: &Exceeded) -> i64 {
    exceeded.until_ms.saturating_sub(exceeded.since_ms)
}
