//! What was asked: counters and a bounded log, so that a test can say how many calls a piece of work may cost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_daemon::clock::Millis;

use super::auth::CredentialKind;
use super::route::RouteKind;

/// How a call's `If-None-Match` fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditional {
    /// None was sent.
    No,
    /// It fitted: 304.
    Matched,
    /// Made by this credential for another content.
    Stale,
    /// Made for another credential: a cache that mixes tenants.
    Foreign,
}

/// One call. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it came.
    pub at: Millis,
    /// HTTP method.
    pub method: String,
    /// Path and query without the prefix.
    pub path: String,
    /// What it asked.
    pub kind: RouteKind,
    /// With what.
    pub credential: CredentialKind,
    /// Installation or user id of the credential.
    pub principal: Option<i64>,
    /// The installation that it was about.
    pub installation: Option<i64>,
    /// The answer; 0 while there is none, which stays if the client went away.
    pub status: u16,
    /// The answer was a 301.
    pub redirected: bool,
    /// How its `If-None-Match` fared.
    pub conditional: Conditional,
}

impl Call {
    /// Whether it changes nothing: GET and HEAD, and the two POSTs that only ask.
    pub fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
            || matches!(self.kind, RouteKind::Mint | RouteKind::TokenCheck)
    }
}

/// Counters since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls by kind.
    pub by_kind: BTreeMap<RouteKind, u64>,
    /// Calls by kind about one installation.
    pub by_installation: BTreeMap<(i64, RouteKind), u64>,
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Answers that were 301.
    pub redirected: u64,
    /// Answers that were 304.
    pub not_modified: u64,
    /// Calls with an ETag that was made for another credential.
    pub foreign_etags: u64,
    /// The most calls that were in flight at once.
    pub max_in_flight: usize,
    /// Calls.
    pub total: u64,
}

/// The stand-in's book of calls. Clones share one book.
#[derive(Debug, Clone)]
pub struct Calls(Arc<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    counts: Counts,
    log: VecDeque<Call>,
    /// Number of the log's first call, counted from the start.
    first: u64,
    capacity: usize,
    in_flight: usize,
}

/// A call in flight; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Flight {
    book: Calls,
    number: u64,
    /// How many were in flight with it, itself included.
    pub(super) beside: usize,
}

impl Calls {
    pub(super) fn new(capacity: usize) -> Self {
        Self(Arc::new(Mutex::new(Book {
            counts: Counts::default(),
            log: VecDeque::new(),
            first: 0,
            capacity,
            in_flight: 0,
        })))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All counters.
    pub fn counts(&self) -> Counts {
        self.book().counts.clone()
    }

    /// Calls of one kind.
    pub fn count(&self, kind: RouteKind) -> u64 {
        self.book().counts.by_kind.get(&kind).copied().unwrap_or(0)
    }

    /// Calls of one kind about one installation.
    pub fn count_for(&self, installation: i64, kind: RouteKind) -> u64 {
        let key = (installation, kind);
        let book = self.book();
        book.counts.by_installation.get(&key).copied().unwrap_or(0)
    }

    /// All calls.
    pub fn total(&self) -> u64 {
        self.book().counts.total
    }

    /// Calls in flight now.
    pub fn in_flight(&self) -> usize {
        self.book().in_flight
    }

    /// The last calls, oldest first; older ones are forgotten at `SimSettings::log_capacity`.
    pub fn log(&self) -> Vec<Call> {
        self.book().log.iter().cloned().collect()
    }

    /// The calls of the log that may have changed something; empty for a dry-run.
    pub fn writes(&self) -> Vec<Call> {
        let book = self.book();
        book.log.iter().filter(|c| !c.is_read()).cloned().collect()
    }

    /// Sets all counters to zero and empties the log. Calls in flight stay counted as such.
    pub fn reset(&self) {
        let mut book = self.book();
        book.first += u64::try_from(book.log.len()).unwrap_or(0);
        book.log.clear();
        book.counts = Counts { max_in_flight: book.in_flight, ..Counts::default() };
    }

    pub(super) fn enter(&self, call: Call) -> Flight {
        let mut book = self.book();
        book.in_flight += 1;
        let beside = book.in_flight;
        let counts = &mut book.counts;
        counts.total += 1;
        counts.max_in_flight = counts.max_in_flight.max(beside);
        *counts.by_kind.entry(call.kind).or_default() += 1;
        if let Some(id) = call.installation {
            *counts.by_installation.entry((id, call.kind)).or_default() += 1;
        }
        if book.log.len() >= book.capacity && book.log.pop_front().is_some() {
            book.first += 1;
        }
        let number = book.first + u64::try_from(book.log.len()).unwrap_or(0);
        if book.capacity > 0 {
            book.log.push_back(call);
        }
        Flight { book: self.clone(), number, beside }
    }
}

impl Flight {
    /// Counted from the start.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn answered(&self, status: u16, conditional: Conditional) {
        let mut book = self.book.book();
        let counts = &mut book.counts;
        *counts.by_status.entry(status).or_default() += 1;
        counts.redirected += u64::from(status == 301);
        counts.not_modified += u64::from(status == 304);
        counts.foreign_etags += u64::from(conditional == Conditional::Foreign);
        let at = self.number.checked_sub(book.first);
        let at = at.and_then(|at| usize::try_from(at).ok());
        if let Some(call) = at.and_then(|at| book.log.get_mut(at)) {
            call.status = status;
            call.redirected = status == 301;
            call.conditional = conditional;
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.book.book().in_flight -= 1;
    }
}
