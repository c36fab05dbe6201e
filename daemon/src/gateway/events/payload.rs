//! Payloads as far as they are used, leniently: what is missing or of another type is none.

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Payload {
    #[serde(deserialize_with = "lenient")]
    pub(super) action: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) installation: Option<Installation>,
    #[serde(deserialize_with = "lenient")]
    pub(super) account: Option<Account>,
    #[serde(deserialize_with = "lenient")]
    pub(super) repository_selection: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(super) repositories: Option<Vec<Named>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) repositories_added: Option<Vec<Named>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) repositories_removed: Option<Vec<Named>>,
    #[serde(deserialize_with = "lenient")]
    pub(super) repository: Option<Repository>,
    pub(super) changes: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) sender: Option<Account>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Installation {
    pub(super) id: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) account: Option<Account>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) target_id: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) target_type: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) repository_selection: Option<String>,
    /// None when it is not told; `null` tells that it is not suspended.
    #[serde(default, deserialize_with = "told")]
    pub(super) suspended_at: Option<Value>,
    #[serde(default)]
    pub(super) permissions: Value,
    #[serde(default)]
    pub(super) updated_at: Value,
}

/// A user, an organisation, or an enterprise, which has a slug for a login.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: i64,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) login: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) slug: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    pub(super) kind: Option<String>,
}

impl Account {
    pub(super) fn name(&self) -> Option<&str> {
        self.login.as_deref().or(self.slug.as_deref())
    }
}

/// A repository as lists of installations name it, without its owner.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) full_name: String,
    #[serde(default)]
    pub(super) private: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) id: i64,
    pub(super) full_name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) owner: Option<Account>,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) fork: bool,
    #[serde(default)]
    pub(super) created_at: Value,
    #[serde(default)]
    pub(super) updated_at: Value,
}

/// RFC 3339 text, or seconds since the epoch, as milliseconds.
pub(super) fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
        }
        Value::Number(seconds) => seconds.as_i64()?.checked_mul(1000),
        _ => None,
    }
}

fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

fn told<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
