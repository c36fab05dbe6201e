//! How many requests were really sent, by kind: what the bars on calls are measured with.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::metrics::CallKind;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mint,
    Page,
    Probe,
    Object,
    Other,
}

impl From<Kind> for CallKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Mint => Self::Mint,
            Kind::Page => Self::Page,
            Kind::Probe => Self::Probe,
            Kind::Object => Self::Object,
            Kind::Other => Self::Other,
        }
    }
}

/// How it goes between us and GitHub, as the last calls showed. All times are the clock's monotonic ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contact {
    /// An answer came, whatever it said, 5xx excepted.
    pub last_success: Option<Duration>,
    /// None came, or a 5xx.
    pub last_failure: Option<Duration>,
    /// The first failure after the last success; none when the last call got an answer.
    pub failing_since: Option<Duration>,
    /// GitHub refused what the App signed.
    pub last_refusal: Option<Duration>,
    /// The first such refusal since it last took one.
    pub refused_since: Option<Duration>,
}

/// Requests sent since the client was built, retries included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All requests.
    pub requests: u64,
    /// Installation tokens asked for.
    pub mints: u64,
    /// Pages of lists.
    pub pages: u64,
    /// Look-ups of one repository, by name or id, or of its installation.
    pub probes: u64,
    /// Commits, trees, blobs and contents.
    pub objects: u64,
    /// Everything else.
    pub other: u64,
    /// Requests that were a repetition after a failure.
    pub retries: u64,
    /// Answers that cost no budget because nothing had changed.
    pub not_modified: u64,
    /// Refusals for speed.
    pub rate_limited: u64,
    /// Redirects followed.
    pub redirects: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    mints: Counter,
    pages: Counter,
    probes: Counter,
    objects: Counter,
    other: Counter,
    pub(crate) retries: Counter,
    pub(crate) not_modified: Counter,
    pub(crate) rate_limited: Counter,
    pub(crate) redirects: Counter,
    contact: Mutex<Contact>,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn sent(&self, kind: Kind) {
        let counter = match kind {
            Kind::Mint => &self.mints,
            Kind::Page => &self.pages,
            Kind::Probe => &self.probes,
            Kind::Object => &self.objects,
            Kind::Other => &self.other,
        };
        counter.add();
    }

    /// GitHub answered, or not.
    pub(crate) fn contacted(&self, now: Duration, answered: bool) {
        let mut contact = self.lock();
        if answered {
            (contact.last_success, contact.failing_since) = (Some(now), None);
        } else {
            contact.last_failure = Some(now);
            contact.failing_since.get_or_insert(now);
        }
    }

    /// GitHub took what the App signed, or not.
    pub(crate) fn signed(&self, now: Duration, taken: bool) {
        let mut contact = self.lock();
        if taken {
            contact.refused_since = None;
        } else {
            contact.last_refusal = Some(now);
            contact.refused_since.get_or_insert(now);
        }
    }

    pub(crate) fn contact(&self) -> Contact {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> CallCounts {
        let (mints, pages, probes, objects, other) =
            (self.mints.get(), self.pages.get(), self.probes.get(), self.objects.get(), self.other.get());
        CallCounts {
            requests: mints + pages + probes + objects + other,
            mints,
            pages,
            probes,
            objects,
            other,
            retries: self.retries.get(),
            not_modified: self.not_modified.get(),
            rate_limited: self.rate_limited.get(),
            redirects: self.redirects.get(),
        }
    }
}
