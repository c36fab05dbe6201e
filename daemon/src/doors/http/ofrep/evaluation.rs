//! What is asked and what is answered, in OFREP's shapes (protocol 0.3): decides nothing about flags.

use axum::http::StatusCode;
use cutover_shared::rollout::{Operation, Side, Why};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::hex::hex;
use crate::rollout::decide::Decision;

/// The longest body that is taken, in bytes.
pub(super) const LARGEST_BODY: usize = 64 * 1024;

/// The longest targeting key, in bytes.
const LONGEST_KEY: usize = 1024;

/// Digits of an entity tag.
const TAG: usize = 32;

/// Where changes are told.
pub(super) const EVENTS: &str = "/ofrep/v1/events";

/// How long a client that nobody looks at keeps its stream, in seconds.
const INACTIVITY: u32 = 120;

/// A flag that was evaluated. `variant` is always there: a client breaks without it.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepEvaluation)]
pub(super) struct Evaluation {
    /// The flag's key.
    key: &'static str,
    /// True: the target answers. Always there: without it a client takes the default in its code.
    value: bool,
    /// `STATIC`, `TARGETING_MATCH`, `SPLIT`, `DISABLED` or `UNKNOWN`.
    reason: &'static str,
    /// `target` or `legacy`.
    variant: &'static str,
    metadata: Metadata,
}

/// What decided.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepMetadata)]
struct Metadata {
    rollout: &'static str,
    stage: String,
    /// The rollout's version.
    version: u64,
    /// In a word, as `cutover rollout explain` says it.
    why: &'static str,
    /// 0 to 9,999.
    bucket: u16,
}

/// Why there is no value.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepFailure)]
#[serde(rename_all = "camelCase")]
pub(super) struct FailureBody<'a> {
    /// The flag's key; none for all flags together.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// `PARSE_ERROR`, `TARGETING_KEY_MISSING`, `INVALID_CONTEXT`, `FLAG_NOT_FOUND` or `GENERAL`.
    error_code: &'static str,
    /// For people.
    error_details: &'a str,
}

/// All flags of one context.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepBulk)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bulk {
    flags: Vec<Evaluation>,
    event_streams: [EventStream; 1],
}

/// Where changes are told.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepEventStream)]
#[serde(rename_all = "camelCase")]
struct EventStream {
    #[serde(rename = "type")]
    kind: &'static str,
    endpoint: Endpoint,
    inactivity_delay_sec: u32,
}

/// At the same origin.
#[derive(Serialize, ToSchema)]
#[schema(as = OfrepEndpoint)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    request_uri: &'static str,
}

/// What is told when something changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refetch<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    etag: &'a str,
    /// Seconds since the epoch.
    last_modified: i64,
}

impl Evaluation {
    pub(super) fn of(operation: Operation, decision: &Decision) -> Self {
        Self {
            key: operation.flag(),
            value: decision.side == Side::Target,
            reason: reason(decision.why),
            variant: match decision.side {
                Side::Legacy => "legacy",
                Side::Target => "target",
            },
            metadata: Metadata {
                rollout: operation.rollout().word(),
                stage: decision.stage.to_string(),
                version: decision.version,
                why: decision.why.word(),
                bucket: decision.bucket,
            },
        }
    }
}

/// OFREP's word for what decided. A flag that somebody has switched off, by whichever switch, is `DISABLED` and has its value all
/// the same.
const fn reason(why: Why) -> &'static str {
    match why {
        Why::Killed | Why::FlagOff | Why::ModeOff => "DISABLED",
        Why::NotListed | Why::Override | Why::Roster => "TARGETING_MATCH",
        Why::Bucket => "SPLIT",
        Why::Stage | Why::Everyone => "STATIC",
        Why::Unread => "UNKNOWN",
    }
}

impl Bulk {
    pub(super) fn new(flags: Vec<Evaluation>) -> Self {
        let endpoint = Endpoint { request_uri: EVENTS };
        Self {
            flags,
            event_streams: [EventStream { kind: "sse", endpoint, inactivity_delay_sec: INACTIVITY }],
        }
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    code: &'static str,
    details: String,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str, details: impl Into<String>) -> Self {
        Self { status, code, details: details.into() }
    }

    fn bad(code: &'static str, details: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, details)
    }

    pub(super) fn too_large() -> Self {
        Self::bad("PARSE_ERROR", format!("the body broke off, or has more than {LARGEST_BODY} bytes"))
    }

