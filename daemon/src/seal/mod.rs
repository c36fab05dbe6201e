//! Secrets at rest: XChaCha20-Poly1305, key id in the envelope, owner id as associated data.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::Sha256;

use crate::hex::hex;

/// Bytes of a nonce of XChaCha20: long enough to be drawn at random for every envelope.
const NONCE: usize = 24;

/// The version of the envelope's format.
const FORMAT: &str = "s1";

/// Why an envelope could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The keyring is empty.
    #[error("the keyring holds no key")]
    NoKey,
    /// The envelope does not look like one of ours.
    #[error("not a sealed value of format {FORMAT}")]
    Format,
    /// The key that sealed it is not in the keyring.
    #[error("sealed with key `{0}`, which is not in the keyring")]
    UnknownKey(String),
    /// Wrong owner, wrong key or changed bytes: they can't be told apart.
    #[error("the sealed value does not open: it was changed, or belongs to another owner")]
    Broken,
    /// What was sealed is not text.
    #[error("the sealed value is not text")]
    NotText,
    /// A key of this name is in the ring already, and another one.
    #[error("key `{0}` is in the keyring already, and another one")]
    KeyTaken(String),
}

struct NamedKey {
    id: String,
    bytes: SecretBox<[u8; 32]>,
}

/// The keys that seal and open. The last one of the ring seals; all of them open.
pub struct Seal {
    oldest: Arc<NamedKey>,
    /// Grows when a key is added while the daemon runs; nothing is ever taken out.
    newer: RwLock<Vec<Arc<NamedKey>>>,
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| &key.id)).finish()
    }
}

impl Seal {
    /// A seal over a keyring: (id, key) pairs, the current one last.
    pub fn new(ring: Vec<(String, SecretBox<[u8; 32]>)>) -> Result<Self, SealError> {
        let mut keys = ring.into_iter().map(|(id, bytes)| Arc::new(NamedKey { id, bytes }));
        let oldest = keys.next().ok_or(SealError::NoKey)?;
        Ok(Self { oldest, newer: RwLock::new(keys.collect()) })
    }

    fn keys(&self) -> Vec<Arc<NamedKey>> {
        let newer = self.newer.read().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&self.oldest).chain(newer.iter()).cloned().collect()
    }

    fn current(&self) -> Arc<NamedKey> {
        let newer = self.newer.read().unwrap_or_else(PoisonError::into_inner);
        newer.last().unwrap_or(&self.oldest).clone()
    }

    /// The id of the key that seals.
    pub fn current_key(&self) -> String {
        self.current().id.clone()
    }

    /// From now on this key seals, for everybody who holds this seal. It must be in the file by then: what it seals could not be
    /// opened after a restart.
    ///
    /// # Errors
    /// [`SealError::KeyTaken`]: what an older key of this name sealed could not be opened any more.
    pub fn add(&self, id: String, bytes: SecretBox<[u8; 32]>) -> Result<(), SealError> {
        let mut newer = self.newer.write().unwrap_or_else(PoisonError::into_inner);
        if self.oldest.id == id || newer.iter().any(|key| key.id == id) {
            return Err(SealError::KeyTaken(id));
        }
        newer.push(Arc::new(NamedKey { id, bytes }));
        Ok(())
    }

    /// The id of the key that sealed an envelope.
    pub fn key_of(envelope: &str) -> Option<&str> {
        let mut parts = envelope.splitn(3, '.');
        parts.next().filter(|format| *format == FORMAT).and(parts.next())
    }

    /// Seals `plain` for `owner`. The envelope is ASCII text: `s1.KEYID.BASE64`.
    pub fn seal(&self, owner: &str, plain: &[u8]) -> Result<String, SealError> {
        let key = self.current();
        let nonce: [u8; NONCE] = rand::random();
        let sealed = cipher(&key)
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: owner.as_bytes() })
            .map_err(|_| SealError::Broken)?;
        let mut envelope = Vec::with_capacity(NONCE + sealed.len());
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&sealed);
        Ok(format!("{FORMAT}.{}.{}", key.id, BASE64.encode(envelope)))
    }

    /// Opens what [`Seal::seal`] made for the same `owner`.
    pub fn open(&self, owner: &str, envelope: &str) -> Result<Vec<u8>, SealError> {
        let mut parts = envelope.splitn(3, '.');
        let (Some(FORMAT), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Format);
        };
        let key = self
            .keys()
            .into_iter()
            .find(|key| key.id == id)
            .ok_or_else(|| SealError::UnknownKey(id.chars().take(40).collect()))?;
        let bytes = BASE64.decode(body).map_err(|_| SealError::Format)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>().ok_or(SealError::Format)?;
        cipher(&key)
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: owner.as_bytes() })
            .map_err(|_| SealError::Broken)
    }

    /// Opens text.
    pub fn open_text(&self, owner: &str, envelope: &str) -> Result<SecretString, SealError> {
        String::from_utf8(self.open(owner, envelope)?).map(SecretString::from).map_err(|_| SealError::NotText)
    }

    /// A keyed fingerprint: equal values have equal fingerprints, and nothing leads back. It is made with the
    /// oldest key, so that it stays the same when a key is added.
    pub fn fingerprint(&self, secret: &SecretString) -> String {
        self.mac("fingerprint", secret.expose_secret().as_bytes())
    }

    /// A keyed signature over `text`, in hex; `purpose` keeps uses apart.
    pub fn mac(&self, purpose: &str, text: &[u8]) -> String {
        // HMAC pads a short key with zeros by itself; done here, the length is right by type.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.oldest.bytes.expose_secret());
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text);
        hex(&mac.finalize().into_bytes()[..16])
    }
}

fn cipher(key: &NamedKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key.bytes.expose_secret()))
}

#[cfg(test)]
mod tests;
