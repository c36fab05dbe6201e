//! A stand-in for tenants' deployments: it tells a version, keeps every call, and answers as it is told. It outlives a daemon's life, as
//! real ones do.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};

/// What a function answers.
pub(super) enum Answer {
    Value(Value),
    Status(u16),
    /// It ran, and failed.
    Error(&'static str),
    /// From now on nobody is there.
    Away,
}

struct World {
    version: u32,
    /// Functions and addresses that were called, in order.
    calls: Vec<String>,
    /// What they answer next; else they succeed.
    next: HashMap<&'static str, VecDeque<Answer>>,
    away: bool,
}

pub(super) struct There {
    address: SocketAddr,
    shared: Arc<Shared>,
    end: Option<tokio::sync::oneshot::Sender<()>>,
}

struct Shared {
    world: Mutex<World>,
    /// Calls of `m:slow` wait for one of these.
    let_go: Semaphore,
    slow_came: Notify,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl There {
    pub(super) fn start() -> Self {
        let world = World { version: 0, calls: Vec::new(), next: HashMap::new(), away: false };
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            let_go: Semaphore::new(0),
            slow_came: Notify::new(),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, ended) = tokio::sync::oneshot::channel();
        let routes = Router::new()
            .route("/api/{kind}", post(function))
            .route("/deploy", post(deploy))
            .route("/hook", post(hook))
            .with_state(shared.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let serve = axum::serve(listener, routes).into_future();
                tokio::select! {
                    _ = serve => {}
                    _ = ended => {}
                }
            });
        });
        Self { address, shared, end: Some(end) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn next(&self, path: &'static str, answers: impl IntoIterator<Item = Answer>) {
        self.shared.world().next.entry(path).or_default().extend(answers);
    }

    /// How often something was called.
    pub(super) fn called(&self, path: &str) -> usize {
        self.shared.world().calls.iter().filter(|call| *call == path).count()
    }

    pub(super) fn tells(&self, version: u32) {
        let mut world = self.shared.world();
        (world.version, world.away) = (version, false);
    }

    /// Waits until `m:slow` was called.
    pub(super) async fn slow_came(&self) {
        self.shared.slow_came.notified().await;
    }

    /// Lets calls of `m:slow` end.
    pub(super) fn let_go(&self) {
        self.shared.let_go.add_permits(8);
    }
}

impl Drop for There {
    fn drop(&mut self) {
        self.end.take();
    }
}

async fn function(
    State(there): State<Arc<Shared>>,
    Path(_): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let path = body["path"].as_str().unwrap_or_default().to_owned();
    let said = |value: Value| (StatusCode::OK, Json(json!({"status": "success", "value": value})));
    let status = |status| (StatusCode::from_u16(status).unwrap(), Json(json!({})));
    let next = {
        let mut world = there.world();
        if world.away {
            return status(503);
        }
        if path == "functions:ping" {
            return said(json!({"version": world.version}));
        }
        let next = world.next.get_mut(path.as_str()).and_then(VecDeque::pop_front);
        world.away = matches!(next, Some(Answer::Away));
        world.calls.push(path.clone());
        next
    };
    if path == "m:slow" {
        there.slow_came.notify_one();
        there.let_go.acquire().await.unwrap().forget();
    }
    match next {
        None => said(json!({"isDone": true})),
        Some(Answer::Value(value)) => said(value),
        Some(Answer::Status(code)) => status(code),
        Some(Answer::Away) => status(503),
        Some(Answer::Error(why)) => (StatusCode::OK, Json(json!({"status": "error", "errorMessage": why}))),
    }
}

async fn deploy(State(there): State<Arc<Shared>>, Json(body): Json<Value>) -> StatusCode {
    there.world().version = body["version"].as_u64().and_then(|version| u32::try_from(version).ok()).unwrap();
    StatusCode::OK
}

async fn hook(State(there): State<Arc<Shared>>) -> StatusCode {
    there.world().calls.push("hook".to_owned());
    StatusCode::OK
}
