//! Every metric, described once: what `docs/metrics.md` lists and what a scrape says.

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

impl Form {
    /// As `# TYPE` says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
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

const fn counter(name: &'static str, unit: &'static str, help: &'static str) -> Described {
    Described { name, form: Form::Counter, unit, labels: &[], help }
}

const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Described {
    Described { name, form: Form::Gauge, unit, labels: &[], help }
}

const fn seconds(name: &'static str, bounds: &'static [f64], help: &'static str) -> Described {
    Described { name, form: Form::Histogram(bounds), unit: "seconds", labels: &[], help }
}

const fn by(mut described: Described, labels: &'static [(&'static str, Values)]) -> Described {
    described.labels = labels;
    described
}

/// Answers of this machine.
const QUICK: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Calls over the network.
const CALL: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// What may wait for hours.
const WAIT: &[f64] = &[0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0, 86_400.0];
const BYTES: &[f64] =
    &[1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0, 26_214_400.0];

pub(super) const IMPORT_METHODS: &[&str] = &["installation", "oauth"];
pub(super) const CALL_KINDS: &[&str] = &["mint", "page", "probe", "object", "other"];
pub(super) const DISPATCHES: &[&str] = &["accepted", "refused", "failed"];
/// By `Operation::index`, `Side::index`, and how a call ended.
pub(super) const OPERATIONS: &[&str] = &["import", "list", "clone", "pull", "push"];
pub(super) const SIDES: &[&str] = &["legacy", "target"];
pub(super) const OUTCOMES: &[&str] = &["ok", "error", "gross"];
/// By `RolloutName::index`.
pub(super) const ROLLOUTS: &[&str] = &["github-auth", "git-sandbox"];
/// Of [`super::SandboxFigures`], each in the order of its field.
pub(super) const SANDBOX_ARMS: &[&str] = &["direct", "pooled"];
pub(super) const SANDBOX_SERVED_HOW: &[&str] = &["warm", "cold"];
pub(super) const SANDBOX_MIRROR_STATES: &[&str] = &["old", "new"];
pub(super) const SANDBOX_QUOTAS: &[&str] = &["cpu", "memory", "disk", "processes", "sandboxes"];
/// Classes of HTTP status; `none` when no answer came.
pub(super) const CLASSES: &[&str] = &["1xx", "2xx", "3xx", "4xx", "5xx", "none"];
/// What stands for every path that is no route.
pub(super) const NO_ROUTE: &str = "none";

pub const MAPPED: Described = gauge(
    "migration_mapped_count",
    "repositories",
    "Repositories of projects that are mapped to an installation.",
);
pub const PENDING: Described = gauge(
    "migration_pending_count",
    "repositories",
    "Repositories of projects whose mapping waits for somebody.",
);
pub const IMPORTS: Described = by(
    counter(
        "import_method_count",
        "imports",
        "Imports that were served, by the credential that served them.",
    ),
    &[("method", Values::Words(IMPORT_METHODS))],
);
pub const TOKEN_SUCCESS: Described = counter(
    "token_request_success",
    "requests",
    "Requests for an installation token that got one, kept or new.",
);
pub const TOKEN_FAILURE: Described =
    counter("token_request_failure", "requests", "Requests for an installation token that got none.");
pub const WEBHOOK_RECEIVED: Described = counter(
    "github_webhook_received",
    "deliveries",
    "Deliveries that came to the door, signed and for this App, doubles included.",
);
pub const WEBHOOK_PROCESSED: Described = counter(
    "github_webhook_processed",
    "deliveries",
    "Deliveries whose effects are committed, or that have none.",
);
pub const WEBHOOK_FAILED: Described = counter(
    "github_webhook_failed",
    "deliveries",
    "Deliveries that could not be made durable (answered 5xx), or that were given up after their last try.",
);
pub const RATE_REMAINING: Described = gauge(
    "github_api_rate_limit_remaining",
    "calls",
    "Calls left in this hour: the lowest of all installations that GitHub has told a budget for.",
);
pub const INSTALLATIONS_ACTIVE: Described =
    gauge("github_installations_active", "installations", "Installations that are known and not suspended.");
