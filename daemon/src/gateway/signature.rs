//! `X-Hub-Signature-256` over the raw body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

/// `X-Hub-Signature-256` in its form: `sha256=` and 64 hex digits. Not yet compared with anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 32]);

impl Signature {
    /// None when the header has another form.
    pub fn parse(header: &[u8]) -> Option<Self> {
        let digits: &[u8; 64] = header.strip_prefix(b"sha256=")?.try_into().ok()?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Whether it is the HMAC-SHA-256 of `body` under one of the secrets. Takes the same time whichever byte differs and
    /// whichever secret fits.
    pub fn is_of(&self, secrets: &[SecretString], body: &[u8]) -> bool {
        let mut fits = false;
        for secret in secrets {
            // Every key length is taken; a failure would only mean that nothing fits.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                continue;
            };
            mac.update(body);
            fits |= mac.verify_slice(&self.0).is_ok();
        }
        fits
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
