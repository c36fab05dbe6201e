//! The judge of one rollout as it is stored, and which windows it has seen.

use cutover_shared::rollout::Stage;
use serde::{Deserialize, Serialize};

use super::arm::ArmedFor;
use super::fed::{Disruption, Fed, window_of};
use crate::clock::Millis;
use crate::rollout::judge::{GrossRow, Judge};
use crate::rollout::metrics::{WINDOW_MS, WindowFigures};
use crate::rollout::state::State;
use crate::store::Source;

/// The begin of the last window that was fed, for each source: windows of a Prometheus server come a minute late.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Cursors {
    #[serde(rename = "last_start")]
    own: Millis,
    /// None: an older version had one for both.
    #[serde(default, rename = "last_prometheus")]
    prometheus: Option<Millis>,
}

impl Cursors {
    pub(super) fn at(start: Millis) -> Self {
        Self { own: start, prometheus: Some(start) }
    }

    pub(super) fn of(&self, source: Source) -> Millis {
        match source {
            Source::Own => self.own,
            Source::Prometheus => self.prometheus.unwrap_or(self.own),
        }
    }

    /// The last one, not the greatest: a clock that was set back makes earlier ones.
    pub(super) fn set(&mut self, source: Source, start: Millis) {
        self.prometheus = Some(self.of(Source::Prometheus));
        match source {
            Source::Own => self.own = start,
            Source::Prometheus => self.prometheus = Some(start),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) judge: Judge,
    stage: Stage,
    /// When the stage began: who goes back and forward again is in the same stage, and in another one.
    #[serde(default)]
    stage_since: Millis,
    /// When the shadow began that the comparisons are of.
    #[serde(default)]
    pub(super) shadow_since: Option<Millis>,
    /// Windows that begin then or before are of another judge.
    #[serde(default)]
    since: Millis,
    /// Measures count from then on.
    #[serde(default)]
    pub(super) measured_since: Millis,
    #[serde(flatten)]
    pub(super) cursors: Cursors,
    /// Of the last window that was fed: they are numbered without gaps, because nothing happened where none is.
    number: u64,
    #[serde(default)]
    pub(super) disruption: Disruption,
    /// Differences from then on count as wrong data.
    #[serde(default)]
    pub(super) wrong_since: Millis,
    /// How many tenants were seen, and when that was counted.
    #[serde(default)]
    pub(super) seen: Option<(Millis, u64)>,
    /// None: an older version did not say.
    #[serde(default)]
    pub(super) armed_for: Option<ArmedFor>,
}

impl Kept {
    pub(super) fn begin(judge: Judge, armed_for: ArmedFor, state: &State, since: Millis) -> Self {
        Self {
            judge,
            stage: state.stage,
            stage_since: state.stage_since,
            shadow_since: state.shadow_since,
            since,
            measured_since: state.stage_since,
            cursors: Cursors::at(since),
            number: 0,
            disruption: Disruption::default(),
            wrong_since: since,
            seen: None,
            armed_for: Some(armed_for),
        }
    }

    /// What an older version did not write is as it was then.
    pub(super) fn taken_up(mut self, state: &State) -> Self {
        if self.is_of(state) && self.shadow_since.is_none() {
            (self.shadow_since, self.measured_since) = (state.shadow_since, self.stage_since);
        }
        self
    }

    /// It judges this very stay in a stage.
    pub(super) fn is_of(&self, state: &State) -> bool {
        (self.stage, self.stage_since) == (state.stage, state.stage_since)
    }

    /// The stage, or the ring, is another one and the tests go on.
    pub(super) fn enter(&mut self, state: &State) {
        self.judge.begin_stage(state.stage_since);
        (self.stage, self.stage_since) = (state.stage, state.stage_since);
        self.measured_since = state.stage_since;
    }

    /// A clock that was ahead left times that are still to come: whatever waits for them would be blind until then.
    pub(super) fn mend_times(&mut self, now: Millis) {
        // Just before the present window, so that it counts.
        let present = now.saturating_sub(now.rem_euclid(WINDOW_MS)).saturating_sub(1);
        for time in [&mut self.since, &mut self.measured_since, &mut self.wrong_since] {
            if *time > now {
                *time = present;
            }
        }
        for source in [Source::Own, Source::Prometheus] {
            if self.cursors.of(source) > now {
                self.cursors.set(source, present);
            }
        }
    }

    /// Takes a window; false: it says nothing, or is of another judge.
    pub(super) fn take(&mut self, figures: &WindowFigures, gross: GrossRow) -> bool {
        if figures.start_at <= self.since || figures.is_empty() {
            return false;
        }
        self.number += 1;
        self.cursors.set(figures.source, figures.start_at);
        let fed = Fed { number: self.number, limits: self.judge.limits(), gross };
        let window = window_of(figures, &fed);
        // Figures of a Prometheus server name no tenants, and come too late to say what lasts.
        if figures.source == Source::Own {
            self.disruption.add(figures.start_at, window.to_ms, window.calls, window.errors);
        }
        self.judge.observe(&window);
        true
    }

    /// Windows that nobody has any more: they count as incomplete, as each number does that is missing.
    pub(super) fn miss(&mut self, windows: u64) {
        self.number = self.number.saturating_add(windows);
    }
}
