//! The application's traffic: lists of repositories over all projects at a steady pace, as its users cause them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_daemon::client::{Client, ClientError};
use cutover_daemon::clock::{Clock, Millis};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::super::DemoError;
use crate::harness::Home;

/// Calls under way at once at most; what is due then waits.
const PARALLEL: u32 = 64;

/// What takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Failed calls of which all is kept.
const KEPT: usize = 100_000;

/// An answer, or that there was none (status 0).
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) project: usize,
    /// Before the call was sent, epoch milliseconds.
    pub(super) began: Millis,
    pub(super) status: u16,
    /// `installation` or `oauth`; empty without an answer of an arm.
    pub(super) method: String,
    /// Repositories in it.
    pub(super) rows: usize,
}

/// What came of the calls so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) by_status: BTreeMap<u16, u64>,
    pub(super) by_method: BTreeMap<String, u64>,
    /// Every one that was not answered by 200.
    pub(super) bad: Vec<Seen>,
    /// Of each project, in the order in which the calls began.
    pub(super) last: Vec<Option<Seen>>,
    /// The last begin of a call that the target answered.
    pub(super) target_began: Millis,
}

impl Book {
    pub(super) fn answers(&self) -> u64 {
        self.by_status.values().sum()
    }

    pub(super) fn line(&self) -> String {
        let statuses: Vec<_> = self.by_status.iter().map(|(status, n)| format!("{n} x {status}")).collect();
        let methods: Vec<_> = self.by_method.iter().map(|(method, n)| format!("{n} by {method}")).collect();
        format!("answers: {}; {}", statuses.join(", "), methods.join(", "))
    }

    fn add(&mut self, seen: Seen) {
        *self.by_status.entry(seen.status).or_default() += 1;
        if seen.status == 200 {
            *self.by_method.entry(seen.method.clone()).or_default() += 1;
        } else if self.bad.len() < KEPT {
            self.bad.push(seen.clone());
        }
        if seen.method == "installation" {
            self.target_began = self.target_began.max(seen.began);
        }
        if let Some(last) = self.last.get_mut(seen.project)
            && last.as_ref().is_none_or(|last| last.began <= seen.began)
        {
            *last = Some(seen);
        }
    }
}

struct Shared {
    clock: Clock,
    client: Client,
    home: Home,
    token: String,
    projects: Vec<String>,
    book: Mutex<Book>,
    stop: AtomicBool,
    room: Arc<Semaphore>,
}

/// It runs until it is stopped or dropped.
pub(super) struct Traffic {
    shared: Arc<Shared>,
    pump: JoinHandle<()>,
}

impl Traffic {
    /// So many calls a second, one project after the other.
    pub(super) fn start(
        home: &Home,
        token: &str,
        projects: Vec<String>,
        rate: u32,
    ) -> Result<Self, DemoError> {
        let client = Client::new().map_err(|error| DemoError::Check(error.to_string()))?;
        let book = Mutex::new(Book { last: vec![None; projects.len()], ..Book::default() });
        let shared = Arc::new(Shared {
            clock: Clock::system(),
            client,
            home: home.clone(),
            token: token.to_owned(),
            projects,
            book,
            stop: AtomicBool::new(false),
            room: Arc::new(Semaphore::new(PARALLEL as usize)),
        });
        let pump = tokio::spawn(pump(shared.clone(), Duration::from_secs(1) / rate.max(1)));
        Ok(Self { shared, pump })
    }

    pub(super) fn book(&self) -> Book {
        self.shared.book().clone()
    }

    /// Forgets what was counted; what is under way counts from here on.
    pub(super) fn reset(&self) {
        let mut book = self.shared.book();
        *book = Book { last: vec![None; self.shared.projects.len()], ..Book::default() };
    }

    /// Ends after the calls that are under way.
    pub(super) async fn stop(self) -> Book {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.shared.room.acquire_many(PARALLEL).await;
        self.book()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, project: usize) -> Seen {
        let began = self.clock.now();
        let answer = self.ask(project).await;
        let (status, body) = answer.unwrap_or((0, Value::Null));
        let method = body["method"].as_str().unwrap_or_default().to_owned();
        let rows = body["repositories"].as_array().map_or(0, Vec::len);
        Seen { project, began, status, method, rows }
    }

    async fn ask(&self, project: usize) -> Result<(u16, Value), ClientError> {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        // The port is another one after a start.
        let address = std::fs::read_to_string(self.home.state().join("http.addr"));
        let address = address.map_err(|error| broken(&error))?;
        let project = self.projects.get(project).map_or("", String::as_str);
        let url = format!("http://{}/api/github/repos?projectId={project}", address.trim());
        let url = url.parse().map_err(|_| broken(&"no address"))?;
        let request = self.client.request(http::Method::GET, url);
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let answer = self.client.send(request, PATIENCE).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }
}

async fn pump(shared: Arc<Shared>, pause: Duration) {
    let mut due = shared.clock.monotonic();
    for n in 0_usize.. {
        shared.clock.sleep_until(due).await;
        // What is late is not made up for in a burst.
        due = due.max(shared.clock.monotonic().saturating_sub(pause)) + pause;
        let Ok(room) = shared.room.clone().acquire_owned().await else { return };
        if shared.stop.load(Ordering::Relaxed) {
            return;
        }
        let (shared, project) = (shared.clone(), n % shared.projects.len().max(1));
        tokio::spawn(async move {
            let seen = shared.call(project).await;
            shared.book().add(seen);
            drop(room);
        });
    }
}
