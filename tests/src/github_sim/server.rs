//! The way of a request: route, credential, faults, limits, handler, headers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use axum::body::Body as HttpBody;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use cutover_daemon::clock::Clock;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jsonwebtoken::DecodingKey;
use sha1::{Digest, Sha1};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Body, Query};
use super::auth::{self, Credential};
use super::calls::{Call, Calls, Conditional, Flight};
use super::faults::{Effect, Faults, Suffered};
use super::keys::TestKey;
use super::limits::{Limits, Principal};
use super::repos::Ask;
use super::route::Route;
use super::tokens::Tokens;
use super::{EtagScope, SimSettings, app, json};
use crate::world::World;

pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) settings: SimSettings,
    /// Absolute, with the prefix, without a slash at its end.
    pub(super) base: String,
    pub(super) calls: Calls,
    pub(super) faults: Faults,
    pub(super) stop: CancellationToken,
    world: RwLock<World>,
    tokens: Mutex<Tokens>,
    limits: Mutex<Limits>,
    keys: RwLock<Vec<(TestKey, DecodingKey)>>,
}

/// Bytes of a request's body that are read.
const BODY_CAP: usize = 1024 * 1024;
const JSON: &str = "application/json; charset=utf-8";

impl Shared {
    pub(super) fn new(
        world: World,
        clock: Clock,
        settings: SimSettings,
        base: String,
        keys: Vec<(TestKey, DecodingKey)>,
    ) -> Self {
        Self {
            calls: Calls::new(settings.log_capacity),
            limits: Mutex::new(Limits::new(settings.primary, settings.secondary)),
            clock,
            settings,
            base,
            faults: Faults::default(),
            stop: CancellationToken::new(),
            world: RwLock::new(world),
            tokens: Mutex::default(),
            keys: RwLock::new(keys),
        }
    }

