use proptest::prelude::*;

use super::*;
use crate::hex::hex;

const VECTOR: &str = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from((*text).to_owned())).collect()
}

/// What the door does with a header.
fn is_signed(secrets: &[SecretString], header: &str, body: &[u8]) -> bool {
    Signature::parse(header.as_bytes()).is_some_and(|signature| signature.is_of(secrets, body))
}

fn signed(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    format!("sha256={}", hex(&mac.finalize().into_bytes()))
}

#[test]
fn githubs_own_vector_fits() {
    let own = secrets(&["It's a Secret to Everybody"]);
    assert!(is_signed(&own, VECTOR, b"Hello, World!"));
    assert!(is_signed(&own, &format!("sha256={}", VECTOR[7..].to_uppercase()), b"Hello, World!"));
    assert!(!is_signed(&own, VECTOR, b"Hello, World"));
    assert!(!is_signed(&secrets(&["it's a secret to everybody"]), VECTOR, b"Hello, World!"));
    assert!(!is_signed(&[], VECTOR, b"Hello, World!"));
}

#[test]
fn other_forms_are_no_signature() {
    let digits = &VECTOR[7..];
    let own = secrets(&["It's a Secret to Everybody"]);
    for header in [
        String::new(),
        digits.to_owned(),
        format!("sha1={digits}"),
        format!("SHA256={digits}"),
        format!("sha256={}", &digits[1..]),
        format!("sha256={digits}0"),
        format!(" sha256={digits}"),
        format!("sha256={} ", &digits[..63]),
        format!("sha256=+{}", &digits[1..]),
        format!("sha256=\u{e9}{}", &digits[2..]),
    ] {
        assert!(!is_signed(&own, &header, b"Hello, World!"), "{header}");
    }
}

proptest! {
    #[test]
    fn either_secret_fits_and_no_other(
        one in ".{0,80}", other in ".{0,80}", third in ".{0,80}", body in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let live = secrets(&[&one, &other]);
        prop_assert!(is_signed(&live, &signed(&one, &body), &body));
        prop_assert!(is_signed(&live, &signed(&other, &body), &body));
        // A key shorter than the hash's block is padded with zeros, so such a pair is one key.
        let key = |text: &str| text.trim_end_matches('\0').to_owned();
        if key(&third) != key(&one) && key(&third) != key(&other) {
            prop_assert!(!is_signed(&live, &signed(&third, &body), &body));
        }
    }

    #[test]
    fn one_bit_of_the_body_or_of_the_signature_counts(
        secret in ".{1,40}", body in prop::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>(), bit in 0..8_u8,
    ) {
        let live = secrets(&[&secret]);
        let header = signed(&secret, &body);
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= 1 << bit;
        prop_assert!(!is_signed(&live, &header, &changed));
        let mut wrong = Signature::parse(header.as_bytes()).unwrap();
        wrong.0[at.index(32)] ^= 1 << bit;
        prop_assert!(!wrong.is_of(&live, &body));
    }

    #[test]
    fn any_header_gets_an_answer(header in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Signature::parse(&header);
    }
}
