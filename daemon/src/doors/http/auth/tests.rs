use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::keys::{BETWEEN, FRESH};
use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_700_000_000;
const RSA: &str = include_str!("../../../config/testdata/app.pem");
const OTHER_RSA: &str = include_str!("../../../config/testdata/second.pem");

fn demands() -> Demands {
    Demands { leeway: 30, tenant_claim: "org_id".into(), ..Demands::default() }
}

fn users(demands: Demands) -> Users {
    Users::new(Clock::manual(NOW * 1000), demands, Some(&SecretString::from(SECRET.to_owned())), None)
}

fn good() -> Value {
    json!({"sub": "user-1", "org_id": "org-1", "exp": NOW + 60})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

fn signed(algorithm: Algorithm, claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

fn hs256(claims: &Value) -> String {
    signed(Algorithm::HS256, claims, SECRET)
}

/// The way of a request: header, scheme, token.
async fn ask(users: &Arc<Users>, token: &str) -> Result<User, String> {
    let auth = Auth { users: Some(users.clone()), ..Auth::default() };
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    auth.user(&headers).await.map_err(|refusal| {
        assert!(matches!(refusal.status.as_u16(), 401 | 503), "{refusal:?}");
        refusal.message
    })
}

#[tokio::test]
async fn a_good_token_names_its_user_and_tenant() {
    let users = Arc::new(users(demands()));
    let user = User { id: "user-1".into(), tenant: Some("org-1".into()) };
    assert_eq!(ask(&users, &hs256(&good())).await, Ok(user.clone()));
    assert_eq!(ask(&users, &hs256(&with("org_id", Value::Null))).await.unwrap().tenant, None);
    // Within the leeway, and as issuers write times.
    for claims in [
        with("exp", json!(NOW - 29)),
        with("exp", json!(NOW as f64 + 0.5)),
        with("nbf", json!(NOW + 30)),
        with("nbf", json!(0)),
        with("aud", json!("whatever")),
        with("iss", json!("whoever")),
    ] {
        assert_eq!(ask(&users, &hs256(&claims)).await, Ok(user.clone()), "{claims}");
    }
}

#[tokio::test]
async fn what_a_token_lacks_is_said() {
    let users = Arc::new(users(demands()));
    for (claims, unfit) in [
        (with("exp", json!(NOW - 30)), Unfit::Expired),
        (with("exp", json!(0)), Unfit::Expired),
        (with("exp", Value::Null), Unfit::NoEnd),
        (with("exp", json!("tomorrow")), Unfit::NoEnd),
        (with("exp", json!(1e300)), Unfit::NoEnd),
        (with("nbf", json!(NOW + 31)), Unfit::NotYet),
        (with("nbf", json!("now")), Unfit::NotYet),
        (with("sub", Value::Null), Unfit::Subject),
        (with("sub", json!("")), Unfit::Subject),
        (with("sub", json!(7)), Unfit::Subject),
        (with("sub", json!("a\nb")), Unfit::Subject),
        (with("sub", json!("a".repeat(256))), Unfit::Subject),
        (with("org_id", json!(7)), Unfit::Tenant),
        (with("org_id", json!("")), Unfit::Tenant),
        (json!([]), Unfit::Signature),
        (json!("user-1"), Unfit::Signature),
    ] {
        let said = ask(&users, &hs256(&claims)).await.unwrap_err();
        // What is signed and no object has no end.
        assert!(said == unfit.why() || said == Unfit::NoEnd.why(), "{claims}: {said}");
        if claims.is_object() {
            assert_eq!(said, unfit.why(), "{claims}");
        }
    }
    assert!(ask(&users, &"a".repeat(9000)).await.is_err());
}

#[tokio::test]
async fn audience_and_issuer_are_demanded_where_they_are_configured() {
    let strict = Demands {
        audience: Some("cutover".into()),
        issuer: Some("https://auth.example".into()),
        ..demands()
    };
    let users = Arc::new(users(strict));
    let claims = |aud: Value, iss: Value| {
        let mut claims = with("aud", aud);
        claims["iss"] = iss;
        claims
    };
    let iss = json!("https://auth.example");
    for aud in [json!("cutover"), json!(["x", "cutover"])] {
        assert!(ask(&users, &hs256(&claims(aud, iss.clone()))).await.is_ok());
    }
    for aud in [Value::Null, json!("cutover2"), json!(["x"]), json!([]), json!({"cutover": 1})] {
        let said = ask(&users, &hs256(&claims(aud, iss.clone()))).await;
        assert_eq!(said, Err(Unfit::Audience.why().into()));
    }
    for iss in [Value::Null, json!("https://auth.example/"), json!(["https://auth.example"])] {
        let said = ask(&users, &hs256(&claims(json!("cutover"), iss))).await;
        assert_eq!(said, Err(Unfit::Issuer.why().into()));
    }
}

#[tokio::test]
async fn no_other_algorithm_and_no_other_key_is_taken() {
    let users = Arc::new(users(demands()));
    let unsigned =
        |head: Value| format!("{}.{}.", BASE64.encode(head.to_string()), BASE64.encode(good().to_string()));
    let rsa = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    let hs = hs256(&good());
    let (message, signature) = hs.rsplit_once('.').unwrap();
    let (_, body) = message.split_once('.').unwrap();
    for token in [
        unsigned(json!({"alg": "none"})),
        unsigned(json!({"alg": "None", "typ": "JWT"})),
        unsigned(json!({"alg": "HS256"})),
        unsigned(json!({})),
        signed(Algorithm::HS384, &good(), SECRET),
        signed(Algorithm::HS512, &good(), SECRET),
        signed(Algorithm::HS256, &good(), "another"),
        signed(Algorithm::HS256, &good(), ""),
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &good(), &rsa).unwrap(),
        format!("{message}."),
        format!("{message}.{signature}."),
        format!(".{body}.{signature}"),
        String::from("a.b.c"),
        String::from(".."),
    ] {
        assert!(ask(&users, &token).await.is_err(), "{token}");
    }
    // What its issuer says must be understood is not understood here.
    let critical = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    assert!(ask(&users, &jsonwebtoken::encode(&critical, &good(), &key).unwrap()).await.is_err());
    // Another scheme, no token, nothing configured.
    let auth = Auth { users: Some(users), ..Auth::default() };
    for value in ["", "Bearer", "Bearer ", &format!("Basic {hs}"), &hs] {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        assert!(auth.user(&headers).await.is_err(), "{value}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("bearer {hs}")).unwrap());
    assert!(auth.user(&headers).await.is_ok());
    assert!(Auth::default().user(&headers).await.is_err());
}

proptest! {
    #[test]
    fn no_changed_token_passes(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let users = Arc::new(users(demands()));
        let token = hs256(&good());
        let mut bytes = token.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != to.as_bytes()[0]);
        bytes[at] = to.as_bytes()[0];
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(runtime.block_on(ask(&users, &changed)).is_err(), "{}", changed);
        prop_assert!(runtime.block_on(ask(&users, &token[..at])).is_err());
    }

    #[test]
    fn no_text_is_a_token_and_none_panics(text in "[ -~]{0,200}") {
        prop_assert!(token::head(&text).is_err() || token::claims(
            &text, &DecodingKey::from_secret(SECRET.as_bytes()), Algorithm::HS256).is_err());
    }

    #[test]
    fn what_is_judged_good_has_not_expired(exp in any::<i64>(), nbf in any::<i64>(), leeway in 0..300_i64) {
        let claims = json!({"sub": "u", "exp": exp, "nbf": nbf});
        let demands = Demands { leeway, ..demands() };
        let good = token::judge(&claims, NOW, &demands).is_ok();
        prop_assert_eq!(good, i128::from(exp) + i128::from(leeway) > i128::from(NOW)
            && i128::from(nbf) - i128::from(leeway) <= i128::from(NOW));
    }
}

/// An issuer's key set over HTTP.
struct Issuer {
    url: Url,
    asked: Arc<AtomicUsize>,
    /// Status and body of the next answers.
    says: Arc<Mutex<(u16, String)>>,
}

impl Issuer {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let (asked, says) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new((200, String::new()))));
        let issuer = Self { url, asked: asked.clone(), says: says.clone() };
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 4096]).await;
                asked.fetch_add(1, Ordering::SeqCst);
                let (status, body) = says.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        issuer
    }

    fn says(&self, status: u16, body: &Value) {
        *self.says.lock().unwrap() = (status, body.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn users(&self, clock: &Clock, secret: Option<&str>) -> Arc<Users> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let secret = secret.map(|secret| SecretString::from(secret.to_owned()));
        let keys = Some((Client::new().unwrap(), self.url.clone()));
        Arc::new(Users::new(clock.clone(), demands(), secret.as_ref(), keys))
    }
}