    pub(super) fn not_found() -> Self {
        let keys: Vec<_> = Operation::ALL.iter().map(|operation| operation.flag()).collect();
        Self::new(StatusCode::NOT_FOUND, "FLAG_NOT_FOUND", format!("there are: {}", keys.join(", ")))
    }

    pub(super) fn body<'a>(&'a self, key: Option<&'a str>) -> FailureBody<'a> {
        FailureBody { key, error_code: self.code, error_details: &self.details }
    }
}

/// Who is asked about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// The tenant.
    pub(super) targeting_key: String,
    /// Over everything in it, whatever the order of its names.
    digest: [u8; 32],
}

impl Context {
    /// Reads a request's body.
    pub(super) fn read(body: &[u8]) -> Result<Self, Failure> {
        let body: Value =
            serde_json::from_slice(body).map_err(|error| Failure::bad("PARSE_ERROR", error.to_string()))?;
        let Value::Object(body) = body else {
            return Err(Failure::bad("PARSE_ERROR", "the body is no object"));
        };
        let missing = || Failure::bad("TARGETING_KEY_MISSING", "context.targetingKey names the tenant");
        let context = match body.get("context") {
            None | Some(Value::Null) => return Err(missing()),
            Some(Value::Object(context)) => context,
            Some(_) => return Err(Failure::bad("INVALID_CONTEXT", "the context is no object")),
        };
        let targeting_key = match context.get("targetingKey") {
            None | Some(Value::Null) => return Err(missing()),
            Some(Value::String(key)) if key.is_empty() => return Err(missing()),
            Some(Value::String(key)) if key.len() > LONGEST_KEY => {
                let what = format!("context.targetingKey has more than {LONGEST_KEY} bytes");
                return Err(Failure::bad("INVALID_CONTEXT", what));
            }
            Some(Value::String(key)) => key.clone(),
            Some(_) => return Err(Failure::bad("INVALID_CONTEXT", "context.targetingKey is no text")),
        };
        let mut hash = Sha256::new();
        for (name, value) in sorted(context) {
            feed_text(&mut hash, name);
            feed(&mut hash, value);
        }
        Ok(Self { targeting_key, digest: hash.finalize().into() })
    }

    /// The entity tag of an answer to this context, in its quotes. It covers the whole context: a client keeps its tag when an
    /// attribute changes, and must not be told that nothing did.
    pub(super) fn tag(&self, answer: &[u8]) -> String {
        let digest = Sha256::new().chain_update(self.digest).chain_update(answer).finalize();
        tag(&digest)
    }
}

/// An entity tag out of a digest.
pub(super) fn tag(digest: &[u8]) -> String {
    let text = hex(digest);
    format!("\"{}\"", text.get(..TAG).unwrap_or(&text))
}

fn sorted(map: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries
}

fn feed_text(hash: &mut Sha256, text: &str) {
    hash.update(text.len().to_be_bytes());
    hash.update(text);
}

/// Every value another sequence of bytes. As deep as the reader lets a body be.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update(b"z"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Number(number) => {
            hash.update(b"n");
            feed_text(hash, &number.to_string());
        }
        Value::String(text) => {
            hash.update(b"s");
            feed_text(hash, text);
        }
        Value::Array(all) => {
            hash.update(b"a");
            hash.update(all.len().to_be_bytes());
            all.iter().for_each(|one| feed(hash, one));
        }
        Value::Object(map) => {
            hash.update(b"o");
            hash.update(map.len().to_be_bytes());
            for (name, value) in sorted(map) {
                feed_text(hash, name);
                feed(hash, value);
            }
        }
    }
}

/// Whether one of the tags of `If-None-Match` is this one. `*` asks whether there is any answer, which there always is.
pub(super) fn names_tag<'h>(lines: impl Iterator<Item = &'h str>, tag: &str) -> bool {
    lines.flat_map(|line| line.split(',')).map(str::trim).any(|one| {
        let strong = one.strip_prefix("W/").unwrap_or(one);
        one == "*" || strong == tag
    })
}

/// The event's data: ask again.
pub(super) fn refetch(etag: &str, modified: i64) -> String {
    let data = Refetch { kind: "refetchEvaluation", etag, last_modified: modified.div_euclid(1000) };
    // Our own shape always can be written.
    serde_json::to_string(&data).unwrap_or_default()
}
