//! A session with a deployment.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::{ErrorClass, Way};
use cutover_shared::ids::TenantId;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::super::super::driver::{
    Driver, Ledger, Purpose, Schema, Session, StepAsk, StepEnd, StepError, Target,
};
use super::super::super::migration::{FunctionKind, HttpStep, Step};
use super::answer::MISSING;
use super::call::{Caller, Place};

/// How long a deployment may take to tell its version: one that slept is slow to answer.
const PING: Duration = Duration::from_secs(20);

/// Of an opening, which has a bound of its own.
const OPENING: Duration = Duration::from_secs(600);

/// No fleet has more migrations: a larger version is a mistake, and each version is a row.
const VERSION_MOST: u32 = 100_000;

/// Opens sessions with deployments. Cheap to clone.
#[derive(Clone)]
pub struct HttpDriver {
    caller: Caller,
    held: Held,
}

/// Tenants that a session of this daemon may change.
type Held = Arc<Mutex<HashSet<TenantId>>>;

/// One of them, until it is dropped.
struct Hold(Held, TenantId);

impl Hold {
    fn take(held: &Held, tenant: &TenantId) -> Option<Self> {
        let is_free = held.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
        is_free.then(|| Self(held.clone(), tenant.clone()))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

impl HttpDriver {
    /// By this caller.
    pub fn new(caller: Caller) -> Self {
        Self { caller, held: Held::default() }
    }
}

#[async_trait]
impl Driver for HttpDriver {
    /// Nothing can be held there between calls. Other daemons are kept away by the lease of the run, other runs of this one here.
    async fn open(&self, target: &Target, purpose: Purpose) -> Result<Box<dyn Session>, StepError> {
        let hold = match purpose {
            Purpose::Look => None,
            Purpose::Migrate => Some(Hold::take(&self.held, &target.tenant).ok_or_else(StepError::taken)?),
        };
        let mut session = HttpSession {
            caller: self.caller.clone(),
            target: target.clone(),
            ledger: Ledger::default(),
            version: 0,
            _hold: hold,
        };
        session.look(OPENING).await?;
        Ok(Box::new(session))
    }

    fn patience(&self, connect: Duration) -> Duration {
        connect.max(PING)
    }
}

struct HttpSession {
    caller: Caller,
    target: Target,
    ledger: Ledger,
    /// As it told last.
    version: u32,
    _hold: Option<Hold>,
}

impl HttpSession {
    /// Asks for the version. One that has not even the function has nothing of ours yet.
    async fn look(&mut self, patience: Duration) -> Result<(), StepError> {
        let place = Place { url: self.target.url.expose_secret(), key: self.target.key.as_ref() };
        let ping = &self.caller.http.ping;
        let answer = match self.caller.function(place, FunctionKind::Query, ping, json!({}), patience).await {
            Ok(answer) => answer,
            Err(error) if error.code.as_deref() == Some(MISSING) => json!({"version": 0}),
            Err(error) => return Err(error),
        };
        self.version = answer
            .get("version")
            .and_then(Value::as_u64)
            .and_then(|version| u32::try_from(version).ok())
            .filter(|version| *version <= VERSION_MOST)
            .ok_or_else(|| {
                let text = format!("`{ping}` does not answer with a version");
                StepError::new(ErrorClass::SchemaMismatch, text)
            })?;
        self.ledger = Ledger::of_version(self.version);
        Ok(())
    }

    /// Deploys, and sees that the version is there before anything is called that needs it.
    async fn deploy(&mut self, ask: &StepAsk<'_>, step: &HttpStep) -> Result<(), StepError> {
        let place = Place { url: self.target.url.expose_secret(), key: self.target.key.as_ref() };
        self.caller.deploy(place, ask, step).await?;
        let before = std::mem::take(&mut self.ledger);
        self.look(PING).await?;
        // Steps of this session that the version does not tell of.
        self.ledger.rows.extend(before.rows.into_iter().filter(|(_, row)| !row.id.is_empty()));
        if ask.way == Way::Up && self.version < ask.migration.version {
            let (seen, needed) = (self.version, ask.migration.version);
            let text = format!(
                "{}: deployed, and it still says that its version is {seen}, not {needed}",
                step.file
            );
            return Err(StepError::new(ErrorClass::SchemaMismatch, text));
        }
        Ok(())
    }

    fn step_of<'a>(ask: &StepAsk<'a>) -> Result<&'a HttpStep, StepError> {
        match ask.step {
            Step::Http(step) => Ok(step),
            Step::Sql(script) => {
                let text = format!("{}: a deployment takes no SQL", script.file);
                Err(StepError::new(ErrorClass::MigrationBug, text))
            }
        }
    }
}

#[async_trait]
impl Session for HttpSession {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A deployment tells nothing of its tables: its version stands for them.
    async fn schema(&mut self) -> Result<Schema, StepError> {
        Ok(Schema { lines: vec![format!("deployment version {}", self.version)] })
    }

    async fn step(&mut self, ask: &StepAsk<'_>) -> Result<StepEnd, StepError> {
        let step = Self::step_of(ask)?;
        let version = ask.migration.version;
        // The version comes with the code; it says nothing of calls.
        if step.calls.is_empty() && ask.way == Way::Up && self.ledger.has(version) {
            return Ok(StepEnd::Already);
        }
        if ask.stop.is_cancelled() {
            return Ok(StepEnd::Stopped);
        }
        ask.faults.point("fleet.step.before").await;
        if step.deploy {
            self.deploy(ask, step).await?;
        }
        let end = self.caller.run(&self.target, ask, step, Some(self.version)).await?;
        ask.faults.point("fleet.step.committed").await;
        if end == StepEnd::Stopped {
            return Ok(end);
        }
        self.ledger.follow(ask.migration, ask.way);
        Ok(StepEnd::Done)
    }

    async fn is_done(&mut self, ask: &StepAsk<'_>) -> Result<Option<bool>, StepError> {
        let step = Self::step_of(ask)?;
        self.caller.is_done(&self.target, ask, step, Some(self.version)).await
    }

    async fn number(&mut self, _: &str) -> Result<f64, StepError> {
        Err(StepError::new(ErrorClass::MigrationBug, "a deployment has no query of load"))
    }

    async fn close(self: Box<Self>) {}
}
