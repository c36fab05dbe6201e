//! Alerts of Prometheus' Alertmanager (C6): those that are critical incidents bring rollouts back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use cutover_shared::rollout::RolloutName;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::answer::{Refusal, json};
use super::auth::Auth;
use super::{Client, RequestId};
use crate::audit::Who;
use crate::flows::alert::ledger::Alert;
use crate::flows::alert::{Alerts, TAKEN_MOST};

/// The longest body, in bytes: some thousand alerts.
const LONGEST: usize = 1024 * 1024;

/// Alerts that are looked at.
const MOST: usize = 5_000;

/// Bytes of a fingerprint; Alertmanager's have 16.
const FINGERPRINT_MOST: usize = 64;

/// Letters of an alert that become the incident's text.
const TEXT_MOST: usize = 500;

/// Rejected alerts that are named.
const NAMED: usize = 20;

/// How Alertmanager shows who it is; each that is configured is taken.
#[derive(Clone, Default)]
pub struct Credentials {
    pub token: Option<SecretString>,
    /// `user:password`.
    pub basic: Option<SecretString>,
}

/// Which alerts are critical incidents, and of which rollout.
#[derive(Clone, Debug)]
pub struct Selection {
    pub severity_label: String,
    pub severity: String,
    pub rollout_label: String,
    /// What an alert without that label is about; none: it is left alone. Inside, none: all rollouts.
    pub default: Option<Option<RolloutName>>,
}

/// What this route needs.
pub struct AlertParts {
    /// Counts who shows wrong credentials.
    pub auth: Auth,
    pub credentials: Credentials,
    pub selection: Selection,
    pub alerts: Alerts,
}

/// The route `/api/v1/alerts/alertmanager`.
pub fn routes(parts: Arc<AlertParts>) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(deliver)).with_state(parts)
}

/// What Alertmanager sends (version 4), as far as it is read; whatever else it sends is nobody's business.
#[derive(Deserialize)]
struct Payload {
    /// Each is read by itself: one that is broken must not take the others with it.
    alerts: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    status: String,
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    starts_at: String,
    #[serde(default)]
    ends_at: String,
    #[serde(default)]
    fingerprint: String,
}

/// What became of a delivery.
#[derive(Serialize, ToSchema)]
struct Answered {
    /// Ids of incidents.
    declared: Vec<String>,
    closed: Vec<String>,
    /// Alerts that told nothing new.
    known: usize,
    /// Alerts that are no critical incident, or of no rollout.
    ignored: usize,
    /// How many could not be read, and why for the first of them.
    rejected: usize,
    reasons: Vec<String>,
}

/// Takes alerts. What is answered with 200 is stored, and what had to go back has gone back.
#[utoipa::path(post, path = "/api/v1/alerts/alertmanager", tag = "rollouts",
    request_body(content = Object, content_type = "application/json",
        description = "Alertmanager's webhook payload, version 4, at most 1 MiB; see docs/rollouts.md"),
    responses((status = 200, description = "Stored", body = Answered),
        (status = 400, description = "No payload of Alertmanager"), (status = 401, description = "Neither its token nor its password"),
        (status = 413, description = "Larger than 1 MiB, or more alerts than are taken at once; the first of them were taken"),
        (status = 429, description = "Too many calls with wrong credentials"),
        (status = 503, description = "Not stored: deliver it again. What had to go back has gone back")))]
async fn deliver(
    State(parts): State<Arc<AlertParts>>,
    Extension(request): Extension<RequestId>,
    Extension(Client(address)): Extension<Client>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        if !parts.credentials.fit(&headers) {
            parts.auth.anybody(address)?;
            let what = "neither the token nor the password that is configured for Alertmanager";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", what));
        }
        let body = axum::body::to_bytes(body, LONGEST).await.map_err(|_| {
            let what = format!("the body broke off, or has more than {LONGEST} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
        })?;
        let payload: Payload = serde_json::from_slice(&body).map_err(|error| {
            let what = format!("no payload of Alertmanager's: {error}");
            Refusal::new(StatusCode::BAD_REQUEST, "bad_payload", what)
        })?;
        let who = Who { operator: "alertmanager".into(), origin: format!("http {address}") };
        parts.take(&payload, who).await
    };
    answer.await.unwrap_or_else(|refusal: Refusal| refusal.answer(&request))
}

