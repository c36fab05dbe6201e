//! From fractions to whole numbers and back: saturating, and nothing is ever a number that it is not.

/// The whole part; what is negative or no number is 0, what is too large is the largest.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is wanted"
)]
pub(super) fn whole(value: f64) -> u64 {
    value as u64
}

/// Rounded down; what is no number is 0, what is too large is the largest.
#[allow(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is wanted")]
pub(super) fn signed(value: f64) -> i64 {
    value.floor() as i64
}

/// Parts of `scale` in `whole`, rounded down; 0 of 0 is 0, and something of nothing is all.
pub(super) fn parts(part: u64, whole: u64, scale: u32) -> u64 {
    if whole == 0 {
        return if part == 0 { 0 } else { u64::from(scale) };
    }
    let parts = u128::from(part) * u128::from(scale) / u128::from(whole);
    u64::try_from(parts).unwrap_or(u64::MAX)
}

/// Whether `part` of `whole` is more than `threshold` parts of `scale`, without rounding.
pub(super) fn over(part: u64, whole: u64, threshold: u64, scale: u32) -> bool {
    u128::from(part) * u128::from(scale) > u128::from(threshold) * u128::from(whole)
}

/// How far `value` is from `threshold`, in thousandths of it: 1000 when there is nothing, 0 from the threshold on.
pub(super) fn distance(value: u64, threshold: u64) -> u16 {
    if threshold == 0 {
        return 0;
    }
    let left = u128::from(threshold.saturating_sub(value)) * 1_000 / u128::from(threshold);
    u16::try_from(left.min(1_000)).unwrap_or(1_000)
}
