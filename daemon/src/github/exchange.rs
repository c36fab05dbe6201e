//! One logical request: admitted by the limiter, sent, timed, counted, logged, and repeated where that is harmless.

use std::sync::Arc;
use std::time::Duration;

use super::counts::{Counters, Kind};
use super::error::{GitHubError, Outage};
use super::identity::Identity;
use super::limiter::{Limiter, Traffic};
use super::retry::{self, Effect, MAX_SPEED_WAITS};
use super::server_time::ServerTime;
use super::transport::{Transport, WireAnswer, WireFailure, WireRequest};
use crate::metrics::Metrics;

/// What a read costs against the secondary limit.
pub(crate) const READ_POINTS: u32 = 1;
/// What anything else costs.
pub(crate) const WRITE_POINTS: u32 = 5;

/// The circumstances of a request, everything but its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// The route with placeholders: an address may name a customer's repository.
    pub(crate) route: &'static str,
    pub(crate) kind: Kind,
    pub(crate) who: Identity,
    /// The installation that it is about, for the log.
    pub(crate) installation: Option<i64>,
    pub(crate) traffic: Traffic,
    /// Monotonic: nothing is started or waited for beyond it.
    pub(crate) deadline: Duration,
    pub(crate) effect: Effect,
}

pub(crate) struct Exchange {
    pub(crate) time: Arc<ServerTime>,
    pub(crate) limiter: Limiter,
    pub(crate) counters: Counters,
    pub(crate) metrics: Metrics,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) request_timeout: Duration,
}

impl Exchange {
    /// Any answer that is neither 5xx nor a refusal for speed.
    ///
    /// # Errors
    /// [`GitHubError::RateLimited`], [`GitHubError::Unavailable`], [`GitHubError::TooLarge`], [`GitHubError::BadInput`].
    pub(crate) async fn send(&self, call: Call, request: WireRequest) -> Result<WireAnswer, GitHubError> {
        let points = if request.method.is_safe() { READ_POINTS } else { WRITE_POINTS };
        let mut delays = retry::ceilings();
        let mut speed_waits = 0;
        loop {
            let permit = self.limiter.admit(call.who, call.traffic, points, call.deadline).await?;
            let outage = match self.once(call, &request).await {
                Ok(answer) => match permit.answered(&self.time, &answer) {
                    Some(until) => {
                        self.counters.rate_limited.add();
                        speed_waits += 1;
                        // The next admission waits exactly as long as needed, or says that it is too long. A refusal
                        // for speed was not carried out, so repeating it is harmless for every method.
                        if speed_waits > MAX_SPEED_WAITS {
                            return Err(GitHubError::RateLimited { until });
                        }
                        continue;
                    }
                    None if answer.status.is_server_error() => Outage::Status(answer.status.as_u16()),
                    None => return Ok(answer),
                },
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Outage(outage)) => {
                    drop(permit);
                    outage
                }
            };
            if !retry::may_repeat(&request.method, call.effect) {
                return Err(GitHubError::Unavailable { cause: outage });
            }
            let Some(ceiling) = delays.next() else {
                return Err(GitHubError::Unavailable { cause: outage });
            };
            let delay = retry::jittered(ceiling, rand::random());
            if self.time.clock().monotonic() + delay > call.deadline {
                return Err(GitHubError::Unavailable { cause: outage });
            }
            self.counters.retries.add();
            self.time.clock().sleep(delay).await;
        }
    }

    async fn once(&self, call: Call, request: &WireRequest) -> Result<WireAnswer, Failed> {
        let clock = self.time.clock();
        let begun = clock.monotonic();
        let left = call.deadline.saturating_sub(begun);
        self.counters.sent(call.kind);
        let result =
            clock.timeout(self.request_timeout.min(left), self.transport.exchange(request.clone())).await;
        let took = clock.monotonic().saturating_sub(begun);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (status, remaining) = match &result {
            Ok(Ok(answer)) => (
                answer.status.as_u16(),
                answer.header("x-ratelimit-remaining").and_then(|text| text.parse::<u32>().ok()),
            ),
            Ok(Err(_)) | Err(_) => (0, None),
        };
        self.counters.contacted(clock.monotonic(), (1..500).contains(&status));
        self.metrics.github_call(call.kind.into(), (status > 0).then_some(status), took);
        tracing::info!(
            target: "github",
            route = call.route,
            status,
            ms,
            installation = call.installation,
            remaining,
            "github call"
        );
        match result {
            Ok(Ok(answer)) => {
                self.time.observe(answer.date());
                Ok(answer)
            }
            Ok(Err(WireFailure::Broken(cause))) => Err(Failed::Outage(Outage::Connection(cause))),
            Ok(Err(WireFailure::TooLarge)) => {
                Err(Failed::Final(GitHubError::TooLarge { limit: request.max_body }))
            }
            Ok(Err(WireFailure::Unsendable)) => {
                Err(Failed::Final(GitHubError::BadInput { what: "credential" }))
            }
            Err(_elapsed) => Err(Failed::Outage(Outage::Timeout)),
        }
    }
}

enum Failed {
    Outage(Outage),
    Final(GitHubError),
}

#[cfg(test)]
mod tests;
