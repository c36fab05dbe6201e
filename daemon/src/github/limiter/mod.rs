//! One account for each credential, and a cap on what is in flight over all of them.

mod rules;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use lru::LruCache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use rules::Traffic;
pub(crate) use rules::{Account, Admission, Rates, Rules};

use super::error::{GitHubError, message_of};
use super::identity::Identity;
use super::server_time::ServerTime;
use super::transport::WireAnswer;
use crate::clock::Millis;

/// Accounts that are remembered; the least used is forgotten first.
const MOST_ACCOUNTS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// What is known about one credential's hourly budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// `app`, `installation 7`, or `user` with a fingerprint that means something only inside this process.
    pub credential: String,
    /// The installation, when it is one.
    pub installation: Option<i64>,
    /// Calls an hour.
    pub limit: u32,
    /// Calls left.
    pub remaining: u32,
    /// When the budget is full again, epoch milliseconds.
    pub reset: Millis,
    /// Calls that wait for this credential now.
    pub waiting: u32,
}

pub(crate) struct Limiter {
    time: Arc<ServerTime>,
    rules: Rules,
    accounts: Mutex<LruCache<Identity, Arc<Mutex<Account>>>>,
    all: Arc<Semaphore>,
    background: Arc<Semaphore>,
}

/// The right to have one request in flight; give it back with [`Permit::answered`] or by dropping it.
pub(crate) struct Permit {
    account: Arc<Mutex<Account>>,
    _all: OwnedSemaphorePermit,
    _background: Option<OwnedSemaphorePermit>,
}

impl Limiter {
    pub(crate) fn new(time: Arc<ServerTime>, rules: Rules, max_in_flight: usize) -> Self {
        let for_background = (max_in_flight - max_in_flight / 4).max(1);
        Self {
            time,
            rules,
            accounts: Mutex::new(LruCache::new(MOST_ACCOUNTS)),
            all: Arc::new(Semaphore::new(max_in_flight)),
            background: Arc::new(Semaphore::new(for_background)),
        }
    }

    /// Waits for the right to send.
    ///
    /// # Errors
    /// [`GitHubError::RateLimited`] at once when the wait would end after `deadline` (monotonic).
    pub(crate) async fn admit(
        &self,
        who: Identity,
        traffic: Traffic,
        points: u32,
        deadline: Duration,
    ) -> Result<Permit, GitHubError> {
        let account = self.account(who);
        let _waiting = Waiting::new(&account);
        loop {
            self.wait_for_budget(&account, traffic, points, deadline).await?;
            let background = match traffic {
                Traffic::Live => None,
                Traffic::Background => Some(acquire(&self.background).await?),
            };
            let all = acquire(&self.all).await?;
            let now = self.time.moment();
            let mut open = lock(&account);
            // The answer of another call may have closed the account while this one waited for its slot.
            if open.admission(self.rules, now, traffic, points) == Admission::Now {
                open.take(now, points);
                drop(open);
                return Ok(Permit { account, _all: all, _background: background });
            }
        }
    }

    /// Waits until a call of this credential could go, without taking anything.
    pub(crate) async fn wait_until_open(
        &self,
        who: Identity,
        traffic: Traffic,
        points: u32,
        deadline: Duration,
    ) -> Result<(), GitHubError> {
        let account = self.account(who);
        self.wait_for_budget(&account, traffic, points, deadline).await
    }

    async fn wait_for_budget(
        &self,
        account: &Mutex<Account>,
        traffic: Traffic,
        points: u32,
        deadline: Duration,
    ) -> Result<(), GitHubError> {
        loop {
            let now = self.time.moment();
            let admission = lock(account).admission(self.rules, now, traffic, points);
            match admission {
                Admission::Now => return Ok(()),
                Admission::Wait(wait) if now.mono + wait > deadline => {
                    return Err(GitHubError::RateLimited { until: later(now.wall, wait) });
                }
                Admission::Wait(wait) => self.time.clock().sleep(wait).await,
            }
        }
    }

    /// Budgets of all credentials that GitHub has told one for.
    pub(crate) fn budgets(&self) -> Vec<Budget> {
        let accounts: Vec<_> =
            lock(&self.accounts).iter().map(|(who, account)| (*who, Arc::clone(account))).collect();
        let mut budgets: Vec<Budget> = accounts
            .into_iter()
            .filter_map(|(who, account)| {
                let account = lock(&account);
                let rates = account.rates?;
                Some(Budget {
                    credential: who.to_string(),
                    installation: who.installation(),
                    limit: rates.limit,
                    remaining: rates.remaining,
                    reset: rates.reset,
                    waiting: account.waiting,
                })
            })
            .collect();
        budgets.sort_by(|a, b| a.credential.cmp(&b.credential));
        budgets
    }

    fn account(&self, who: Identity) -> Arc<Mutex<Account>> {
        Arc::clone(lock(&self.accounts).get_or_insert(who, || Arc::new(Mutex::default())))
    }
}

impl Permit {
    /// Books an answer. `Some(until)` when it is a refusal for speed: nothing may be sent before.
    pub(crate) fn answered(self, time: &ServerTime, answer: &WireAnswer) -> Option<Millis> {
        let rates = rates_of(answer);
        let now = time.moment();
        let mut account = lock(&self.account);
        if is_refusal_for_speed(answer, rates) {
            let retry_after = answer
                .header("retry-after")
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs);
            let wait = account.refused(now, rates, retry_after);
            Some(later(now.wall, wait))
        } else {
            // A 5xx says nothing about speed and must not end a penalty.
            if !answer.status.is_server_error() {
                account.answered(rates);
            }
            None
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.account).done();
    }
}

/// Counts a waiting call, also when its caller goes away.
struct Waiting(Arc<Mutex<Account>>);

impl Waiting {
    fn new(account: &Arc<Mutex<Account>>) -> Self {
        lock(account).waiting += 1;
        Self(Arc::clone(account))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut account = lock(&self.0);
        account.waiting = account.waiting.saturating_sub(1);
    }
}

/// Only the main budget is tracked; other resources (search, GraphQL) have their own.
fn rates_of(answer: &WireAnswer) -> Option<Rates> {
    if answer.header("x-ratelimit-resource").is_some_and(|resource| resource != "core") {
        return None;
    }
    let number = |name| answer.header(name)?.trim().parse::<u32>().ok();
    let reset: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
    Some(Rates {
        limit: number("x-ratelimit-limit")?,
        remaining: number("x-ratelimit-remaining")?,
        reset: reset.saturating_mul(1000),
    })
}

/// 429 always is; 403 only if a header or GitHub's words say so, since it is also the answer to a missing permission.
fn is_refusal_for_speed(answer: &WireAnswer, rates: Option<Rates>) -> bool {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            answer.header("retry-after").is_some() || rates.is_some_and(|rates| rates.remaining == 0) || {
                let message = message_of(&answer.body).to_ascii_lowercase();
                message.contains("rate limit") || message.contains("abuse detection")
            }
        }
        _ => false,
    }
}

async fn acquire(slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, GitHubError> {
    Arc::clone(slots).acquire_owned().await.map_err(|_| GitHubError::BadAnswer { what: "an open client" })
}

fn later(wall: Millis, wait: Duration) -> Millis {
    wall.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
