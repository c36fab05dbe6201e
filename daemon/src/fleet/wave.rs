//! Waves: who comes first. The canary tenants are the first wave; the others follow in the order of a number that follows from
//! their id, so that a tenant is in the same wave in every run.

use std::ops::Range;

/// How many places there are after the canary tenants' one.
pub const PLACES: u32 = 1_000_000;

/// Places of one permille.
const PERMILLE: u32 = PLACES / 1_000;

/// Where each wave ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waves {
    /// Shares in permille of all tenants, rising; the last is 1,000.
    shares: Vec<u32>,
}

impl Waves {
    /// Out of the configured shares. Whatever they say, everybody is in some wave.
    pub fn new(shares: &[u32]) -> Self {
        let mut rising: Vec<u32> = Vec::with_capacity(shares.len() + 1);
        for share in shares.iter().copied().chain([1_000]) {
            let share = share.min(1_000);
            if rising.last().is_none_or(|last| *last < share) {
                rising.push(share);
            }
        }
        Self { shares: rising }
    }

    /// How many there are, the canary wave with them.
    pub fn count(&self) -> u32 {
        u32::try_from(self.shares.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The wave of a place, from 1.
    pub fn wave(&self, place: u32) -> u32 {
        if place == 0 {
            return 1;
        }
        let at = self.shares.iter().position(|share| place <= share.saturating_mul(PERMILLE));
        at.and_then(|at| u32::try_from(at).ok()).map_or(self.count(), |at| at.saturating_add(2))
    }

    /// The places of a wave; none where there is no such wave.
    pub fn places(&self, wave: u32) -> Option<Range<u32>> {
        let end = |at: u32| {
            let share = self.shares.get(usize::try_from(at).ok()?)?;
            Some(share.saturating_mul(PERMILLE).saturating_add(1))
        };
        match wave {
            0 => None,
            1 => Some(0..1),
            2 => Some(1..end(0)?),
            later => Some(end(later - 3)?..end(later - 2)?),
        }
    }

    /// Where each wave after the first ends (exclusive).
    pub fn ends(&self) -> Vec<u32> {
        (2..=self.count()).filter_map(|wave| self.places(wave)).map(|places| places.end).collect()
    }

    /// `canary`, `1 %`, `10 %`, `all`.
    pub fn name(&self, wave: u32) -> String {
        let share = wave.checked_sub(2).and_then(|at| self.shares.get(usize::try_from(at).ok()?));
        match share {
            None => "canary".to_owned(),
            Some(1_000) => "all".to_owned(),
            Some(share) => percent(*share),
        }
    }
}

/// A share in words.
pub(super) fn percent(permille: u32) -> String {
    match permille % 10 {
        0 => format!("{} %", permille / 10),
        tenths => format!("{}.{tenths} %", permille / 10),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waves_have_names_and_places() {
        let waves = Waves::new(&[10, 100, 1_000]);
        assert_eq!(waves.count(), 4);
        let names: Vec<_> = (1..=4).map(|wave| waves.name(wave)).collect();
        assert_eq!(names, ["canary", "1 %", "10 %", "all"]);
        assert_eq!(waves.places(1), Some(0..1));
        assert_eq!(waves.places(2), Some(1..10_001));
        assert_eq!(waves.places(3), Some(10_001..100_001));
        assert_eq!(waves.places(4), Some(100_001..1_000_001));
        assert_eq!((waves.places(0), waves.places(5)), (None, None));
        assert_eq!(Waves::new(&[5]).name(2), "0.5 %");
        assert_eq!(Waves::new(&[]).count(), 2);
    }

    proptest! {
        #[test]
        fn every_place_is_in_exactly_the_wave_that_has_it(
            shares in prop::collection::vec(0_u32..1_500, 0..6), place in 0..=PLACES,
        ) {
            let waves = Waves::new(&shares);
            let wave = waves.wave(place);
            prop_assert!((1..=waves.count()).contains(&wave));
            for other in 1..=waves.count() {
                let has = waves.places(other).is_some_and(|places| places.contains(&place));
                prop_assert_eq!(has, other == wave, "place {} wave {}", place, other);
            }
        }
    }
}
