//! Arming: with what is configured, held against the baseline that is recorded. What can't fire is left out by name, so that
//! everything else watches.

use cutover_shared::rollout::RolloutName;
use cutover_shared::verdict::Trigger;
use serde::{Deserialize, Serialize};

use super::fed::measures_of;
use super::{Sitting, Trouble};
use crate::clock::Millis;
use crate::rollout::criteria::Proof;
use crate::rollout::judge::{ArmError, Armed, Baseline, Judge, Settings};
use crate::store::ReadError;

/// Quantiles of a baseline that stand on fewer calls say nothing of its latency.
const BASELINE_FLOOR: u64 = 200;

const LATENCY: [Trigger; 3] = [Trigger::LatencyP50, Trigger::LatencyP95, Trigger::LatencyP99];

/// Triggers that nothing is fed to here, and a trigger that can't fire must not look armed. A declared incident goes back by itself,
/// once, without the judge, which would go back one stage after the other while it is open. What was made and not counted nobody
/// knows: where it may have happened, a window is incomplete, and that is a criterion of its own, which a person may pass.
const UNFED: [Trigger; 3] = [Trigger::CriticalIncident, Trigger::RecordsLost, Trigger::IncompleteWindows];

/// What a judge was armed for. Where it differs from what holds now, it is armed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ArmedFor {
    /// When the baseline was recorded.
    baseline_at: Option<Millis>,
    settings: Settings,
}

/// What a judge is armed with.
pub(super) struct Arms {
    wanted: ArmedFor,
    baseline: Baseline,
    has_latency: bool,
}

impl Arms {
    fn of(name: RolloutName, mut settings: Settings, recorded: Option<(Millis, Baseline)>) -> Self {
        settings.armed.retain(|trigger| !UNFED.contains(trigger));
        settings.critical_functions.retain(|word| name.operations().any(|of| of.word() == word));
        if settings.critical_functions.is_empty() {
            settings.armed.remove(&Trigger::CriticalFunction);
        } else {
            settings.armed.insert(Trigger::CriticalFunction);
        }
        let (baseline_at, baseline) = recorded.unzip();
        let baseline = baseline.unwrap_or_default();
        // Calls that a Prometheus server counted are in no histogram.
        let has_latency = baseline.calls >= BASELINE_FLOOR && baseline.p95_us > 0;
        if !has_latency {
            settings.armed.retain(|trigger| !LATENCY.contains(trigger));
        }
        // What nobody measures can't be watched: those need measures that a baseline brings.
        if baseline.measures.is_empty() {
            settings.armed.retain(|trigger| !matches!(trigger, Trigger::Performance | Trigger::Regression));
        }
        Self { wanted: ArmedFor { baseline_at, settings }, baseline, has_latency }
    }

    /// Arms what can be armed; with it the proof.
    fn arm(
        self,
        now: Millis,
        mut by: impl FnMut(Settings, Baseline) -> Result<Armed, ArmError>,
    ) -> (Result<(Judge, ArmedFor), ArmError>, Proof) {
        let (mut settings, mut left_out) = (self.wanted.settings.clone(), Vec::new());
        let armed = loop {
            match by(settings.clone(), self.baseline.clone()) {
                Ok(armed) => break Ok(armed),
                Err(error) => match error.trigger() {
                    Some(trigger) if trigger != Trigger::ErrorRate && settings.armed.remove(&trigger) => {
                        left_out.push(error);
                    }
                    _ => break Err(error),
                },
            }
        };
        match armed {
            Err(error) => {
                let proof = Proof { at: now, ok: false, text: error.to_string() };
                (Err(error), proof)
            }
            Ok(Armed { judge, proofs }) => {
                let fired: Vec<_> = proofs.iter().map(|proof| proof.trigger.word()).collect();
                let mut text = format!("a synthetic breach fired {}", fired.join(", "));
                if !self.has_latency {
                    text += match self.wanted.baseline_at {
                        None => "; no baseline, so slowness is not watched",
                        Some(_) => {
                            "; the baseline has less than 200 calls that were timed here, so slowness is not watched"
                        }
                    };
                }
                for error in &left_out {
                    text += &format!("; not watched: {error}");
                }
                let proof = Proof { at: now, ok: self.has_latency && left_out.is_empty(), text };
                (Ok((judge, self.wanted)), proof)
            }
        }
    }
}

impl Sitting {
    /// What holds now; the error is the store's.
    pub(super) async fn arms(&self) -> Result<Arms, ReadError> {
        let recorded = self.soon(self.of.windows.baseline(self.name)).await?;
        let settings = self.of.settings[self.name.index()].clone();
        let floor = settings.measure_floor;
        let recorded = recorded.map(|recorded| {
            let at = recorded.at;
            let whole = recorded.operations.iter().find(|figures| figures.operation.is_none());
            let baseline = whole.map(|whole| {
                let figures = &whole.figures;
                Baseline {
                    // One of an older version had no word on it; P50 comes from a histogram alone.
                    calls: whole.timed.unwrap_or(figures.p50_us.map_or(0, |_| figures.calls)),
                    p50_us: figures.p50_us.unwrap_or_default(),
                    p95_us: figures.p50_us.and(figures.p95_us).unwrap_or_default(),
                    p99_us: figures.p99_us.unwrap_or_default(),
                    measures: measures_of(&recorded.measures, floor),
                }
            });
            (at, baseline.unwrap_or_default())
        });
        Ok(Arms::of(self.name, settings, recorded))
    }

    /// What a judge is armed with while the store can't be read: the baseline that it knows.
    pub(super) fn arms_of(&self, judge: &Judge, armed_for: Option<&ArmedFor>) -> Arms {
        let settings = self.of.settings[self.name.index()].clone();
        let at = armed_for.and_then(|armed_for| armed_for.baseline_at);
        Arms::of(self.name, settings, at.map(|at| (at, judge.baseline().clone())))
    }

    /// A judge that begins; `before` hands over what was compared.
    pub(super) fn armed(
        &mut self,
        arms: Arms,
        before: Option<&Judge>,
        now: Millis,
    ) -> Result<(Judge, ArmedFor), Trouble> {
        let (armed, proof) = arms.arm(now, |settings, baseline| Judge::arm(settings, baseline, before, now));
        self.prove(proof);
        Ok(armed?)
    }

    /// The same judge with what holds now. None: it is armed for that already.
    pub(super) fn renewed(
        &mut self,
        arms: Arms,
        judge: &Judge,
        armed_for: Option<&ArmedFor>,
        now: Millis,
    ) -> Result<Option<(Judge, ArmedFor)>, Trouble> {
        if armed_for == Some(&arms.wanted) {
            return Ok(None);
        }
        let (armed, proof) = arms.arm(now, |settings, baseline| judge.renew(settings, baseline, now));
        self.prove(proof);
        Ok(Some(armed?))
    }

    /// A proof that says what the last one said is no new one: what fails is tried again and again.
    fn prove(&mut self, proof: Proof) {
        if self.proven.as_ref().is_none_or(|last| (last.ok, &last.text) != (proof.ok, &proof.text)) {
            self.proven = Some(proof.clone());
            self.owed.proof = Some(proof);
        }
    }
}
