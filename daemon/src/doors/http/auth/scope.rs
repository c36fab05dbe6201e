//! API keys of flag clients: what each may do, and for which tenants. Held as digests, compared in constant time.

use std::collections::HashSet;

use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::bearer;

/// What a key may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Evaluate flags, and hear of their changes.
    Evaluate,
    /// Read how flags are set.
    FlagsRead,
    /// Switch them.
    FlagsWrite,
}

impl Scope {
    /// As the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Evaluate => "evaluate",
            Self::FlagsRead => "flags:read",
            Self::FlagsWrite => "flags:write",
        }
    }
}

/// A key as it is configured.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// As the audit log writes it.
    pub name: String,
    pub key: SecretString,
    pub scope: Scope,
    /// Empty: it may evaluate for every tenant.
    pub tenants: Vec<String>,
}

/// Whose key was shown.
#[derive(Debug)]
pub struct Caller {
    pub name: String,
    pub scope: Scope,
    /// None: for every tenant.
    tenants: Option<HashSet<String>>,
    digest: [u8; 32],
}

/// Why a caller may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("a key is needed: `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    Missing,
    #[error("this key is not known")]
    Unknown,
    #[error("this key may do `{has}` only; `{needs}` is needed", has = .has.word(), needs = .needs.word())]
    Scope { has: Scope, needs: Scope },
    #[error("this key is not for this tenant")]
    Tenant,
}

impl Denied {
    /// 401 for who is not known, 403 for who may not.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Unknown => StatusCode::UNAUTHORIZED,
            Self::Scope { .. } | Self::Tenant => StatusCode::FORBIDDEN,
        }
    }
}

/// All keys that are taken.
#[derive(Debug, Default)]
pub struct ApiKeys(Vec<Caller>);

impl ApiKeys {
    /// The configured keys, and the token that the application's services share. That one may read and not write: a change is
    /// to have a name in the audit log.
    pub fn new(service: Option<&SecretString>, keys: &[ApiKey]) -> Self {
        let service = service.map(|token| Caller {
            name: "service".to_owned(),
            scope: Scope::FlagsRead,
            tenants: None,
            digest: digest(token.expose_secret()),
        });
        let keys = keys.iter().map(|key| Caller {
            name: key.name.clone(),
            scope: key.scope,
            tenants: (!key.tenants.is_empty()).then(|| key.tenants.iter().cloned().collect()),
            digest: digest(key.key.expose_secret()),
        });
        Self(service.into_iter().chain(keys).collect())
    }

    /// Whose key the head shows, in `Authorization` or in `X-API-Key`, when it may do what is needed.
    ///
    /// # Errors
    /// [`Denied`]
    pub fn caller(&self, headers: &HeaderMap, needs: Scope) -> Result<&Caller, Denied> {
        let by_name = headers.get("x-api-key").and_then(|value| value.to_str().ok()).map(str::trim);
        let shown = [bearer(headers), by_name.filter(|key| !key.is_empty())];
        if shown == [None, None] {
            return Err(Denied::Missing);
        }
        // A proxy may need `Authorization` for itself: either will do.
        let found = shown.into_iter().flatten().filter_map(|key| self.find(key)).max_by_key(|one| one.scope);
        let caller = found.ok_or(Denied::Unknown)?;
        if caller.scope >= needs { Ok(caller) } else { Err(Denied::Scope { has: caller.scope, needs }) }
    }

    /// Every key is looked at, so that the time tells nothing about which was nearly right.
    fn find(&self, key: &str) -> Option<&Caller> {
        let (given, mut found) = (digest(key), None);
        for one in &self.0 {
            let same: Choice = one.digest.ct_eq(&given);
            if bool::from(same) {
                found = Some(one);
            }
        }
        found
    }
}

impl Caller {
    /// Whether it may evaluate for this tenant.
    ///
    /// # Errors
    /// [`Denied::Tenant`]
    pub fn may_see(&self, tenant: &str) -> Result<(), Denied> {
        match &self.tenants {
            Some(tenants) if !tenants.contains(tenant) => Err(Denied::Tenant),
            _ => Ok(()),
        }
    }
}

/// Digests have one length, so a compare tells nothing about the key's.
fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
