//! When a delivery that failed is tried again: pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What becomes of a delivery whose handling failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Next {
    /// Not before this has passed.
    Again(Duration),
    Dead,
}

/// What follows when `failed` tries have failed of at most `most`. The wait doubles; `chance` (0 to 1) spreads what failed
/// together over its second half.
pub(in crate::gateway) fn next(failed: u32, most: u32, chance: f64) -> Next {
    if failed >= most {
        return Next::Dead;
    }
    let doubled = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    Next::Again(doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes_and_the_last_try_is_the_last() {
        let waits: Vec<u64> = (1..12)
            .map_while(|failed| match next(failed, 12, 1.0) {
                Next::Again(wait) => Some(wait.as_secs()),
                Next::Dead => None,
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(next(8, 8, 1.0), Next::Dead);
        assert_eq!(next(1, 1, 0.0), Next::Dead);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_nothing_and_never_too_long(failed in 1..u32::MAX, most: u32, chance in -1.0..2.0_f64) {
            match next(failed, most, chance) {
                Next::Dead => prop_assert!(failed >= most),
                Next::Again(wait) => {
                    prop_assert!(failed < most);
                    prop_assert!(wait >= FIRST / 2 && wait <= LONGEST);
                }
            }
        }
    }
}
