//! When a second write that failed is tried again: pure.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Tries before a person has to look, however young it is.
const MOST: u32 = 20;

/// What becomes of a write that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Not before this has passed.
    Again(Duration),
    GiveUp,
}

/// What follows when `failed` tries have failed of a write that is owed for `age`. The wait doubles; `chance` (0 to 1) spreads
/// what failed together over its second half.
pub fn next(failed: u32, age: Duration, longest_age: Duration, chance: f64) -> Next {
    if failed >= MOST || age > longest_age {
        return Next::GiveUp;
    }
    let doubled = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(LONGEST);
    Next::Again(doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    proptest! {
        #[test]
        fn it_ends_and_never_waits_too_long(failed in 1..u32::MAX, age in 0..10_000_u64, chance in -1.0..2.0_f64) {
            match next(failed, Duration::from_secs(age), HOUR, chance) {
                Next::GiveUp => prop_assert!(failed >= MOST || age > 3_600),
                Next::Again(wait) => {
                    prop_assert!(failed < MOST && age <= 3_600);
                    prop_assert!(wait >= FIRST / 2 && wait <= LONGEST);
                }
            }
        }
    }
}
