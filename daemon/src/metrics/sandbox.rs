//! Git's sandboxes. They count themselves; what they have counted is shown.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::Metrics;
use super::register::Register;
use super::table::{Described, QUICK, Values, counter, gauge, seconds, series};

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

series! {
    SandboxSeries {
        warm: Gauge = gauge("cutover_sandbox_warm", "sandboxes", "Sandboxes of the pool that stand ready."),
        wanted: Gauge = gauge("cutover_sandbox_wanted", "sandboxes", "How many of them should."),
        leased: [Gauge; 2] = gauge("cutover_sandbox_leased", "sandboxes", "Sandboxes in use.")
            .by(&[("arm", Values::Words(&["direct", "pooled"]))]),
        waiting: Gauge = gauge(
            "cutover_sandbox_waiting",
            "callers",
            "Callers that wait for a sandbox of either arm.",
        ),
        mirrors: Gauge = gauge(
            "cutover_sandbox_mirrors",
            "mirrors",
            "Mirrors of repositories, each of one tenant.",
        ),
        mirror_bytes: Gauge = gauge("cutover_sandbox_mirror_bytes", "bytes", "Size of all mirrors."),
        trouble: Gauge = gauge(
            "cutover_sandbox_trouble",
            "1 or 0",
            "1 when the pool could not be filled up the last time; the log says why.",
        ),
        wait: Histogram = seconds(
            "cutover_sandbox_wait_seconds",
            QUICK,
            "From the wish for a sandbox of the pool until it is there.",
        ),
        served: [Counter; 2] = counter(
            "cutover_sandbox_served",
            "sandboxes",
            "Sandboxes of the pool that were given out, ready or made then.",
        ).by(&[("how", Values::Words(&["warm", "cold"]))]),
        fetches: [Counter; 2] = counter(
            "cutover_sandbox_mirror_fetches",
            "fetches",
            "Fetches into a mirror that had the repository, and into a new one.",
        ).by(&[("mirror", Values::Words(&["old", "new"]))]),
        reaped: Counter = counter(
            "cutover_sandbox_reaped",
            "sandboxes",
            "Sandboxes that were taken away: of a process that is gone, or kept over their time.",
        ),
        unhealthy: Counter = counter(
            "cutover_sandbox_unhealthy",
            "sandboxes",
            "Ready sandboxes that failed their check and were replaced.",
        ),
        timed_out: Counter = counter(
            "cutover_sandbox_timed_out",
            "operations",
            "Operations that were not done in time.",
        ),
        quota: [Counter; 5] = counter(
            "cutover_sandbox_quota_hits",
            "operations",
            "Operations that a quota ended.",
        ).by(&[("quota", Values::Words(&["cpu", "memory", "disk", "processes", "sandboxes"]))]),
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
