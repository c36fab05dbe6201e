//! How many requests were really sent, by kind: what the bars on calls are measured with.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mint,
    Page,
    Probe,
    Object,
    Other,
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
