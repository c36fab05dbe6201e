use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use sha2::Sha256;

use super::*;

fn mac(key: &'static str) -> impl Fn(&[u8]) -> String {
    move |text| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(text);
        mac.finalize().into_bytes()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn state(user: &str) -> InstallState {
    InstallState {
        user: user.into(),
        tenant: Some("org-1".into()),
        nonce: "nonce".into(),
        issued_at: 1_000_000,
        expires_at: 1_600_000,
    }
}

#[test]
fn a_state_says_what_was_signed_until_it_expires() {
    let text = write(&state("user-1"), mac("k")).unwrap();
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{text}");
    assert!(!text.contains("user-1"));
    for now in [1_000_000, 1_599_999, 950_000] {
        assert_eq!(read(&text, now, mac("k")), Ok(state("user-1")));
    }
    for now in [1_600_000, i64::MAX, 939_999, i64::MIN] {
        assert_eq!(read(&text, now, mac("k")), Err(StateError::Expired));
    }
    assert_eq!(read(&text, 1_000_000, mac("another")), Err(StateError::Forged));
    assert_eq!(write(&state(&"u".repeat(2000)), mac("k")), None);
    // The bare user id of the references, and other things that are none.
    for forged in ["", "user-1", "i1", "i1.", "i1..", "..", "i1.e30", &"a".repeat(5000)] {
        assert_eq!(read(forged, 1_000_000, mac("k")), Err(StateError::Forged), "{forged}");
    }
    // Signed, but another format or no state at all.
    for signed in ["i0.e30", "i1.e30", "i1.!", "e30"] {
        let text = format!("{signed}.{}", mac("k")(signed.as_bytes()));
        assert_eq!(read(&text, 1_000_000, mac("k")), Err(StateError::Forged), "{signed}");
    }
}

proptest! {
    #[test]
    fn whatever_is_changed_is_forged(user in ".{0,40}", at in any::<prop::sample::Index>(), to in any::<char>()) {
        let text = write(&state(&user), mac("k")).unwrap();
        prop_assert_eq!(read(&text, 1_000_000, mac("k")).unwrap().user, user);
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        prop_assume!(chars[at] != to);
        chars[at] = to;
        let changed: String = chars.into_iter().collect();
        prop_assert_eq!(read(&changed, 1_000_000, mac("k")), Err(StateError::Forged));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,80}") {
        prop_assert!(read(&text, 0, mac("k")).is_err());
    }
}
