//! Figures that a Prometheus server has of calls that were made elsewhere (C12). What it does not know is not 0.

mod answer;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_shared::rollout::{Operation, RolloutName, Side};
use futures::StreamExt as _;
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};

use self::answer::{Unfit, read};
use super::flush::{Flush, floor};
use super::windows::WindowFigures;
use crate::client::{Client, ClientError};
use crate::clock::{Clock, Millis};
use crate::store::{MetricRow, Source, Wholeness};

/// Questions under way at once.
const PARALLEL: usize = 4;

/// How long after a window's end it is asked for: a server that scrapes then has its last values.
const GRACE: Duration = Duration::from_secs(5);

/// More calls or seconds than this are no figure of ours.
const MOST: f64 = 1e12;

/// What is asked for one arm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queries {
    /// Calls in the window.
    pub calls: String,
    /// Those that failed.
    pub errors: String,
    /// P95 in seconds.
    pub p95: Option<String>,
}

/// Where, how often and what is asked.
#[derive(Clone, Debug)]
pub struct PrometheusSettings {
    pub url: Url,
    pub token: Option<SecretString>,
    /// Length of a window.
    pub every: Duration,
    /// For one question.
    pub timeout: Duration,
    /// By [`Side::index`]; none: nothing is asked for that arm.
    pub queries: [Option<Queries>; 2],
}

/// Why there is no figure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("status {0}")]
    Status(u16),
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("{0} is no count, and no time")]
    Value(String),
}

/// Asks each window. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Prometheus(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Clock,
    flush: Flush,
    settings: PrometheusSettings,
    /// What was wrong with the newest window; none before the first.
    standing: Mutex<Option<PrometheusStanding>>,
}

/// How the newest window went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusStanding {
    /// When it ended.
    pub at: Millis,
    /// Arms of operations that had figures.
    pub arms: usize,
    pub trouble: Option<String>,
}

type Asked = (Operation, Side, Result<Option<MetricRow>, AskError>);

impl Prometheus {
    /// Nothing is asked yet.
    pub fn new(client: Client, clock: Clock, flush: Flush, settings: PrometheusSettings) -> Self {
        Self(Arc::new(Inner { client, clock, flush, settings, standing: Mutex::new(None) }))
    }

    /// How the newest window went.
    pub fn standing(&self) -> Option<PrometheusStanding> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for each window after its end, until it is dropped.
    pub async fn work(self) {
        let length = self.length();
        loop {
            let now = self.0.clock.now();
            let end = floor(now, length).saturating_add(length);
            let wait = u64::try_from(end.saturating_sub(now)).unwrap_or_default();
            self.0.clock.sleep(Duration::from_millis(wait) + GRACE).await;
            self.poll(end).await;
        }
    }

    fn length(&self) -> i64 {
        i64::try_from(self.0.settings.every.as_millis()).unwrap_or(i64::MAX).max(1_000)
    }

    /// Asks for the window that ends at `end`. What could not be had makes it incomplete.
    pub async fn poll(&self, end: Millis) {
        let mut asks = Vec::new();
        for operation in Operation::ALL.iter().copied() {
            for side in Side::ALL.iter().copied() {
                if let Some(queries) = &self.0.settings.queries[side.index()] {
                    asks.push(self.asked(operation, side, queries, end));
                }
            }
        }
        let asked: Vec<Asked> = futures::stream::iter(asks).buffer_unordered(PARALLEL).collect().await;
        let mut standing = PrometheusStanding { at: end, arms: 0, trouble: None };
        for (operation, side, found) in &asked {
            match found {
                Ok(Some(_)) => standing.arms += 1,
                Ok(None) => {}
                Err(error) => standing.trouble = Some(format!("{operation} of {side}: {error}")),
            }
        }
        if let Some(trouble) = &standing.trouble {
            tracing::warn!(trouble, "Prometheus did not say all of a window");
        }
        for name in RolloutName::ALL.iter().copied() {
            self.add(name, end, &asked);
        }
        *self.0.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }

