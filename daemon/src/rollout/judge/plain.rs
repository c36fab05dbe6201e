//! Triggers that need no statistics: a value and its threshold.

use cutover_shared::verdict::{Effect, Reading, ReadingState, Trigger, Unit};

use super::number::{distance, over, parts};
use super::settings::{Baseline, Better, MILLION, Measure, Settings};
use super::share::Tally;
use super::window::{GrossRow, Outside, Seen};

/// A reading of a value that is always known. `fires` is decided by the caller, exactly and not from what is rounded for people.
pub(super) fn plain(trigger: Trigger, unit: Unit, value: u64, threshold: u64, fires: bool) -> Reading {
    let warning_at = threshold.div_ceil(2);
    let state = match (fires, value >= warning_at) {
        (true, _) => ReadingState::Fired,
        (false, true) => ReadingState::Warning,
        (false, false) => ReadingState::Clear,
    };
    Reading {
        trigger,
        name: None,
        effect: Effect::Rollback,
        state,
        unit,
        value,
        threshold,
        warning_at,
        distance_permille: if fires { 0 } else { distance(value, threshold).max(1) },
        sample: 0,
        floor: 0,
        missing: 0,
        evidence: None,
    }
}

/// The hard trigger: no floor, no statistics. Ten failures in a row are no chance (1 in 10,000,000,000,000 at the error rate's threshold).
pub(super) fn gross(row: GrossRow, settings: &Settings) -> Reading {
    let fires = row.reaches(settings.gross_row, settings.gross_tenants);
    let reading = plain(Trigger::GrossFailures, Unit::Count, row.length, settings.gross_row, fires);
    Reading { sample: row.tenants, floor: row.tenants_needed(settings.gross_tenants), ..reading }
}

/// What was counted wrongly or not at all in this stage.
pub(super) fn counting(lost: u64, incomplete: u64, settings: &Settings) -> [Reading; 2] {
    let gate = |trigger, value, allowed: u64| {
        let threshold = allowed.saturating_add(1);
        let reading = plain(trigger, Unit::Count, value, threshold, value > allowed);
        Reading { effect: Effect::Gate, ..reading }
    };
    [
        gate(Trigger::RecordsLost, lost, 0),
        gate(Trigger::IncompleteWindows, incomplete, settings.incomplete_allowed),
    ]
}

/// Shadow calls that were shed lately, of those that should have been made and that the budget allows.
pub(super) fn shed(asked: Tally, settings: &Settings) -> Reading {
    let threshold = u64::from(settings.shed_permille);
    let enough = asked.calls >= settings.error_floor;
    let fires = enough && over(asked.hits, asked.calls, threshold, 1_000);
    let value = parts(asked.hits, asked.calls, 1_000);
    let reading = plain(Trigger::ShadowShed, Unit::Permille, value, threshold, fires);
    Reading { effect: Effect::Gate, sample: asked.calls, floor: settings.error_floor, ..reading }
}

/// What is known from elsewhere and rolls back.
pub(super) fn outside(outside: &Outside, settings: &Settings) -> Vec<Reading> {
    let failing = |name: &&String| outside.failing.contains(*name);
    let incidents = outside.critical_incidents;
    let mut readings = vec![
        plain(Trigger::CriticalIncident, Unit::Count, incidents, 1, incidents > 0),
        plain(
            Trigger::Disruption,
            Unit::Millis,
            outside.disruption_ms,
            settings.disruption_ms,
            outside.disruption_ms > settings.disruption_ms,
        ),
        wrong_data(outside, settings),
    ];
    readings.extend(settings.critical_functions.iter().map(|name| {
        let fails = failing(&name);
        let reading = plain(Trigger::CriticalFunction, Unit::Count, u64::from(fails), 1, fails);
        Reading { name: Some(name.clone()), ..reading }
    }));
    readings
}

/// Users with wrong data: a share, and a floor of users under it. Below the floor it warns, and no more.
fn wrong_data(outside: &Outside, settings: &Settings) -> Reading {
    let (wrong, floor) = (outside.users_wrong, settings.wrong_data_floor);
    let limit = u64::from(settings.wrong_data_ppm);
    let fires = wrong >= floor && over(wrong, outside.users, limit, MILLION);
    let share = parts(wrong, outside.users, MILLION);
    let reading = plain(Trigger::WrongData, Unit::Ppm, share, limit, fires);
    // As far as the farther of the two is.
    let distance_permille = reading.distance_permille.max(if fires { 0 } else { distance(wrong, floor) });
    Reading { sample: wrong, floor, distance_permille, ..reading }
}

/// Each measure against the baseline, with the wide and the narrow threshold.
pub(super) fn measures(outside: &Outside, baseline: &Baseline, settings: &Settings) -> Vec<Reading> {
    let wide = (Trigger::Performance, settings.performance_permille);
    let narrow = (Trigger::Regression, settings.regression_permille);
    let one = |measure: &Measure, (trigger, permille): (Trigger, u32)| {
        let effect = if trigger == Trigger::Performance { measure.effect } else { Effect::Gate };
        let seen = outside.measures.get(&measure.name).copied().unwrap_or_default();
        let base = measure.value.max(measure.least);
        let threshold = u64::from(permille);
        let enough = base > 0 && seen.sample >= settings.measure_floor;
        let worse = worse_by(measure, base, seen);
        let fires = enough && over(worse, base, threshold, 1_000);
        let reading = plain(trigger, Unit::Permille, parts(worse, base, 1_000), threshold, fires);
        let (sample, floor) = (seen.sample, settings.measure_floor);
        let reading = Reading { name: Some(measure.name.clone()), effect, sample, floor, ..reading };
        if enough {
            return reading;
        }
        let missing = floor.saturating_sub(sample).max(1);
        Reading { state: ReadingState::NotEnoughData, missing, distance_permille: 1_000, ..reading }
    };
    baseline.measures.iter().flat_map(|measure| [one(measure, wide), one(measure, narrow)]).collect()
}

fn worse_by(measure: &Measure, base: u64, seen: Seen) -> u64 {
    match measure.better {
        Better::Lower => seen.value.saturating_sub(base),
        Better::Higher => base.saturating_sub(seen.value),
    }
}
