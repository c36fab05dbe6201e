//! Every metric, declared once: its series, what `docs/metrics.md` lists and what a scrape says.

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::register::{Later, Register};
use super::rollout::RolloutSeries;
use super::sandbox::SandboxSeries;

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// Only rises; starts at 0 with the process.
    Counter,
    /// NaN until it is known.
    Gauge,
    /// Upper bounds of its buckets, in its unit.
    Histogram(&'static [f64]),
}

/// The values that a label can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// These words.
    Words(&'static [&'static str]),
    /// Templates of the HTTP door's own paths, and `none`.
    Routes,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Described {
    pub name: &'static str,
    pub form: Form,
    pub unit: &'static str,
    pub labels: &'static [(&'static str, Values)],
    pub help: &'static str,
}

impl Described {
    /// A series for each choice of the labels' values.
    pub(super) const fn by(mut self, labels: &'static [(&'static str, Values)]) -> Self {
        self.labels = labels;
        self
    }
}

pub(super) const fn counter(name: &'static str, unit: &'static str, help: &'static str) -> Described {
    Described { name, form: Form::Counter, unit, labels: &[], help }
}

pub(super) const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Described {
    Described { name, form: Form::Gauge, unit, labels: &[], help }
}

pub(super) const fn seconds(name: &'static str, bounds: &'static [f64], help: &'static str) -> Described {
    Described { name, form: Form::Histogram(bounds), unit: "seconds", labels: &[], help }
}

const fn bytes(name: &'static str, help: &'static str) -> Described {
    Described { name, form: Form::Histogram(BYTES), unit: "bytes", labels: &[], help }
}

/// Series as the fields of a struct: each is in the table, and is there from the start. An array has an element for each of its
/// label's words, in their order.
macro_rules! series {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $form:ty = $described:expr,)* }) => {
        $(#[$about])*
        pub(super) struct $name { $($(#[$doc])* pub(super) $field: $form,)* }

        impl $name {
            pub(super) const ALL: &'static [Described] = &[$($described),*];

            pub(super) fn new(recorder: &PrometheusRecorder) -> Self {
                Self { $($field: Register::register(recorder, &$described, &[]),)* }
            }
        }
    };
}
pub(super) use series;

/// Answers of this machine.
pub(super) const QUICK: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Calls over the network.
const CALL: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// What may wait for hours.
const WAIT: &[f64] = &[0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0, 86_400.0];
const BYTES: &[f64] =
    &[1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 26_214_400.0];

/// Classes of HTTP status; `none` when no answer came.
pub(super) const CLASSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx", "none"];
/// What stands for every path that is no route.
pub(super) const NO_ROUTE: &str = "none";

series! {
    /// First those with the names of the contract, then our own.
    Series {
        mapped: Gauge = gauge(
            "migration_mapped_count",
            "repositories",
            "Repositories of projects that are mapped to an installation.",
        ),
        pending: Gauge = gauge(
            "migration_pending_count",
            "repositories",
            "Repositories of projects whose mapping waits for somebody.",
        ),
        /// By [`super::ImportMethod`].
        imports: [Counter; 2] = counter(
            "import_method_count",
            "imports",
            "Imports that were served, by the credential that served them.",
        ).by(&[("method", Values::Words(&["installation", "oauth"]))]),
        token_success: Counter = counter(
            "token_request_success",
            "requests",
            "Requests for an installation token that got one, kept or new.",
        ),
        token_failure: Counter = counter(
            "token_request_failure",
            "requests",
            "Requests for an installation token that got none.",
        ),
        received: Counter = counter(
            "github_webhook_received",
            "deliveries",
            "Deliveries that came to the door, signed and for this App, doubles included.",
        ),
        processed: Counter = counter(
            "github_webhook_processed",
            "deliveries",
            "Deliveries whose effects are committed, or that have none.",
        ),
        failed: Counter = counter(
            "github_webhook_failed",
            "deliveries",
            "Deliveries that could not be made durable (answered 5xx), or that were given up after their last try.",
        ),
        rate_remaining: Gauge = gauge(
            "github_api_rate_limit_remaining",
            "calls",
            "Calls left in this hour: the lowest of all installations that GitHub has told a budget for.",
        ),
        installations_active: Gauge = gauge(
            "github_installations_active",
            "installations",
            "Installations that are known and not suspended.",
        ),
        refresh_rate: Gauge = gauge(
            "github_token_refresh_rate",
            "tokens per minute",
            "New installation tokens that GitHub gave in the last minute.",
        ),
        triggers: Counter = counter(
            "workflow_triggers_executed",
            "triggers",
            "Events that matched a workflow and were handed to its dispatch.",
        ),
        app_rate_remaining: Gauge = gauge(
            "cutover_github_app_rate_limit_remaining",
            "calls",
            "Calls left in this hour to the App itself.",
        ),
        /// By [`super::CallKind`], then by class of status.
        github_call: [[Histogram; 6]; 5] = seconds(
            "cutover_github_call_seconds",
            CALL,
            "One request to GitHub, each retry counted on its own.",
        ).by(&[
            ("kind", Values::Words(&["mint", "page", "probe", "object", "other"])),
            ("status", Values::Words(CLASSES)),
        ]),
        acknowledge: Histogram = seconds(
            "cutover_webhook_acknowledge_seconds",
            QUICK,
            "From the head of a delivery to its answer, the commit included; deliveries with a good signature only.",
        ),
        body: Histogram = bytes("cutover_webhook_body_bytes", "Size of deliveries with a good signature."),
        lag: Histogram = seconds(
            "cutover_inbox_lag_seconds",
            WAIT,
            "From the receipt of a delivery until it is handled, ignored or given up.",
        ),
        handling: Histogram = seconds(
            "cutover_webhook_handling_seconds",
            QUICK,
            "One try to handle a delivery, its commit included.",
        ),
        retried: Counter = counter(
            "cutover_webhook_retries",
            "tries",
            "Tries to handle a delivery that failed and will be repeated.",
        ),
        waiting: Gauge = gauge("cutover_inbox_waiting", "deliveries", "Deliveries that wait to be handled."),
        dead: Gauge = gauge("cutover_inbox_dead", "deliveries", "Deliveries that were given up."),
        request: Later = seconds("cutover_http_request_seconds", QUICK, "One request to the HTTP door.")
            .by(&[("route", Values::Routes), ("status", Values::Words(CLASSES))]),
        connections: Gauge = gauge(
            "cutover_http_connections",
            "connections",
            "Connections that are open at the HTTP door.",
        ),
        certificate: Gauge = gauge(
            "cutover_http_certificate_expires_seconds",
            "seconds since 1970, UTC",
            "When the certificate of the HTTP door expires; NaN without TLS.",
        ),
        /// By [`super::Dispatch`].
        dispatch: [Histogram; 3] = seconds(
            "cutover_dispatch_seconds",
            CALL,
            "One try to hand an event to the workflow engine.",
        ).by(&[("outcome", Values::Words(&["accepted", "refused", "failed"]))]),
    }
}

/// All that are described.
pub(super) fn all() -> impl Iterator<Item = &'static Described> {
    [Series::ALL, RolloutSeries::ALL, SandboxSeries::ALL].into_iter().flatten()
}
