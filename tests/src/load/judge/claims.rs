//! What a claim of consistency is worth when it is looked at again and again.

use std::fmt::Write as _;

use cutover_daemon::rollout::judge::binomial;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::arms::hits;
use super::{Bar, JudgeLoad, Report, interval, percent};

/// Compared answers of a window, and windows.
const COMPARED: u64 = 1_000;
const WINDOWS: u64 = 30;
/// The arms agree in 99.9 % and no more, which is what is claimed.
const SHARE: f64 = 0.001;

/// Adds how often a claim is made that does not hold: by one look at the end, and by a look after each window.
pub(super) fn run(load: &JudgeLoad, table: &mut String, report: &mut Report) {
    // The most mismatches with which each number of windows proves it.
    let proves: Vec<Option<u64>> = (1..=WINDOWS)
        .map(|window| (0..100).take_while(|k| binomial::at_most(*k, window * COMPARED, SHARE) <= 0.05).last())
        .collect();
    let (mut at_end, mut ever) = (0, 0);
    for trial in 0..load.trials {
        let mut random = StdRng::seed_from_u64(load.seed.wrapping_mul(7_919).wrapping_add(trial));
        let mut mismatches = 0;
        let proven: Vec<bool> = proves
            .iter()
            .map(|most| {
                mismatches += hits(&mut random, COMPARED, SHARE);
                most.is_some_and(|most| mismatches <= most)
            })
            .collect();
        at_end += u64::from(proven.last() == Some(&true));
        ever += u64::from(proven.contains(&true));
    }
    let _ = writeln!(
        table,
        "\n| 99.9 % is claimed and 1 in 1,000 differs | % of trials (exact 95 % interval) |\n|---|---|"
    );
    let _ = writeln!(
        table,
        "| claimed after 30 windows of 1,000, one look | {} |",
        interval((at_end, load.trials))
    );
    let _ = writeln!(table, "| claimed at any of 30 looks | {} |", interval((ever, load.trials)));
    // 5 % and four deviations: beyond lies a chance of 1 in 30,000.
    let most = 5.0 + 400.0 * (0.05 * 0.95 / load.trials.max(1) as f64).sqrt();
    report.add(
        "a claim that does not hold, one look",
        percent((at_end, load.trials)),
        "%",
        Bar::Below(most.ceil()),
    );
}
