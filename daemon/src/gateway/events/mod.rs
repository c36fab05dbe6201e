//! What follows from an event (G3): pure.

mod installation;
mod payload;
mod repository;
#[cfg(test)]
mod tests;

use self::payload::Payload;
use crate::store::{IndexOp, Learned, Op, Version};

/// What a delivery does.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Written in the same unit as the delivery's end.
    pub ops: Vec<Op>,
    /// The installation's tokens in memory are of no use any more.
    pub forget_token: Option<i64>,
    /// What was done, for people; none when nothing follows from this event here.
    pub note: Option<String>,
}

/// The payload can't be what its event says; no retry will mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event}: {what}")]
pub struct Unreadable {
    pub event: String,
    pub what: String,
}

/// Whether anything can follow from events of this name.
pub fn is_read(event: &str) -> bool {
    matches!(
        event,
        "ping"
            | "installation"
            | "installation_repositories"
            | "installation_target"
            | "repository"
            | "public"
            | "github_app_authorization"
    )
}

/// What follows from this event. `received_at`: when GitHub's delivery first came (not when it is handled or replayed),
/// milliseconds since the epoch, UTC; it decides which of two facts is newer where GitHub's own times don't.
pub fn effects(host: &str, event: &str, body: &[u8], received_at: i64) -> Result<Effects, Unreadable> {
    if !is_read(event) {
        return Ok(Effects::default());
    }
    let payload: Payload = serde_json::from_slice(body)
        .map_err(|error| Unreadable { event: event.to_owned(), what: format!("is not readable: {error}") })?;
    let told = Told { host, event, received_at, payload: &payload };
    let action = payload.action.as_deref().unwrap_or_default();
    match (event, action) {
        ("ping", _) => Ok(noted("ping".to_owned())),
        ("github_app_authorization", "revoked") => Ok(noted(match &payload.sender {
            Some(user) => {
                format!(
                    "user {} revoked the App's authorization",
                    user.name().unwrap_or(&user.id.to_string())
                )
            }
            None => "a user revoked the App's authorization".to_owned(),
        })),
        ("installation" | "installation_repositories" | "installation_target", _) => {
            installation::effects(&told, action)
        }
        ("public", _) => repository::effects(&told, "publicized"),
        ("repository", _) => repository::effects(&told, action),
        _ => Ok(Effects::default()),
    }
}

/// A payload and where it came from.
struct Told<'a> {
    host: &'a str,
    event: &'a str,
    received_at: i64,
    payload: &'a Payload,
}

impl Told<'_> {
    fn lacks(&self, what: &str) -> Unreadable {
        Unreadable { event: self.event.to_owned(), what: format!("has no {what}") }
    }

    fn version(&self, updated_at: &serde_json::Value) -> Version {
        Version { at: payload::moment(updated_at).unwrap_or(self.received_at), received: self.received_at }
    }

    fn op(&self, fact: Learned) -> Op {
        IndexOp::Learned { host: self.host.to_owned(), fact: Box::new(fact), at: self.received_at }.into()
    }
}

fn noted(note: String) -> Effects {
    Effects { note: Some(note), ..Effects::default() }
}

/// `1 repository`, `2 repositories`.
fn count(n: usize) -> String {
    if n == 1 { "1 repository".to_owned() } else { format!("{n} repositories") }
}
