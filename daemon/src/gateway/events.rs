//! What follows from an event (G3): pure.

use crate::store::Op;

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

/// What follows from this event. `received_at`: milliseconds since the epoch, UTC.
pub fn effects(host: &str, event: &str, body: &[u8], received_at: i64) -> Result<Effects, Unreadable> {
    let _ = (host, event, body, received_at);
    Ok(Effects::default())
}