fn jwk(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk["kid"] = json!(kid);
    jwk
}

fn with_kid(key: &EncodingKey, algorithm: Algorithm, kid: Option<&str>, exp: i64) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, &with("exp", json!(exp)), key).unwrap()
}

#[tokio::test]
async fn keys_are_fetched_once_again_for_an_unknown_one_and_stay_when_the_issuer_fails() {
    let issuer = Issuer::new().await;
    let clock = Clock::manual(NOW * 1000);
    let users = issuer.users(&clock, None);
    let far = NOW + 100_000;
    let rsa = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    let other = EncodingKey::from_rsa_pem(OTHER_RSA.as_bytes()).unwrap();
    let pair = rcgen::KeyPair::generate().unwrap();
    let ec = EncodingKey::from_ec_der(&pair.serialize_der());
    let (one, two) = (jwk(&rsa, Algorithm::RS256, "one"), jwk(&ec, Algorithm::ES256, "two"));
    let three = jwk(&other, Algorithm::RS256, "three");

    issuer.says(500, &json!({}));
    let token = with_kid(&rsa, Algorithm::RS256, Some("one"), far);
    assert!(ask(&users, &token).await.unwrap_err().contains("can't be had now"));
    issuer.says(200, &json!({"keys": [one, two, {"kty": "oct", "k": "AAAA", "kid": "four"}, {"kty": "?"}]}));
    // Not before a minute has passed.
    assert!(ask(&users, &token).await.is_err());
    assert_eq!(issuer.asked(), 1);
    clock.advance(BETWEEN);
    // However many wait.
    let waiting = (0..50).map(|_| ask(&users, &token));
    assert!(futures::future::join_all(waiting).await.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 2);
    assert!(ask(&users, &with_kid(&ec, Algorithm::ES256, Some("two"), far)).await.is_ok());
    // Without a key id the algorithm's only key is meant.
    assert!(ask(&users, &with_kid(&rsa, Algorithm::RS256, None, far)).await.is_ok());
    assert_eq!(issuer.asked(), 2);

    // Somebody else's key under a known name; a known key under another's algorithm; a symmetric key from the set.
    assert!(ask(&users, &with_kid(&other, Algorithm::RS256, Some("one"), far)).await.is_err());
    assert!(ask(&users, &with_kid(&rsa, Algorithm::RS384, Some("one"), far)).await.is_err());
    assert!(ask(&users, &with_kid(&rsa, Algorithm::PS256, Some("one"), far)).await.is_err());
    let symmetric = EncodingKey::from_secret(&[0, 0, 0]);
    assert!(ask(&users, &with_kid(&symmetric, Algorithm::HS256, Some("four"), far)).await.is_err());
    // The public key as if it were a shared secret.
    let public = EncodingKey::from_secret(one["n"].as_str().unwrap().as_bytes());
    assert!(ask(&users, &with_kid(&public, Algorithm::HS256, Some("one"), far)).await.is_err());

    // A new key comes into use.
    issuer.says(200, &json!({"keys": [one, three]}));
    let new = with_kid(&other, Algorithm::RS256, Some("three"), far);
    assert!(ask(&users, &new).await.is_err(), "the minute is not over");
    clock.advance(BETWEEN);
    assert!(ask(&users, &new).await.is_ok());
    let asked = issuer.asked();
    for n in 0..20 {
        let unknown = with_kid(&rsa, Algorithm::RS256, Some(&format!("x{n}")), far);
        assert!(ask(&users, &unknown).await.is_err());
    }
    assert_eq!(issuer.asked(), asked, "unknown ids are no flood");

    // The issuer fails, and its keys stay.
    issuer.says(503, &json!({}));
    clock.advance(FRESH);
    assert!(ask(&users, &token).await.is_ok());
    assert_eq!(issuer.asked(), asked + 1);
    // It is back without one of them: that key has ended.
    issuer.says(200, &json!({"keys": [three]}));
    clock.advance(BETWEEN);
    assert!(ask(&users, &new).await.is_ok());
    assert!(ask(&users, &token).await.is_err());
}

