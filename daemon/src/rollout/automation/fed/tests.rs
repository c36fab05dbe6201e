use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

fn of(windows: &[(i64, u64, u64)]) -> u64 {
    let mut disruption = Disruption::default();
    for (minute, calls, errors) in windows {
        disruption.add(minute * MINUTE, (minute + 1) * MINUTE, *calls, *errors);
    }
    disruption.length_ms() / 60_000
}

#[test]
fn it_lasts_from_the_first_failure_on_and_ends_with_a_success() {
    assert_eq!(of(&[]), 0);
    assert_eq!(of(&[(0, 1, 1), (1, 3, 3), (2, 1, 1)]), 3);
    assert_eq!(of(&[(0, 1, 1), (1, 100, 99), (2, 1, 1)]), 1);
    assert_eq!(of(&[(0, 1, 1), (1, 100, 99)]), 0);
}

#[test]
fn without_calls_nothing_is_known() {
    assert_eq!(of(&[(0, 0, 0), (1, 0, 0)]), 0);
    assert_eq!(of(&[(0, 1, 1), (1, 0, 0), (4, 1, 1)]), 5, "a short pause is within it");
    assert_eq!(of(&[(0, 1, 1), (20, 1, 1)]), 1, "a long one ends it");
    assert_eq!(of(&[(0, 1, 1), (60, 0, 0)]), 1, "it does not grow by itself");
}

proptest! {
    /// It is never longer than what has passed since the last success, and nothing when the last window with calls had one.
    #[test]
    fn it_never_reaches_behind_a_success(windows in proptest::collection::vec((0_i64..8, 0_u64..4, 0_u64..4), 0..60)) {
        let (mut at, mut disruption, mut success, mut good) = (0, Disruption::default(), 0, true);
        for (pause, calls, errors) in windows {
            at += pause * MINUTE;
            let (from, to) = (at, at + MINUTE);
            disruption.add(from, to, calls, errors.min(calls));
            if calls > 0 {
                good = errors < calls;
                if good {
                    success = to;
                }
            }
            at = to;
            prop_assert!(disruption.length_ms() <= u64::try_from(at - success).unwrap());
            prop_assert_eq!(disruption.length_ms() == 0, good);
        }
    }
}
