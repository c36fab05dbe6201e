use proptest::prelude::*;

use super::*;

const HOUR: i64 = DAY_MS / 24;

fn only(measure: WorthMeasure) -> WorthWatch {
    let settings = WorthSettings::default();
    let thresholds = settings.thresholds.into_iter().filter(|(it, _)| *it == measure).collect();
    WorthWatch::begin(WorthSettings { thresholds, ..WorthSettings::default() }, 0)
}

/// A sample an hour.
fn hours(watch: &mut WorthWatch, hours: std::ops::RangeInclusive<i64>, value: u64) {
    for hour in hours {
        watch.observe(WorthMeasure::P95, value, hour * HOUR);
    }
}

#[test]
fn two_weeks_without_a_dip_are_enough() {
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=335, 10_001);
    let worth = watch.worth(335 * HOUR);
    assert_eq!((worth.outcome, worth.readings[0].missing_ms), (WorthOutcome::Watching, HOUR));
    hours(&mut watch, 336..=336, 12_000);
    let worth = watch.worth(336 * HOUR);
    assert_eq!(worth.outcome, WorthOutcome::Migrate);
    let exceeded = Exceeded { since_ms: 0, until_ms: 336 * HOUR, samples: 337, least: 10_001, most: 12_000 };
    assert_eq!((worth.readings[0].exceeded, worth.readings[0].missing_ms), (Some(exceeded), 0));
    // What was shown stays shown.
    hours(&mut watch, 337..=400, 1);
    assert_eq!(watch.worth(400 * HOUR).outcome, WorthOutcome::Migrate);
}

#[test]
fn a_dip_begins_it_anew() {
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=300, 10_001);
    // At the threshold is not over it.
    hours(&mut watch, 301..=301, 10_000);
    hours(&mut watch, 302..=637, 10_001);
    let worth = watch.worth(637 * HOUR);
    assert_eq!(worth.outcome, WorthOutcome::Watching);
    let reading = &worth.readings[0];
    assert_eq!((reading.missing_ms, reading.last_dip_ms), (HOUR, Some(301 * HOUR)));
    hours(&mut watch, 638..=638, 10_001);
    assert_eq!(watch.worth(638 * HOUR).outcome, WorthOutcome::Migrate);
}

#[test]
fn a_hole_proves_nothing() {
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=100, 10_001);
    hours(&mut watch, 102..=436, 10_001);
    let worth = watch.worth(436 * HOUR);
    assert_eq!((worth.outcome, worth.readings[0].last_hole_ms), (WorthOutcome::Watching, Some(102 * HOUR)));
    // Nor does a time whose end nobody saw.
    assert_eq!(watch.worth(438 * HOUR).readings[0].exceeded, None);
    watch.observe(WorthMeasure::P95, 10_001, 2_000 * HOUR);
    assert_eq!(watch.worth(2_000 * HOUR).outcome, WorthOutcome::Watching);
}

#[test]
fn a_clock_that_was_ahead_blinds_nobody() {
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=100, 10_001);
    // A year ahead, and set right again.
    watch.observe(WorthMeasure::P95, 10_001, 365 * DAY_MS);
    hours(&mut watch, 101..=436, 10_001);
    let worth = watch.worth(436 * HOUR);
    assert_eq!((worth.outcome, worth.readings[0].missing_ms), (WorthOutcome::Watching, HOUR));
    hours(&mut watch, 437..=437, 10_001);
    assert_eq!(watch.worth(437 * HOUR).outcome, WorthOutcome::Migrate);
    // By less than a hole it goes on.
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=100, 10_001);
    watch.observe(WorthMeasure::P95, 9_999_999, 100 * HOUR - HOUR / 2);
    let reading = &watch.worth(100 * HOUR).readings[0];
    assert_eq!((reading.value, reading.exceeded.unwrap().since_ms), (Some(9_999_999), 0));
    // A watch that began in a year to come is reviewed a quarter from now.
    let mut watch = WorthWatch::begin(WorthSettings::default(), 365 * DAY_MS);
    hours(&mut watch, 0..=0, 1);
    assert_eq!(watch.worth(HOUR).review_ms, 91 * DAY_MS);
}

