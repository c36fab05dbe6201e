//! The judge of rollouts against drawn traffic: how often it is wrong, how soon it finds a fault, and how other rules do on the same calls.

use std::fmt::Write as _;

use cutover_daemon::rollout::judge::{ArmError, binomial};

use super::{Bar, Report};

mod arms;
mod claims;
mod rules;
mod trial;

use rules::Rule;
use trial::Scene;

/// How much is drawn.
#[derive(Debug, Clone, Copy)]
pub struct JudgeLoad {
    /// Trials of a case.
    pub trials: u64,
    /// Leaves out what takes long.
    pub small: bool,
    /// Decides every call.
    pub seed: u64,
}

/// What is held against a bar or only shown: a share of trials.
struct Case {
    name: &'static str,
    scene: Scene,
    /// Windows after the fault began, and the bar of the judge in percent.
    within: &'static [(u32, Bar)],
    /// Whether firing is wrong: then the guarantee is at stake.
    healthy: bool,
    /// A case of ten times as many windows gets a tenth of the trials.
    long: bool,
}

/// Runs every case. Returns the table as Markdown and the bars.
///
/// # Errors
/// [`ArmError`] when the judge can't be armed with its own defaults.
pub fn run(load: &JudgeLoad) -> Result<(String, Report), ArmError> {
    let mut report = Report::default();
    let mut table = String::new();
    for (title, cases) in [
        ("errors", errors()),
        ("slow calls", slow()),
        ("all three tests at once", together()),
        ("other traffic and differing answers", others()),
    ] {
        let rules: Vec<Rule> =
            Rule::ALL.into_iter().filter(|rule| cases.iter().any(|case| case.scene.has(*rule))).collect();
        let heads: Vec<&str> = rules.iter().map(|rule| rule.name()).collect();
        let _ = writeln!(table, "\n| {title}: % of trials (exact 95 % interval) | {} |", heads.join(" | "));
        let _ = writeln!(table, "|---|{}", "---|".repeat(rules.len()));
        for case in cases.iter().filter(|case| !(load.small && case.long)) {
            let trials = if case.long { load.trials / 10 } else { load.trials };
            let counts = case.scene.run(trials, load.seed)?;
            for (windows, bar) in case.within {
                let name = case.named(*windows);
                // A rule that had fired before the fault began is not counted as having found it.
                let cells: Vec<String> =
                    rules.iter().map(|rule| interval(counts.fired(*rule, *windows))).collect();
                let _ = writeln!(table, "| {name} | {} |", cells.join(" | "));
                report.add(name, percent(counts.fired(Rule::Judge, *windows)), "%", *bar);
            }
        }
    }
    claims::run(load, &mut table, &mut report);
    Ok((table, report))
}

impl Case {
    fn named(&self, windows: u32) -> String {
        let what = if self.healthy { "rolled back in" } else { "found within" };
        let noun = if windows == 1 { "window" } else { "windows" };
        format!("{}, {what} {windows} {noun}", self.name)
    }
}

fn percent((fired, of): (u64, u64)) -> f64 {
    100.0 * fired as f64 / of.max(1) as f64
}

/// `12.3 (11.9-12.8)`.
fn interval((fired, of): (u64, u64)) -> String {
    let (low, high) = (binomial::lower(fired, of, 0.025), binomial::upper(fired, of, 0.025));
    format!("{:.2} ({:.2}-{:.2})", percent((fired, of)), 100.0 * low, 100.0 * high)
}

const SHOWN: Bar = Bar::None;

fn healthy(name: &'static str, scene: Scene, within: &'static [(u32, Bar)]) -> Case {
    Case { name, scene, within, healthy: true, long: false }
}

fn faulty(name: &'static str, scene: Scene, within: &'static [(u32, Bar)]) -> Case {
    Case { healthy: false, ..healthy(name, scene, within) }
}

