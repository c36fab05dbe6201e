//! Brings the gauges up to date: what the store and the client of GitHub know is looked at every few seconds, whether or not
//! anybody scrapes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Millis};
use crate::github::{Budget, GitHub, Traffic};
use crate::metrics::{Metrics, SandboxFigures};
use crate::sandbox::{Figures, QuotaKind, Sandboxes};
use crate::store::{Db, ReadError};

/// How often is looked.
const EVERY: Duration = Duration::from_secs(10);

/// What the rate of new tokens looks back on.
const BACK: Duration = Duration::from_secs(60);

/// How often GitHub is asked how it is while nobody else asks it anything.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// How often it is asked while it fails.
const FAILING: Duration = Duration::from_secs(60);

/// What is looked at.
pub struct Measure {
    pub db: Db,
    pub github: GitHub,
    pub sandboxes: Sandboxes,
    pub clock: Clock,
    pub metrics: Metrics,
}

impl Measure {
    /// Measures until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut rate = Rate::default();
        loop {
            self.metrics.upkeep();
            let (lowest, app) = lowest(&self.github.budgets(), self.clock.now());
            self.metrics.rate_limit_remaining(lowest, app);
            if let Some(rate) = rate.add(self.clock.monotonic(), self.metrics.tokens_minted()) {
                self.metrics.token_refresh_rate(rate);
            }
            self.metrics.sandboxes(&shown(&self.sandboxes.figures()));
            if let Err(error) = self.store().await {
                tracing::warn!(%error, "some gauges can't be brought up to date");
            }
            self.clock.sleep(EVERY).await;
        }
    }

    async fn store(&self) -> Result<(), ReadError> {
        let mapping = self.db.mapping_counts().await?;
        self.metrics.mapping(mapping.mapped, mapping.pending);
        let index = self.db.index_view(self.github.host_id()).await?;
        self.metrics.installations_active(index.installations.saturating_sub(index.suspended));
        let inbox = self.db.inbox_counts().await?;
        self.metrics.inbox(inbox.waiting, inbox.dead);
        Ok(())
    }

    /// Asks GitHub for the App when nothing was heard for a while, so that health never stands on an old failure or success.
    pub async fn keep_contact(self: Arc<Self>) {
        loop {
            self.clock.sleep(FAILING).await;
            let (contact, now) = (self.github.contact(), self.clock.monotonic());
            let trouble = contact.failing_since.is_some() || contact.refused_since.is_some();
            let last = contact.last_success.max(contact.last_failure).unwrap_or_default();
            if trouble || now.saturating_sub(last) >= QUIET {
                // What comes of it is in the contact.
                let _ = self.github.reader(Traffic::Live).app().await;
            }
        }
    }
}

/// Sandboxes as the metrics name them.
fn shown(of: &Figures) -> SandboxFigures {
    let hits =
        |kind: QuotaKind| of.quota_hits.iter().find(|(one, _)| *one == kind).map_or(0, |(_, hits)| *hits);
    SandboxFigures {
        warm: of.warm,
        wanted: of.wanted,
        leased: [of.leased_direct, of.leased],
        waiting: of.waiting,
        mirrors: of.mirrors,
        mirror_bytes: of.mirror_bytes,
        trouble: of.trouble.is_some(),
        served: [of.served_warm, of.served_cold],
        fetches: [of.mirror_hits, of.mirror_misses],
        reaped: of.reaped,
        unhealthy: of.unhealthy,
        timed_out: of.timed_out,
        quota: QuotaKind::ALL.map(hits),
    }
}

/// Calls left: the lowest of all installations, and the App's own.
fn lowest(budgets: &[Budget], now: Millis) -> (Option<u32>, Option<u32>) {
    // Since its reset a budget is full again, whatever was told before.
    let left = |budget: &Budget| if budget.reset <= now { budget.limit } else { budget.remaining };
    let lowest = budgets.iter().filter(|budget| budget.installation.is_some()).map(left).min();
    (lowest, budgets.iter().find(|budget| budget.credential == "app").map(left))
}

/// A counter's rise over the last minute.
#[derive(Default)]
struct Rate(VecDeque<(Duration, u64)>);

impl Rate {
    /// The rise a minute; none as long as there is nothing to compare with.
    fn add(&mut self, now: Duration, count: u64) -> Option<f64> {
        self.0.push_back((now, count));
        while self.0.len() > 2 && self.0.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= BACK) {
            self.0.pop_front();
        }
        let (since, before) = *self.0.front()?;
        let over = now.saturating_sub(since);
        (!over.is_zero()).then(|| count.saturating_sub(before) as f64 * 60.0 / over.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(installation: Option<i64>, remaining: u32, reset: Millis) -> Budget {
        let credential = installation.map_or("app".to_owned(), |id| format!("installation {id}"));
        Budget { credential, installation, limit: 5000, remaining, reset, waiting: 0 }
    }

    #[test]
    fn the_lowest_installation_counts_and_a_budget_that_was_reset_is_full() {
        assert_eq!(lowest(&[], 0), (None, None));
        let budgets = [
            budget(None, 3, 100),
            budget(Some(1), 70, 100),
            budget(Some(2), 50, 100),
            budget(Some(3), 7, 10),
        ];
        assert_eq!(lowest(&budgets, 9), (Some(7), Some(3)));
        assert_eq!(lowest(&budgets, 10), (Some(50), Some(3)));
        assert_eq!(lowest(&budgets, 100), (Some(5000), Some(5000)));
    }

    #[test]
    fn each_quota_is_shown_under_its_own_word() {
        let hits =
            QuotaKind::ALL.iter().zip([10, 11, 12, 13, 14]).map(|(kind, hits)| (*kind, hits)).rev().collect();
        let of = Figures { quota_hits: hits, leased: 2, leased_direct: 1, ..Figures::default() };
        assert_eq!((shown(&of).quota, shown(&of).leased), ([10, 11, 12, 13, 14], [1, 2]));
        let words: Vec<_> = QuotaKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words, ["cpu", "memory", "disk", "processes", "sandboxes"]);
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let (mut rate, at) = (Rate::default(), Duration::from_secs);
        assert_eq!(rate.add(at(0), 5), None);
        assert_eq!(rate.add(at(10), 6), Some(6.0));
        assert_eq!(rate.add(at(60), 11), Some(6.0));
        assert_eq!(rate.add(at(70), 11), Some(5.0));
        assert_eq!(rate.add(at(130), 11), Some(0.0));
        assert!(rate.0.len() <= 3);
    }
}