#[tokio::test]
async fn a_secret_and_keys_may_both_live_and_neither_stands_for_the_other() {
    let issuer = Issuer::new().await;
    let clock = Clock::manual(NOW * 1000);
    let users = issuer.users(&clock, Some(SECRET));
    let rsa = EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap();
    issuer.says(200, &json!({"keys": [jwk(&rsa, Algorithm::RS256, "one")]}));
    assert!(ask(&users, &hs256(&good())).await.is_ok());
    assert_eq!(issuer.asked(), 0);
    assert!(ask(&users, &with_kid(&rsa, Algorithm::RS256, Some("one"), NOW + 60)).await.is_ok());
    assert!(ask(&users, &signed(Algorithm::HS256, &good(), "one")).await.is_err());
}

#[tokio::test]
async fn bad_tokens_count_against_their_address_and_good_ones_against_their_user() {
    let rates = Arc::new(Rates::new(Clock::manual(0), 2, 3));
    let users = Arc::new(users(demands()));
    let service_token = Some(SecretString::from("service".to_owned()));
    let auth = Auth { service_token, users: Some(users), rates: Some(rates) };
    let bearing = |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        headers
    };
    let (good, bad) = (bearing(&hs256(&good())), bearing("x"));
    let address = |last: u8| IpAddr::from([192, 0, 2, last]);
    let status =
        |result: Result<User, Refusal>| result.map_or_else(|refusal| refusal.status.as_u16(), |_| 200);
    for expected in [401, 401, 429] {
        assert_eq!(status(auth.user_within_limits(&bad, address(1)).await), expected);
    }
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(auth.user_within_limits(&good, address(1)).await), expected);
    }
    // The same user from elsewhere is the same user.
    assert_eq!(status(auth.user_within_limits(&good, address(2)).await), 429);
    let service = |headers: &HeaderMap, last| auth.service_within_limits(headers, address(last)).is_ok();
    assert_eq!([(); 4].map(|()| service(&bearing("service"), 1)), [true, true, true, false]);
    assert_eq!(auth.service_within_limits(&bad, address(3)).unwrap_err().status.as_u16(), 401);
    assert!(!service(&bad, 3));
    assert_eq!(auth.service_within_limits(&bad, address(3)).unwrap_err().status.as_u16(), 429);
}

#[tokio::test]
async fn a_caller_has_the_own_tenant_a_service_all_and_both_count() {
    let rates = Some(Arc::new(Rates::new(Clock::manual(0), 2, 3)));
    let (service_token, users) = (Some("service".into()), Some(Arc::new(users(demands()))));
    let auth = Auth { service_token, users, rates };
    let address = IpAddr::from([192, 0, 2, 1]);
    let call = async |token: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
        auth.caller_within_limits(&headers, address).await.map_err(|refusal| refusal.code)
    };
    let (own, none) = (hs256(&good()), hs256(&json!({"sub": "user-2", "exp": NOW + 60})));
    for (token, expected) in
        [("service", Ok(None)), (&own, Ok(Some(TenantId::from("org-1")))), (&none, Err("no_tenant"))]
    {
        for _ in 0..3 {
            assert_eq!(call(token).await, expected, "{token}");
        }
        assert_eq!(call(token).await, Err("rate_limited"), "{token}");
    }
    for expected in ["unauthorized", "unauthorized", "rate_limited"] {
        assert_eq!(call("guess").await, Err(expected));
    }
}
