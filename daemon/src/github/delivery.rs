//! The App's own deliveries as GitHub logged them: a list, and each with what was sent.

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{GitHubError, message_of};
use super::identity::Credential;
use super::model::epoch_ms;
use super::page::PageOf;
use super::reader::Reader;
use super::route::Route;
use crate::clock::Millis;

/// One attempt to deliver a webhook, as the list has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct HookAttempt {
    /// Of this attempt; a redelivery has another.
    pub id: i64,
    /// `X-GitHub-Delivery`; a redelivery has the same.
    pub guid: String,
    /// Epoch milliseconds.
    #[serde(deserialize_with = "instant")]
    pub delivered_at: Millis,
    /// It was asked for after a first attempt.
    #[serde(default)]
    pub redelivery: bool,
    /// What was answered; 0 when nothing was.
    #[serde(default)]
    pub status_code: i64,
    /// `X-GitHub-Event`.
    pub event: String,
}

/// What an attempt sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookPayload {
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// The payload, byte for byte as GitHub's answer writes it. Not always as it was sent: spaces and escapes may differ, so
    /// that the signature of the delivery fits it no more.
    pub body: Bytes,
}

#[derive(Deserialize)]
struct Detail<'a> {
    guid: String,
    #[serde(borrow)]
    request: Option<Sent<'a>>,
}

#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

impl Reader {
    /// A page of the App's deliveries, newest first. `cursor` is the `next` of the page before.
    pub async fn deliveries(&self, cursor: Option<&str>) -> Result<PageOf<HookAttempt>, GitHubError> {
        self.list(Route::Deliveries, cursor).await
    }

    /// What an attempt sent; `None` when GitHub does not keep it any more, or not its payload.
    pub async fn delivery(&self, id: i64) -> Result<Option<HookPayload>, GitHubError> {
        let answer = self.ask(&Credential::App, Route::Delivery { id }).await?;
        match answer.status {
            200 => payload(&answer.body),
            404 | 410 | 422 => Ok(None),
            status => Err(GitHubError::Refused { status, message: message_of(&answer.body) }),
        }
    }
}

fn payload(answer: &Bytes) -> Result<Option<HookPayload>, GitHubError> {
    let detail: Detail<'_> =
        serde_json::from_slice(answer).map_err(|_| GitHubError::BadAnswer { what: "a delivery" })?;
    let body = detail.request.and_then(|sent| sent.payload).filter(|raw| raw.get() != "null");
    Ok(body.map(|raw| HookPayload { guid: detail.guid, body: answer.slice_ref(raw.get().as_bytes()) }))
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    epoch_ms(&value).ok_or_else(|| serde::de::Error::custom("no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_leniently_and_its_time_is_needed() {
        let text = r#"{"id":12,"guid":"g-1","delivered_at":"2026-11-21T10:00:00.250Z","redelivery":true,"duration":0.3,
            "status":"OK","status_code":200,"event":"push","action":null,"installation_id":1,"throttled_at":null}"#;
        let attempt: HookAttempt = serde_json::from_str(text).unwrap();
        assert_eq!((attempt.id, attempt.delivered_at, attempt.redelivery), (12, 1_795_255_200_250, true));
        let without = r#"{"id":12,"guid":"g-1","delivered_at":null,"event":"push"}"#;
        assert!(serde_json::from_str::<HookAttempt>(without).is_err());
    }

    #[test]
    fn a_payload_keeps_its_bytes() {
        let answer = Bytes::from_static(
            br#"{"guid":"g","request":{"headers":{},"payload":{"b": 1.50,"a":"\u00e9"}}}"#,
        );
        assert_eq!(payload(&answer).unwrap().unwrap().body, &br#"{"b": 1.50,"a":"\u00e9"}"#[..]);
        for gone in [
            r#"{"guid":"g"}"#,
            r#"{"guid":"g","request":null}"#,
            r#"{"guid":"g","request":{"payload":null}}"#,
        ] {
            assert_eq!(payload(&Bytes::from_static(gone.as_bytes())), Ok(None), "{gone}");
        }
        assert!(payload(&Bytes::from_static(b"[]")).is_err());
    }
}
