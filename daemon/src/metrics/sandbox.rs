//! Git's sandboxes. They count themselves; what they have counted is shown.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::table::{
    self, Described, SANDBOX_ARMS, SANDBOX_MIRROR_STATES, SANDBOX_QUOTAS, SANDBOX_SERVED_HOW,
};
use super::{Metrics, counter, gauge, histogram, labelled_gauge};

/// The service at a moment; counts are those since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxFigures {
    pub warm: usize,
    pub wanted: usize,
    /// Of the direct arm, of the pool.
    pub leased: [usize; 2],
    pub waiting: usize,
    pub mirrors: usize,
    pub mirror_bytes: u64,
    /// The pool could not be filled up.
    pub trouble: bool,
    /// Ready ones, ones that were made then.
    pub served: [u64; 2],
    /// Into a mirror that had the repository, into a new one.
    pub fetches: [u64; 2],
    pub reaped: u64,
    pub unhealthy: u64,
    pub timed_out: u64,
    /// Hits of processor time, memory, disk, processes, sandboxes of a tenant.
    pub quota: [u64; 5],
}

pub(super) struct SandboxSeries {
    warm: Gauge,
    wanted: Gauge,
    leased: [Gauge; 2],
    waiting: Gauge,
    mirrors: Gauge,
    mirror_bytes: Gauge,
    trouble: Gauge,
    wait: Histogram,
    served: [Counter; 2],
    fetches: [Counter; 2],
    reaped: Counter,
    unhealthy: Counter,
    timed_out: Counter,
    quota: [Counter; 5],
}

impl SandboxSeries {
    pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
        // What was never told is not 0.
        let unknown = |gauge: Gauge| {
            gauge.set(f64::NAN);
            gauge
        };
        let one = |of: &Described| unknown(gauge(recorder, of));
        let count = |of: &Described| counter(recorder, of, &[]);
        Self {
            warm: one(&table::SANDBOX_WARM),
            wanted: one(&table::SANDBOX_WANTED),
            leased: std::array::from_fn(|at| {
                unknown(labelled_gauge(recorder, &table::SANDBOX_LEASED, &[("arm", SANDBOX_ARMS[at])]))
            }),
            waiting: one(&table::SANDBOX_WAITING),
            mirrors: one(&table::SANDBOX_MIRRORS),
            mirror_bytes: one(&table::SANDBOX_MIRROR_BYTES),
            trouble: one(&table::SANDBOX_TROUBLE),
            wait: histogram(recorder, &table::SANDBOX_WAIT, &[]),
            served: std::array::from_fn(|at| {
                counter(recorder, &table::SANDBOX_SERVED, &[("how", SANDBOX_SERVED_HOW[at])])
            }),
            fetches: std::array::from_fn(|at| {
                counter(recorder, &table::SANDBOX_FETCHES, &[("mirror", SANDBOX_MIRROR_STATES[at])])
            }),
            reaped: count(&table::SANDBOX_REAPED),
            unhealthy: count(&table::SANDBOX_UNHEALTHY),
            timed_out: count(&table::SANDBOX_TIMED_OUT),
            quota: std::array::from_fn(|at| {
                counter(recorder, &table::SANDBOX_QUOTA, &[("quota", SANDBOX_QUOTAS[at])])
            }),
        }
    }
}

impl Metrics {
    /// Somebody waited so long for a sandbox of the pool.
    pub fn sandbox_waited(&self, wait: Duration) {
        self.0.sandbox.wait.record(wait);
    }

    /// What the service of sandboxes says of itself.
    pub fn sandboxes(&self, figures: &SandboxFigures) {
        let series = &self.0.sandbox;
        series.warm.set(figures.warm as f64);
        series.wanted.set(figures.wanted as f64);
        series.waiting.set(figures.waiting as f64);
        series.mirrors.set(figures.mirrors as f64);
        series.mirror_bytes.set(figures.mirror_bytes as f64);
        series.trouble.set(if figures.trouble { 1.0 } else { 0.0 });
        for (gauge, count) in series.leased.iter().zip(figures.leased) {
            gauge.set(count as f64);
        }
        let counters = series.served.iter().chain(&series.fetches).chain(&series.quota);
        let counts = figures.served.iter().chain(&figures.fetches).chain(&figures.quota);
        for (counter, count) in counters.zip(counts) {
            counter.absolute(*count);
        }
        series.reaped.absolute(figures.reaped);
        series.unhealthy.absolute(figures.unhealthy);
        series.timed_out.absolute(figures.timed_out);
    }
}
