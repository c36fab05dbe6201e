use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules { reserve_permille: 200, points_per_minute: 900 };

fn at(ms: u64) -> Moment {
    Moment { wall: i64::try_from(ms).unwrap(), mono: Duration::from_millis(ms) }
}

fn rates(limit: u32, remaining: u32, reset: Millis) -> Option<Rates> {
    Some(Rates { limit, remaining, reset })
}

#[test]
fn background_stops_at_the_reserve_and_live_goes_on_to_the_end() {
    let mut account = Account::default();
    account.answered(rates(5000, 1001, 60_000));
    assert_eq!(account.admission(RULES, at(0), Traffic::Background, 1), Admission::Now);
    account.answered(rates(5000, 1000, 60_000));
    assert_eq!(
        account.admission(RULES, at(0), Traffic::Background, 1),
        Admission::Wait(Duration::from_secs(60))
    );
    assert_eq!(account.admission(RULES, at(0), Traffic::Live, 1), Admission::Now);
    account.answered(rates(5000, 0, 60_000));
    assert_eq!(account.admission(RULES, at(0), Traffic::Live, 1), Admission::Wait(Duration::from_secs(60)));
    assert_eq!(account.admission(RULES, at(60_000), Traffic::Background, 1), Admission::Now);
}

#[test]
fn calls_in_flight_count_as_spent() {
    let mut account = Account::default();
    account.answered(rates(60, 2, 60_000));
    account.take(at(0), 1);
    account.take(at(0), 1);
    assert_ne!(account.admission(RULES, at(0), Traffic::Live, 1), Admission::Now);
    account.done();
    account.answered(rates(60, 2, 60_000));
    assert_eq!(account.admission(RULES, at(0), Traffic::Live, 1), Admission::Now, "a 304 costs nothing");
}

#[test]
fn penalties_double_from_a_minute_and_end_with_a_success() {
    let mut account = Account::default();
    let seconds: Vec<u64> = (0..7).map(|_| account.refused(at(0), None, None).as_secs()).collect();
    assert_eq!(seconds, [60, 120, 240, 480, 900, 900, 900]);
    account.answered(None);
    assert_eq!(account.refused(at(0), None, None).as_secs(), 60);
}

#[test]
fn a_pace_full_of_background_work_leaves_points_to_live_traffic() {
    let mut account = Account::default();
    let mut background = 0;
    while account.admission(RULES, at(0), Traffic::Background, 5) == Admission::Now {
        account.take(at(0), 5);
        background += 5;
    }
    assert_eq!(background, 720);
    assert_eq!(account.admission(RULES, at(0), Traffic::Live, 5), Admission::Now);
}

#[test]
fn a_limit_smaller_than_one_call_still_lets_one_call_a_minute_through() {
    let rules = Rules { reserve_permille: 1000, points_per_minute: 10 };
    let mut account = Account::default();
    assert_eq!(account.admission(rules, at(0), Traffic::Background, 5), Admission::Now);
    account.take(at(0), 5);
    assert_eq!(
        account.admission(rules, at(0), Traffic::Background, 5),
        Admission::Wait(Duration::from_secs(WINDOW_S))
    );
}

proptest! {
    #[test]
    fn nothing_goes_before_what_github_asked_for(
        now in 0_u64..10_000_000,
        retry_after in proptest::option::of(0_u64..100_000),
        reset_in in 0_i64..4_000_000,
        remaining in 0_u32..3,
        early in 0_u64..100_000_000,
        live in any::<bool>(),
    ) {
        let mut account = Account::default();
        let given = rates(5000, remaining, at(now).wall + reset_in);
        let wait = account.refused(at(now), given, retry_after.map(Duration::from_secs));
        let traffic = if live { Traffic::Live } else { Traffic::Background };
        let earliest = match retry_after {
            Some(seconds) => now + (seconds * 1000).min(86_400_000),
            None if remaining == 0 && reset_in > 0 => now + u64::try_from(reset_in).unwrap(),
            None => now + 60_000,
        };
        prop_assert!(wait <= LONGEST_ASKED);
        let when = now + early;
        if account.admission(RULES, at(when), traffic, 1) == Admission::Now {
            prop_assert!(when >= earliest, "went at {when}, asked for {earliest}");
        }
        // And it does go in the end.
        let later = now + 86_400_000 + 4_000_000;
        prop_assert_eq!(account.admission(RULES, at(later), traffic, 1), Admission::Now);
    }

    #[test]
    fn no_minute_holds_more_points_than_allowed(
        steps in proptest::collection::vec((0_u64..4_000, 1_u32..6, any::<bool>()), 1..600),
        per_minute in 10_u32..200,
    ) {
        let rules = Rules { reserve_permille: 200, points_per_minute: per_minute };
        let mut account = Account::default();
        let mut now = 0;
        let mut taken: Vec<(u64, u32)> = Vec::new();
        for (pause, points, live) in steps {
            now += pause;
            let traffic = if live { Traffic::Live } else { Traffic::Background };
            if account.admission(rules, at(now), traffic, points) == Admission::Now {
                account.take(at(now), points);
                account.done();
                taken.push((now, points));
            }
        }
        for (start, _) in &taken {
            let sum: u32 = taken
                .iter()
                .filter(|(when, _)| (*start..*start + 60_000).contains(when))
                .map(|(_, points)| points)
                .sum();
            prop_assert!(sum <= per_minute, "{sum} points in a minute from {start}");
        }
        prop_assert!(account.spent.len() <= usize::try_from(WINDOW_S).unwrap());
    }

    #[test]
    fn a_told_wait_is_enough(
        spends in proptest::collection::vec((0_u64..2_000, 1_u32..6), 1..300),
        per_minute in 10_u32..100,
    ) {
        let rules = Rules { reserve_permille: 0, points_per_minute: per_minute };
        let mut account = Account::default();
        let mut now = 0;
        for (pause, points) in spends {
            now += pause;
            while let Admission::Wait(wait) = account.admission(rules, at(now), Traffic::Live, points) {
                prop_assert!(wait <= Duration::from_secs(WINDOW_S));
                now += u64::try_from(wait.as_millis()).unwrap().max(1);
            }
            account.take(at(now), points);
            account.done();
        }
    }
}
