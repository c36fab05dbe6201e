//! The App's own proof of identity: short RS256 tokens, signed with one of at most two private keys.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::error::MintError;
use super::server_time::ServerTime;
use super::settings::{SetupError, pem_text};
use crate::clock::Millis;

/// Backdating, because clocks differ.
const BACKDATE_S: i64 = 60;
/// GitHub refuses more than 10 minutes.
const LIFE_S: i64 = 9 * 60;
/// A JWT is signed anew this long before it expires: signing costs half a millisecond.
const RENEW_BEFORE_MS: Millis = 120_000;

#[derive(Serialize)]
struct Claims {
    iat: i64,
    exp: i64,
    iss: String,
}

pub(crate) struct AppJwt {
    app_id: i64,
    keys: Vec<EncodingKey>,
    /// The key that GitHub took last, so that a rotation costs one refusal and not one for each mint.
    current: AtomicUsize,
    time: Arc<ServerTime>,
    signed: Mutex<Option<Signed>>,
}

#[derive(Clone)]
struct Signed {
    token: SecretString,
    key: usize,
    issued: Millis,
    skew: Option<Millis>,
}

/// The state of one call that may have to try both keys and a corrected clock.
#[derive(Debug)]
pub(crate) struct JwtTry {
    key: usize,
    keys_left: usize,
    /// The correction that the last JWT was made with.
    skew: Option<Millis>,
    corrected: bool,
}

impl AppJwt {
    pub(crate) fn new(app_id: i64, keys: &[SecretString], time: Arc<ServerTime>) -> Result<Self, SetupError> {
        let keys = keys
            .iter()
            .enumerate()
            .map(|(index, pem)| {
                let bad = SetupError::BadKey { number: index + 1 };
                let key = EncodingKey::from_rsa_pem(pem_text(pem).expose_secret().as_bytes())
                    .map_err(|_| bad.clone())?;
                // A PEM can be well formed and still hold no usable key: only signing tells.
                sign(&key, app_id, time.now()).map_err(|_| bad)?;
                Ok(key)
            })
            .collect::<Result<Vec<_>, SetupError>>()?;
        Ok(Self { app_id, keys, current: AtomicUsize::new(0), time, signed: Mutex::new(None) })
    }

    pub(crate) fn begin(&self) -> JwtTry {
        JwtTry {
            key: self.current.load(Ordering::Relaxed),
            keys_left: self.keys.len(),
            skew: None,
            corrected: false,
        }
    }

    /// A JWT for this try.
    pub(crate) fn token(&self, attempt: &mut JwtTry) -> Result<SecretString, MintError> {
        let (now, skew) = (self.time.now(), self.time.skew());
        attempt.skew = skew;
        let mut held = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = held.as_ref()
            && (signed.key, signed.skew) == (attempt.key, skew)
            && (0..LIFE_S * 1000 - RENEW_BEFORE_MS).contains(&(now - signed.issued))
        {
            return Ok(signed.token.clone());
        }
        let key = self.keys.get(attempt.key).ok_or(MintError::KeyRejected)?;
        let token = sign(key, self.app_id, now).map_err(|_| MintError::KeyRejected)?;
        *held = Some(Signed { token: token.clone(), key: attempt.key, issued: now, skew });
        Ok(token)
    }

    /// GitHub took it: later calls start with this key.
    pub(crate) fn accepted(&self, attempt: &JwtTry) {
        self.current.store(attempt.key, Ordering::Relaxed);
    }

    /// GitHub answered 401 with this `Date`. `Ok` means: try again.
    pub(crate) fn rejected(&self, attempt: &mut JwtTry, date: Option<Millis>) -> Result<(), MintError> {
        let learned = self.time.learn(date);
        // Another call may have learned it while this one was on its way with the wrong time.
        if learned.is_some() || self.time.skew() != attempt.skew {
            if attempt.corrected {
                return Err(MintError::ClockSkew {
                    seconds: learned.or(self.time.skew()).unwrap_or(0) / 1000,
                });
            }
            attempt.corrected = true;
            return Ok(());
        }
        attempt.keys_left = attempt.keys_left.saturating_sub(1);
        if attempt.keys_left == 0 {
            return Err(MintError::KeyRejected);
        }
        attempt.key = (attempt.key + 1) % self.keys.len();
        Ok(())
    }
}

fn sign(key: &EncodingKey, app_id: i64, now: Millis) -> Result<SecretString, jsonwebtoken::errors::Error> {
    let now = now.div_euclid(1000);
    let claims = Claims { iat: now - BACKDATE_S, exp: now + LIFE_S, iss: app_id.to_string() };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key).map(SecretString::from)
}

#[cfg(test)]
mod tests;
