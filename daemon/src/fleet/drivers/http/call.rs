//! Steps that call: functions of a deployment, or any service by its address.

use std::time::Duration;

use cutover_shared::fleet::ErrorClass;
use reqwest::{Method, Url, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::super::super::driver::{StepAsk, StepEnd, StepError, Target};
use super::super::super::migration::{Call, CallTo, FunctionKind, HttpStep, Verify};
use super::super::super::settings::Http;
use super::answer::{of_function, of_service, unanswered};
use crate::client::Client;
use crate::clock::Clock;
use crate::hex::hex;

/// Pages of one call: one that never says that it is done is a mistake.
const PAGES_MOST: u32 = 1_000_000;

/// A deployment, as far as it can be called.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) url: &'a str,
    pub(super) key: Option<&'a SecretString>,
}

/// Calls what steps call. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    pub(super) client: Client,
    pub(super) clock: Clock,
    pub(super) http: Http,
}

impl Caller {
    /// `http`: how deployments are spoken to.
    pub fn new(client: Client, clock: Clock, http: Http) -> Self {
        Self { client, clock, http }
    }

    /// Runs the calls of a step, and its check; a deploy comes before. `version`: what the deployment tells, where the tenant is one; none for a
    /// tenant's SQL database, which has no functions and is not deployed.
    pub(in super::super) async fn run(
        &self,
        target: &Target,
        ask: &StepAsk<'_>,
        step: &HttpStep,
        version: Option<u32>,
    ) -> Result<StepEnd, StepError> {
        let place = version.map(|_| Place { url: target.url.expose_secret(), key: target.key.as_ref() });
        if step.deploy && place.is_none() {
            let text = format!("{}: only a deployment can be deployed", step.file);
            return Err(StepError::new(ErrorClass::MigrationBug, text));
        }
        let mut was_heard = false;
        let end = self.calls(place, ask, step, &mut was_heard).await;
        // After a call that was answered nothing is as before the first, whatever became of the next one.
        end.map_err(|error| if was_heard && step.is_once() { error.unclear() } else { error })
    }

    /// Makes the calls and asks for the check. `was_heard`: one of them was answered.
    async fn calls(
        &self,
        place: Option<Place<'_>>,
        ask: &StepAsk<'_>,
        step: &HttpStep,
        was_heard: &mut bool,
    ) -> Result<StepEnd, StepError> {
        for (number, call) in step.calls.iter().enumerate() {
            // What is not idempotent must not begin again from the top, so it is not left half-way.
            if step.idempotent && ask.stop.is_cancelled() {
                return Ok(StepEnd::Stopped);
            }
            if self.call(place, ask, step, (number, call), was_heard).await? == StepEnd::Stopped {
                return Ok(StepEnd::Stopped);
            }
        }
        if let Some(verify) = &step.verify
            && !self.holds(place, ask, step, verify).await?
        {
            let text = format!("{}: the check at its end does not hold", step.file);
            return Err(StepError::new(ErrorClass::MigrationBug, text));
        }
        Ok(StepEnd::Done)
    }

    /// Whether a step is done, after a crash.
    pub(in super::super) async fn is_done(
        &self,
        target: &Target,
        ask: &StepAsk<'_>,
        step: &HttpStep,
        version: Option<u32>,
    ) -> Result<Option<bool>, StepError> {
        let place = version.map(|_| Place { url: target.url.expose_secret(), key: target.key.as_ref() });
        if let Some(verify) = &step.verify {
            return match self.holds(place, ask, step, verify).await {
                Ok(true) => Ok(Some(true)),
                Ok(false) if step.idempotent => Ok(Some(false)),
                Ok(false) => Ok(None),
                // What asks for it is deployed with the step.
                Err(error) if error.class == ErrorClass::SchemaMismatch && step.deploy => Ok(Some(false)),
                Err(error) => Err(error),
            };
        }
        let reached = version.is_some_and(|version| version >= ask.migration.version);
        let is_up = ask.way == cutover_shared::fleet::Way::Up;
        Ok(match (reached && is_up, step.calls.is_empty(), step.idempotent) {
            (true, true, _) => Some(true),
            // A deploy may be done again.
            (_, true, _) | (_, _, true) => Some(false),
            _ => None,
        })
    }

    /// One call, page by page where it has pages.
    async fn call(
        &self,
        place: Option<Place<'_>>,
        ask: &StepAsk<'_>,
        step: &HttpStep,
        (number, call): (usize, &Call),
        was_heard: &mut bool,
    ) -> Result<StepEnd, StepError> {
        let mut cursor = Value::Null;
        for _ in 0..PAGES_MOST {
            let mut args = arguments(ask, number, &cursor, call)?;
            if call.paged {
                args.insert("cursor".to_owned(), cursor.clone());
            }
            let sent = self.send(place, step, call, args, step.timeout.unwrap_or(ask.timeout)).await;
            let answer = sent.map_err(|error| at(step, error)).map_err(|error| {
                if !step.idempotent && may_be_heard(&error) { error.unclear() } else { error }
            })?;
            // A query changes nothing.
            *was_heard |= !matches!(&call.to, CallTo::Function { kind: FunctionKind::Query, .. });
            if !call.paged || answer.get("isDone").and_then(Value::as_bool) == Some(true) {
                return Ok(StepEnd::Done);
            }
            let next = answer.get("cursor").or(answer.get("continueCursor")).cloned().unwrap_or(Value::Null);
            if next == cursor {
                let text = format!("{}: the cursor of a paged call does not move", step.file);
                return Err(StepError::new(ErrorClass::MigrationBug, text));
            }
            cursor = next;
            ask.faults.point("fleet.chunk.after").await;
            if step.idempotent && ask.stop.is_cancelled() {
                return Ok(StepEnd::Stopped);
            }
        }
        let text = format!("{}: a paged call never says that it is done", step.file);
        Err(StepError::new(ErrorClass::MigrationBug, text))
    }

