//! The `state` that goes to GitHub with a person who installs the App, and comes back: who it is, until when, good once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// The version of the format; part of what is signed.
const FORMAT: &str = "i1";

/// The longest state that is looked at, in bytes.
const LONGEST: usize = 2048;

/// What keeps this use of the key apart from others.
pub const PURPOSE: &str = "install state";

/// What a state says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallState {
    /// The application's user.
    #[serde(rename = "u")]
    pub user: String,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Drawn at random, used once.
    #[serde(rename = "n")]
    pub nonce: String,
    /// Milliseconds since the epoch, UTC.
    #[serde(rename = "i")]
    pub issued_at: i64,
    /// Milliseconds since the epoch, UTC.
    #[serde(rename = "e")]
    pub expires_at: i64,
}

/// Why a state is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not one of ours, or changed on its way.
    #[error("the state is not one that was given out here")]
    Forged,
    #[error("the state has expired")]
    Expired,
}

/// The state as text: URL-safe. `mac` signs, in lower-case hex.
pub fn write(state: &InstallState, mac: impl Fn(&[u8]) -> String) -> Option<String> {
    let body = BASE64.encode(serde_json::to_vec(state).ok()?);
    let signed = format!("{FORMAT}.{body}");
    let signature = mac(signed.as_bytes());
    let text = format!("{signed}.{signature}");
    (text.len() <= LONGEST).then_some(text)
}

/// What the text says, when it is signed and has not expired at `now`. The signature comes first: nothing else of a forged
/// one is looked at.
pub fn read(text: &str, now: i64, mac: impl Fn(&[u8]) -> String) -> Result<InstallState, StateError> {
    if text.len() > LONGEST {
        return Err(StateError::Forged);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(StateError::Forged)?;
    let same: bool = mac(signed.as_bytes()).as_bytes().ct_eq(signature.as_bytes()).into();
    let body = signed.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix('.'));
    let body = body.filter(|_| same).ok_or(StateError::Forged)?;
    let state: InstallState = BASE64
        .decode(body)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or(StateError::Forged)?;
    // One from the future was signed by a clock that was wrong; it would live too long.
    if now >= state.expires_at || now < state.issued_at.saturating_sub(60_000) {
        return Err(StateError::Expired);
    }
    Ok(state)
}

#[cfg(test)]
mod tests;