    fn add(&self, name: RolloutName, end: Millis, asked: &[Asked]) {
        let (length, start) = (self.length(), end.saturating_sub(self.length()));
        let of = || asked.iter().filter(|(operation, ..)| operation.rollout() == name);
        let failed = of().find(|(.., found)| found.is_err());
        let mut rows: Vec<MetricRow> =
            of().filter_map(|(.., found)| found.as_ref().ok().cloned().flatten()).collect();
        if let (Some((operation, side, _)), true) = (failed, rows.is_empty()) {
            rows.push(row(*operation, *side, start, length));
        }
        if rows.is_empty() {
            return;
        }
        let mut window = WindowFigures::empty(name, Source::Prometheus, start, length);
        for row in &mut rows {
            row.complete = if failed.is_some() { Wholeness::Incomplete } else { Wholeness::Whole };
            if window.add(row).is_err() {
                window.complete = false;
            }
        }
        self.0.flush.outside(window, rows);
    }

    async fn asked(&self, operation: Operation, side: Side, queries: &Queries, end: Millis) -> Asked {
        (operation, side, self.arm(operation, side, queries, end).await)
    }

    /// None: the server knows no calls of it, or not how many failed.
    async fn arm(
        &self,
        operation: Operation,
        side: Side,
        queries: &Queries,
        end: Millis,
    ) -> Result<Option<MetricRow>, AskError> {
        let ask = async |query: &str| self.ask(&self.filled(query, operation), end).await;
        let Some(calls) = ask(&queries.calls).await? else { return Ok(None) };
        let Some(errors) = ask(&queries.errors).await? else { return Ok(None) };
        let p95 = match &queries.p95 {
            None => None,
            Some(query) => ask(query).await?,
        };
        let mut row = row(operation, side, end.saturating_sub(self.length()), self.length());
        row.calls = whole(calls);
        // Counts between two scrapes are estimates: there can be a little more errors than calls.
        row.errors = whole(errors).min(row.calls);
        row.answered = row.calls;
        row.p95_us = p95.map(|seconds| whole(seconds * 1e6));
        Ok(Some(row))
    }

    /// One question at this moment, outside of the windows; none: no data.
    ///
    /// # Errors
    /// In words, whatever kept the server from a figure.
    pub async fn figure(&self, query: &str, at: Millis) -> Result<Option<f64>, String> {
        self.ask(query, at).await.map_err(|error| error.to_string())
    }

    fn filled(&self, query: &str, operation: Operation) -> String {
        let window = format!("{}s", self.length() / 1_000);
        query.replace("$operation", operation.word()).replace("$window", &window)
    }

    /// None: no data.
    async fn ask(&self, query: &str, at: Millis) -> Result<Option<f64>, AskError> {
        let settings = &self.0.settings;
        let mut url = settings.url.clone();
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let mut time = String::new();
        let _ = write!(time, "{}.{:03}", at.div_euclid(1_000), at.rem_euclid(1_000));
        url.query_pairs_mut().append_pair("query", query).append_pair("time", &time);
        let mut request = self.0.client.request(Method::GET, url);
        if let Some(token) = &settings.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answered = self.0.client.send(request, settings.timeout).await?;
        if answered.status != 200 {
            return Err(AskError::Status(answered.status));
        }
        match read(&answered.body)? {
            None => Ok(None),
            Some(value) if (0.0..=MOST).contains(&value) => Ok(Some(value)),
            Some(value) => Err(AskError::Value(value.to_string())),
        }
    }
}

fn row(operation: Operation, side: Side, start: Millis, length: i64) -> MetricRow {
    MetricRow { source: Source::Prometheus, ..MetricRow::empty(operation, side, start, length) }
}

/// Rounded; what is asked lies in the bounds of both types.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10^18 by the check before")]
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests;
