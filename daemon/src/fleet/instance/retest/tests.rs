use std::time::Duration;

use proptest::prelude::*;

use super::is_due;

#[test]
fn one_that_was_never_asked_is_due() {
    assert!(is_due(0, None, Duration::from_secs(60), 16));
    // The clock was set back.
    assert!(is_due(1_000, Some(2_000), Duration::from_secs(60), 1));
}

proptest! {
    #[test]
    fn it_is_due_after_its_distance(
        now in 0_i64..1_000_000_000, ago in 0_i64..10_000_000, every in 1_u64..1_000, factor in 1_u32..=16,
    ) {
        let wait = i64::try_from(every).unwrap() * 1_000 * i64::from(factor);
        prop_assert_eq!(is_due(now, Some(now - ago), Duration::from_secs(every), factor), ago >= wait);
    }
}
