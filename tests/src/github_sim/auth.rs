//! Who asks: the App by JWT, an installation, a user, a client by secret, nobody.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::limits::Principal;
use super::server::Shared;
use crate::world::{Level, Permissions};

/// What a call was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CredentialKind {
    /// No `Authorization`.
    Anonymous,
    /// The App's JWT.
    App,
    /// A token of an installation.
    Installation,
    /// A user's OAuth token.
    User,
    /// Client id and secret.
    Client,
    /// Something that is not, or no more, valid.
    Invalid,
}

#[derive(Debug, Clone)]
pub(super) enum Credential {
    Anonymous,
    App,
    Installation {
        id: i64,
        repos: Option<BTreeSet<i64>>,
        permissions: Permissions,
    },
    User(i64),
    Client,
    /// The message of the 401.
    Invalid(&'static str),
}

pub(super) const BAD_CREDENTIALS: &str = "Bad credentials";
pub(super) const NOT_DECODED: &str = "A JSON web token could not be decoded";
const EXP_TOO_FAR: &str = "'Expiration time' claim ('exp') is too far in the future";
const EXP_PAST: &str = "'Expiration time' claim ('exp') must be a numeric value representing the \
     future time at which the assertion expires";
const IAT_WRONG: &str = "'Issued at' claim ('iat') must be an Integer representing the time that \
     the assertion was issued";
const ISS_WRONG: &str = "'Issuer' claim ('iss') must be an Integer";
/// GitHub answers 404 with this.
pub(super) const NO_APP: &str = "Integration not found";
/// Seconds that a JWT may reach into the future.
const JWT_REACH: i64 = 600;

impl Credential {
    pub(super) fn kind(&self) -> CredentialKind {
        match self {
            Self::Anonymous => CredentialKind::Anonymous,
            Self::App => CredentialKind::App,
            Self::Installation { .. } => CredentialKind::Installation,
            Self::User(_) => CredentialKind::User,
            Self::Client => CredentialKind::Client,
            Self::Invalid(_) => CredentialKind::Invalid,
        }
    }

    pub(super) fn principal(&self) -> Principal {
        match self {
            Self::App | Self::Client => Principal::App,
            Self::Installation { id, .. } => Principal::Installation(*id),
            Self::User(id) => Principal::User(*id),
            Self::Anonymous | Self::Invalid(_) => Principal::Anonymous,
        }
    }

    pub(super) fn id(&self) -> Option<i64> {
        match self {
            Self::Installation { id, .. } | Self::User(id) => Some(*id),
            _ => None,
        }
    }

    /// Whether an installation token carries a read permission; other credentials aren't asked.
    pub(super) fn may_write(&self, permission: &str) -> bool {
        match self {
            Self::Installation { permissions, .. } => {
                permissions.get(permission).is_some_and(|l| *l >= Level::Write)
            }
            Self::User(_) => true,
            _ => false,
        }
    }

    pub(super) fn may_read(&self, permission: &str) -> bool {
        match self {
            Self::Installation { permissions, .. } => {
                permissions.get(permission).is_some_and(|l| *l >= Level::Read)
            }
            _ => true,
        }
    }
}

/// The request's credential, and the text that tells it from others of its kind.
pub(super) fn identify(shared: &Shared, headers: &HeaderMap) -> (Credential, String) {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return (Credential::Anonymous, String::new());
    };
    let value = value.to_str().unwrap_or_default();
    let (scheme, text) = value.split_once(' ').unwrap_or((value, ""));
    let text = text.trim();
    let found = match scheme.to_ascii_lowercase().as_str() {
        "basic" => basic(shared, text),
        "bearer" | "token" => bearer(shared, text),
        _ => Credential::Invalid(BAD_CREDENTIALS),
    };
    (found, text.to_owned())
}

/// Client id and secret, or any name with a token as the password, as git sends it.
fn basic(shared: &Shared, text: &str) -> Credential {
    let expected = format!("{}:{}", shared.settings.client_id, shared.settings.client_secret);
    match STANDARD.decode(text) {
        Ok(sent) if sent == expected.as_bytes() => Credential::Client,
        Ok(sent) => {
            let sent = String::from_utf8_lossy(&sent).into_owned();
            let password = sent.split_once(':').map_or("", |(_, password)| password);
            match bearer(shared, password) {
                found @ (Credential::Installation { .. } | Credential::User(_)) => found,
                _ => Credential::Invalid(BAD_CREDENTIALS),
            }
        }
        Err(_) => Credential::Invalid(BAD_CREDENTIALS),
    }
}

fn bearer(shared: &Shared, text: &str) -> Credential {
    let now = shared.clock.now();
    if text.starts_with("ghs_") {
        let lag = i64::try_from(shared.faults.replication_lag().as_millis()).unwrap_or(i64::MAX);
        let world = shared.world();
        let tokens = shared.tokens();
        return match tokens.find(text, &world, now) {
            Some(token) if (now - token.minted_at).max(0) >= lag => Credential::Installation {
                id: token.installation,
                repos: token.repos.clone(),
                permissions: token.permissions.clone(),
            },
            _ => Credential::Invalid(BAD_CREDENTIALS),
        };
    }
    if text.split('.').count() == 3 {
        return match check_jwt(shared, text, now.div_euclid(1_000)) {
            Ok(()) => Credential::App,
            Err(message) => Credential::Invalid(message),
        };
    }
    match shared.world().user_token(text) {
        Some(token) => Credential::User(token.user),
        None => Credential::Invalid(BAD_CREDENTIALS),
    }
}

/// Checks a JWT as GitHub does, `now` in seconds.
fn check_jwt(shared: &Shared, text: &str, now: i64) -> Result<(), &'static str> {
    let (message, signature) = text.rsplit_once('.').ok_or(NOT_DECODED)?;
    let (_, claims) = message.split_once('.').ok_or(NOT_DECODED)?;
    let header = jsonwebtoken::decode_header(text).map_err(|_| NOT_DECODED)?;
    if header.alg != Algorithm::RS256 {
        return Err(NOT_DECODED);
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| NOT_DECODED)?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| NOT_DECODED)?;

    let issuer = match &claims["iss"] {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return Err(ISS_WRONG),
    };
    let settings = &shared.settings;
    if issuer != settings.app_id.to_string() && issuer != settings.client_id {
        return Err(NO_APP);
    }
    let signed = shared.keys().iter().any(|(_, key)| is_signed(key, message, signature));
    if !signed {
        return Err(NOT_DECODED);
    }
    // GitHub takes a JWT without `iat`; one from the future is a clock that is wrong.
    match &claims["iat"] {
        Value::Null => {}
        issued if issued.as_i64().is_some_and(|at| at <= now) => {}
        _ => return Err(IAT_WRONG),
    }
    match claims["exp"].as_i64() {
        Some(expires) if expires > now.saturating_add(JWT_REACH) => Err(EXP_TOO_FAR),
        Some(expires) if expires > now => Ok(()),
        _ => Err(EXP_PAST),
    }
}

fn is_signed(key: &DecodingKey, message: &str, signature: &str) -> bool {
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::RS256).unwrap_or(false)
}
