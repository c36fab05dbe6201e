//! Whether to migrate at all: the thresholds that are watched, and where the cost of a call is known from.

use std::time::Duration;

use super::gather::Values;
use super::key::{Key, Kind, optional, usual};
use super::mistake::{Mistake, MistakeKind, Mistakes};

const DAYS: Kind =
    Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(2 * 365 * 24 * 60 * 60) };
const WAIT: Kind = Kind::Length { min: Duration::from_millis(1), max: Duration::from_secs(60 * 60) };
/// A thousand units of the currency, in millionths.
const COST: Kind = Kind::Whole { min: 0, max: 1_000_000_000 };

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    // Longer would make each sample that is lost a hole of an hour.
    usual("worth.every", Kind::Length { min: Duration::from_secs(1), max: Duration::from_secs(30 * 60) },
        "How often the legacy arm is sampled. Each sample is of the 24 hours before it; samples more than an hour apart leave a hole.",
        r#""15m""#, r#""30m""#),
    usual("worth.long_enough", DAYS,
        "So long a threshold must be exceeded, without a dip and without a hole, for the outcome `migrate`.", r#""14d""#, r#""21d""#),
    usual("worth.review", DAYS,
        "How often people look at it again: an overdue review is in `cutover status`.", r#""91d""#, r#""30d""#),
    usual("worth.p95", WAIT,
        "Threshold for the P95 of the legacy arm's calls.", r#""10s""#, r#""4s""#),
    usual("worth.errors_ppm", Kind::Whole { min: 0, max: 1_000_000 },
        "Threshold for the share of its calls that fail, in a million: 10000 are 1 %.", "50000", "10000"),
    usual("worth.concurrency", Kind::Whole { min: 0, max: 1_000_000 },
        "Threshold for its calls at once, on average over the busiest hour.", "50", "20"),
    usual("worth.pool_wait", WAIT,
        "Threshold for the longest wait for a turn.", r#""5s""#, r#""1s""#),
    usual("worth.cost_micros", COST,
        "Threshold for the cost of a call, in millionths of the currency's unit: 100000 are 0.10.", "100000", "20000"),
    optional("worth.cost_per_call_micros", COST,
        "What a call of the legacy arm costs, in the same unit, where it is known beforehand; `cost_query` beats it.", "35000"),
    optional("worth.cost_query", Kind::Text,
        "Query for it, in the currency's unit, asked of `rollout.prometheus.url`; `$rollout` stands for the rollout's name.",
        r#""sum(increase(spend{rollout='$rollout'}[24h])) / sum(increase(calls{rollout='$rollout'}[24h]))""#),
];

/// Whether to migrate at all.
#[derive(Clone, Debug)]
pub struct Worth {
    pub every: Duration,
    pub long_enough: Duration,
    pub review: Duration,
    pub p95: Duration,
    pub errors_ppm: u64,
    pub concurrency: u64,
    pub pool_wait: Duration,
    /// Millionths of the currency's unit.
    pub cost_micros: u64,
    pub cost_per_call_micros: Option<u64>,
    pub cost_query: Option<String>,
}

/// A query needs somebody who is asked.
pub(super) fn check(values: &Values, mistakes: &mut Mistakes) {
    let query = "worth.cost_query";
    if values.text(query).is_some() && values.text("rollout.prometheus.url").is_none() {
        let (place, what) = (values.place(query), "is asked of nobody");
        let mend = "set `rollout.prometheus.url`";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, query, place, what, mend));
    }
}

pub(super) fn worth(values: &Values) -> Option<Worth> {
    let number = |name| u64::try_from(values.whole_number(name)?).ok();
    Some(Worth {
        every: values.length("worth.every")?,
        long_enough: values.length("worth.long_enough")?,
        review: values.length("worth.review")?,
        p95: values.length("worth.p95")?,
        errors_ppm: number("worth.errors_ppm")?,
        concurrency: number("worth.concurrency")?,
        pool_wait: values.length("worth.pool_wait")?,
        cost_micros: number("worth.cost_micros")?,
        cost_per_call_micros: number("worth.cost_per_call_micros"),
        cost_query: values.text("worth.cost_query").map(str::to_owned),
    })
}