pub const REFRESH_RATE: Described = gauge(
    "github_token_refresh_rate",
    "tokens per minute",
    "New installation tokens that GitHub gave in the last minute.",
);
pub const TRIGGERS: Described = counter(
    "workflow_triggers_executed",
    "triggers",
    "Events that matched a workflow and were handed to its dispatch.",
);

pub const APP_RATE_REMAINING: Described =
    gauge("cutover_github_app_rate_limit_remaining", "calls", "Calls left in this hour to the App itself.");
pub const GITHUB_CALL: Described = by(
    seconds("cutover_github_call_seconds", CALL, "One request to GitHub, each retry counted on its own."),
    &[("kind", Values::Words(CALL_KINDS)), ("status", Values::Words(CLASSES))],
);
pub const ACKNOWLEDGE: Described = seconds(
    "cutover_webhook_acknowledge_seconds",
    QUICK,
    "From the head of a delivery to its answer, the commit included; deliveries with a good signature only.",
);
pub const BODY: Described = Described {
    name: "cutover_webhook_body_bytes",
    form: Form::Histogram(BYTES),
    unit: "bytes",
    labels: &[],
    help: "Size of deliveries with a good signature.",
};
pub const LAG: Described = seconds(
    "cutover_inbox_lag_seconds",
    WAIT,
    "From the receipt of a delivery until it is handled, ignored or given up.",
);
pub const HANDLING: Described =
    seconds("cutover_webhook_handling_seconds", QUICK, "One try to handle a delivery, its commit included.");
pub const RETRIED: Described = counter(
    "cutover_webhook_retries",
    "tries",
    "Tries to handle a delivery that failed and will be repeated.",
);
pub const WAITING: Described =
    gauge("cutover_inbox_waiting", "deliveries", "Deliveries that wait to be handled.");
pub const DEAD: Described = gauge("cutover_inbox_dead", "deliveries", "Deliveries that were given up.");
pub const REQUEST: Described = by(
    seconds("cutover_http_request_seconds", QUICK, "One request to the HTTP door."),
    &[("route", Values::Routes), ("status", Values::Words(CLASSES))],
);
pub const CONNECTIONS: Described =
    gauge("cutover_http_connections", "connections", "Connections that are open at the HTTP door.");
pub const CERTIFICATE: Described = gauge(
    "cutover_http_certificate_expires_seconds",
    "seconds since 1970, UTC",
    "When the certificate of the HTTP door expires; NaN without TLS.",
);
pub const DISPATCH: Described = by(
    seconds("cutover_dispatch_seconds", CALL, "One try to hand an event to the workflow engine."),
    &[("outcome", Values::Words(DISPATCHES))],
);

pub const SANDBOX_WARM: Described =
    gauge("cutover_sandbox_warm", "sandboxes", "Sandboxes of the pool that stand ready.");
pub const SANDBOX_WANTED: Described =
    gauge("cutover_sandbox_wanted", "sandboxes", "How many of them should.");
pub const SANDBOX_LEASED: Described = by(
    gauge("cutover_sandbox_leased", "sandboxes", "Sandboxes in use."),
    &[("arm", Values::Words(SANDBOX_ARMS))],
);
pub const SANDBOX_WAITING: Described =
    gauge("cutover_sandbox_waiting", "callers", "Callers that wait for a sandbox of either arm.");
pub const SANDBOX_MIRRORS: Described =
    gauge("cutover_sandbox_mirrors", "mirrors", "Mirrors of repositories, each of one tenant.");
pub const SANDBOX_MIRROR_BYTES: Described =
    gauge("cutover_sandbox_mirror_bytes", "bytes", "Size of all mirrors.");
