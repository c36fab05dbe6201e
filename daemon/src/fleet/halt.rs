//! When a wave goes no further. Pure.

use super::settings::Settings;
use super::wave::{Waves, percent};

/// How a wave goes in one run, counted since a person last let it go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tenants of the wave that the run has something to do for.
    pub tenants: u64,
    pub failed: u64,
    pub unreachable: u64,
}

/// Why no further tenant of this wave is begun, and with that none of a later one.
pub fn halt(tally: Tally, wave: u32, waves: &Waves, settings: &Settings) -> Option<String> {
    // Asked before each tenant.
    if tally.failed == 0 && tally.unreachable == 0 {
        return None;
    }
    let name = format!("wave {wave} ({})", waves.name(wave));
    let of = |n: u64, permille: u32| {
        let share = n.saturating_mul(1_000).checked_div(tally.tenants).unwrap_or(1_000);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let over = n.saturating_mul(1_000) > u64::from(permille).saturating_mul(tally.tenants);
        (percent(share), over && n > 0)
    };
    let (share, over) = of(tally.failed, settings.halt_permille);
    let (failed, tenants) = (tally.failed, tally.tenants);
    if over {
        let most = percent(settings.halt_permille);
        return Some(format!(
            "{name} halted: {failed} of {tenants} tenants failed ({share}), more than {most} (fleet.halt_share)"
        ));
    }
    if failed > u64::from(settings.halt_failures) {
        let most = settings.halt_failures;
        return Some(format!(
            "{name} halted: {failed} of {tenants} tenants failed, more than {most} (fleet.halt_failures)"
        ));
    }
    let (share, over) = of(tally.unreachable, settings.halt_unreachable_permille);
    let most = percent(settings.halt_unreachable_permille);
    over.then(|| {
        format!(
            "{name} halted: {} of {tenants} tenants can't be reached ({share}), more than {most} (fleet.halt_unreachable): \
             look at the network and the servers first",
            tally.unreachable
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::settings::sample;
    use super::*;

    fn why(tenants: u64, failed: u64, unreachable: u64) -> Option<String> {
        let settings =
            Settings { halt_failures: 5, halt_permille: 50, halt_unreachable_permille: 500, ..sample() };
        halt(Tally { tenants, failed, unreachable }, 2, &Waves::new(&[100, 1_000]), &settings)
    }

    #[test]
    fn a_wave_halts_by_share_and_by_count_and_says_by_which() {
        assert_eq!(why(30, 1, 0), None);
        assert_eq!(
            why(30, 3, 0).unwrap(),
            "wave 2 (10 %) halted: 3 of 30 tenants failed (10 %), more than 5 % (fleet.halt_share)"
        );
        assert_eq!(why(1_000, 5, 0), None);
        assert_eq!(
            why(1_000, 6, 0).unwrap(),
            "wave 2 (10 %) halted: 6 of 1000 tenants failed, more than 5 (fleet.halt_failures)"
        );
        assert_eq!(why(1_000, 0, 500), None);
        assert!(why(1_000, 0, 501).unwrap().contains("can't be reached (50.1 %), more than 50 %"));
    }

    proptest! {
        #[test]
        fn nothing_wrong_never_halts_and_more_wrong_never_lets_go(
            tenants in 1_u64..10_000, failed in 0_u64..100, unreachable in 0_u64..100,
        ) {
            prop_assert_eq!(why(tenants, 0, 0), None);
            if why(tenants, failed, unreachable).is_some() {
                prop_assert!(why(tenants, failed + 1, unreachable).is_some());
                prop_assert!(why(tenants, failed, unreachable + 1).is_some());
            }
        }
    }
}
