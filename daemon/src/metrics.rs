//! What this process counts and measures. Whoever raises something calls a function of [`Metrics`]; every label value comes
//! from a closed set, so that the number of series is bounded whatever the world sends.

mod register;
mod rollout;
mod sandbox;
mod table;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Gauge, Histogram};
use metrics_exporter_prometheus::{PrometheusHandle, PrometheusRecorder};

use register::recorder;
use rollout::RolloutSeries;
pub use sandbox::SandboxFigures;
use sandbox::SandboxSeries;
use table::{CLASSES, NO_ROUTE, Series};

/// The credential that served an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMethod {
    Installation,
    Oauth,
}

/// What a request to GitHub was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Mint,
    Page,
    Probe,
    Object,
    Other,
}

/// How one try to hand an event to the workflow engine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// The engine took it.
    Accepted,
    /// The engine said no; another try is of no use.
    Refused,
    /// No answer, or one that another try may better.
    Failed,
}

/// Mints whose time is kept until it is taken.
const MOST_ISSUED: usize = 10_000;

/// One set of series. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// The same as a plain number, for the rate.
    minted: AtomicU64,
    issued: Mutex<Vec<Duration>>,
    series: Series,
    rollout: RolloutSeries,
    sandbox: SandboxSeries,
}

static PROCESS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

impl Metrics {
    /// This process's own, which its HTTP door shows.
    pub fn process() -> Self {
        PROCESS.clone()
    }

    /// A set of its own, every series of it there from the start except those of routes ([`Metrics::routes`]).
    pub fn new() -> Self {
        let recorder = recorder();
        let handle = recorder.handle();
        let inner = Inner {
            minted: AtomicU64::new(0),
            issued: Mutex::default(),
            series: Series::new(&recorder),
            rollout: RolloutSeries::new(&recorder),
            sandbox: SandboxSeries::new(&recorder),
            handle,
            recorder,
        };
        inner.series.connections.set(0.0);
        Self(Arc::new(inner))
    }

    /// Prometheus's text format, version 0.0.4.
    pub fn render(&self) -> String {
        self.0.handle.render()
    }

    /// To be called every few seconds: observations are kept one by one until then, or until a scrape.
    pub fn upkeep(&self) {
        self.0.handle.run_upkeep();
    }

    /// How many repositories are mapped, and how many wait.
    pub fn mapping(&self, mapped: u64, pending: u64) {
        self.0.series.mapped.set(mapped as f64);
        self.0.series.pending.set(pending as f64);
    }

    /// An import was served.
    pub fn imported(&self, method: ImportMethod) {
        self.0.series.imports[method as usize].increment(1);
    }

    /// Somebody asked for an installation token, and got one or not.
    pub fn token_requested(&self, got: bool) {
        if got { self.0.series.token_success.increment(1) } else { self.0.series.token_failure.increment(1) }
    }

    /// GitHub gave a new installation token, this long after it was asked.
    pub fn token_minted(&self, took: Duration) {
        self.0.minted.fetch_add(1, Ordering::Relaxed);
        let mut issued = self.0.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() < MOST_ISSUED {
            issued.push(took);
        }
    }

    /// What mints took since this was asked last; of very many the first.
    pub fn take_issued(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.0.issued.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// New installation tokens since the start.
    pub fn tokens_minted(&self) -> u64 {
        self.0.minted.load(Ordering::Relaxed)
    }

    /// New installation tokens a minute.
    pub fn token_refresh_rate(&self, per_minute: f64) {
        self.0.series.refresh_rate.set(per_minute);
    }

    /// A delivery with a good signature came.
    pub fn webhook_received(&self, bytes: usize) {
        self.0.series.received.increment(1);
        self.0.series.body.record(bytes as f64);
    }

    /// It was answered, well or badly, this long after its head.
    pub fn webhook_acknowledged(&self, after: Duration) {
        self.0.series.acknowledge.record(after);
    }

    /// A delivery was handled or ignored, this long after its receipt.
    pub fn webhook_processed(&self, lag: Duration) {
        self.0.series.processed.increment(1);
        self.0.series.lag.record(lag);
    }

    /// A delivery was given up, this long after its receipt.
    pub fn webhook_dead(&self, lag: Duration) {
        self.0.series.failed.increment(1);
        self.0.series.lag.record(lag);
    }

    /// A delivery could not be made durable.
    pub fn webhook_not_durable(&self) {
        self.0.series.failed.increment(1);
    }

    /// A try failed and will be repeated.
    pub fn webhook_retried(&self) {
        self.0.series.retried.increment(1);
    }

    /// One try to handle a delivery.
    pub fn webhook_handling(&self, took: Duration) {
        self.0.series.handling.record(took);
    }

    /// Deliveries that wait, and those that were given up.
    pub fn inbox(&self, waiting: u64, dead: u64) {
        self.0.series.waiting.set(waiting as f64);
        self.0.series.dead.set(dead as f64);
    }

    /// Calls left: the lowest of all installations, and the App's own; none when nothing is known.
    pub fn rate_limit_remaining(&self, lowest: Option<u32>, app: Option<u32>) {
        self.0.series.rate_remaining.set(lowest.map_or(f64::NAN, f64::from));
        self.0.series.app_rate_remaining.set(app.map_or(f64::NAN, f64::from));
    }

    /// Installations that are known and not suspended.
    pub fn installations_active(&self, active: u64) {
        self.0.series.installations_active.set(active as f64);
    }

    /// An event matched a workflow and was handed to its dispatch.
    pub fn workflow_triggered(&self) {
        self.0.series.triggers.increment(1);
    }

    /// One try to hand an event to the workflow engine.
    pub fn dispatched(&self, outcome: Dispatch, took: Duration) {
        self.0.series.dispatch[outcome as usize].record(took);
    }

    /// One request to GitHub; no status when no answer came.
    pub fn github_call(&self, kind: CallKind, status: Option<u16>, took: Duration) {
        self.0.series.github_call[kind as usize][class(status)].record(took);
    }

    /// A connection at the HTTP door; it counts until it is dropped.
    pub fn connection(&self) -> Open {
        self.0.series.connections.increment(1.0);
        Open(self.0.series.connections.clone())
    }

    /// When the HTTP door's certificate expires, seconds since the epoch.
    pub fn certificate_expires(&self, at: i64) {
        self.0.series.certificate.set(at as f64);
    }

    /// The series of the HTTP door's requests: one for each template and class of status.
    pub fn routes<'t>(&self, templates: impl IntoIterator<Item = &'t str>) -> HttpRoutes {
        let series = |route: &str| self.0.series.request.of(&self.0.recorder, route);
        HttpRoutes {
            other: series(NO_ROUTE),
            known: templates.into_iter().map(|route| (route.to_owned(), series(route))).collect(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// An open connection.
#[must_use]
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// Requests to the HTTP door by route. What is no route of it counts as one: callers choose paths as they like.
pub struct HttpRoutes {
    known: HashMap<String, [Histogram; 6]>,
    other: [Histogram; 6],
}

impl HttpRoutes {
    /// A request to this template was answered.
    pub fn answered(&self, template: Option<&str>, status: u16, took: Duration) {
        let series = template.and_then(|template| self.known.get(template)).unwrap_or(&self.other);
        series[class(Some(status))].record(took);
    }
}

/// The place among [`CLASSES`].
fn class(status: Option<u16>) -> usize {
    match status {
        Some(status @ 100..=599) => usize::from(status / 100) - 1,
        Some(_) | None => CLASSES.len() - 1,
    }
}

#[cfg(test)]
mod tests;