    async fn holds(
        &self,
        place: Option<Place<'_>>,
        ask: &StepAsk<'_>,
        step: &HttpStep,
        verify: &Verify,
    ) -> Result<bool, StepError> {
        let args = arguments(ask, usize::MAX, &Value::Null, &verify.call)?;
        let timeout = step.timeout.unwrap_or(ask.timeout);
        let answer =
            self.send(place, step, &verify.call, args, timeout).await.map_err(|error| at(step, error))?;
        let expected = verify.expect.as_object();
        Ok(match expected {
            Some(fields) => fields.iter().all(|(name, value)| answer.get(name) == Some(value)),
            None => answer == verify.expect,
        })
    }

    async fn send(
        &self,
        place: Option<Place<'_>>,
        step: &HttpStep,
        call: &Call,
        args: Map<String, Value>,
        timeout: Duration,
    ) -> Result<Value, StepError> {
        match (&call.to, place) {
            (CallTo::Function { kind, path }, Some(place)) => {
                self.function(place, *kind, path, Value::Object(args), timeout).await
            }
            (CallTo::Function { path, .. }, None) => Err(StepError::new(
                ErrorClass::MigrationBug,
                format!("`{path}` is a function, and the tenant's database is not a deployment"),
            )),
            (CallTo::Url(url), _) => {
                let url = Url::parse(url).map_err(|_| {
                    StepError::new(ErrorClass::MigrationBug, format!("{}: not an address", step.file))
                })?;
                let request = self.client.request(Method::POST, url).json(&args);
                let answered =
                    self.client.send(request, timeout).await.map_err(|error| unanswered(&error))?;
                of_service(&answered)
            }
        }
    }

    /// Calls a function of a deployment.
    pub(super) async fn function(
        &self,
        place: Place<'_>,
        kind: FunctionKind,
        path: &str,
        args: Value,
        timeout: Duration,
    ) -> Result<Value, StepError> {
        let bad = || StepError::new(ErrorClass::Connection, "the address can't be read");
        let url = format!("{}/api/{}", place.url.trim_end_matches('/'), kind.word());
        let url = Url::parse(&url).map_err(|_| bad())?;
        let body = json!({"path": path, "args": args, "format": "json"});
        let mut request = self.client.request(Method::POST, url).json(&body);
        if let Some(key) = place.key {
            let mut value = header::HeaderValue::from_str(&format!("Convex {}", key.expose_secret()))
                .map_err(|_| {
                    StepError::new(ErrorClass::Connection, "the key can't be sent: it is not plain text")
                })?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let answered = self.client.send(request, timeout).await.map_err(|error| unanswered(&error))?;
        of_function(path, &answered)
    }
}

/// The arguments with what every call gets.
fn arguments(
    ask: &StepAsk<'_>,
    number: usize,
    cursor: &Value,
    call: &Call,
) -> Result<Map<String, Value>, StepError> {
    let mut args = match &call.args {
        Value::Object(args) => args.clone(),
        Value::Null => Map::new(),
        _ => return Err(StepError::new(ErrorClass::MigrationBug, "the arguments of a call must be a table")),
    };
    args.insert("tenantId".to_owned(), ask.tenant.0.clone().into());
    args.insert("externalUserId".to_owned(), ask.external_user.into());
    args.insert("migrationId".to_owned(), ask.migration.id.clone().into());
    args.insert("idempotencyKey".to_owned(), idempotency_key(ask, number, cursor).into());
    Ok(args)
}

/// The same for every try of the same call: a digest of migration, way, tenant, and which call and page of the step it is.
pub(super) fn idempotency_key(ask: &StepAsk<'_>, call: usize, cursor: &Value) -> String {
    let mut hash = Sha256::new();
    for part in [&ask.migration.id, ask.way.word(), &ask.tenant.0, &call.to_string(), &cursor.to_string()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())
}

/// No answer, or one of a server in trouble: the call may have been heard. Every other answer says what became of it.
fn may_be_heard(error: &StepError) -> bool {
    match &error.code {
        None => matches!(error.class, ErrorClass::TimeOut | ErrorClass::Connection),
        Some(code) => code.starts_with('5') || code == "408",
    }
}

/// With the file that it is about.
pub(super) fn at(step: &HttpStep, error: StepError) -> StepError {
    StepError { text: format!("{}: {}", step.file, error.text), ..error }
}
