//! A delivery of a webhook: checked in the order of what is cheapest, acknowledged once it is durable.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Extension, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use secrecy::SecretString;
use serde::Serialize;
use utoipa::ToSchema;

use super::allow::Verdict;
use super::answer::{ErrorBody, Refusal, json};
use super::body::{LARGEST_BODY, Room, SOON, read, too_large};
use super::{Client, Door, RequestId};
use crate::gateway::envelope::Envelope;
use crate::gateway::inbox::Arrival;
use crate::gateway::signature::Signature;

/// The longest delivery id and event name, in bytes.
const LONGEST_NAME: usize = 64;

/// What a taken delivery is answered with.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted<'a> {
    /// `accepted`: it is durable, and will be handled.
    #[schema(example = "accepted")]
    status: &'static str,
    #[schema(example = "push")]
    event_type: &'a str,
    #[schema(example = "72d3162e-cc78-11e3-81ab-4c9367dc0958")]
    delivery_id: &'a str,
    /// `owner/name`, when the payload names one.
    repository: Option<&'a str>,
    installation_id: Option<i64>,
}

/// Takes a delivery of GitHub's. It is on disk when 202 is answered.
#[utoipa::path(
    post,
    path = "/webhooks/github",
    tag = "webhooks",
    params(
        ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC-SHA-256 of the body, in hex"),
        ("X-GitHub-Event" = String, Header, description = "Name of the event"),
        ("X-GitHub-Delivery" = String, Header, description = "The delivery's GUID"),
        ("X-GitHub-Hook-Installation-Target-Type" = Option<String>, Header, description = "`integration` for an App"),
        ("X-GitHub-Hook-Installation-Target-ID" = Option<String>, Header, description = "The App's id; must be ours"),
    ),
    request_body(content = Object, description = "The payload, at most 25 MiB", content_type = "application/json"),
    responses(
        (status = 202, description = "Durable", body = Accepted<'static>),
        (status = 400, description = "Broken off, no JSON object, or a header in another form", body = ErrorBody<'static>),
        (status = 401, description = "No signature that fits, or for another App", body = ErrorBody<'static>),
        (status = 403, description = "The address is not on the allow-list", body = ErrorBody<'static>),
        (status = 408, description = "The body came too slowly", body = ErrorBody<'static>),
        (status = 413, description = "Larger than 25 MiB", body = ErrorBody<'static>),
        (status = 415, description = "No `application/json`", body = ErrorBody<'static>),
        (status = 429, description = "Too many bad signatures from this address", body = ErrorBody<'static>),
        (status = 503, description = "Not durable, no room, or no allow-list yet: deliver it again", body = ErrorBody<'static>),
    ),
)]
pub(super) async fn take(
    State(door): State<Arc<Door>>,
    Extension(Client(address)): Extension<Client>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Response {
    let arrived = door.clock.monotonic();
    match door.allow.as_ref().map_or(Verdict::Allowed, |list| list.judge(address)) {
        Verdict::Allowed => {}
        Verdict::NotAllowed => {
            let what = "webhooks are taken from GitHub's published addresses only";
            return Refusal::new(StatusCode::FORBIDDEN, "not_allowed", what).answer(&id);
        }
        Verdict::Unknown => {
            let what = "GitHub has not said yet where its webhooks come from; deliver it again";
            return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "no_allow_list", what)
                .retry_after(SOON)
                .answer(&id);
        }
    }
    if let Some(after) = door.failed.stay_away(address) {
        let what = "too many requests with a bad signature from this address";
        return Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", what)
            .retry_after(after)
            .answer(&id);
    }
    match delivery(&door, address, request, arrived).await {
        Ok(answer) => answer,
        Err(refusal) => refusal.answer(&id),
    }
}

async fn delivery(
    door: &Door,
    address: IpAddr,
    request: Request,
    arrived: Duration,
) -> Result<Response, Refusal> {
    let deadline = arrived.saturating_add(door.limits.request);
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
    door.metrics.webhook_received(body.len());
    let stored = store(door, Arrival { guid, event, envelope, body }, room, deadline).await;
    door.metrics.webhook_acknowledged(door.clock.monotonic().saturating_sub(arrived));
    stored.inspect_err(|_| door.metrics.webhook_not_durable())?;
    Ok(accepted)
}

/// Hands the delivery to the inbox, in a task of its own: a sender that goes away does not take back what is on its way to
/// the disk, and the body's room is free only when the body is.
async fn store(door: &Door, arrival: Arrival, room: Room, deadline: Duration) -> Result<(), Refusal> {
    let (inbox, guid, event) = (door.inbox.clone(), arrival.guid.clone(), arrival.event.clone());
    let taking = tokio::spawn(async move {
        let taken = inbox.take(arrival).await;
        drop(room);
        taken
    });
    let cause = match door.until(deadline, taking).await {
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
