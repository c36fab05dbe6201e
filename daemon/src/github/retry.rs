//! Which failed exchange may be repeated, and after how long.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use http::Method;

/// Tries of one call, the first included.
pub(crate) const MAX_TRIES: u32 = 4;
/// How often one call waits out a refusal for speed before it gives up.
pub(crate) const MAX_SPEED_WAITS: u32 = 5;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(8);

/// Whether doing it twice is the same as doing it once. A lost answer doesn't tell whether the request arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing changes at GitHub that anybody relies on: a read, or one more token.
    Repeatable,
    /// Once at the most.
    Once,
}

/// A method says nothing about harmlessness except for these two.
pub(crate) fn may_repeat(method: &Method, effect: Effect) -> bool {
    effect == Effect::Repeatable || *method == Method::GET || *method == Method::HEAD
}

/// The upper bounds of the delays between tries; full jitter picks anything below.
pub(crate) fn ceilings() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_factor(2.0)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(MAX_TRIES as usize - 1)
        .build()
}

/// Full jitter: callers that failed together must not come back together. `chance` is in 0..1.
pub(crate) fn jittered(ceiling: Duration, chance: f64) -> Duration {
    ceiling.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_harmless_twice_is_repeated() {
        assert!(may_repeat(&Method::GET, Effect::Once));
        assert!(may_repeat(&Method::HEAD, Effect::Once));
        assert!(may_repeat(&Method::POST, Effect::Repeatable));
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!may_repeat(&method, Effect::Once));
        }
    }

    #[test]
    fn there_is_one_delay_less_than_tries() {
        let all: Vec<u128> = ceilings().map(|delay| delay.as_millis()).collect();
        assert_eq!(all, [500, 1000, 2000]);
    }

    proptest! {
        #[test]
        fn jitter_stays_below_the_ceiling(chance in any::<f64>()) {
            prop_assume!(!chance.is_nan());
            for ceiling in ceilings() {
                prop_assert!(jittered(ceiling, chance) <= ceiling);
                prop_assert!(ceiling <= LONGEST_DELAY);
            }
        }
    }
}