    // Lock order: world, tokens, then the others.
    pub(super) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keys(&self) -> RwLockReadGuard<'_, Vec<(TestKey, DecodingKey)>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keys_mut(&self) -> RwLockWriteGuard<'_, Vec<(TestKey, DecodingKey)>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but not beyond the stand-in's end.
    async fn wait(&self, length: Duration) {
        if length > Duration::ZERO {
            tokio::select! {
                () = self.clock.sleep(length) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// A request with what is known of it before it is answered.
struct Asked {
    parts: Parts,
    body: Bytes,
    route: Route,
    credential: Credential,
    /// What an ETag is bound to.
    etag_owner: String,
}

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let inside = path
        .strip_prefix(shared.settings.prefix.as_str())
        .filter(|rest| rest.starts_with('/'));
    let route = inside.map_or(Route::Unknown, |path| Route::of(&parts.method, path));
    let (credential, text) = auth::identify(&shared, &parts.headers);
    let installation = route.installation().or(match &credential {
        Credential::Installation { id, .. } => Some(*id),
        _ => None,
    });
    let flight = shared.calls.enter(Call {
        at: shared.clock.now(),
        method: parts.method.to_string(),
        path: inside.map_or(path, |_| logged(&parts, &shared)).to_owned(),
        kind: route.kind(),
        credential: credential.kind(),
        principal: credential.id(),
        installation,
        status: 0,
        redirected: false,
        conditional: Conditional::No,
    });
    let suffered = shared.faults.suffer(route.kind(), installation);
    shared
        .wait(shared.settings.latency + suffered.latency)
        .await;
    let etag_owner = match shared.settings.etag_scope {
        EtagScope::Token => text,
        EtagScope::Principal => format!("{:?}", credential.principal()),
    };
    let Ok(body) = axum::body::to_bytes(body, BODY_CAP).await else {
        let answer = Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
        return Finish::new(&shared, &parts, &credential, flight).respond(answer, None);
    };
    let asked = Asked {
        parts,
        body,
        route,
        credential,
        etag_owner,
    };
    respond(&shared, &asked, suffered, flight)
}

/// Path and query as the log keeps them.
fn logged<'a>(parts: &'a Parts, shared: &Shared) -> &'a str {
    let whole = parts
        .uri
        .path_and_query()
        .map_or("", |found| found.as_str());
    whole
        .get(shared.settings.prefix.len()..)
        .unwrap_or_default()
}

fn respond(shared: &Arc<Shared>, asked: &Asked, suffered: Suffered, flight: Flight) -> Response {
    let refused = match suffered.effect {
        Some(Effect::Status {
            status,
            retry_after,
        }) => Some(Answer::fault(status, retry_after)),
        Some(Effect::PrimaryLimit) => Some(Answer::primary_limit(&who(&asked.credential))),
        Some(Effect::SecondaryLimit {
            status,
            retry_after,
        }) => Some(Answer::secondary_limit(status, retry_after)),
        _ => refuse(shared, asked, flight.beside),
    };
    let charged = refused.is_none();
    let answer = refused.unwrap_or_else(|| handle(shared, asked));
    let mut finish = Finish::new(shared, &asked.parts, &asked.credential, flight);
    finish.etag_owner = charged.then_some(asked.etag_owner.as_str());
    finish.respond(answer, suffered.effect)
}

/// What stands before every handler. A call that passes has been charged.
fn refuse(shared: &Shared, asked: &Asked, in_flight: usize) -> Option<Answer> {
    if !asked.parts.headers.contains_key(header::USER_AGENT) {
        return Some(Answer::forbidden(
            "Request forbidden by administrative rules. Please make sure your request has a \
             User-Agent header.",
        ));
    }
    let who_asks = asked.credential.principal();
    let points = if asked.parts.method == Method::POST {
        5
    } else {
        1
    };
    let mut limits = shared.limits();
    if let Some(hit) = limits.secondary(who_asks, points, in_flight, &shared.clock) {
        return Some(Answer::secondary_limit(hit.status, hit.retry_after));
    }
    if asked.route != Route::RateLimit && !limits.charge(who_asks, &shared.clock) {
        return Some(Answer::primary_limit(&who(&asked.credential)));
    }
    None
}

fn who(credential: &Credential) -> String {
    match credential.principal() {
        Principal::App => "the App".to_owned(),
        Principal::Installation(id) => format!("installation ID {id}"),
        Principal::User(id) => format!("user ID {id}"),
        Principal::Anonymous => "127.0.0.1".to_owned(),
    }
}

fn handle(shared: &Shared, asked: &Asked) -> Answer {
    let credential = &asked.credential;
    let query = Query::of(asked.parts.uri.query());
    match &asked.route {
        Route::Mint(id) => {
            return match app::require_app(credential) {
                Ok(()) => app::mint(shared, *id, &asked.body),
                Err(answer) => answer,
            };
        }
        Route::TokenCheck(client) => {
            return app::token_check(shared, client, credential, &asked.body);
        }
        _ => {}
    }
    let world = shared.world();
    let for_app = matches!(
        asked.route,
        Route::AppInfo
            | Route::ListInstallations
            | Route::GetInstallation(_)
            | Route::InstallationRequests
            | Route::OwnerInstallation { .. }
    );
    if for_app && let Err(answer) = app::require_app(credential) {
        return answer;
    }
    let about_installation = asked.route.kind() == super::RouteKind::RepoInstallation;
    if !for_app && !about_installation {
        match credential {
            Credential::Invalid(_) | Credential::App | Credential::Client => {
                return Answer::unauthorized(auth::BAD_CREDENTIALS);
            }
            _ => {}
        }
    }
    match &asked.route {
        Route::AppInfo => Answer::ok(json::app(shared, &world)),
        Route::ListInstallations => app::installations(shared, &world, &query),
        Route::GetInstallation(id) => app::installation(shared, &world, world.installation(*id)),
        Route::InstallationRequests => app::requests(shared, &world, &query),
        Route::OwnerInstallation {
            login,
            organization,
        } => app::owner_installation(shared, &world, login, *organization),
        Route::InstallationRepositories => app::repositories(shared, &world, credential, &query),
        Route::Repo { key, about, rest } => Ask {
            shared,
            world: &world,
            credential,
            query: &query,
            raw_query: asked.parts.uri.query(),
            accept: text(&asked.parts.headers, &header::ACCEPT),
        }
        .answer(key, about, rest),
        Route::RateLimit => rate_limit(shared, credential),
        Route::GetUser => match credential {
            Credential::User(id) => world
                .account(*id)
                .map_or_else(Answer::not_found, |account| {
                    Answer::ok(json::account(shared, account))
                }),
            Credential::Installation { .. } => {
                Answer::forbidden("Resource not accessible by integration")
            }
            _ => Answer::unauthorized("Requires authentication"),
        },
        Route::Mint(_) | Route::TokenCheck(_) | Route::Unknown => Answer::not_found(),
    }
}

fn rate_limit(shared: &Shared, credential: &Credential) -> Answer {
    let budget = shared
        .limits()
        .budget(credential.principal(), &shared.clock);
    let rate = serde_json::json!({
        "limit": budget.limit,
        "remaining": budget.remaining(),
        "used": budget.used,
        "reset": budget.reset,
    });
    Answer::ok(serde_json::json!({"resources": {"core": rate, "search": rate}, "rate": rate}))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    let found = headers.get(name).and_then(|value| value.to_str().ok());
    found.unwrap_or_default()
}

/// Makes the HTTP answer and ends the call's entry in the log.
struct Finish<'a> {
    shared: &'a Arc<Shared>,
    parts: &'a Parts,
    principal: Principal,
    is_user: bool,
    flight: Flight,
    /// `None` for answers without ETag.
    etag_owner: Option<&'a str>,
}