impl AlertParts {
    async fn take(&self, payload: &Payload, who: Who) -> Result<Response, Refusal> {
        let (mut chosen, mut ignored, mut rejected, mut reasons) = (Vec::new(), 0, 0, Vec::new());
        for (index, raw) in payload.alerts.iter().take(MOST).enumerate() {
            match self.selection.read(raw) {
                Ok(Some(alert)) => chosen.push(alert),
                Ok(None) => ignored += 1,
                Err(reason) => {
                    rejected += 1;
                    if reasons.len() < NAMED {
                        reasons.push(format!("alert {index}: {reason}"));
                    }
                }
            }
        }
        if rejected > 0 {
            tracing::error!(rejected, ?reasons, "alerts could not be read: they declare nothing");
        }
        let beyond = payload.alerts.len().saturating_sub(MOST) + chosen.len().saturating_sub(TAKEN_MOST);
        chosen.truncate(TAKEN_MOST);
        // In a task of its own: a sender that goes away cuts off neither the way back nor what is stored of it.
        let alerts = self.alerts.clone();
        let taking = tokio::spawn(async move { alerts.take(&chosen, &who).await });
        let taken = match taking.await {
            Ok(Ok(taken)) => taken,
            Ok(Err(error)) => return Err(unstored(&error)),
            Err(error) => return Err(unstored(&error)),
        };
        if beyond > 0 {
            tracing::error!(beyond, "more alerts than are taken at once: the rest was left out");
            let what = format!(
                "{beyond} alerts too many: the first were taken; set `max_alerts` of the receiver, or group them"
            );
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many", what));
        }
        let (declared, closed, known) = (taken.declared, taken.closed, taken.known);
        Ok(json(StatusCode::OK, &Answered { declared, closed, known, ignored, rejected, reasons }))
    }
}

fn unstored(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "alerts are not stored");
    let what = "the alerts are not stored; deliver them again. What had to go back has gone back";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "store", what)
}

impl Credentials {
    /// Compared by digests, which have one length: the compare tells nothing about what is expected.
    fn fit(&self, headers: &HeaderMap) -> bool {
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((scheme, shown)) = value.split_once(' ') else { return false };
        let digest = |text: &[u8]| <sha2::Sha256 as sha2::Digest>::digest(text);
        let (shown, expected) = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => (shown.trim().as_bytes().to_vec(), &self.token),
            "basic" => (STANDARD.decode(shown.trim()).unwrap_or_default(), &self.basic),
            _ => return false,
        };
        expected.as_ref().is_some_and(|expected| {
            let expected = digest(expected.expose_secret().as_bytes());
            subtle::ConstantTimeEq::ct_eq(&digest(&shown)[..], &expected[..]).into()
        })
    }
}

impl Selection {
    /// None: it is no critical incident of a rollout.
    fn read(&self, raw: &RawValue) -> Result<Option<Alert>, String> {
        let told: Told = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
        if told.labels.get(&self.severity_label) != Some(&self.severity) {
            return Ok(None);
        }
        let rollout = match (told.labels.get(&self.rollout_label).map(String::as_str), self.default) {
            (Some("all"), _) => None,
            (Some(name), _) => Some(
                RolloutName::from_word(name)
                    .ok_or_else(|| format!("`{}` names no rollout", self.rollout_label))?,
            ),
            (None, Some(default)) => default,
            (None, None) => return Ok(None),
        };
        let fingerprint = told.fingerprint.as_str();
        let is_sound = (1..=FINGERPRINT_MOST).contains(&fingerprint.len())
            && fingerprint.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_sound {
            return Err("it has no `fingerprint` of letters and digits".to_owned());
        }
        let starts_at = time(&told.starts_at).ok_or("`startsAt` is no time")?;
        let resolved_at = match told.status.as_str() {
            "firing" => None,
            // Without an end of its own it ended now.
            "resolved" => Some(time(&told.ends_at).filter(|at| *at >= starts_at).unwrap_or(i64::MAX)),
            other => return Err(format!("`status` is {:?}", other.chars().take(20).collect::<String>())),
        };
        Ok(Some(Alert {
            fingerprint: fingerprint.to_owned(),
            rollout,
            starts_at,
            resolved_at,
            text: text(&told),
        }))
    }
}

/// Epoch milliseconds.
fn time(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

/// Name and summary, on one line.
fn text(told: &Told) -> String {
    let label = told.labels.get("alertname").map_or("alert", String::as_str);
    let note = ["summary", "description"].iter().find_map(|name| told.annotations.get(*name));
    let whole = note.map_or_else(|| label.to_owned(), |note| format!("{label}: {note}"));
    whole.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MOST).collect()
}

#[cfg(test)]
mod tests;
