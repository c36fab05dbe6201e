use proptest::prelude::*;

use super::*;

const HOUR: Duration = Duration::from_secs(3_600);
const NOW: i64 = 1_780_000_000_000;

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap()
}

#[test]
fn what_was_begun_goes_on_at_once() {
    assert_eq!(due(&First::HalfDone, NOW, 6 * HOUR, 1.0), None);
}

#[test]
fn an_index_is_read_again_when_it_is_old() {
    let swept = First::Swept(NOW - millis(5 * HOUR));
    assert_eq!(due(&swept, NOW, 6 * HOUR, 0.0), Some(HOUR));
    assert_eq!(due(&swept, NOW + millis(HOUR) - 1, 6 * HOUR, 0.0), Some(Duration::from_millis(1)));
    assert_eq!(due(&swept, NOW + millis(HOUR), 6 * HOUR, 0.0), None);
}

#[test]
fn the_first_plan_comes_before_the_first_sweep_by_the_clock() {
    assert_eq!(due(&First::Never { began: NOW }, NOW, 6 * HOUR, 0.0), Some(6 * HOUR));
}

proptest! {
    #[test]
    fn nobody_waits_longer_than_an_interval_and_a_tenth(
        since in any::<i64>(), now in any::<i64>(), every in 1..u64::from(u32::MAX), spread in any::<f64>()
    ) {
        let every = Duration::from_millis(every);
        let wait = due(&First::Swept(since), now, every, spread);
        prop_assert!(wait.is_none_or(|wait| wait <= every.mul_f64(1.1) + Duration::from_millis(1)));
    }

    #[test]
    fn the_wait_ends_in_a_sweep(age in 0..100_000_000_i64, spread in 0.0..1.0_f64) {
        let swept = First::Swept(NOW - age);
        if let Some(wait) = due(&swept, NOW, 6 * HOUR, spread) {
            prop_assert_eq!(due(&swept, NOW + millis(wait) + 1, 6 * HOUR, spread), None);
        }
    }
}
