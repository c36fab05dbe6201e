//! The outbox (G9): what is sent on to the workflow engine, or to an outside scheduler. It is durable before it is tried, and
//! sent at least once, with a key that stays the same. Pure: `answer`, `breaker`.

mod answer;
mod body;
mod breaker;
mod call;
mod replay;
mod retain;
#[cfg(test)]
mod tests;
mod work;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::{Notify, Semaphore};

use self::breaker::Breaker;
pub use self::replay::ReplayError;
use super::triggers::Event;
use crate::client::Client;
use crate::clock::Clock;
use crate::store::{Db, NewCallback, OutboxOp};

/// Bodies under way, in KiB: a payload has up to 25 MB, and is held twice while it is sent.
const ROOM_KIB: usize = 128 * 1024;

/// Another service, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Without a slash at the end.
    pub url: Url,
    pub token: Option<SecretString>,
}

/// Where things go, and how.
#[derive(Clone, Debug)]
pub struct OutboxSettings {
    pub engine: Option<Service>,
    pub scheduler: Option<Service>,
    /// Queues that are worked on at once.
    pub parallel: usize,
    /// Tries before a dispatch is dead.
    pub tries: u32,
    /// For one whole call.
    pub patience: Duration,
}

/// Why there is no context.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// The next try may help.
    #[error("{0}")]
    Failed(String),
    /// No other try will help.
    #[error("{0}")]
    Hopeless(String),
}

/// What the repository says about an event (G10), for workflows that ask for it.
#[async_trait]
pub trait Context: Send + Sync {
    /// What is added to the trigger's data: `pr_context` for a pull request, `commit_contexts` for a push, nothing for others.
    async fn of(
        &self,
        installation: Option<i64>,
        repository: &str,
        event: &Event,
    ) -> Result<Map<String, Value>, ContextError>;
}

/// What goes out.
pub struct Outbox {
    db: Db,
    clock: Clock,
    client: Client,
    settings: OutboxSettings,
    /// None: a workflow that asks for it can't be sent.
    context: Option<Arc<dyn Context>>,
    /// Something may be there to be sent.
    news: Notify,
    engine: Mutex<Breaker>,
    scheduler: Mutex<Breaker>,
    room: Arc<Semaphore>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Engine,
    Scheduler,
}

impl Target {
    fn of(queue: &str) -> Self {
        if queue.starts_with('@') { Self::Scheduler } else { Self::Engine }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Engine => "the engine",
            Self::Scheduler => "the scheduler",
        }
    }
}

impl Outbox {
    /// An outbox over the store. Nothing is sent until [`Outbox::work`] goes.
    pub fn new(
        db: Db,
        clock: Clock,
        client: Client,
        settings: OutboxSettings,
        context: Option<Arc<dyn Context>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            db,
            clock,
            client,
            settings,
            context,
            news: Notify::new(),
            engine: Mutex::default(),
            scheduler: Mutex::default(),
            room: Arc::new(Semaphore::new(ROOM_KIB)),
        })
    }

    /// Whether each event and installation is forwarded to an outside scheduler.
    pub fn forwards(&self) -> bool {
        self.settings.scheduler.is_some()
    }

    /// What sends an installation on that `user` connected; none where nothing is forwarded. It is written in the unit that stores
    /// the installation, and [`Outbox::wake`] follows. `at`: milliseconds since the epoch, UTC.
    pub fn callback(&self, installation: i64, setup_action: &str, user: &str, at: i64) -> Option<OutboxOp> {
        if !self.forwards() {
            return None;
        }
        let body = match body::callback(installation, setup_action, user) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(%error, installation, "an installation can't be sent on");
                return None;
            }
        };
        let key = format!("callback-{}", uuid::Uuid::now_v7());
        Some(OutboxOp::PutCallback(Box::new(NewCallback { key, installation, body, at })))
    }

    /// Says that something waits.
    pub fn wake(&self) {
        self.news.notify_one();
    }

    fn service(&self, target: Target) -> Option<&Service> {
        match target {
            Target::Engine => self.settings.engine.as_ref(),
            Target::Scheduler => self.settings.scheduler.as_ref(),
        }
    }
}
