//! A stand-in for a tenant's deployment in Convex's manner: it has functions once they are deployed, a version that comes with them,
//! and rows that its functions change. It can be told to fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The key that it accepts.
pub const DEPLOY_KEY: &str = "prod:planted|deploy-key";

/// How it misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// Answers so to everything.
    Status(u16),
    /// Hears the next call of a mutation, does it, and breaks the connection instead of answering.
    DeafAfterwards,
    /// Functions fail.
    Function,
}

/// What it holds.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// None: nothing was ever deployed.
    pub version: Option<u32>,
    /// Rows that `notes:addTags` gives tags to, a few a call.
    pub untagged: u32,
    pub tagged: u32,
    pub fault: Fault,
    /// Bodies of all calls of functions, in order.
    pub calls: Vec<Value>,
    /// Bodies of calls of `/deploy` and `/hook`.
    pub posts: Vec<(String, Value)>,
    /// Tries of each idempotency key.
    pub keys: BTreeMap<String, u32>,
    /// What a deploy makes of the version; None: what the call asks for.
    pub deploys: Option<u32>,
}

/// A deployment that listens. It ends with this value.
pub struct Deployment {
    address: SocketAddr,
    world: Arc<Mutex<World>>,
    task: tokio::task::JoinHandle<()>,
}

impl Deployment {
    /// Listens on a port of its own.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(world: World) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let world = Arc::new(Mutex::new(world));
        let routes = Router::new()
            .route("/api/{kind}", post(function))
            .route("/deploy", post(deploy))
            .route("/hook", post(hook))
            .with_state(world.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, routes).await;
        });
        Ok(Self { address, world, task })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at it, or changes it.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = State<Arc<Mutex<World>>>;

async fn function(
    State(world): Shared,
    Path(kind): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    if let Fault::Status(status) = world.fault {
        return (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), Json(json!({})));
    }
    let key = headers.get("authorization").and_then(|key| key.to_str().ok());
    if key != Some(&format!("Convex {DEPLOY_KEY}")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"code": "BadDeployKey"})));
    }
    world.calls.push(body.clone());
    let failed = |message: &str| {
        let message = format!("[Request ID: {}] {message}", uuid());
        (StatusCode::OK, Json(json!({"status": "error", "errorMessage": message})))
    };
    let path = body["path"].as_str().unwrap_or_default();
    let Some(version) = world.version else {
        return failed(&format!(
            "Could not find public function for '{path}'. Did you forget to run `npx convex dev`?"
        ));
    };
    if let Some(key) = body["args"]["idempotencyKey"].as_str() {
        *world.keys.entry(key.to_owned()).or_default() += 1;
    }
    let value = match (kind.as_str(), path) {
        ("query", "functions:ping") => json!({"version": version}),
        (_, _) if world.fault == Fault::Function => {
            return failed("Server Error\nUncaught Error: no such note");
        }
        ("mutation", "notes:addTags") => {
            let some = world.untagged.min(2);
            world.untagged -= some;
            world.tagged += some;
            let done = world.untagged == 0;
            json!({"isDone": done, "cursor": format!("c{}", world.tagged)})
        }
        ("query", "notes:untagged") => json!({"left": world.untagged}),
        _ => return failed(&format!("Could not find public function for '{path}'.")),
    };
    if world.fault == Fault::DeafAfterwards && kind == "mutation" {
        world.fault = Fault::None;
        // What no client can take for an answer.
        return (StatusCode::GATEWAY_TIMEOUT, Json(json!({})));
    }
    (StatusCode::OK, Json(json!({"status": "success", "value": value})))
}

async fn deploy(State(world): Shared, Json(body): Json<Value>) -> StatusCode {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    let asked = body["version"].as_u64().and_then(|version| u32::try_from(version).ok());
    world.posts.push(("deploy".to_owned(), body));
    if let Fault::Status(status) = world.fault {
        return StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    }
    world.version = world.deploys.or(asked);
    StatusCode::OK
}

async fn hook(State(world): Shared, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
    world.posts.push(("hook".to_owned(), body));
    match world.fault {
        Fault::Status(status) => {
            (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY), Json(json!({})))
        }
        _ => (StatusCode::OK, Json(json!({"ok": true}))),
    }
}

fn uuid() -> u64 {
    rand::random()
}
