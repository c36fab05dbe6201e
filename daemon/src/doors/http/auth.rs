//! Who may use the application's API: services by a shared token, users by a JSON Web Token.

mod keys;
pub mod scope;
mod token;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use cutover_shared::ids::TenantId;
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use self::keys::{KeyError, KeySet};
pub use self::token::Demands;
use self::token::Unfit;
use super::answer::Refusal;
use super::limit::Rates;
use crate::client::Client;
use crate::clock::Clock;

/// A user of the application, as its token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The token's `sub`.
    pub id: String,
    /// The tenant that the token names, where tokens do.
    pub tenant: Option<String>,
}

/// What is demanded of a caller.
#[derive(Clone, Default)]
pub struct Auth {
    /// Of other services (`INTERNAL_SERVICE_TOKEN`); none: no service may call.
    pub service_token: Option<SecretString>,
    /// How users' tokens are checked; none: no user may call.
    pub users: Option<Arc<Users>>,
    /// How often somebody may call; none: as often as they like.
    pub rates: Option<Arc<Rates>>,
}

/// How users' tokens are checked. Which algorithms there are follows from the configuration, and each has keys of its own: a
/// token that names another algorithm, or another's key, finds nothing to be checked with.
pub struct Users {
    clock: Clock,
    demands: Demands,
    secret: Option<DecodingKey>,
    keys: Option<KeySet>,
}

impl Users {
    /// Tokens signed with `secret` (HS256), with the keys at an address (RS256, ES256), or either. Nothing is fetched.
    pub fn new(
        clock: Clock,
        demands: Demands,
        secret: Option<&SecretString>,
        keys: Option<(Client, Url)>,
    ) -> Self {
        Self {
            secret: secret.map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())),
            keys: keys.map(|(client, url)| KeySet::new(client, url, clock.clone())),
            clock,
            demands,
        }
    }

    async fn check(&self, token: &str) -> Result<User, Refusal> {
        let bad = |unfit: Unfit| unauthorized(unfit.why());
        let head = token::head(token).map_err(bad)?;
        let claims = match (head.algorithm, &self.secret, &self.keys) {
            (Algorithm::HS256, Some(secret), _) => token::claims(token, secret, Algorithm::HS256),
            (algorithm @ (Algorithm::RS256 | Algorithm::ES256), _, Some(keys)) => {
                let key = keys.find(head.kid.as_deref(), algorithm).await.map_err(|error| match error {
                    KeyError::Unknown => bad(Unfit::Signature),
                    KeyError::Unavailable => {
                        let what = "the keys that tokens are checked with can't be had now";
                        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", what)
                            .retry_after(Duration::from_secs(5))
                    }
                })?;
                token::claims(token, &key, algorithm)
            }
            _ => Err(Unfit::Algorithm),
        };
        let claims = claims.map_err(bad)?;
        token::judge(&claims, self.clock.now().div_euclid(1000), &self.demands).map_err(bad)
    }
}

impl Auth {
    /// Another service of the application's.
    ///
    /// # Errors
    /// 401 without the right token.
    pub fn service(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = bearer(headers).ok_or_else(|| unauthorized("a bearer token is needed"))?;
        let expected = self
            .service_token
            .as_ref()
            .ok_or_else(|| unauthorized("no service token is configured, so none is taken"))?;
        // Digests have one length, so the compare tells nothing about the token's.
        let digest = |text: &str| <sha2::Sha256 as sha2::Digest>::digest(text.as_bytes());
        let same: bool =
            subtle::ConstantTimeEq::ct_eq(&digest(given)[..], &digest(expected.expose_secret())[..]).into();
        if same { Ok(()) } else { Err(unauthorized("this is not the service token")) }
    }

    /// A user of the application.
    ///
    /// # Errors
    /// 401 without a valid token; 503 while the keys to check it with can't be had.
    pub async fn user(&self, headers: &HeaderMap) -> Result<User, Refusal> {
        let token = bearer(headers).ok_or_else(|| unauthorized("a bearer token is needed"))?;
        match &self.users {
            Some(users) => users.check(token).await,
            None => Err(unauthorized("no way to check users' tokens is configured")),
        }
    }

    /// As [`Auth::user`], and counts: a good token against its user, a bad one against the caller's address.
    ///
    /// # Errors
    /// As [`Auth::user`]; 429 over the limit.
    pub async fn user_within_limits(&self, headers: &HeaderMap, address: IpAddr) -> Result<User, Refusal> {
        let user = self.counted(self.user(headers).await, address)?;
        self.rates.as_ref().map_or(Ok(()), |rates| rates.api(&user.id))?;
        Ok(user)
    }

    /// As [`Auth::service`], and counts: the right token against the service, a wrong one against the caller's address.
    ///
    /// # Errors
    /// As [`Auth::service`]; 429 over the limit.
    pub fn service_within_limits(&self, headers: &HeaderMap, address: IpAddr) -> Result<(), Refusal> {
        self.counted(self.service(headers), address)?;
        self.rates.as_ref().map_or(Ok(()), |rates| rates.service())
    }

    /// The tenant that the caller may come to, a user's own; none: a service, which may come to all. Counts as the two above.
    ///
    /// # Errors
    /// As [`Auth::user_within_limits`]; 403 for a user whose token names no tenant.
    pub async fn caller_within_limits(
        &self,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Result<Option<TenantId>, Refusal> {
        if self.service(headers).is_ok() {
            return self.service_within_limits(headers, address).map(|()| None);
        }
        let user = self.user_within_limits(headers, address).await?;
        let what = "the user's token names no tenant";
        let tenant = user.tenant.ok_or_else(|| Refusal::new(StatusCode::FORBIDDEN, "no_tenant", what))?;
        Ok(Some(TenantId(tenant)))
    }

    /// Counts a call that nobody has to prove anything for against the caller's address.
    ///
    /// # Errors
    /// 429 over the limit.
    pub fn anybody(&self, address: IpAddr) -> Result<(), Refusal> {
        self.rates.as_ref().map_or(Ok(()), |rates| rates.auth(address))
    }

    fn counted<T>(&self, proven: Result<T, Refusal>, address: IpAddr) -> Result<T, Refusal> {
        proven.map_err(|refusal| {
            if refusal.status != StatusCode::UNAUTHORIZED {
                return refusal;
            }
            self.anybody(address).err().unwrap_or(refusal)
        })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn unauthorized(why: &str) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
}

#[cfg(test)]
mod tests;
