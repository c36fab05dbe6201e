//! Asking GitHub for one installation token, and telling its refusals apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Scope;
use crate::clock::Millis;
use crate::github::counts::Kind;
use crate::github::error::{GitHubError, MintError, message_of};
use crate::github::exchange::{Call, Exchange};
use crate::github::identity::Identity;
use crate::github::jwt::AppJwt;
use crate::github::limiter::Traffic;
use crate::github::model::epoch_ms;
use crate::github::retry::Effect;
use crate::github::settings::Base;
use crate::github::transport::{WireAnswer, WireRequest};

/// An answer without (readable) expiry is trusted for this long, never for ever.
const UNSTATED_LIFE_MS: Millis = 60_000;

/// Asks GitHub; holds no tokens.
pub(crate) struct Minter {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) jwt: Arc<AppJwt>,
    pub(crate) api: Base,
    pub(crate) max_body: usize,
}

/// A token as GitHub gave it.
#[derive(Clone)]
pub(crate) struct Minted {
    pub(crate) token: SecretString,
    pub(crate) minted_at: Millis,
    pub(crate) expires_at: Millis,
}

#[derive(Serialize)]
struct Wanted<'a> {
    #[serde(skip_serializing_if = "<[i64]>::is_empty")]
    repository_ids: &'a [i64],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    permissions: &'a std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Given {
    token: SecretString,
    #[serde(default)]
    expires_at: Option<serde_json::Value>,
}

impl Minter {
    pub(crate) async fn mint(
        &self,
        installation: i64,
        scope: &Scope,
        deadline: Duration,
    ) -> Result<Minted, MintError> {
        let uri = self
            .api
            .join(&format!("/app/installations/{installation}/access_tokens"))
            .ok_or(MintError::BadAnswer { what: "a usable address" })?;
        let call = Call {
            route: "POST /app/installations/{id}/access_tokens",
            kind: Kind::Mint,
            who: Identity::App,
            installation: Some(installation),
            traffic: Traffic::Live,
            deadline,
            effect: Effect::Repeatable,
        };
        let request = WireRequest {
            method: Method::POST,
            uri,
            authorization: SecretString::default(),
            accept: "application/vnd.github+json",
            if_none_match: None,
            body: body_of(scope),
            max_body: self.max_body,
        };
        let answer = self.as_app(call, request).await?;
        given(self.exchange.time.now(), &answer)
    }

    /// Sends a request with a JWT, trying both keys and a corrected clock before it believes a 401.
    ///
    /// # Errors
    /// Those of [`Exchange::send`]; [`GitHubError::Mint`] with `KeyRejected` or `ClockSkew`.
    pub(crate) async fn as_app(
        &self,
        call: Call,
        mut request: WireRequest,
    ) -> Result<WireAnswer, GitHubError> {
        let mut attempt = self.jwt.begin();
        loop {
            let token = self.jwt.token(&mut attempt)?;
            request.authorization = bearer(&token);
            let answer = self.exchange.send(call, request.clone()).await?;
            if answer.status == StatusCode::UNAUTHORIZED {
                let clock = self.exchange.time.clock();
                self.jwt
                    .rejected(&mut attempt, answer.date())
                    .inspect_err(|_| self.exchange.counters.signed(clock.monotonic(), false))?;
                continue;
            }
            self.jwt.accepted(&attempt);
            self.exchange.counters.signed(self.exchange.time.clock().monotonic(), true);
            return Ok(answer);
        }
    }
}

pub(crate) fn bearer(token: &SecretString) -> SecretString {
    SecretString::from(format!("Bearer {}", token.expose_secret()))
}

fn body_of(scope: &Scope) -> Option<Bytes> {
    if scope.is_everything() {
        return None;
    }
    serde_json::to_vec(&Wanted { repository_ids: scope.repository_ids(), permissions: scope.permissions() })
        .ok()
        .map(Bytes::from)
}

/// Reads the answer to a mint that was neither 401, 5xx nor a refusal for speed.
fn given(now: Millis, answer: &WireAnswer) -> Result<Minted, MintError> {
    match answer.status.as_u16() {
        200 | 201 => {
            let given: Given = serde_json::from_slice(&answer.body)
                .map_err(|_| MintError::BadAnswer { what: "a token in the answer to a mint" })?;
            if given.token.expose_secret().is_empty() {
                return Err(MintError::BadAnswer { what: "a token that is not empty" });
            }
            let stated = given.expires_at.as_ref().and_then(epoch_ms);
            Ok(Minted {
                token: given.token,
                minted_at: now,
                expires_at: stated.unwrap_or(now + UNSTATED_LIFE_MS),
            })
        }
        404 => Err(MintError::Gone),
        status => {
            let message = message_of(&answer.body);
            Err(match status {
                403 if says_suspended(&message) => MintError::Suspended,
                422 => MintError::Scope { message },
                _ => MintError::Refused { status, message },
            })
        }
    }
}

/// GitHub has no other sign of it than its words.
pub(crate) fn says_suspended(message: &str) -> bool {
    message.to_ascii_lowercase().contains("suspended")
}
