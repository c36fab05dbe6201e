//! What a JSON Web Token says, and whether that is enough. Time is handed in: the library's own clock stays off.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use super::User;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// The longest name of a user or a tenant, in bytes.
const LONGEST_NAME: usize = 255;

/// What a token must say.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// Among the token's `aud`.
    pub audience: Option<String>,
    /// The token's `iss`.
    pub issuer: Option<String>,
    /// How far the issuer's clock may be off, in seconds.
    pub leeway: i64,
    /// The claim that names the tenant.
    pub tenant_claim: String,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Form,
    Algorithm,
    Signature,
    NoEnd,
    Expired,
    NotYet,
    Audience,
    Issuer,
    Subject,
    Tenant,
}

impl Unfit {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Form => "the token is no JSON Web Token",
            Self::Algorithm => "tokens with this algorithm are not taken",
            Self::Signature => "the token's signature is not good",
            Self::NoEnd => "the token has no end (`exp`)",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::Audience => "the token is not meant for this service (`aud`)",
            Self::Issuer => "the token is from another issuer (`iss`)",
            Self::Subject => "the token names no user (`sub`)",
            Self::Tenant => "the token names no usable tenant",
        }
    }
}

/// What the token says of itself; nothing of it is proven.
pub(super) struct Head {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
}

pub(super) fn head(token: &str) -> Result<Head, Unfit> {
    if token.len() > LONGEST {
        return Err(Unfit::Form);
    }
    let head = jsonwebtoken::decode_header(token).map_err(|_| Unfit::Form)?;
    // What must be understood is not understood here.
    if head.crit.is_some() {
        return Err(Unfit::Form);
    }
    Ok(Head { algorithm: head.alg, kid: head.kid })
}

/// What is signed with this key and algorithm.
pub(super) fn claims(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Value, Unfit> {
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims = HashSet::new();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    let token = jsonwebtoken::decode::<Value>(token, key, &rules).map_err(|_| Unfit::Signature)?;
    Ok(token.claims)
}

/// Whether the claims are enough at `now`, in seconds since the epoch.
pub(super) fn judge(claims: &Value, now: i64, demands: &Demands) -> Result<User, Unfit> {
    let expires = moment(&claims["exp"]).ok_or(Unfit::NoEnd)?;
    if now >= expires.saturating_add(demands.leeway) {
        return Err(Unfit::Expired);
    }
    match &claims["nbf"] {
        Value::Null => {}
        from if moment(from).is_some_and(|from| from <= now.saturating_add(demands.leeway)) => {}
        _ => return Err(Unfit::NotYet),
    }
    if let Some(audience) = &demands.audience {
        let named = match &claims["aud"] {
            Value::String(one) => one == audience,
            Value::Array(several) => several.iter().any(|one| one == audience),
            _ => false,
        };
        if !named {
            return Err(Unfit::Audience);
        }
    }
    if demands.issuer.as_ref().is_some_and(|issuer| claims["iss"] != **issuer) {
        return Err(Unfit::Issuer);
    }
    let id = name(&claims["sub"]).ok_or(Unfit::Subject)?;
    let tenant = match &claims[demands.tenant_claim.as_str()] {
        Value::Null => None,
        // A tenant that can't be one must not turn into "none".
        named => Some(name(named).ok_or(Unfit::Tenant)?),
    };
    Ok(User { id, tenant })
}

/// Seconds since the epoch; a fraction counts as not yet over, or begun.
fn moment(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        // Above this a float can't tell seconds apart, and no date is meant.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be far inside the range")]
        (seconds.abs() < 1e15).then(|| seconds.floor() as i64)
    })
}

fn name(value: &Value) -> Option<String> {
    let name = value.as_str()?;
    let sane = (1..=LONGEST_NAME).contains(&name.len()) && !name.chars().any(char::is_control);
    sane.then(|| name.to_owned())
}
