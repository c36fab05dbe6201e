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

#[test]
fn a_key_that_is_added_seals_at_once_and_for_everybody() {
    let seal = std::sync::Arc::new(seal());
    let other = seal.clone();
    let envelope = seal.seal("o", b"x").unwrap();
    let (print, secret) = (seal.fingerprint(&SecretString::from("a")), SecretString::from("a"));
    assert_eq!(seal.current_key(), "k1");
    seal.add("k2".into(), secrecy::SecretBox::new(Box::new([2; 32]))).unwrap();
    let new = other.seal("o", b"x").unwrap();
    assert_eq!((Seal::key_of(&envelope), Seal::key_of(&new)), (Some("k1"), Some("k2")));
    assert_eq!(other.current_key(), "k2");
    for envelope in [&envelope, &new] {
        assert_eq!(other.open("o", envelope).unwrap(), b"x");
    }
    assert_eq!(other.fingerprint(&secret), print);
    let again = |id: &str| seal.add(id.into(), secrecy::SecretBox::new(Box::new([3; 32])));
    assert_eq!(again("k1"), Err(SealError::KeyTaken("k1".into())));
    assert_eq!(again("k2"), Err(SealError::KeyTaken("k2".into())));
    assert_eq!(Seal::key_of("x1.k1.AA"), None);
}
