//! The way of a request: route, credential, faults, limits, handler, headers.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use cutover_daemon::clock::Clock;
use http::request::Parts;
use http::{Method, StatusCode, header};
use jsonwebtoken::DecodingKey;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Query};
use super::auth::{self, Credential};
use super::calls::{Call, Calls, Conditional, Flight};
use super::faults::{Effect, Faults, Suffered};
use super::finish::{Finish, text};
use super::hooks::{self, HookLog};
use super::keys::TestKey;
use super::limits::{Limits, Principal};
use super::pulls::Talk;
use super::repo_hooks::RepoHooks;
use super::repos::Ask;
use super::route::{Route, RouteKind};
use super::tokens::Tokens;
use super::{EtagScope, SimSettings, app, git, json, manifest, oauth};
use crate::world::World;

pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) settings: SimSettings,
    /// Absolute, with the prefix, without a slash at its end.
    pub(super) base: String,
    pub(super) calls: Calls,
    pub(super) faults: Faults,
    pub(super) hooks: HookLog,
    pub(super) stop: CancellationToken,
    pub(super) git: git::Folder,
    world: RwLock<World>,
    tokens: Mutex<Tokens>,
    limits: Mutex<Limits>,
    codes: Mutex<oauth::Codes>,
    pub(super) codes_given: AtomicU64,
    keys: RwLock<Vec<(TestKey, DecodingKey)>>,
    app_codes: Mutex<manifest::Codes>,
    talk: Mutex<Talk>,
    repo_hooks: Mutex<RepoHooks>,
}

/// Bytes of a request's body that are read.
const BODY_CAP: usize = 1024 * 1024;

/// Bytes of a push that are read.
const PUSH_CAP: usize = 64 * 1024 * 1024;

/// Where the OAuth client exchanges codes: among people's pages, not in the API.
const EXCHANGE: &str = "/login/oauth/access_token";

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
            hooks: HookLog::default(),
            stop: CancellationToken::new(),
            git: git::Folder::default(),
            world: RwLock::new(world),
            tokens: Mutex::default(),
            codes: Mutex::default(),
            codes_given: AtomicU64::new(0),
            keys: RwLock::new(keys),
            app_codes: Mutex::default(),
            talk: Mutex::default(),
            repo_hooks: Mutex::default(),
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

    pub(super) fn codes(&self) -> MutexGuard<'_, oauth::Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn talk(&self) -> MutexGuard<'_, Talk> {
        self.talk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn repo_hooks(&self) -> MutexGuard<'_, RepoHooks> {
        self.repo_hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn app_codes(&self) -> MutexGuard<'_, manifest::Codes> {
        self.app_codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keys(&self) -> RwLockReadGuard<'_, Vec<(TestKey, DecodingKey)>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keys_mut(&self) -> RwLockWriteGuard<'_, Vec<(TestKey, DecodingKey)>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the clock says `until`, but not beyond the stand-in's end.
    pub(super) async fn wait(&self, until: Duration) {
        if until > self.clock.monotonic() {
            tokio::select! {
                () = self.clock.sleep_until(until) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// A request with what is known of it before it is answered.
pub(super) struct Asked {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    route: Route,
    pub(super) credential: Credential,
    /// What an ETag is bound to.
    etag_owner: String,
}

pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let inside = path.strip_prefix(shared.settings.prefix.as_str()).filter(|rest| rest.starts_with('/'));
    let route = if path == EXCHANGE && parts.method == Method::POST {
        Route::ExchangeCode
    } else if let Some(wanted) = git::Wanted::of(&parts.method, &parts.uri) {
        Route::Git(wanted)
    } else {
        inside.map_or(Route::Unknown, |path| Route::of(&parts.method, path))
    };
    let (credential, text) = auth::identify(&shared, &parts.headers);
    let installation = route.installation().or(match &credential {
        Credential::Installation { id, .. } => Some(*id),
        _ => None,
    });
    // Before the call is counted: a test that sees it and moves the clock must not move it past what is slept for.
    let arrived = shared.clock.monotonic();
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
    shared.wait(arrived + shared.settings.latency + suffered.latency).await;
    let etag_owner = match shared.settings.etag_scope {
        EtagScope::Token => text,
        EtagScope::Principal => format!("{:?}", credential.principal()),
    };
    let cap = if matches!(route, Route::Git(_)) { PUSH_CAP } else { BODY_CAP };
    let Ok(body) = axum::body::to_bytes(body, cap).await else {
        let answer = Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "Payload too large");
        return Finish::new(&shared, &parts, &credential, flight).respond(answer, None);
    };
    let asked = Asked { parts, body, route, credential, etag_owner };
    if let Route::Git(wanted) = &asked.route {
        return git::respond(&shared, &asked, wanted, suffered, flight).await;
    }
    respond(&shared, &asked, suffered, flight)
}

/// Path and query as the log keeps them.
fn logged<'a>(parts: &'a Parts, shared: &Shared) -> &'a str {
    let whole = parts.uri.path_and_query().map_or("", |found| found.as_str());
    whole.get(shared.settings.prefix.len()..).unwrap_or_default()
}

