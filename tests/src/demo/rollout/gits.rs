//! Git's traffic: clones, pulls and releases, one repository after the other, as an application's agents cause them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cutover_daemon::client::{Client, ClientError};
use cutover_daemon::clock::Clock;
use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::DemoError;
use crate::harness::Home;

/// Rounds beside each other: each starts processes of git, and more of them would slow down what is timed.
const LOOPS: usize = 2;

/// Between two rounds of a loop.
const PAUSE: Duration = Duration::from_millis(250);

/// What takes longer is no answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Failed calls of which all is kept.
const KEPT: usize = 1_000;

/// What came of the rounds so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds {
    /// Clone, pull and release, all of them answered.
    pub(super) whole: u64,
    /// Clones and pulls by `legacy` and `target`.
    pub(super) by_arm: BTreeMap<String, u64>,
    /// Calls that were not served, in words.
    pub(super) bad: Vec<String>,
}

impl Rounds {
    pub(super) fn line(&self) -> String {
        let arms: Vec<_> = self.by_arm.iter().map(|(arm, n)| format!("{n} by {arm}")).collect();
        format!("git: {} clones with pull and release; {}", self.whole, arms.join(", "))
    }
}

struct Shared {
    clock: Clock,
    client: Client,
    home: Home,
    token: String,
    projects: Vec<String>,
    next: AtomicUsize,
    rounds: Mutex<Rounds>,
    stop: AtomicBool,
}

/// It runs until it is stopped or dropped.
pub(super) struct GitTraffic {
    shared: Arc<Shared>,
    loops: Vec<JoinHandle<()>>,
}

impl GitTraffic {
    pub(super) fn start(home: &Home, token: &str, projects: Vec<String>) -> Result<Self, DemoError> {
        let shared = Arc::new(Shared {
            clock: Clock::system(),
            client: Client::new().map_err(|error| DemoError::Check(error.to_string()))?,
            home: home.clone(),
            token: token.to_owned(),
            projects,
            next: AtomicUsize::new(0),
            rounds: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let loops = (0..LOOPS).map(|_| tokio::spawn(shared.clone().turn())).collect();
        Ok(Self { shared, loops })
    }

    pub(super) fn rounds(&self) -> Rounds {
        self.shared.rounds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends after the rounds that are under way: what they held is released.
    pub(super) async fn stop(mut self) -> Rounds {
        self.shared.stop.store(true, Ordering::Relaxed);
        for turn in &mut self.loops {
            let _ = turn.await;
        }
        self.rounds()
    }
}

impl Drop for GitTraffic {
    fn drop(&mut self) {
        self.loops.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    async fn turn(self: Arc<Self>) {
        while !self.stop.load(Ordering::Relaxed) {
            let done = self.round().await;
            self.note(done);
            self.clock.sleep(PAUSE).await;
        }
    }

    fn note(&self, done: Result<[String; 2], String>) {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        match done {
            Ok(arms) => {
                rounds.whole += 1;
                for arm in arms {
                    *rounds.by_arm.entry(arm).or_default() += 1;
                }
            }
            Err(what) if rounds.bad.len() < KEPT => rounds.bad.push(what),
            Err(_) => {}
        }
    }

    /// The arms that served the clone and the pull.
    async fn round(&self) -> Result<[String; 2], String> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.projects.len().max(1);
        let project = self.projects.get(place).map_or("", String::as_str);
        let cloned = self.done(Method::POST, "clone", &json!({ "project_id": project })).await?;
        let sandbox = cloned["sandbox"].as_str().unwrap_or_default();
        let pulled = self.done(Method::POST, "pull", &json!({ "sandbox": sandbox })).await;
        // Whatever became of the pull: a sandbox that is kept looks like one that was leaked.
        self.done(Method::DELETE, &format!("sandboxes/{sandbox}"), &Value::Null).await?;
        Ok([&cloned, &pulled?].map(|view| view["arm"].as_str().unwrap_or_default().to_owned()))
    }

    async fn done(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        match self.ask(method, path, body).await {
            Ok((200 | 204, view)) => Ok(view),
            Ok((status, view)) => Err(format!("{path} {body}: {status} {view}")),
            Err(error) => Err(format!("{path} {body}: {error}")),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Value), ClientError> {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        let address = std::fs::read_to_string(self.home.state().join("http.addr"));
        let address = address.map_err(|error| broken(&error))?;
        let url = format!("http://{}/api/v1/git/{path}", address.trim());
        let url = url.parse().map_err(|_| broken(&"no address"))?;
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = self.client.send(request, PATIENCE).await?;
        Ok((answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }
}
