//! A call from first to last: token, condition, redirects, and what a 401 means. What may be called is what `route` (reads)
//! and `change` list; a planner is given a `Reader`, which can't name a change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::cache::{ConditionalCache, Kept};
use super::change::Change;
use super::counts::Kind;
use super::error::{GitHubError, MintError, message_of};
use super::exchange::{Call, Exchange};
use super::identity::{Credential, Fingerprints, Identity};
use super::limiter::Traffic;
use super::page::next_link;
use super::retry::Effect;
use super::route::{Read, Route, encode};
use super::settings::{Base, OAuthApp};
use super::tokens::mint::{Minter, bearer, says_suspended};
use super::tokens::{Leased, Scope, Tokens};
use super::transport::{WireAnswer, WireRequest};

/// Redirects followed in one read.
const MOST_REDIRECTS: u32 = 3;
/// GitHub may need this long until all its replicas know a new token.
const REPLICATION_LAG_MS: i64 = 5_000;
/// The first wait for a replica; each later one is longer by as much.
const REPLICATION_STEP: Duration = Duration::from_secs(1);

pub(crate) struct Engine {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) minter: Arc<Minter>,
    pub(crate) tokens: Tokens,
    pub(crate) cache: ConditionalCache,
    pub(crate) prints: Fingerprints,
    pub(crate) api: Base,
    pub(crate) oauth: Option<OAuthApp>,
    pub(crate) max_body: usize,
    pub(crate) max_blob: usize,
}

/// How urgent, and for how long at the most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) traffic: Traffic,
    pub(crate) patience: Duration,
}

/// An answer after redirects; never a 304, 5xx or refusal for speed.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// Address of the next page, not yet checked.
    pub(crate) next: Option<String>,
    /// A redirect was followed.
    pub(crate) moved: bool,
    /// The body is a JSON document about the thing, not the thing itself.
    pub(crate) is_json: bool,
}

impl Engine {
    /// # Errors
    /// All of [`GitHubError`] but `Refused`: statuses are the caller's to judge.
    pub(crate) async fn read(
        &self,
        credential: &Credential,
        route: Route<'_>,
        terms: Terms,
    ) -> Result<Answer, GitHubError> {
        self.follow(credential, route.read(&self.api)?, terms).await
    }

    /// # Errors
    /// As [`Engine::read`], and [`GitHubError::ForeignHost`] before anything is sent.
    pub(crate) async fn read_page(
        &self,
        credential: &Credential,
        route: Route<'_>,
        cursor: Option<&str>,
        terms: Terms,
    ) -> Result<Answer, GitHubError> {
        let read = match cursor {
            None => route.read(&self.api)?,
            Some(cursor) => route.at(super::page::cursor_uri(&self.api, cursor)?),
        };
        let answer = self.follow(credential, read, terms).await?;
        if let Some(next) = &answer.next {
            if Some(next.as_str()) == cursor {
                return Err(GitHubError::BadAnswer { what: "a next page other than this one" });
            }
            super::page::cursor_uri(&self.api, next)?;
        }
        Ok(answer)
    }

    async fn follow(
        &self,
        credential: &Credential,
        mut read: Read,
        terms: Terms,
    ) -> Result<Answer, GitHubError> {
        let who = self.prints.identity(credential);
        let clock = self.exchange.time.clock();
        let deadline = clock.monotonic().saturating_add(terms.patience);
        let mut redirects = 0;
        loop {
            let call = Call {
                route: read.route,
                kind: read.kind,
                who,
                installation: who.installation(),
                traffic: terms.traffic,
                deadline,
                effect: Effect::Repeatable,
            };
            let answer = self.conditional(credential, &read, call).await?;
            if !matches!(answer.status.as_u16(), 301 | 302 | 307 | 308) {
                return Ok(Answer {
                    status: answer.status.as_u16(),
                    next: answer.header("link").and_then(next_link).map(str::to_owned),
                    moved: redirects > 0,
                    is_json: answer
                        .header("content-type")
                        .is_some_and(|kind| kind.starts_with("application/json")),
                    body: answer.body,
                });
            }
            redirects += 1;
            if redirects > MOST_REDIRECTS {
                return Err(GitHubError::BadAnswer { what: "an end of redirects" });
            }
            let target = answer
                .header("location")
                .and_then(|location| self.api.resolve(location))
                .ok_or(GitHubError::BadAnswer { what: "a redirect that leads somewhere" })?;
            if !self.api.owns(&target) {
                return Err(GitHubError::ForeignHost);
            }
            self.exchange.counters.redirects.add();
            read.uri = target;
        }
    }

    /// Makes a change. A redirect is not followed: what is changed has to be named as it is.
    ///
    /// # Errors
    /// As [`Engine::read`]; after [`GitHubError::Unavailable`] nobody knows whether it was done.
    pub(crate) async fn change(
        &self,
        credential: &Credential,
        change: Change<'_>,
        terms: Terms,
    ) -> Result<Answer, GitHubError> {
        let write = change.write(&self.api)?;
        let who = self.prints.identity(credential);
        let call = Call {
            route: write.route,
            kind: Kind::Other,
            who,
            installation: who.installation(),
            traffic: terms.traffic,
            deadline: self.exchange.time.clock().monotonic().saturating_add(terms.patience),
            effect: write.effect,
        };
        let request = WireRequest {
            method: write.method,
            uri: write.uri,
            authorization: SecretString::default(),
            accept: "application/vnd.github+json",
            if_none_match: None,
            body: write.body,
            max_body: self.max_body,
        };
        let answer = self.authorized(credential, request, call).await?;
        Ok(Answer {
            status: answer.status.as_u16(),
            body: answer.body,
            next: None,
            moved: false,
            is_json: true,
        })
    }