fn respond(shared: &Arc<Shared>, asked: &Asked, suffered: Suffered, flight: Flight) -> Response {
    let refused = match suffered.effect {
        Some(Effect::Status { status, retry_after }) => Some(Answer::fault(status, retry_after)),
        Some(Effect::PrimaryLimit) => Some(Answer::primary_limit(&who(&asked.credential))),
        Some(Effect::SecondaryLimit { status, retry_after }) => {
            Some(Answer::secondary_limit(status, retry_after))
        }
        _ => refuse(shared, asked, flight.beside),
    };
    let charged = refused.is_none();
    let older = suffered.effect == Some(Effect::OlderCommit);
    let answer = refused.unwrap_or_else(|| handle(shared, asked, older));
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
    let points = if matches!(asked.parts.method, Method::GET | Method::HEAD) { 1 } else { 5 };
    let mut limits = shared.limits();
    if let Some(hit) = limits.secondary(who_asks, points, in_flight, &shared.clock) {
        return Some(Answer::secondary_limit(hit.status, hit.retry_after));
    }
    // A refused credential costs nobody's budget.
    let free = asked.route == Route::RateLimit || matches!(asked.credential, Credential::Invalid(_));
    if !free && !limits.charge(who_asks, &shared.clock) {
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

fn handle(shared: &Arc<Shared>, asked: &Asked, older: bool) -> Answer {
    let credential = &asked.credential;
    let query = Query::of(asked.parts.uri.query());
    match &asked.route {
        Route::Mint(id) => {
            return match app::require_app(credential) {
                Ok(()) => app::mint(shared, *id, &asked.body),
                Err(answer) => answer,
            };
        }
        Route::ListDeliveries | Route::GetDelivery(_) | Route::Redeliver(_) => {
            return match app::require_app(credential) {
                Ok(()) => delivery(shared, &asked.route, &query),
                Err(answer) => answer,
            };
        }
        Route::ExchangeCode => return oauth::exchange(shared, &asked.body),
        Route::TokenCheck(client) => {
            return app::token_check(shared, client, credential, &asked.body);
        }
        Route::NewApp => return manifest::posted(shared, asked.parts.uri.query(), &asked.body),
        Route::ConvertManifest(code) => return manifest::converted(shared, code),
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
    let about_installation = asked.route.kind() == RouteKind::RepoInstallation;
    let anybody = matches!(asked.route, Route::Unknown | Route::Meta | Route::RateLimit);
    let refused = match credential {
        Credential::Invalid(_) => true,
        Credential::App | Credential::Client => !anybody,
        _ => false,
    };
    if refused && !for_app && !about_installation {
        return Answer::unauthorized(auth::BAD_CREDENTIALS);
    }
    match &asked.route {
        Route::AppInfo => Answer::ok(json::app(shared, &world)),
        Route::ListInstallations => app::installations(shared, &world, &query),
        Route::GetInstallation(id) => app::installation(shared, &world, world.installation(*id)),
        Route::InstallationRequests => app::requests(shared, &world, &query),
        Route::OwnerInstallation { login, organization } => {
            app::owner_installation(shared, &world, login, *organization)
        }
        Route::InstallationRepositories => app::repositories(shared, &world, credential, &query),
        Route::Repo { key, about, rest } => Ask {
            shared,
            world: &world,
            credential,
            query: &query,
            raw_query: asked.parts.uri.query(),
            accept: text(&asked.parts.headers, &header::ACCEPT),
            body: &asked.body,
            older,
        }
        .answer(key, about, rest),
        Route::Meta => Answer::ok(json::meta(&world)),
        Route::RateLimit => rate_limit(shared, credential),
        Route::GetUser => match credential {
            Credential::User(id) => world
                .account(*id)
                .map_or_else(Answer::not_found, |account| Answer::ok(json::account(shared, account))),
            Credential::Installation { .. } => Answer::forbidden("Resource not accessible by integration"),
            _ => Answer::unauthorized("Requires authentication"),
        },
        Route::UserRepositories => match credential {
            Credential::User(id) => app::user_repositories(shared, &world, *id, &query),
            Credential::Installation { .. } => Answer::forbidden("Resource not accessible by integration"),
            _ => Answer::unauthorized("Requires authentication"),
        },
        Route::UserInstallations => oauth::installations(shared, &world, credential, &query),
        Route::Mint(_)
        | Route::TokenCheck(_)
        | Route::ExchangeCode
        | Route::NewApp
        | Route::Git(_)
        | Route::ConvertManifest(_)
        | Route::ListDeliveries
        | Route::GetDelivery(_)
        | Route::Redeliver(_)
        | Route::Unknown => Answer::not_found(),
    }
}

fn delivery(shared: &Arc<Shared>, route: &Route, query: &Query) -> Answer {
    match route {
        Route::GetDelivery(id) => hooks::show(shared, *id),
        Route::Redeliver(id) => hooks::redeliver(shared, *id),
        _ => hooks::list(shared, query),
    }
}

fn rate_limit(shared: &Shared, credential: &Credential) -> Answer {
    let budget = shared.limits().budget(credential.principal(), &shared.clock);
    let rate = serde_json::json!({
        "limit": budget.limit,
        "remaining": budget.remaining(),
        "used": budget.used,
        "reset": budget.reset,
    });
    Answer::ok(serde_json::json!({"resources": {"core": rate, "search": rate}, "rate": rate}))
}
