use std::time::Duration;

use jsonwebtoken::{DecodingKey, Validation};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::clock::Clock;

pub(crate) const FIRST: &str = include_str!("../testdata/first.pem");
pub(crate) const FIRST_PUBLIC: &str = include_str!("../testdata/first.pub.pem");
pub(crate) const SECOND: &str = include_str!("../testdata/second.pem");
pub(crate) const SECOND_PUBLIC: &str = include_str!("../testdata/second.pub.pem");

#[derive(Deserialize)]
struct Seen {
    iat: i64,
    exp: i64,
    iss: String,
}

fn decode(token: &SecretString, public: &str) -> Option<Seen> {
    let mut rules = Validation::new(Algorithm::RS256);
    // The tests own the time; the library would compare with the machine's.
    rules.validate_exp = false;
    rules.required_spec_claims.clear();
    jsonwebtoken::decode(
        token.expose_secret(),
        &DecodingKey::from_rsa_pem(public.as_bytes()).unwrap(),
        &rules,
    )
    .ok()
    .map(|data| data.claims)
}

fn app(clock: &Clock, keys: &[&str]) -> AppJwt {
    let keys: Vec<SecretString> = keys.iter().map(|key| SecretString::from(*key)).collect();
    AppJwt::new(77, &keys, Arc::new(ServerTime::new(clock.clone()))).unwrap()
}

#[test]
fn claims_are_backdated_short_and_name_the_app() {
    let clock = Clock::manual(1_700_000_000_999);
    let jwt = app(&clock, &[FIRST]);
    let seen = decode(&jwt.token(&mut jwt.begin()).unwrap(), FIRST_PUBLIC).unwrap();
    assert_eq!((seen.iat, seen.exp, seen.iss.as_str()), (1_699_999_940, 1_700_000_540, "77"));
}

#[test]
fn a_jwt_is_reused_while_it_is_young_and_signed_anew_before_it_expires() {
    let clock = Clock::manual(1_700_000_000_000);
    let jwt = app(&clock, &[FIRST]);
    let first = jwt.token(&mut jwt.begin()).unwrap();
    clock.advance(Duration::from_secs(6 * 60));
    assert_eq!(jwt.token(&mut jwt.begin()).unwrap().expose_secret(), first.expose_secret());
    clock.advance(Duration::from_secs(2 * 60));
    assert_ne!(jwt.token(&mut jwt.begin()).unwrap().expose_secret(), first.expose_secret());
}

#[test]
fn an_escaped_pem_is_understood_and_a_bad_one_is_named_without_its_text() {
    let time = Arc::new(ServerTime::new(Clock::manual(0)));
    for escaped in [FIRST.replace('\n', "\\n"), FIRST.replace('\n', "\\r\\n")] {
        assert!(AppJwt::new(1, &[SecretString::from(escaped)], Arc::clone(&time)).is_ok());
    }
    let bad =
        AppJwt::new(1, &[SecretString::from(FIRST), SecretString::from("hunter2")], time).err().unwrap();
    assert_eq!(bad, SetupError::BadKey { number: 2 });
    assert!(!bad.to_string().contains("hunter2"));
}

#[test]
fn the_second_key_is_tried_and_remembered() {
    let clock = Clock::manual(1_700_000_000_000);
    let jwt = app(&clock, &[FIRST, SECOND]);
    let mut attempt = jwt.begin();
    assert!(decode(&jwt.token(&mut attempt).unwrap(), FIRST_PUBLIC).is_some());
    jwt.rejected(&mut attempt, Some(clock.now())).unwrap();
    assert!(decode(&jwt.token(&mut attempt).unwrap(), SECOND_PUBLIC).is_some());
    jwt.accepted(&attempt);
    let mut next = jwt.begin();
    assert!(decode(&jwt.token(&mut next).unwrap(), SECOND_PUBLIC).is_some());
    let mut both = jwt.begin();
    jwt.token(&mut both).unwrap();
    jwt.rejected(&mut both, Some(clock.now())).unwrap();
    assert_eq!(jwt.rejected(&mut both, Some(clock.now())), Err(MintError::KeyRejected));
}

#[test]
fn a_wrong_clock_is_corrected_once_for_every_call_that_is_on_its_way() {
    let clock = Clock::manual(1_700_000_000_000);
    let jwt = app(&clock, &[FIRST]);
    let github = clock.now() + 3_600_000;
    let (mut one, mut two) = (jwt.begin(), jwt.begin());
    jwt.token(&mut one).unwrap();
    jwt.token(&mut two).unwrap();
    jwt.rejected(&mut one, Some(github)).unwrap();
    jwt.rejected(&mut two, Some(github)).unwrap();
    let seen = decode(&jwt.token(&mut two).unwrap(), FIRST_PUBLIC).unwrap();
    assert_eq!(seen.iat, github / 1000 - 60);
    assert_eq!(
        jwt.rejected(&mut two, Some(github)),
        Err(MintError::KeyRejected),
        "the corrected clock leaves only the key"
    );
    jwt.token(&mut one).unwrap();
    assert_eq!(
        jwt.rejected(&mut one, Some(github + 120_000)),
        Err(MintError::ClockSkew { seconds: 120 }),
        "a clock that can't be followed is said"
    );
}

proptest! {
    #[test]
    fn claims_hold_github_s_bounds_at_any_time(now in 0_i64..4_000_000_000_000) {
        let clock = Clock::manual(now);
        let jwt = app(&clock, &[FIRST]);
        let seen = decode(&jwt.token(&mut jwt.begin()).unwrap(), FIRST_PUBLIC).unwrap();
        prop_assert!(seen.iat * 1000 <= now - 59_000);
        prop_assert!(seen.exp * 1000 > now && seen.exp * 1000 <= now + 540_000);
        prop_assert!(seen.exp - seen.iat <= 600);
    }
}
