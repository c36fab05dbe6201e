use proptest::prelude::*;

use super::*;

fn seal() -> Seal {
    Seal::new(vec![("k1".into(), secrecy::SecretBox::new(Box::new([1; 32])))]).unwrap()
}

proptest! {
    #[test]
    fn what_is_sealed_opens_for_its_owner_only(plain in proptest::collection::vec(any::<u8>(), 0..200), owner in "[a-z]{1,9}", other in "[A-Z]{1,9}") {
        let seal = seal();
        let envelope = seal.seal(&owner, &plain).unwrap();
        prop_assert_eq!(seal.open(&owner, &envelope).unwrap(), plain);
        prop_assert_eq!(seal.open(&other, &envelope), Err(SealError::Broken));
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,80}") {
        prop_assert!(seal().open("owner", &text).is_err());
    }
}

#[test]
fn a_changed_envelope_does_not_open() {
    let seal = seal();
    let envelope = seal.seal("o", b"secret").unwrap();
    let last = if envelope.ends_with('A') { 'B' } else { 'A' };
    let changed = format!("{}{last}", &envelope[..envelope.len() - 1]);
    assert!(matches!(seal.open("o", &changed), Err(SealError::Broken | SealError::Format)));
}

#[test]
fn an_added_key_opens_the_old_and_keeps_fingerprints() {
    let old = seal();
    let envelope = old.seal("o", b"x").unwrap();
    let both = Seal::new(vec![
        ("k1".into(), secrecy::SecretBox::new(Box::new([1; 32]))),
        ("k2".into(), secrecy::SecretBox::new(Box::new([2; 32]))),
    ])
    .unwrap();
    assert_eq!(both.open("o", &envelope).unwrap(), b"x");
    assert!(both.seal("o", b"x").unwrap().starts_with("s1.k2."));
    let secret = SecretString::from("gho_1");
    assert_eq!(old.fingerprint(&secret), both.fingerprint(&secret));
    assert_eq!(old.open("o", &both.seal("o", b"x").unwrap()), Err(SealError::UnknownKey("k2".into())));
}