#[test]
fn after_a_quarter_without_it_is_not_needed() {
    let quarter = 91 * 24;
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=quarter - 1, 9_000);
    assert_eq!(watch.worth((quarter - 1) * HOUR).outcome, WorthOutcome::Watching);
    hours(&mut watch, quarter..=quarter, 9_000);
    let worth = watch.worth(quarter * HOUR);
    assert_eq!((worth.outcome, worth.review_ms), (WorthOutcome::NotNeeded, quarter * HOUR));
    // It is exceeded again: nobody can say how long for.
    hours(&mut watch, quarter + 1..=quarter + 1, 10_001);
    assert_eq!(watch.worth((quarter + 1) * HOUR).outcome, WorthOutcome::Watching);
}

#[test]
fn what_was_never_sampled_decides_nothing() {
    let watch = WorthWatch::begin(WorthSettings::default(), 0);
    let worth = watch.worth(i64::MAX);
    assert_eq!((worth.outcome, worth.readings.len()), (WorthOutcome::Watching, 5));
    let mut one = WorthWatch::begin(WorthSettings::default(), 0);
    hours(&mut one, 0..=91 * 24, 9_000);
    assert_eq!(one.worth(91 * DAY_MS).outcome, WorthOutcome::Watching);
}

#[test]
fn a_review_settles_what_was_and_what_goes_on_goes_on() {
    let mut watch = only(WorthMeasure::P95);
    hours(&mut watch, 0..=340, 10_001);
    assert_eq!(watch.worth(340 * HOUR).outcome, WorthOutcome::Migrate);
    watch.review(340 * HOUR);
    let worth = watch.worth(340 * HOUR);
    assert_eq!(
        (worth.review_ms, worth.readings[0].exceeded.unwrap().samples),
        (340 * HOUR + 91 * DAY_MS, 341)
    );
    hours(&mut watch, 341..=341, 1);
    assert_eq!(watch.worth(341 * HOUR).outcome, WorthOutcome::Watching, "it was settled, and is kept now");
    // An older review changes nothing.
    hours(&mut watch, 342..=700, 10_001);
    let before = watch.clone();
    watch.review(340 * HOUR);
    assert_eq!(watch, before);
}

proptest! {
    /// Whatever else is set, a measure is judged by samples that were held against its own threshold, and the others go on.
    #[test]
    fn other_settings_touch_the_measures_that_changed_alone(
        values in prop::collection::vec((any::<bool>(), 0_u64..200_000), 0..30),
        threshold in 0_u64..200_000,
    ) {
        let mut watch = WorthWatch::begin(WorthSettings::default(), 0);
        for (hour, (is_p95, value)) in (0..).zip(values) {
            let measure = if is_p95 { WorthMeasure::P95 } else { WorthMeasure::ErrorRate };
            watch.observe(measure, value, hour * HOUR);
        }
        let before = watch.worth(30 * HOUR);
        let mut set = WorthSettings::default();
        set.thresholds.insert(WorthMeasure::P95, threshold);
        watch.adopt(set.clone());
        let after = watch.worth(30 * HOUR);
        prop_assert_eq!(&after.readings[1..], &before.readings[1..]);
        if threshold == WorthSettings::default().thresholds[&WorthMeasure::P95] {
            prop_assert_eq!(&after, &before);
        } else {
            let reading = &after.readings[0];
            prop_assert_eq!((reading.value, reading.exceeded), (None, None));
        }
        watch.adopt(set);
        prop_assert_eq!(watch.worth(30 * HOUR), after);
    }

    #[test]
    fn it_goes_on_after_a_restart_and_never_stumbles(samples in prop::collection::vec((any::<u64>(), any::<i64>()), 0..20), now: i64) {
        let mut kept = WorthWatch::begin(WorthSettings::default(), now);
        let mut written = kept.clone();
        for (value, at) in samples {
            kept.observe(WorthMeasure::P95, value, at);
            written.observe(WorthMeasure::P95, value, at);
            written = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
            prop_assert_eq!(&written, &kept);
            prop_assert_eq!(written.worth(now), kept.worth(now));
        }
    }
}
