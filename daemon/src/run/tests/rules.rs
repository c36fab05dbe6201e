//! The pure rules: canonical bytes, digests, pacing, progress.

use std::time::Duration;

use cutover_shared::run::Counts;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::run::plan::{Basis, page_hash};
use crate::run::progress::{Meter, chunk, pace, progress};
use crate::run::{NotCanonical, canonical};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn canonical_bytes_read_back_as_the_same_value_and_the_same_bytes(value in value()) {
        let bytes = canonical(&value).unwrap();
        let again: Value = serde_json::from_str(&bytes).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(canonical(&again).unwrap(), bytes);
    }

    #[test]
    fn a_changed_item_changes_the_digest(items in proptest::collection::vec(("[a-z]{1,5}", "[a-z]{0,5}"), 1..6), at in any::<proptest::sample::Index>()) {
        let digest = |items: &[(String, String)]| {
            let pages = vec![page_hash(items.iter().map(|(k, b)| (k.as_str(), b.as_str())))];
            let basis = Basis { kind: "k".into(), scope: "s".into(), rules: json!({}), config: json!({}), items: items.len() as u64, pages };
            basis.digest().unwrap().0
        };
        let before = digest(&items);
        prop_assert_eq!(&before, &digest(&items));
        let mut changed = items.clone();
        changed[at.index(items.len())].1.push('!');
        prop_assert_ne!(before, digest(&changed));
    }

    #[test]
    fn a_paced_run_is_never_faster_than_its_rate(done in 0_u64..1_000_000, ms in 0_u64..10_000_000, rate in 1_u32..10_000) {
        let elapsed = Duration::from_millis(ms);
        let after = elapsed + pace(done, elapsed, rate);
        prop_assert!(after.as_secs_f64() * f64::from(rate) >= done as f64 - 0.001);
    }

    #[test]
    fn progress_never_panics_and_zero_speed_has_no_end(left in any::<u64>(), speed in 0.0_f64..1e12) {
        let seen = progress(Counts::default(), left, speed);
        prop_assert_eq!(seen.seconds_left.is_some(), speed > 0.0 && left > 0);
    }
}

#[test]
fn a_fraction_has_no_canonical_form() {
    assert_eq!(canonical(&json!({ "a": [0.5] })), Err(NotCanonical::Fraction));
}

#[test]
fn keys_are_sorted_at_every_depth() {
    assert_eq!(
        canonical(&json!({ "b": { "z": 1, "a": "é\n" }, "a": null })).unwrap(),
        "{\"a\":null,\"b\":{\"a\":\"é\\n\",\"z\":1}}"
    );
}

#[test]
fn the_meter_smooths_and_falls_silent() {
    let mut meter = Meter::starting(Duration::ZERO);
    for second in 1..=30 {
        meter.feed(Duration::from_secs(second), 100);
    }
    assert!((meter.rate(Duration::from_secs(31)) - 100.0).abs() < 1.0);
    assert_eq!(meter.rate(Duration::from_secs(60)).to_bits(), 0.0_f64.to_bits());
}

#[test]
fn the_first_chunk_of_a_paced_run_is_not_its_rate() {
    let mut meter = Meter::starting(Duration::ZERO);
    for fifth in 0..10 {
        meter.feed(Duration::from_millis(fifth * 200 + 1), 4);
    }
    let rate = meter.rate(Duration::from_secs(2));
    assert!((15.0..35.0).contains(&rate), "{rate}");
}

#[test]
fn a_paced_chunk_is_a_fifth_of_a_second() {
    assert_eq!(
        (chunk(None, 256), chunk(Some(100), 256), chunk(Some(1), 256), chunk(Some(9_999), 256)),
        (256, 20, 1, 256)
    );
}