fn errors() -> Vec<Case> {
    let at = Scene::errors;
    vec![
        healthy("(a) 1 % fail", at(0.01, 30), &[(30, Bar::Below(1.0))]),
        healthy("(b) 4 % fail", at(0.04, 30), &[(30, Bar::Below(5.0))]),
        healthy("5 % fail, the threshold itself", at(0.05, 30), &[(30, Bar::Below(1.0))]),
        faulty(
            "(c) 10 % fail",
            at(0.10, 30),
            &[(4, Bar::AtLeast(70.0)), (8, Bar::AtLeast(95.0)), (30, SHOWN)],
        ),
        faulty("(d) 30 % fail", at(0.30, 4), &[(1, SHOWN), (2, Bar::AtLeast(99.0))]),
        faulty("7.5 % fail", at(0.075, 60), &[(8, SHOWN), (30, SHOWN), (60, SHOWN)]),
        faulty(
            "1 % fail, after 20 windows 10 %",
            at(0.10, 30).after(20, 0.01),
            &[(4, SHOWN), (8, SHOWN), (12, SHOWN)],
        ),
        faulty(
            "1 % fail, after 20 windows 30 %",
            at(0.30, 4).after(20, 0.01),
            &[(1, SHOWN), (2, Bar::AtLeast(99.0))],
        ),
    ]
}

fn slow() -> Vec<Case> {
    let at = Scene::slow;
    vec![
        healthy("1 % slow, as before", at(0.01, 30), &[(30, Bar::Below(1.0))]),
        healthy("4 % slow", at(0.04, 30), &[(30, Bar::Below(5.0))]),
        healthy("5 % slow, the threshold itself", at(0.05, 30), &[(30, Bar::Below(0.8))]),
        faulty("10 % slow", at(0.10, 30), &[(4, SHOWN), (8, Bar::AtLeast(95.0)), (30, SHOWN)]),
        faulty("30 % slow", at(0.30, 4), &[(2, Bar::AtLeast(99.0))]),
        faulty(
            "1 % slow, after 20 windows 10 %",
            at(0.10, 30).after(20, 0.01),
            &[(4, SHOWN), (8, SHOWN), (12, SHOWN)],
        ),
        faulty(
            "1 % slow, after 20 windows 30 %",
            at(0.30, 4).after(20, 0.01),
            &[(1, SHOWN), (2, Bar::AtLeast(99.0))],
        ),
    ]
}

fn together() -> Vec<Case> {
    vec![
        healthy("1 % fail, 1 % slow, none differ", Scene::all(0.01, 0.01, 0.0, 30), &[(30, Bar::Below(1.0))]),
        healthy("each at its threshold", Scene::all(0.05, 0.05, 0.000_1, 30), &[(30, Bar::Below(2.0))]),
        Case {
            long: true,
            ..healthy(
                "each at its threshold",
                Scene::all(0.05, 0.05, 0.000_1, 1_000),
                &[(1_000, Bar::Below(2.0))],
            )
        },
    ]
}

fn others() -> Vec<Case> {
    let long = |case: Case| Case { long: true, ..case };
    vec![
        long(faulty(
            "1 % fail, after 2,000 windows (3 h) 10 %",
            Scene::errors(0.10, 20).after(2_000, 0.01).alone(),
            &[(8, SHOWN), (12, SHOWN), (20, SHOWN)],
        )),
        long(faulty(
            "1 % fail, after 17,280 windows (a day) 10 %",
            Scene::errors(0.10, 20).after(17_280, 0.01).alone(),
            &[(8, SHOWN), (12, SHOWN), (20, SHOWN)],
        )),
        faulty(
            "10 % fail, 5 calls a window",
            Scene::errors(0.10, 160).calls(5).alone(),
            &[(20, SHOWN), (80, SHOWN), (160, SHOWN)],
        ),
        healthy(
            "in bursts: one window in 20 at 20 %, 1 % in all",
            Scene::errors(0.0, 30).bursts(20, 0.20).alone(),
            &[(30, SHOWN)],
        ),
        healthy(
            "1 in 20,000 differs, 1,000 a window",
            Scene::mismatches(0.000_05, 60),
            &[(60, Bar::Below(0.2))],
        ),
        faulty(
            "1 in 2,000 differs, 1,000 a window",
            Scene::mismatches(0.000_5, 60),
            &[(30, SHOWN), (60, SHOWN)],
        ),
        faulty(
            "1 in 100 differs, 1,000 a window",
            Scene::mismatches(0.01, 60),
            &[(29, SHOWN), (30, Bar::AtLeast(99.0))],
        ),
    ]
}
