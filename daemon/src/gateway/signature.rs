//! `X-Hub-Signature-256` over the raw body.

use secrecy::SecretString;

/// Whether `header` (`sha256=HEX`) is the HMAC-SHA-256 of `body` under one of the secrets. Takes the same time whichever
/// byte differs.
pub fn is_signed(secrets: &[SecretString], header: &str, body: &[u8]) -> bool {
    let _ = (secrets, header, body);
    false
}
