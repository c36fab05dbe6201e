//! Rollouts: their keys, and what they become.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_shared::rollout::Operation;
use secrecy::SecretString;

use super::gather::Values;
use super::key::{Key, Kind, SecretForm, optional, usual};
use super::mistake::{Mistake, MistakeKind, Mistakes};

const SOAK: Kind = Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(365 * 24 * 60 * 60) };

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    usual("rollout.github_auth", Kind::Word(&["off", "live"]),
        "Stage in which `github-auth` begins when none is stored yet; `live` is for tenants that are on installations already.",
        r#""off""#, r#""live""#),
    usual("rollout.git_sandbox", Kind::Word(&["off", "live"]),
        "Stage in which `git-sandbox` begins when none is stored yet.", r#""off""#, r#""live""#),
    usual("rollout.shadow_percent", Kind::Whole { min: 0, max: 100 },
        "Share of tenants whose reads are answered by both arms and compared.", "10", "25"),
    usual("rollout.shadow_timeout", Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(60 * 60) },
        "Longest time for the arm that is only compared. As long as `import.timeout`, or slow imports count as its failures; no less than `sandbox.wall`.",
        r#""2m""#, r#""5m""#),
    usual("rollout.shadow_parallel", Kind::Whole { min: 1, max: 64 },
        "Comparisons under way at once; what comes on top is left out, and counted.", "4", "2"),
    usual("rollout.shadow_calls_per_hour", Kind::Whole { min: 0, max: 1_000_000 },
        "Calls of GitHub that comparisons may add in an hour; what comes on top is no part of the sample, and counted.", "1000", "500"),
    usual("rollout.consistency_ppm", Kind::Whole { min: 900_000, max: 999_999 },
        "How many of a million answers of both arms must be the same; more differing ones roll back, and a stage passes once it is proven.",
        "999900", "999000"),
    usual("rollout.critical_operations", Kind::List,
        "Operations that must not fail: ten calls of one in a row that fail, from three tenants (or all, if fewer), roll back whatever the share is.",
        r#"["import", "push"]"#, r#"["import"]"#),
    usual("rollout.hours_from", Kind::Whole { min: 0, max: 23 },
        "First hour of the day (UTC) in which a rollout may advance. Rollback and kill know no hours.", "2", "22"),
    usual("rollout.hours_to", Kind::Whole { min: 0, max: 24 },
        "Hour in which it may not any more; the same as `hours_from`: at any time.", "6", "4"),
    usual("rollout.soak_dual_write", SOAK,
        "Shortest time in `dual-write`.", r#""1h""#, r#""2h""#),
    usual("rollout.soak_shadow", SOAK,
        "Shortest time in `shadow`.", r#""24h""#, r#""48h""#),
    usual("rollout.soak_canary", SOAK,
        "Shortest time in each share of `canary`.", r#""72h""#, r#""24h""#),
    usual("rollout.soak_live", SOAK,
        "Shortest time in `live`, while the legacy arm is a hot standby.", r#""14d""#, r#""21d""#),
    usual("rollout.reverse_age", SOAK,
        "How old the proofs may be that the way back is walkable, and that every credential works in the target.", r#""24h""#, r#""12h""#),
    usual("rollout.drill_every", Kind::Length { min: Duration::ZERO, max: Duration::from_secs(365 * 24 * 60 * 60) },
        "How often the kill switch of each rollout is drilled by the clock, in the hours above; on a copy, so that nobody is moved. `0s`: never.",
        r#""7d""#, r#""1d""#),
    usual("rollout.reconcile_every", Kind::Length { min: Duration::from_secs(10), max: Duration::from_secs(24 * 60 * 60) },
        "How often the books of both arms are compared, while both are written.", r#""5m""#, r#""15m""#),
    usual("rollout.repair_age", SOAK,
        "How long a second write may be owed: an older one is a person's, and stops every advance.", r#""1h""#, r#""4h""#),
    usual("rollout.repair_most", Kind::Whole { min: 1, max: 1_000_000 },
        "Second writes of a rollout that may wait or have failed at once; so many stop every advance.", "10000", "2000"),

    usual("rollout.roles.migration_lead", Kind::List,
        "Operators who lead the migration. The receipt of a step says whether one of them approved it.",
        "[]", r#"["ana"]"#),
    usual("rollout.roles.on_call", Kind::List,
        "Operators who are called when something goes wrong.", "[]", r#"["bo", "cy"]"#),
    usual("rollout.roles.rollback_authority", Kind::List,
        "Operators who have the last word on going back. Every operator may go back without them.", "[]", r#"["ana", "cy"]"#),

    optional("rollout.prometheus.url", Kind::Address,
        "The server; without it none is asked.", r#""http://127.0.0.1:9090""#),
    optional("rollout.prometheus.token", Kind::Secret(SecretForm::Opaque),
        "Shown to it as bearer token.", r#""0123456789abcdef""#),
    usual("rollout.prometheus.every", Kind::Length { min: Duration::from_secs(5), max: Duration::from_secs(60 * 60) },
        "Length of the windows that it is asked for (`$window` in a query); at least two of its scrapes.", r#""60s""#, r#""2m""#),
    usual("rollout.prometheus.timeout", Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(60) },
        "For one question.", r#""5s""#, r#""3s""#),
    optional("rollout.prometheus.legacy_calls", Kind::Text,
        "Query for the legacy arm's calls in a window; `$operation` stands for the operation. It gives one series, or none.",
        r#""sum(increase(calls{arm='old',op='$operation'}[$window]))""#),
    optional("rollout.prometheus.legacy_errors", Kind::Text,
        "Query for those that failed. No series is no data, never 0: add `or vector(0)` where it means 0.",
        r#""sum(increase(errors{arm='old',op='$operation'}[$window])) or vector(0)""#),
    optional("rollout.prometheus.legacy_p95", Kind::Text,
        "Query for their P95, in seconds.",
        r#""histogram_quantile(0.95, sum by (le) (rate(call_seconds_bucket{arm='old',op='$operation'}[$window])))""#),
    optional("rollout.prometheus.target_calls", Kind::Text,
        "The same for the target arm.",
        r#""sum(increase(calls{arm='new',op='$operation'}[$window]))""#),
    optional("rollout.prometheus.target_errors", Kind::Text,
        "The same for the target arm.",
        r#""sum(increase(errors{arm='new',op='$operation'}[$window])) or vector(0)""#),
    optional("rollout.prometheus.target_p95", Kind::Text,
        "The same for the target arm.",
        r#""histogram_quantile(0.95, sum by (le) (rate(call_seconds_bucket{arm='new',op='$operation'}[$window])))""#),
];

/// Rollouts.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// `github-auth` begins in `live`, else in `off`.
    pub github_auth_live: bool,
    /// `git-sandbox` begins in `live`, else in `off`.
    pub git_sandbox_live: bool,
    /// 0 to 100.
    pub shadow_percent: u16,
    pub shadow_timeout: Duration,
    pub shadow_parallel: usize,
    pub shadow_calls_per_hour: u64,
    /// 900,000 to 999,999.
    pub consistency_ppm: u32,
    /// Each once.
    pub critical_operations: BTreeSet<Operation>,
    /// Hours of the day, UTC; none: at any time.
    pub hours: Option<(u16, u16)>,
    pub soak_dual_write: Duration,
    pub soak_shadow: Duration,
    pub soak_canary: Duration,
    pub soak_live: Duration,
    pub reverse_age: Duration,
    /// Zero: never.
    pub drill_every: Duration,
    pub reconcile_every: Duration,
    pub repair_age: Duration,
    pub repair_most: u64,
    /// Names of operators.
    pub migration_lead: Vec<String>,
    pub on_call: Vec<String>,
    pub rollback_authority: Vec<String>,
    pub prometheus: Prometheus,
}

/// A Prometheus server that knows of calls made elsewhere.
#[derive(Clone, Debug)]
pub struct Prometheus {
    /// None: none is asked.
    pub url: Option<String>,
    pub token: Option<SecretString>,
    pub every: Duration,
    pub timeout: Duration,
    pub legacy: ArmQueries,
    pub target: ArmQueries,
}

/// What is asked of one arm. Calls and errors are there both, or neither.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmQueries {
    pub calls: Option<String>,
    pub errors: Option<String>,
    pub p95: Option<String>,
}

const ARMS: [&str; 2] = ["legacy", "target"];

fn field(arm: &str, what: &str) -> String {
    format!("rollout.prometheus.{arm}_{what}")
}

/// The shortest watch over a share where real tenants are.
const WATCHED: Duration = Duration::from_secs(24 * 60 * 60);

/// The critical operations, or the words that name none.
fn operations(values: &Values) -> impl Iterator<Item = Result<Operation, &String>> {
    let words = values.list("rollout.critical_operations").unwrap_or_default();
    words.iter().map(|word| Operation::from_word(word).ok_or(word))
}

/// Queries that can't be asked as they are, operations that there are not, and a watch that is too short for real tenants.
pub(super) fn check(values: &Values, mistakes: &mut Mistakes) {
    if let Some(Err(word)) = operations(values).find(Result::is_err) {
        let name = "rollout.critical_operations";
        let (place, what) = (values.place(name), format!("has `{word}`, which is no operation"));
        let mend = "write some of import, list, clone, pull, push";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, name, place, what, mend));
    }
    let real = values.text("environment").is_some_and(|name| matches!(name, "staging" | "production"));
    if real && values.length("rollout.soak_canary").is_some_and(|soak| soak < WATCHED) {
        let (name, what) =
            ("rollout.soak_canary", "is shorter than a day, and this is `staging` or `production`");
        let mend = "write \"24h\" or more";
        let place = values.place(name);
        mistakes.push(Mistake::new(MistakeKind::Contradiction, name, place, what, mend));
    }
    let has = |name: &str| values.text(name).is_some();
    let mut push = |name: String, what: &str, mend: &str| {
        let place = values.place(&name);
        mistakes.push(Mistake::new(MistakeKind::Contradiction, name, place, what, mend));
    };
    for arm in ARMS {
        let [calls, errors, p95] = ["calls", "errors", "p95"].map(|what| field(arm, what));
        if has(&calls) != has(&errors) {
            let there = if has(&calls) { &calls } else { &errors };
            let what = "stands alone: calls and errors of an arm are counted together, or not at all";
            push(there.clone(), what, "write the other one, too");
        }
        if has(&p95) && !has(&calls) {
            push(p95.clone(), "stands alone", "write the queries for calls and errors, too");
        }
        for name in [calls, errors, p95] {
            if values.text(&name).is_some_and(|query| !query.contains("$operation")) {
                let what = "has no `$operation`, so each operation would count the same calls";
                push(name, what, "add a matcher such as {operation='$operation'}");
            }
        }
    }
    let some = ARMS.iter().any(|arm| has(&field(arm, "calls"))) || values.text("worth.cost_query").is_some();
    if has("rollout.prometheus.url") && !some && !mistakes.has_syntax() {
        let (name, what) = ("rollout.prometheus.url", "is set, and nothing is asked there");
        let place = values.place(name);
        let mend = "write queries for calls and errors of an arm, or take it out";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, name, place, what, mend));
    }
}

fn prometheus(values: &Values) -> Option<Prometheus> {
    let text = |name: &str| values.text(name).map(str::to_owned);
    let arm = |arm: &str| ArmQueries {
        calls: text(&field(arm, "calls")),
        errors: text(&field(arm, "errors")),
        p95: text(&field(arm, "p95")),
    };
    Some(Prometheus {
        url: text("rollout.prometheus.url"),
        token: values.secret("rollout.prometheus.token").cloned(),
        every: values.length("rollout.prometheus.every")?,
        timeout: values.length("rollout.prometheus.timeout")?,
        legacy: arm("legacy"),
        target: arm("target"),
    })
}

pub(super) fn rollout(values: &Values) -> Option<Rollout> {
    let hour = |name| u16::try_from(values.whole_number(name)?).ok();
    let (from, to) = (hour("rollout.hours_from")?, hour("rollout.hours_to")?);
    Some(Rollout {
        github_auth_live: values.text("rollout.github_auth")? == "live",
        git_sandbox_live: values.text("rollout.git_sandbox")? == "live",
        shadow_percent: hour("rollout.shadow_percent")?,
        consistency_ppm: u32::try_from(values.whole_number("rollout.consistency_ppm")?).ok()?,
        critical_operations: operations(values).filter_map(Result::ok).collect(),
        shadow_timeout: values.length("rollout.shadow_timeout")?,
        shadow_parallel: usize::try_from(values.whole_number("rollout.shadow_parallel")?).ok()?,
        shadow_calls_per_hour: u64::try_from(values.whole_number("rollout.shadow_calls_per_hour")?).ok()?,
        hours: (from != to).then_some((from, to)),
        soak_dual_write: values.length("rollout.soak_dual_write")?,
        soak_shadow: values.length("rollout.soak_shadow")?,
        soak_canary: values.length("rollout.soak_canary")?,
        soak_live: values.length("rollout.soak_live")?,
        reverse_age: values.length("rollout.reverse_age")?,
        drill_every: values.length("rollout.drill_every")?,
        reconcile_every: values.length("rollout.reconcile_every")?,
        repair_age: values.length("rollout.repair_age")?,
        repair_most: u64::try_from(values.whole_number("rollout.repair_most")?).ok()?,
        migration_lead: values.list("rollout.roles.migration_lead")?.to_vec(),
        on_call: values.list("rollout.roles.on_call")?.to_vec(),
        rollback_authority: values.list("rollout.roles.rollback_authority")?.to_vec(),
        prometheus: prometheus(values)?,
    })
}