impl<'a> Finish<'a> {
    fn new(
        shared: &'a Arc<Shared>,
        parts: &'a Parts,
        credential: &Credential,
        flight: Flight,
    ) -> Self {
        Self {
            shared,
            parts,
            principal: credential.principal(),
            is_user: matches!(credential, Credential::User(_)),
            flight,
            etag_owner: None,
        }
    }

    fn respond(self, answer: Answer, effect: Option<Effect>) -> Response {
        let (media, mut bytes) = match answer.body {
            Body::Json(value) => (JSON, value.to_string().into_bytes()),
            Body::Bytes(media, bytes) => (media, bytes),
        };
        let mut status = answer.status;
        let mut headers = HeaderMap::new();
        let mut conditional = Conditional::No;
        let is_read = self.parts.method != Method::POST;
        if let Some(owner) = self
            .etag_owner
            .filter(|_| is_read && status == StatusCode::OK)
        {
            let etag = etag(owner, self.parts, &bytes);
            conditional = compare(text(&self.parts.headers, &header::IF_NONE_MATCH), &etag);
            put(&mut headers, header::ETAG, &etag);
            put(
                &mut headers,
                header::CACHE_CONTROL,
                "private, max-age=60, s-maxage=60",
            );
            put(
                &mut headers,
                header::VARY,
                "Accept, Authorization, Cookie, X-GitHub-OTP",
            );
            if conditional == Conditional::Matched {
                status = StatusCode::NOT_MODIFIED;
                bytes.clear();
                self.shared
                    .limits()
                    .refund(self.principal, &self.shared.clock);
            }
        }
        if status != StatusCode::NOT_MODIFIED {
            put(&mut headers, header::CONTENT_TYPE, media);
        }
        if let Some(link) = &answer.link {
            put(&mut headers, header::LINK, link);
        }
        if let Some(to) = &answer.location {
            put(&mut headers, header::LOCATION, to);
        }
        if let Some(seconds) = answer.retry_after {
            put(&mut headers, header::RETRY_AFTER, &seconds.to_string());
        }
        self.put_standing(&mut headers, answer.exhausted);
        self.flight.answered(status.as_u16(), conditional);

        let length = bytes.len();
        let body = if self.parts.method == Method::HEAD {
            HttpBody::empty()
        } else {
            body(Arc::clone(self.shared), self.flight, bytes, effect)
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if status != StatusCode::NOT_MODIFIED {
            // Named, so that a body that is cut is not taken for a whole one.
            put(&mut headers, header::CONTENT_LENGTH, &length.to_string());
        }
        *response.headers_mut() = headers;
        response
    }

    /// The headers that every answer has.
    fn put_standing(&self, headers: &mut HeaderMap, exhausted: bool) {
        let clock = &self.shared.clock;
        let date = chrono::DateTime::from_timestamp_millis(clock.now()).unwrap_or_default();
        let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        put(headers, header::DATE, &date);
        let budget = self.shared.limits().budget(self.principal, clock);
        let remaining = if exhausted { 0 } else { budget.remaining() };
        let mut put_named = |name: &'static str, value: &str| {
            put(headers, HeaderName::from_static(name), value);
        };
        put_named("x-ratelimit-limit", &budget.limit.to_string());
        put_named("x-ratelimit-remaining", &remaining.to_string());
        put_named("x-ratelimit-used", &(budget.limit - remaining).to_string());
        put_named("x-ratelimit-reset", &budget.reset.to_string());
        put_named("x-ratelimit-resource", "core");
        put_named("x-github-media-type", "github.v3; format=json");
        put_named("x-github-api-version-selected", "2022-11-28");
        put_named(
            "x-github-request-id",
            &format!("SIM:{:x}", self.flight.number()),
        );
        if self.is_user {
            put_named("x-oauth-scopes", "repo");
        }
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A weak ETag in two halves: whose it is, and of what.
fn etag(owner: &str, parts: &Parts, body: &[u8]) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let mine = Sha1::digest(owner.as_bytes());
    let mut content = Sha1::new();
    content.update(parts.uri.to_string().as_bytes());
    content.update(text(&parts.headers, &header::ACCEPT).as_bytes());
    content.update(body);
    format!("W/\"{}{}\"", hex(&mine[..8]), hex(&content.finalize()))
}

fn compare(sent: &str, ours: &str) -> Conditional {
    const OWNER: usize = 16;
    let bare = |tag: &str| -> String {
        let tag = tag.trim();
        tag.strip_prefix("W/")
            .unwrap_or(tag)
            .trim_matches('"')
            .to_owned()
    };
    let ours = bare(ours);
    let mut out = Conditional::No;
    for tag in sent.split(',').map(bare).filter(|tag| !tag.is_empty()) {
        if tag == ours {
            return Conditional::Matched;
        }
        out = if tag.get(..OWNER) == ours.get(..OWNER) {
            Conditional::Stale
        } else {
            Conditional::Foreign
        };
    }
    out
}

/// The body, cut or dripping if a fault says so; one that drips is in flight to its last byte.
fn body(shared: Arc<Shared>, flight: Flight, bytes: Vec<u8>, effect: Option<Effect>) -> HttpBody {
    match effect {
        Some(Effect::Cut { after }) => {
            let mut sent = bytes;
            sent.truncate(after);
            let parts = [
                Ok(Bytes::from(sent)),
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
            ];
            HttpBody::from_stream(futures::stream::iter(parts))
        }
        Some(Effect::SlowBody { drop, pause }) => {
            let state = (shared, flight, Bytes::from(bytes));
            HttpBody::from_stream(futures::stream::unfold(
                state,
                move |(shared, flight, mut rest)| async move {
                    if rest.is_empty() {
                        return None;
                    }
                    shared.wait(pause).await;
                    let now = rest.split_to(drop.clamp(1, rest.len()));
                    Some((
                        Ok::<_, std::convert::Infallible>(now),
                        (shared, flight, rest),
                    ))
                },
            ))
        }
        _ => HttpBody::from(bytes),
    }
}
