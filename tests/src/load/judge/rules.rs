//! The judge beside rules that others use, each fed the same windows.

use std::sync::Arc;

use cutover_daemon::rollout::judge::{Judge, Slower, Window, binomial};

use super::arms::Drawn;

/// A rule that says when to roll back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Ours.
    Judge,
    /// More than 5 of 100 calls of a window.
    Plain,
    /// That, twice in a row.
    TwoInARow,
    /// Mann-Whitney over the windows of both arms, as Kayenta's `NetflixACAJudge` does: confidence 98 %, tolerance 0.25 of the estimated shift, and
    /// the mean is not lower (effect size, default 1). Asked after every window, as an analysis that runs along does.
    MannWhitney,
    /// An exact binomial test of "at most 5 %" on all calls so far at 1 %, as if each look were the only one.
    FixedN,
}

impl Rule {
    pub const ALL: [Self; 5] = [Self::Judge, Self::Plain, Self::TwoInARow, Self::MannWhitney, Self::FixedN];

    pub fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Plain => "share > 5 % in a window",
            Self::TwoInARow => "two in a row",
            Self::MannWhitney => "Mann-Whitney, as Kayenta",
            Self::FixedN => "fixed n, looked at each window",
        }
    }
}

/// What all rules know before the first call.
pub(super) struct Prepared {
    judge: Judge,
    /// For each number of windows the fewest hits in them that a binomial test rejects.
    rejects: Arc<[u64]>,
    alone: bool,
}

/// The rules in the middle of a trial.
pub(super) struct Running {
    judge: Judge,
    rejects: Arc<[u64]>,
    alone: bool,
    windows: u64,
    hits: u64,
    over: bool,
    target: Vec<f64>,
    control: Vec<f64>,
    /// The window in which each rule fired.
    pub fired: [Option<u32>; 5],
}

/// The share of false alarms that the fixed test permits itself.
const FIXED_AT: f64 = 0.01;

impl Prepared {
    pub fn new(judge: Judge, calls: u64, windows: u32, alone: bool) -> Self {
        let rejects = (1..=u64::from(windows)).map(|window| {
            let n = window * calls;
            let mut hits = n / 20;
            while 1.0 - binomial::at_most(hits, n, 0.05) > FIXED_AT {
                hits += 1;
            }
            hits + 1
        });
        let rejects = if alone { Vec::new() } else { rejects.collect() };
        Self { judge, rejects: rejects.into(), alone }
    }

    pub fn start(&self) -> Running {
        Running {
            judge: self.judge.clone(),
            rejects: Arc::clone(&self.rejects),
            alone: self.alone,
            windows: 0,
            hits: 0,
            over: false,
            target: Vec::new(),
            control: Vec::new(),
            fired: [None; 5],
        }
    }
}

impl Running {
    /// Shows a window to every rule. `hits` are what the plain rules count: failed calls, or slow ones.
    pub fn observe(&mut self, number: u32, drawn: &Drawn, hits: u64) {
        self.windows += 1;
        self.keep(Rule::Judge, number, |rules| {
            rules.judge.observe(&Window {
                number: u64::from(number),
                to_ms: i64::from(number) * 5_000,
                calls: drawn.calls,
                errors: drawn.errors,
                slower: Slower { p95: drawn.slow, ..Slower::default() },
                compared: drawn.compared,
                mismatches: drawn.mismatches,
                ..Window::default()
            });
            rules.judge.fired().is_some()
        });
        if self.alone {
            return;
        }
        self.hits += hits;
        let over = hits * 20 > drawn.calls;
        let before = std::mem::replace(&mut self.over, over);
        self.keep(Rule::Plain, number, |_| over);
        self.keep(Rule::TwoInARow, number, |_| over && before);
        self.target.push(drawn.target);
        self.control.push(drawn.control);
        self.keep(Rule::MannWhitney, number, |rules| is_high(&rules.target, &rules.control));
        self.keep(Rule::FixedN, number, |rules| {
            let place = usize::try_from(rules.windows - 1).unwrap_or(usize::MAX);
            rules.rejects.get(place).is_some_and(|least| rules.hits >= *least)
        });
    }

    /// Whether nothing is left to be seen.
    pub fn is_over(&self) -> bool {
        if self.alone { self.fired[0].is_some() } else { self.fired.iter().all(Option::is_some) }
    }

    fn keep(&mut self, rule: Rule, number: u32, fires: impl FnOnce(&mut Self) -> bool) {
        let place = rule as usize;
        if self.fired[place].is_none() && fires(self) {
            self.fired[place] = Some(number);
        }
    }
}

/// The normal deviation of a two-sided interval of 98 %.
const DEVIATION: f64 = 2.326_347_874;

/// Whether the target is classified as high: the lower end of the interval of the shift (Hodges and Lehmann, by ranks of all differences) is more
/// than a quarter of the estimated shift, and its mean is not lower.
fn is_high(target: &[f64], control: &[f64]) -> bool {
    let (m, n) = (target.len() as f64, control.len() as f64);
    let rank = m * n / 2.0 - DEVIATION * (m * n * (m + n + 1.0) / 12.0).sqrt();
    if rank < 1.0 || target.iter().sum::<f64>() < control.iter().sum::<f64>() {
        return false;
    }
    let mut differences: Vec<f64> = target.iter().flat_map(|t| control.iter().map(move |c| t - c)).collect();
    let middle = differences.len() / 2;
    let (_, median, _) = differences.select_nth_unstable_by(middle, f64::total_cmp);
    let estimate = *median;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the number of differences"
    )]
    let place = rank as usize - 1;
    let (_, lower, _) = differences.select_nth_unstable_by(place, f64::total_cmp);
    *lower > 0.25 * estimate.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clear_shift_is_high_and_none_is_not() {
        let control: Vec<f64> = (0..10).map(f64::from).collect();
        let moved = |by: f64| control.iter().map(|value| value + by).collect::<Vec<_>>();
        assert!(is_high(&moved(20.0), &control));
        assert!(
            !is_high(&moved(1.0), &control)
                && !is_high(&control, &control)
                && !is_high(&moved(-20.0), &control)
        );
        // Four windows are never enough for 98 %, five can be.
        assert!(!is_high(&[9.0; 4], &[0.0; 4]) && is_high(&[9.0; 5], &[0.0; 5]));
    }
}