    async fn conditional(
        &self,
        credential: &Credential,
        read: &Read,
        call: Call,
    ) -> Result<WireAnswer, GitHubError> {
        let uri = read.uri.to_string();
        let kept = if read.is_file { None } else { self.cache.get(call.who, &uri) };
        let max_body = if read.is_file { self.max_blob } else { self.max_body };
        let mut request = WireRequest::get(read.uri.clone(), SecretString::default(), read.accept, max_body);
        request.if_none_match = kept.as_ref().map(|kept| kept.etag.clone());
        let mut answer = self.authorized(credential, request, call).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            let kept = kept.ok_or(GitHubError::BadAnswer { what: "a 304 only for a condition" })?;
            self.exchange.counters.not_modified.add();
            answer.status = StatusCode::OK;
            answer.body = kept.body.clone();
            if let Some(link) = kept.link.as_ref().and_then(|link| HeaderValue::from_str(link).ok()) {
                answer.headers.insert(http::header::LINK, link);
            }
        } else if answer.status == StatusCode::OK
            && !read.is_file
            && let Some(etag) = answer.headers.get(http::header::ETAG)
        {
            let kept = Kept {
                etag: etag.clone(),
                link: answer.header("link").map(str::to_owned),
                body: answer.body.clone(),
            };
            self.cache.put(call.who, &uri, kept);
        }
        Ok(answer)
    }

    async fn authorized(
        &self,
        credential: &Credential,
        mut request: WireRequest,
        call: Call,
    ) -> Result<WireAnswer, GitHubError> {
        match credential {
            Credential::App => self.minter.as_app(call, request).await,
            Credential::User(token) => {
                request.authorization = bearer(token);
                self.exchange.send(call, request).await
            }
            Credential::Installation(id) => self.as_installation(*id, request, call).await,
        }
    }

    async fn as_installation(
        &self,
        id: i64,
        mut request: WireRequest,
        call: Call,
    ) -> Result<WireAnswer, GitHubError> {
        let mut lease = self.lease(id, call).await?;
        let mut has_new_token = false;
        let mut lag = REPLICATION_STEP;
        loop {
            request.authorization = bearer(&lease.token);
            let answer = self.exchange.send(call, request.clone()).await?;
            let is_unauthorized = answer.status == StatusCode::UNAUTHORIZED;
            if !is_unauthorized && answer.status != StatusCode::FORBIDDEN {
                return Ok(answer);
            }
            if !is_unauthorized && says_suspended(&message_of(&answer.body)) {
                self.tokens.note_suspended(id);
                return Err(MintError::Suspended.into());
            }
            let time = &self.exchange.time;
            let age = time.now().saturating_sub(lease.minted_at);
            let is_lag = (0..REPLICATION_LAG_MS).contains(&age);
            if is_lag && time.clock().monotonic() + lag <= call.deadline {
                time.clock().sleep(lag).await;
                lag += REPLICATION_STEP;
            } else if is_unauthorized && !has_new_token {
                self.tokens.invalidate(id, lease.generation);
                lease = self.lease(id, call).await?;
                has_new_token = true;
                lag = REPLICATION_STEP;
            } else {
                return Ok(answer);
            }
        }
    }

    async fn lease(&self, id: i64, call: Call) -> Result<Leased, GitHubError> {
        let patience = call.deadline.saturating_sub(self.exchange.time.clock().monotonic());
        Ok(self.tokens.get_scoped(id, &Scope::everything(), call.traffic, patience).await?)
    }

    /// Whether a user token of the OAuth App still works: a POST that changes nothing.
    ///
    /// # Errors
    /// [`GitHubError::BadInput`] when no OAuth App is configured; otherwise as [`Engine::read`].
    pub(crate) async fn check_user_token(
        &self,
        token: &SecretString,
        terms: Terms,
    ) -> Result<Answer, GitHubError> {
        use base64::Engine as _;
        let oauth = self.oauth.as_ref().ok_or(GitHubError::BadInput {
            what: "configuration: an OAuth App is needed to check its tokens",
        })?;
        let path = format!("/applications/{}/token", encode(&oauth.client_id));
        let basic = base64::engine::general_purpose::STANDARD.encode(format!(
            "{}:{}",
            oauth.client_id,
            oauth.client_secret.expose_secret()
        ));
        let body = serde_json::json!({ "access_token": token.expose_secret() });
        let clock = self.exchange.time.clock();
        let call = Call {
            route: "POST /applications/{client_id}/token",
            kind: Kind::Probe,
            who: Identity::OAuthApp,
            installation: None,
            traffic: terms.traffic,
            deadline: clock.monotonic().saturating_add(terms.patience),
            effect: Effect::Once,
        };
        let request = WireRequest {
            method: Method::POST,
            uri: self.api.join(&path).ok_or(GitHubError::BadInput { what: "address" })?,
            authorization: SecretString::from(format!("Basic {basic}")),
            accept: "application/vnd.github+json",
            if_none_match: None,
            body: Some(Bytes::from(body.to_string())),
            max_body: self.max_body,
        };
        let answer = self.exchange.send(call, request).await?;
        Ok(Answer {
            status: answer.status.as_u16(),
            body: answer.body,
            next: None,
            moved: false,
            is_json: true,
        })
    }
}

#[cfg(test)]
mod tests;
