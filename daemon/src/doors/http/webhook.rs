//! A delivery of a webhook: checked in the order of what is cheapest, acknowledged once it is durable.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::answer::{Refusal, json};
use super::{Client, Door, RequestId};
use crate::gateway::envelope::Envelope;
use crate::gateway::inbox::Arrival;
use crate::gateway::signature::Signature;

/// The largest body that is taken, in bytes: GitHub sends no larger one.
pub const LARGEST_BODY: usize = 25 * 1024 * 1024;

/// All bodies under way, in KiB.
pub(super) const BODIES_KIB: usize = 100 * 1024;

/// When to come again after what should pass by itself.
const SOON: Duration = Duration::from_secs(5);

/// The longest delivery id and event name, in bytes.
const LONGEST_NAME: usize = 64;

/// What a taken delivery is answered with.
#[derive(Serialize)]
struct Accepted<'a> {
    status: &'static str,
    event_type: &'a str,
    delivery_id: &'a str,
    repository: Option<&'a str>,
    installation_id: Option<i64>,
}

pub(super) async fn take(
    State(door): State<Arc<Door>>,
    Extension(Client(address)): Extension<Client>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    if let Some(after) = door.failed.stay_away(address) {
        let what = "too many requests with a bad signature from this address";
        return Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", what)
            .retry_after(after)
            .answer(&id);
    }
    if request.method() != Method::POST {
        let what = "a webhook is delivered with POST";
        return Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", what)
            .answer_allowing(&id, "POST");
    }
    match delivery(&door, address, request).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.answer(&id),
    }
}

async fn delivery(door: &Door, address: IpAddr, request: Request) -> Result<Response, Refusal> {
    let deadline = door.clock.monotonic().saturating_add(door.limits.request);
    let (head, body) = request.into_parts();
    is_json(&head.headers)?;
    let declared = declared(&head.headers)?;
    // Without a signature in its form the body can't help, so it is not read.
    let signature = signature(&head.headers).ok_or_else(|| unsigned(door, address))?;
    let (body, room) = read(door, body, declared, deadline).await?;
    if !signature.is_of(live(&door.secrets), &body) {
        return Err(unsigned(door, address));
    }
    door.failed.verified(address);
    is_for_us(&head.headers, door.app_id)?;
    let guid = name(&head.headers, "x-github-delivery", |b| b.is_ascii_alphanumeric() || b == b'-')?;
    let event =
        name(&head.headers, "x-github-event", |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')?;
    let Some(envelope) = Envelope::read(&body) else {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_payload", "the payload is no JSON object"));
    };
    let accepted = json(
        StatusCode::ACCEPTED,
        &Accepted {
            status: "accepted",
            event_type: &event,
            delivery_id: &guid,
            repository: envelope.repository.as_deref(),
            installation_id: envelope.installation,
        },
    );
    store(door, Arrival { guid, event, envelope, body }, room, deadline).await?;
    Ok(accepted)
}

/// Hands the delivery to the inbox, in a task of its own: a sender that goes away does not take back what is on its way to
/// the disk, and the body's room is free only when the body is.
async fn store(
    door: &Door,
    arrival: Arrival,
    room: OwnedSemaphorePermit,
    deadline: Duration,
) -> Result<(), Refusal> {
    let (inbox, guid, event) = (door.inbox.clone(), arrival.guid.clone(), arrival.event.clone());
    let taking = tokio::spawn(async move {
        let taken = inbox.take(arrival).await;
        drop(room);
        taken
    });
    let cause = match until(door, deadline, taking).await {
        Some(Ok(Ok(()))) => {
            tracing::debug!(delivery = guid, event, "a delivery is taken");
            return Ok(());
        }
        Some(Ok(Err(error))) => error.to_string(),
        Some(Err(error)) => {
            tracing::error!(delivery = guid, event, %error, "taking a delivery broke off");
            let what = "the delivery could not be taken";
            return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", what));
        }
        None => "the store did not answer in time".to_owned(),
    };
    tracing::error!(delivery = guid, event, cause, "a delivery is not durable and was refused");
    let what = "the delivery could not be made durable; deliver it again";
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_durable", what).retry_after(SOON))
}

/// The outcome, or none when the time of this request is over.
async fn until<T>(door: &Door, deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        out = work => Some(out),
        () = door.clock.sleep_until(deadline) => None,
    }
}

/// The whole body, and its room among the bodies under way.
async fn read(
    door: &Door,
    mut body: Body,
    declared: Option<usize>,
    deadline: Duration,
) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
    // Room for all of it at once: bodies that each wait for a little more would wait for each other.
    let most = declared.unwrap_or(LARGEST_BODY);
    let kib = u32::try_from(most.div_ceil(1024)).unwrap_or(u32::MAX);
    let taking = until(door, deadline, door.bodies.clone().acquire_many_owned(kib));
    let Some(Ok(room)) = taking.await else {
        let what = "too many large deliveries are under way; deliver it again";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", what).retry_after(SOON));
    };
    let reading = async {
        let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0));
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(broken_off()) };
            let Ok(part) = frame.into_data() else { continue };
            if bytes.len() + part.len() > LARGEST_BODY {
                return Err(too_large());
            }
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    };
    let Some(bytes) = until(door, deadline, reading).await else {
        let what = "the body did not come in time";
        return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "too_slow", what));
    };
    Ok((bytes?, room))
}

fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let what = "only application/json is taken; set the webhook's content type to it at GitHub";
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", what))
}

/// `Content-Length`, unless it is too large already. The server has checked its form.
fn declared(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    match length.to_str().ok().and_then(|length| length.parse::<usize>().ok()) {
        Some(length) if length <= LARGEST_BODY => Ok(Some(length)),
        _ => Err(too_large()),
    }
}

fn signature(headers: &HeaderMap) -> Option<Signature> {
    let mut all = headers.get_all("x-hub-signature-256").iter();
    let only = all.next()?;
    all.next().is_none().then(|| Signature::parse(only.as_bytes())).flatten()
}

/// At most two secrets live at once.
fn live(secrets: &[SecretString]) -> &[SecretString] {
    &secrets[..secrets.len().min(2)]
}

fn unsigned(door: &Door, address: IpAddr) -> Refusal {
    door.failed.failed(address);
    let what = "X-Hub-Signature-256 is missing or fits no webhook secret that is set here";
    Refusal::new(StatusCode::UNAUTHORIZED, "bad_signature", what)
}

/// Another App may share the secret, or a repository's webhook point here.
fn is_for_us(headers: &HeaderMap, app_id: i64) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if text("x-github-hook-installation-target-type") != Some("integration") {
        return Ok(());
    }
    if text("x-github-hook-installation-target-id").and_then(|id| id.parse().ok()) == Some(app_id) {
        return Ok(());
    }
    let what = format!("the delivery is for another GitHub App; this is App {app_id}");
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "other_app", what))
}

fn name(headers: &HeaderMap, header: &'static str, fits: fn(u8) -> bool) -> Result<String, Refusal> {
    let value = headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if (1..=LONGEST_NAME).contains(&value.len()) && value.bytes().all(fits) {
        return Ok(value.to_owned());
    }
    let what = format!("{header} is missing or has another form than GitHub's");
    Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_header", what))
}

fn too_large() -> Refusal {
    let what = format!("a delivery has at most {LARGEST_BODY} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", what)
}

fn broken_off() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "broken_off", "the body broke off")
}
