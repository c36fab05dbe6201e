//! Who may use the application's API: services by a shared token, users by a JSON Web Token.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Refusal;

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
    /// 401 without a valid token.
    #[expect(clippy::unused_async, reason = "keys may have to be fetched")]
    pub async fn user(&self, headers: &HeaderMap) -> Result<User, Refusal> {
        bearer(headers).ok_or_else(|| unauthorized("a bearer token is needed"))?;
        Err(unauthorized("no way to check users' tokens is configured"))
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
