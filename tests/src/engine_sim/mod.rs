//! A stand-in for the workflow engine and the outside scheduler: it checks the bearer token, tells repeats by their key, fails
//! as it is told, and remembers in which order it took what.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// The longest body that is taken.
const LONGEST: usize = 64 * 1024 * 1024;

/// How a call goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers this status, taking nothing; with `Retry-After` in seconds when given.
    Status(u16, Option<u64>),
    /// Takes it, and then the connection breaks: the caller can't know.
    TakenAndDropped,
    /// Takes it, and does not answer before [`EngineSim::release`].
    TakenAndHeld,
}

/// What was taken, once.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    pub key: String,
    pub execution_id: String,
    pub path: String,
    pub body: Value,
}

#[derive(Default)]
struct Book {
    /// Consumed first, whatever is called.
    faults: VecDeque<Fault>,
    /// For calls whose body holds this text, every time.
    always: Vec<(String, Fault)>,
    by_key: HashMap<String, String>,
    taken: Vec<Taken>,
    /// Every call that came with a right token, also those that failed.
    calls: Vec<String>,
    refused: u64,
}

struct Inner {
    token: String,
    book: Mutex<Book>,
    news: watch::Sender<u64>,
    release: Notify,
}

/// An engine that listens on loopback until it is dropped.
pub struct EngineSim {
    inner: Arc<Inner>,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl EngineSim {
    /// Listens on any free port and demands this token.
    ///
    /// # Errors
    /// There is no port.
    pub async fn start(token: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            token: token.to_owned(),
            book: Mutex::default(),
            news: watch::Sender::new(0),
            release: Notify::new(),
        });
        let router = Router::new()
            .route("/workflows/execute", post(take))
            .route("/api/v1/triggers/github/events", post(take))
            .route("/api/v1/auth/github/callback", post(take))
            .layer(axum::extract::DefaultBodyLimit::max(LONGEST))
            .with_state(inner.clone());
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { inner, address, serving })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next calls go wrong like this, one after the other.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.book().faults.extend(faults);
    }

    /// Every call whose body holds this text goes wrong like this, until [`EngineSim::heal`].
    pub fn fail_always(&self, text: &str, fault: Fault) {
        self.book().always.push((text.to_owned(), fault));
    }

    /// Forgets all faults.
    pub fn heal(&self) {
        let mut book = self.book();
        book.faults.clear();
        book.always.clear();
    }

    /// Lets go of calls that are held.
    pub fn release(&self) {
        self.inner.release.notify_waiters();
    }

    /// What was taken, in its order, each key once.
    pub fn taken(&self) -> Vec<Taken> {
        self.book().taken.clone()
    }

    /// Keys of all calls with the right token, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.book().calls.clone()
    }

    /// Calls without the right token.
    pub fn refused(&self) -> u64 {
        self.book().refused
    }

    /// Waits until the engine is as wanted, woken by each call.
    pub async fn until(&self, wanted: impl Fn(&Self) -> bool) {
        let mut news = self.inner.news.subscribe();
        while !wanted(self) {
            if news.changed().await.is_err() {
                return;
            }
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.inner.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for EngineSim {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(engine): State<Arc<Inner>>,
    headers: HeaderMap,
    uri: axum::http::Uri,
    body: Bytes,
) -> Response {
    let text =
        |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = {
        let mut book = engine.book.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = if text(header::AUTHORIZATION) == Some(format!("Bearer {}", engine.token)) {
            let key = text(header::HeaderName::from_static("idempotency-key")).unwrap_or_default();
            book.calls.push(key.clone());
            book.called(&key, uri.path(), &body)
        } else {
            book.refused += 1;
            (StatusCode::UNAUTHORIZED.into_response(), None)
        };
        drop(book);
        fault
    };
    engine.news.send_modify(|calls| *calls += 1);
    match answer {
        (answer, None) => answer,
        (answer, Some(Fault::TakenAndHeld)) => {
            engine.release.notified().await;
            answer
        }
        // A body that ends before its length: the connection is cut.
        (_, Some(_)) => {
            let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
            axum::body::Body::from_stream(broken).into_response()
        }
    }
}

impl Book {
    /// Notes a call. The answer, and what goes wrong with it once the call is taken.
    fn called(&mut self, key: &str, path: &str, body: &[u8]) -> (Response, Option<Fault>) {
        let text = String::from_utf8_lossy(body);
        let always =
            self.always.iter().find(|(wanted, _)| text.contains(wanted)).map(|(_, fault)| fault.clone());
        let fault = always.or_else(|| self.faults.pop_front());
        if let Some(Fault::Status(status, after)) = &fault {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut answer = (status, "on purpose").into_response();
            if let Some(after) = after {
                answer.headers_mut().insert(header::RETRY_AFTER, (*after).into());
            }
            return (answer, None);
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return (StatusCode::BAD_REQUEST.into_response(), None);
        };
        if key.is_empty() {
            return ((StatusCode::BAD_REQUEST, "no idempotency key").into_response(), None);
        }
        let execution_id = match self.by_key.get(key) {
            Some(known) => known.clone(),
            None => {
                let id = format!("exec-{}", self.taken.len() + 1);
                self.by_key.insert(key.to_owned(), id.clone());
                let (key, path) = (key.to_owned(), path.to_owned());
                self.taken.push(Taken { key, execution_id: id.clone(), path, body });
                id
            }
        };
        (axum::Json(json!({ "execution_id": execution_id })).into_response(), fault)
    }
}