pub const SANDBOX_TROUBLE: Described = gauge(
    "cutover_sandbox_trouble",
    "1 or 0",
    "1 when the pool could not be filled up the last time; the log says why.",
);
pub const SANDBOX_WAIT: Described = seconds(
    "cutover_sandbox_wait_seconds",
    QUICK,
    "From the wish for a sandbox of the pool until it is there.",
);
pub const SANDBOX_SERVED: Described = by(
    counter(
        "cutover_sandbox_served",
        "sandboxes",
        "Sandboxes of the pool that were given out, ready or made then.",
    ),
    &[("how", Values::Words(SANDBOX_SERVED_HOW))],
);
pub const SANDBOX_FETCHES: Described = by(
    counter(
        "cutover_sandbox_mirror_fetches",
        "fetches",
        "Fetches into a mirror that had the repository, and into a new one.",
    ),
    &[("mirror", Values::Words(SANDBOX_MIRROR_STATES))],
);
pub const SANDBOX_REAPED: Described = counter(
    "cutover_sandbox_reaped",
    "sandboxes",
    "Sandboxes that were taken away: of a process that is gone, or kept over their time.",
);
pub const SANDBOX_UNHEALTHY: Described = counter(
    "cutover_sandbox_unhealthy",
    "sandboxes",
    "Ready sandboxes that failed their check and were replaced.",
);
pub const SANDBOX_TIMED_OUT: Described =
    counter("cutover_sandbox_timed_out", "operations", "Operations that were not done in time.");
pub const SANDBOX_QUOTA: Described = by(
    counter("cutover_sandbox_quota_hits", "operations", "Operations that a quota ended."),
    &[("quota", Values::Words(SANDBOX_QUOTAS))],
);

pub const ROLLOUT_CALLS: Described = by(
    counter(
        "cutover_rollout_calls",
        "calls",
        "Calls of a rollout's arm, by operation and by how they ended; those that ran beside are among them.",
    ),
    &[
        ("operation", Values::Words(OPERATIONS)),
        ("side", Values::Words(SIDES)),
        ("outcome", Values::Words(OUTCOMES)),
    ],
);
pub const ROLLOUT_STAGE: Described = by(
    gauge(
        "cutover_rollout_stage",
        "stage",
        "The stage that decides now: 0 off or killed, 1 dual-write, 2 shadow, 3 canary, 4 live, 5 complete.",
    ),
    &[("rollout", Values::Words(ROLLOUTS))],
);

/// All of them: first those with the names of the contract, then our own.
pub static ALL: &[&Described] = &[
    &MAPPED,
    &PENDING,
    &IMPORTS,
    &TOKEN_SUCCESS,
    &TOKEN_FAILURE,
    &WEBHOOK_RECEIVED,
    &WEBHOOK_PROCESSED,
    &WEBHOOK_FAILED,
    &RATE_REMAINING,
    &INSTALLATIONS_ACTIVE,
    &REFRESH_RATE,
    &TRIGGERS,
    &APP_RATE_REMAINING,
    &GITHUB_CALL,
    &ACKNOWLEDGE,
    &BODY,
    &LAG,
    &HANDLING,
    &RETRIED,
    &WAITING,
    &DEAD,
    &REQUEST,
    &CONNECTIONS,
    &CERTIFICATE,
    &DISPATCH,
    &ROLLOUT_CALLS,
    &ROLLOUT_STAGE,
    &SANDBOX_WARM,
    &SANDBOX_WANTED,
    &SANDBOX_LEASED,
    &SANDBOX_WAITING,
    &SANDBOX_MIRRORS,
    &SANDBOX_MIRROR_BYTES,
    &SANDBOX_TROUBLE,
    &SANDBOX_WAIT,
    &SANDBOX_SERVED,
    &SANDBOX_FETCHES,
    &SANDBOX_REAPED,
    &SANDBOX_UNHEALTHY,
    &SANDBOX_TIMED_OUT,
    &SANDBOX_QUOTA,
];
