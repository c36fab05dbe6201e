//! Trials of one case: the same calls for every rule, and when each of them fired.

use cutover_daemon::rollout::judge::{ArmError, Baseline, Better, Judge, Measure, Settings};
use cutover_shared::verdict::Effect;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::arms::{Drawn, hits, latencies, moved_by};
use super::rules::{Prepared, Rule};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Errors,
    Slow,
    All,
    Mismatches,
}

/// True shares, window by window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    kind: Kind,
    calls: u64,
    errors: f64,
    slow: f64,
    mismatches: f64,
    /// Windows with the fault.
    windows: u32,
    /// Windows before it, with this share.
    good: (u32, f64),
    /// One window of so many has this share.
    bursts: Option<(u32, f64)>,
    /// Only the judge is asked.
    alone: bool,
}

/// When each rule fired, over all trials of a case.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    trials: u64,
    good: u32,
    /// For each rule, how many trials fired in each window.
    fired: [Vec<u64>; 5],
}

impl Scene {
    fn new(kind: Kind, windows: u32) -> Self {
        let (errors, slow, mismatches) = (0.0, 0.0, 0.0);
        let (good, bursts) = ((0, 0.0), None);
        Self { kind, calls: 100, errors, slow, mismatches, windows, good, bursts, alone: false }
    }

    pub fn errors(share: f64, windows: u32) -> Self {
        Self { errors: share, ..Self::new(Kind::Errors, windows) }
    }

    pub fn slow(share: f64, windows: u32) -> Self {
        Self { slow: share, ..Self::new(Kind::Slow, windows) }
    }

    pub fn all(errors: f64, slow: f64, mismatches: f64, windows: u32) -> Self {
        Self { errors, slow, mismatches, alone: true, ..Self::new(Kind::All, windows) }
    }

    /// With 1,000 compared answers a window.
    pub fn mismatches(share: f64, windows: u32) -> Self {
        Self { mismatches: share, alone: true, ..Self::new(Kind::Mismatches, windows) }
    }

    pub fn after(self, windows: u32, share: f64) -> Self {
        Self { good: (windows, share), ..self }
    }

    pub fn calls(self, calls: u64) -> Self {
        Self { calls, ..self }
    }

    pub fn bursts(self, one_in: u32, share: f64) -> Self {
        Self { bursts: Some((one_in, share)), ..self }
    }

    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    pub fn has(&self, rule: Rule) -> bool {
        rule == Rule::Judge || !self.alone
    }

    /// All trials, on two threads. Each has its own seed, so their order does not matter.
    pub fn run(&self, trials: u64, seed: u64) -> Result<Counts, ArmError> {
        let total = self.good.0 + self.windows;
        let prepared = Prepared::new(armed()?, self.calls, total, self.alone);
        let none = || Counts {
            trials,
            good: self.good.0,
            fired: std::array::from_fn(|_| vec![0; total as usize + 1]),
        };
        let half = |odd: u64| {
            let mut counts = none();
            for trial in (odd..trials).step_by(2) {
                let random = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(trial));
                for (windows, fired) in counts.fired.iter_mut().zip(self.one(&prepared, random)) {
                    if let Some(window) = fired {
                        windows[window as usize] += 1;
                    }
                }
            }
            counts
        };
        Ok(std::thread::scope(|threads| {
            let other = threads.spawn(|| half(1));
            let mut counts = half(0);
            if let Ok(other) = other.join() {
                counts.add(&other);
            }
            counts
        }))
    }

    fn one(&self, prepared: &Prepared, mut random: StdRng) -> [Option<u32>; 5] {
        let mut rules = prepared.start();
        for number in 1..=self.good.0 + self.windows {
            let drawn = self.draw(&mut random, number <= self.good.0);
            let hits = if self.kind == Kind::Slow { drawn.slow } else { drawn.errors };
            rules.observe(number, &drawn, hits);
            if rules.is_over() {
                break;
            }
        }
        rules.fired
    }

    fn draw(&self, random: &mut StdRng, good: bool) -> Drawn {
        let share = |bad: f64| if good { self.good.1 } else { bad };
        let calls = self.calls;
        let mut drawn = Drawn { calls, ..Drawn::default() };
        match self.kind {
            Kind::Errors => {
                let burst = self.bursts.filter(|(one_in, _)| random.random_range(0..*one_in) == 0);
                drawn.errors = hits(random, calls, burst.map_or(share(self.errors), |(_, share)| share));
                if !self.alone {
                    drawn.target = drawn.errors as f64;
                    // The legacy arm has 1 %.
                    drawn.control = hits(random, calls, 0.01) as f64;
                }
            }
            Kind::Slow => {
                (drawn.slow, drawn.target) = latencies(random, calls, moved(share(self.slow)));
                (_, drawn.control) = latencies(random, calls, 0.0);
            }
            Kind::All => {
                drawn.errors = hits(random, calls, self.errors);
                drawn.slow = hits(random, calls, self.slow);
                drawn.compared = 1_000;
                drawn.mismatches = hits(random, drawn.compared, self.mismatches);
            }
            Kind::Mismatches => {
                drawn.compared = 1_000;
                drawn.mismatches = hits(random, drawn.compared, self.mismatches);
            }
        }
        drawn
    }
}

/// As `moved_by`, without finding it out for each window.
fn moved(share: f64) -> f64 {
    static KNOWN: std::sync::LazyLock<Vec<(f64, f64)>> = std::sync::LazyLock::new(|| {
        [0.01, 0.04, 0.05, 0.1, 0.3].map(|share| (share, moved_by(share))).to_vec()
    });
    let known = KNOWN.iter().find(|(it, _)| (it - share).abs() < 1e-12);
    known.map_or_else(|| moved_by(share), |(_, moved)| *moved)
}

impl Counts {
    fn add(&mut self, other: &Self) {
        for (windows, others) in self.fired.iter_mut().zip(&other.fired) {
            for (window, more) in windows.iter_mut().zip(others) {
                *window += more;
            }
        }
    }

    /// How many trials fired within so many windows after the fault began, of those that had not fired before.
    pub fn fired(&self, rule: Rule, within: u32) -> (u64, u64) {
        let windows = &self.fired[rule as usize];
        let good = self.good as usize;
        let before: u64 = windows[..=good].iter().sum();
        let end = (good + within as usize).min(windows.len() - 1);
        (windows[good + 1..=end].iter().sum(), self.trials - before)
    }
}

/// The judge as its defaults arm it.
pub(super) fn armed() -> Result<Judge, ArmError> {
    let measure = Measure {
        name: "import_latency".to_owned(),
        better: Better::Lower,
        value: 200,
        least: 1,
        effect: Effect::Gate,
    };
    let baseline = Baseline {
        calls: 100_000,
        p50_us: 40_000,
        p95_us: 200_000,
        p99_us: 400_000,
        measures: vec![measure],
    };
    Ok(Judge::arm(Settings::default(), baseline, None, 0)?.judge)
}
