//! The public keys of who issues users' tokens: fetched when one is needed that is not there, by one caller at a time, at most
//! once a minute. When the fetch fails, what was there stays.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Method, Url};
use tokio::sync::Mutex;

use crate::client::Client;
use crate::clock::Clock;

/// A set this old is fetched again, so that a key that was withdrawn ends.
pub(super) const FRESH: Duration = Duration::from_secs(10 * 60);

/// Whoever sends unknown key ids must not make us a flood for the issuer.
pub(super) const BETWEEN: Duration = Duration::from_secs(60);

/// For one fetch.
const PATIENCE: Duration = Duration::from_secs(5);

/// Keys of a set that are looked at.
const MOST: usize = 100;

/// RSA keys with fewer bytes in their modulus (2,048 bits) are not taken.
const SHORTEST_MODULUS: usize = 256;

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyError {
    /// The issuer has no such key.
    Unknown,
    /// No set was ever had.
    Unavailable,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

#[derive(Default)]
struct Held {
    keys: Vec<Key>,
    /// When it was fetched; none before the first.
    at: Option<Duration>,
}

impl Held {
    /// A token without a key id fits a set with one key of its algorithm only.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (kid.is_none() || key.id.as_deref() == kid));
        let first = fitting.next()?;
        (kid.is_some() || fitting.next().is_none()).then(|| first.key.clone())
    }
}

/// The keys at one address.
pub(super) struct KeySet {
    client: Client,
    url: Url,
    clock: Clock,
    held: ArcSwap<Held>,
    /// When a fetch began last; held by who fetches.
    fetching: Mutex<Option<Duration>>,
}

impl KeySet {
    pub(super) fn new(client: Client, url: Url, clock: Clock) -> Self {
        Self { client, url, clock, held: ArcSwap::default(), fetching: Mutex::default() }
    }

    pub(super) async fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, KeyError> {
        let held = self.held.load();
        let known = held.find(kid, algorithm);
        if let (Some(key), true) = (&known, self.is_fresh(&held)) {
            return Ok(key.clone());
        }
        let mut last = match known {
            // A known key of an old set is good while somebody else fetches.
            Some(key) => match self.fetching.try_lock() {
                Ok(last) => last,
                Err(_) => return Ok(key),
            },
            None => self.fetching.lock().await,
        };
        let held = self.held.load();
        let fetched_meanwhile = self.is_fresh(&held) && held.find(kid, algorithm).is_some();
        let now = self.clock.monotonic();
        if !fetched_meanwhile && last.is_none_or(|at| now.saturating_sub(at) >= BETWEEN) {
            *last = Some(now);
            match self.fetch().await {
                Ok(keys) => self.held.store(Arc::new(Held { keys, at: Some(self.clock.monotonic()) })),
                Err(why) => tracing::warn!(why, "the keys of users' tokens can't be fetched; old ones stay"),
            }
        }
        let held = self.held.load();
        let missing = if held.at.is_none() { KeyError::Unavailable } else { KeyError::Unknown };
        held.find(kid, algorithm).ok_or(missing)
    }

    fn is_fresh(&self, held: &Held) -> bool {
        held.at.is_some_and(|at| self.clock.monotonic().saturating_sub(at) < FRESH)
    }

    async fn fetch(&self) -> Result<Vec<Key>, String> {
        let request = self.client.request(Method::GET, self.url.clone()).header("accept", "application/json");
        let answer = self.client.send(request, PATIENCE).await.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("status {}", answer.status));
        }
        let set: serde_json::Value =
            serde_json::from_slice(&answer.body).map_err(|_| "no JSON".to_owned())?;
        let keys = set["keys"].as_array().ok_or("no list of keys")?;
        let usable: Vec<Key> = keys.iter().take(MOST).filter_map(usable).collect();
        if usable.is_empty() { Err("no key that could be used".to_owned()) } else { Ok(usable) }
    }
}

/// A key that signs with an algorithm that is taken; others of the set are none of ours.
fn usable(value: &serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|use_| *use_ != PublicKeyUse::Signature) {
        return None;
    }
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    if jwk.common.key_algorithm.is_some_and(|told| told != named) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    if let jsonwebtoken::DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind()
        && n.len() < SHORTEST_MODULUS
    {
        return None;
    }
    Some(Key { id: jwk.common.key_id, algorithm, key })
}
