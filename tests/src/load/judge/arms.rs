//! Drawn calls of the target and of the legacy arm.

use rand::RngExt as _;
use rand::rngs::StdRng;

/// Calls of one window.
#[derive(Debug, Clone, Default)]
pub(super) struct Drawn {
    pub calls: u64,
    pub errors: u64,
    /// Slower than the limit.
    pub slow: u64,
    pub compared: u64,
    pub mismatches: u64,
    /// What a rule looks at that compares both arms window by window: failed calls, or the window's P95.
    pub target: f64,
    pub control: f64,
}

/// Hits among `calls`.
pub(super) fn hits(random: &mut StdRng, calls: u64, share: f64) -> u64 {
    if share <= 0.0 {
        return 0;
    }
    (0..calls).filter(|_| random.random::<f64>() < share).count() as u64
}

/// The largest deviation of 2 normal ones, by Box and Muller.
fn normal_pair(random: &mut StdRng) -> (f64, f64) {
    let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * random.random::<f64>();
    (radius * angle.cos(), radius * angle.sin())
}

/// Logarithms of latencies with a heavy tail: normal, deviation 1. The baseline's mean is 0, so its P95 lies at 1.645 and
/// the limit, twice as long, at 1.645 + ln 2.
pub(super) const LIMIT: f64 = 1.644_853_627 + std::f64::consts::LN_2;

/// By how much the logarithms must move so that this share is slower than the limit.
pub(super) fn moved_by(share: f64) -> f64 {
    LIMIT - beyond(share)
}

/// The point beyond which lies this share of a normal distribution, by halving.
fn beyond(share: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 10.0);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if tail(middle) > share { low = middle } else { high = middle }
    }
    low
}

/// The share of a normal distribution beyond a point, by the trapezoid rule: exact to 1e-9, and nobody waits for it.
fn tail(from: f64) -> f64 {
    let steps = 4_000;
    let width = (12.0 - from) / f64::from(steps);
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let inner: f64 = (1..steps).map(|step| density(from + width * f64::from(step))).sum();
    width * (inner + 0.5 * (density(from) + density(12.0)))
}

/// Latencies of one window: how many are over the limit, and their P95.
pub(super) fn latencies(random: &mut StdRng, calls: u64, moved: f64) -> (u64, f64) {
    let mut all = Vec::with_capacity(usize::try_from(calls).unwrap_or(0) + 1);
    while (all.len() as u64) < calls {
        let (one, other) = normal_pair(random);
        all.extend([one + moved, other + moved]);
    }
    all.truncate(usize::try_from(calls).unwrap_or(usize::MAX));
    let slow = all.iter().filter(|latency| **latency > LIMIT).count() as u64;
    all.sort_unstable_by(f64::total_cmp);
    // The smallest latency that 95 of 100 calls do not exceed, in units of the baseline's median.
    let place = (all.len() * 95).div_ceil(100).saturating_sub(1);
    (slow, all.get(place).map_or(0.0, |latency| latency.exp()))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn as_many_are_slow_as_were_asked_for() {
        assert!((tail(1.644_853_627) - 0.05).abs() < 1e-7);
        let mut random = StdRng::seed_from_u64(1);
        for share in [0.01, 0.05, 0.3] {
            let (slow, _) = latencies(&mut random, 200_000, moved_by(share));
            assert!((slow as f64 / 200_000.0 - share).abs() < 0.004, "{share}: {slow}");
        }
        let (_, p95) = latencies(&mut random, 200_000, 0.0);
        assert!((p95.ln() - 1.645).abs() < 0.03, "{p95}");
    }
}
