//! Exact binomial probabilities and the bounds of Clopper and Pearson, by the incomplete beta function.

use super::number::whole;

#[cfg(test)]
mod tests;

/// Steps of the continued fraction; beyond, a bound that errs to the safe side stands in.
const MOST_STEPS: u32 = 20_000;
/// Up to so many calls logarithms of factorials differ exactly enough.
const EXACT_UP_TO: u64 = 10_000_000_000;
/// Halvings of an interval: more than a double has digits.
const HALVINGS: u32 = 64;

/// Logarithm of the gamma function for arguments from 1 on.
fn ln_gamma(x: f64) -> f64 {
    // Stirling's series is exact to the last digit from 10 on; smaller ones are moved up there.
    let (mut x, mut product) = (x, 1.0);
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0
        - y * (1.0 / 360.0
            - y * (1.0 / 1_260.0 - y * (1.0 / 1_680.0 - y * (1.0 / 1_188.0 - y * 691.0 / 360_360.0)))))
        / x;
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - f64::ln(product)
}

/// The regularised incomplete beta function `I_x(a, b)` for `a, b >= 1` and `0 < x < 1`. None when it takes too long.
fn beta(x: f64, a: f64, b: f64) -> Option<f64> {
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp();
    // The fraction converges fast on this side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0) {
        Some(front * fraction(x, a, b)? / a)
    } else {
        Some(1.0 - front * fraction(1.0 - x, b, a)? / b)
    }
}

/// The continued fraction of the incomplete beta function, by Lentz.
fn fraction(x: f64, a: f64, b: f64) -> Option<f64> {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut product = d;
    for step in 1..=MOST_STEPS {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        product *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        product *= d * c;
        if (d * c - 1.0).abs() < 1e-14 {
            return Some(product);
        }
    }
    None
}

/// The probability of at most `hits` in `calls` when each is a hit with `share`. Where the exact one takes too long, a bound
/// from above (Chernoff).
pub fn at_most(hits: u64, calls: u64, share: f64) -> f64 {
    if hits >= calls || share <= 0.0 {
        return 1.0;
    }
    if share >= 1.0 {
        return 0.0;
    }
    let (k, n) = (hits as f64, calls as f64);
    let exact = if calls <= EXACT_UP_TO { beta(1.0 - share, n - k, k + 1.0) } else { None };
    exact.unwrap_or_else(|| if k / n >= share { 1.0 } else { (-n * divergence(k / n, share)).exp() })
}

/// How many nats each call speaks for `seen` against `assumed`, both between 0 and 1 (Kullback and Leibler).
pub(super) fn divergence(seen: f64, assumed: f64) -> f64 {
    let term = |p: f64, q: f64| if p <= 0.0 { 0.0 } else { p * (p / q).ln() };
    term(seen, assumed) + term(1.0 - seen, 1.0 - assumed)
}

/// The largest share for which so few hits are not too unlikely: the upper end of a one-sided interval that misses with
/// probability `miss` at most. 1 when nothing was seen.
pub fn upper(hits: u64, calls: u64, miss: f64) -> f64 {
    if hits >= calls {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if at_most(hits, calls, middle) > miss { low = middle } else { high = middle }
    }
    high
}

/// The lower end of the same interval; 0 when nothing was seen.
pub fn lower(hits: u64, calls: u64, miss: f64) -> f64 {
    let hits = hits.min(calls);
    if hits == 0 { 0.0 } else { 1.0 - upper(calls - hits, calls, miss) }
}

/// How many calls with no more than `hits` prove, but for a chance of `miss`, that the share of hits is at most `share`. None when no
/// number does.
pub fn needed(hits: u64, share: f64, miss: f64) -> Option<u64> {
    if !(share > 0.0 && miss > 0.0) {
        return None;
    }
    let proves = |calls: u64| calls > hits && at_most(hits, calls, share) <= miss;
    // With none the answer is a formula, and where to look from for more.
    let none = (miss.ln() / (-share.min(1.0)).ln_1p()).ceil().max(1.0);
    let mut enough = whole(none).max(hits.saturating_add(1));
    while !proves(enough) {
        // Beyond this a double no longer counts one by one.
        if enough > 1 << 52 {
            return None;
        }
        enough *= 2;
    }
    let mut short = 0;
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if proves(middle) { enough = middle } else { short = middle }
    }
    Some(enough)
}
