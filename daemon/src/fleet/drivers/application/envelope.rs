//! Values as the application seals them: AES-256-GCM, with iv and tag in columns of their own, all in hex or all in base64.

use aes_gcm::aead::Aead;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aes::Aes256;
use aes_gcm::{AesGcm, KeyInit};
use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

/// Bytes of a tag, and of a key.
const TAG: usize = 16;
const KEY: usize = 32;

/// The configured key can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key is not one of AES-256: 32 bytes in hex or base64")]
pub struct KeyError;

/// Why a value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenError {
    #[error("its tag is not 16 bytes in hex or base64")]
    Tag,
    #[error("its iv is not 12 or 16 bytes in hex or base64")]
    Iv,
    #[error("it is neither hex nor base64")]
    Text,
    #[error("it does not open: another key, or it was changed")]
    Broken,
    #[error("it is not text")]
    NotText,
}

/// The two lengths of iv that are in use; twelve bytes are GCM's own.
#[derive(Clone)]
pub(super) struct Opener {
    twelve: Box<AesGcm<Aes256, U12>>,
    sixteen: Box<AesGcm<Aes256, U16>>,
}

impl Opener {
    pub(super) fn new(key: &SecretString) -> Result<Self, KeyError> {
        let text = key.expose_secret().trim();
        let bytes =
            Zeroizing::new(decoded(text, is_hex(text, KEY)).filter(|key| key.len() == KEY).ok_or(KeyError)?);
        Ok(Self {
            twelve: Box::new(AesGcm::new_from_slice(&bytes).map_err(|_| KeyError)?),
            sixteen: Box::new(AesGcm::new_from_slice(&bytes).map_err(|_| KeyError)?),
        })
    }

    /// Opens a value. The tag's length tells how all three are written.
    pub(super) fn open(&self, sealed: &str, iv: &str, tag: &str) -> Result<SecretString, OpenError> {
        let hex = is_hex(tag, TAG);
        let tag = decoded(tag, hex).filter(|tag| tag.len() == TAG).ok_or(OpenError::Tag)?;
        let iv = decoded(iv, hex).ok_or(OpenError::Iv)?;
        let mut sealed = decoded(sealed, hex).ok_or(OpenError::Text)?;
        sealed.extend(tag);
        let opened = if let Ok(iv) = <[u8; 12]>::try_from(iv.as_slice()) {
            self.twelve.decrypt(&iv.into(), sealed.as_slice())
        } else if let Ok(iv) = <[u8; 16]>::try_from(iv.as_slice()) {
            self.sixteen.decrypt(&iv.into(), sealed.as_slice())
        } else {
            return Err(OpenError::Iv);
        };
        let opened = opened.map_err(|_| OpenError::Broken)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            OpenError::NotText
        })
    }
}

/// Whether a text is so many bytes in hex: in base64 it would be of another length.
fn is_hex(text: &str, bytes: usize) -> bool {
    text.len() == bytes * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn decoded(text: &str, hex: bool) -> Option<Vec<u8>> {
    if !hex {
        let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        return GeneralPurpose::new(alphabet, config).decode(text).ok();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hex::hex;

    const KEY_BYTES: [u8; 32] = [7; 32];

    fn base64(bytes: &[u8]) -> String {
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn opener() -> Opener {
        Opener::new(&SecretString::from(hex(&KEY_BYTES))).unwrap()
    }

    fn sealed(text: &str, iv: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut whole = match iv.len() {
            12 => opener().twelve.encrypt(&<[u8; 12]>::try_from(iv).unwrap().into(), text.as_bytes()),
            _ => opener().sixteen.encrypt(&<[u8; 16]>::try_from(iv).unwrap().into(), text.as_bytes()),
        }
        .unwrap();
        let tag = whole.split_off(whole.len() - TAG);
        (whole, tag)
    }

    /// The fourteenth case of the GCM specification's tests: a key of zeros, a block of zeros.
    #[test]
    fn a_known_answer_opens() {
        let opener = Opener::new(&SecretString::from("0".repeat(64))).unwrap();
        let opened = opener.open(
            "cea7403d4d606b6e074ec5d3baf39d18",
            &"0".repeat(24),
            "d0d1c8a799996bf0265b98b5d48ab919",
        );
        assert_eq!(opened.unwrap().expose_secret(), "\0".repeat(16));
    }

    #[test]
    fn keys_are_read_in_both_manners() {
        for key in [hex(&KEY_BYTES), base64(&KEY_BYTES), base64(&KEY_BYTES).trim_end_matches('=').to_owned()]
        {
            assert!(Opener::new(&SecretString::from(key)).is_ok());
        }
        for key in ["", "short", &"g".repeat(64), &"a".repeat(63)] {
            assert_eq!(Opener::new(&SecretString::from(key.to_owned())).err(), Some(KeyError));
        }
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_nothing_else(text in "\\PC{0,80}", long: bool, as_hex: bool, flip in 0_usize..1000) {
            let iv = vec![9; if long { 16 } else { 12 }];
            let (body, mut tag) = sealed(&text, &iv);
            let write = |bytes: &[u8]| if as_hex { hex(bytes) } else { base64(bytes) };
            let opened = opener().open(&write(&body), &write(&iv), &write(&tag)).unwrap();
            prop_assert_eq!(opened.expose_secret(), &text);
            let at = flip % tag.len();
            tag[at] ^= 1;
            prop_assert_eq!(opener().open(&write(&body), &write(&iv), &write(&tag)).err(), Some(OpenError::Broken));
        }
    }
}
