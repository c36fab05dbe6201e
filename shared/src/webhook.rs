//! Deliveries of GitHub's webhooks, as operators see and steer them (G1, G2). A payload is never shown whole: see
//! [`DeliveryDetail::payload`].

use serde::{Deserialize, Serialize};

use crate::ids::{InstallationId, RepoId};
use crate::window::{Window, WindowAsk};

/// Where a delivery stands. Every state but `waiting` is final until somebody asks for a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Durable; it will be handled when those before it are, or when its next try is due.
    Waiting,
    /// Its effects are committed.
    Handled,
    /// Nothing here follows from this event; it is kept all the same.
    Ignored,
    /// Given up after the last try; later ones of the installation went on. A replay tries again.
    Dead,
}
crate::run::words!(DeliveryState {
    Waiting = "waiting", Handled = "handled", Ignored = "ignored", Dead = "dead",
});

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// Place in the inbox; rises.
    pub seq: i64,
    /// `X-GitHub-Delivery`; a redelivery has the same.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    pub action: Option<String>,
    pub installation: Option<InstallationId>,
    pub repo_id: Option<RepoId>,
    /// `owner/name` as the payload says it.
    pub repository: Option<String>,
    /// Milliseconds since the epoch, UTC.
    pub received_at: i64,
    /// Size of the body.
    pub bytes: i64,
    pub state: DeliveryState,
    /// Tries that failed since it was received or replayed.
    pub attempts: u32,
    /// When the next try is due, for one that failed before.
    pub due_at: Option<i64>,
    /// When its state became final.
    pub ended_at: Option<i64>,
    /// What was done with it, or why it failed, in words.
    pub note: Option<String>,
    /// How often it came again after it was taken.
    pub repeats: u32,
    /// The body is still kept, so that it can be replayed.
    pub kept: bool,
}

/// One delivery with what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryDetail {
    pub delivery: DeliveryView,
    /// SHA-256 of the body, lower-case hex.
    pub digest: String,
    /// The payload as indented JSON with secrets redacted, cut at [`MAX_PAYLOAD`] bytes; none when it was not asked for or
    /// is not kept.
    pub payload: Option<String>,
    /// The payload is longer than what is shown.
    pub cut: bool,
}

/// The most of a payload that is shown.
pub const MAX_PAYLOAD: usize = 256 * 1024;

/// Questions about deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookQuery {
    /// Newest first, filtered and sorted ([`crate::filter::DELIVERIES`]).
    Window { ask: WindowAsk },
    /// One, by its GUID.
    Show { guid: String, payload: bool },
    /// How many a replay with this filter would take: those in a final state whose body is kept.
    Replayable { filter: String },
}

/// Answers about deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAnswer {
    Window(Window<DeliveryView>),
    Show(Box<DeliveryDetail>),
    Replayable(u64),
}

/// Acts on deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAct {
    /// Handles one again.
    ReplayOne { guid: String },
    /// Handles all of a filter again. `expected` is what [`WebhookQuery::Replayable`] said: another number now refuses.
    ReplayAll { filter: String, expected: u64 },
}

/// What an act on deliveries did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReceipt {
    /// Deliveries that wait to be handled again.
    pub replayed: u64,
}
