//! Deliveries of GitHub's webhooks, as operators see and steer them (G1, G2). A payload is never shown whole: see
//! [`DeliveryDetail::payload`].

use serde::{Deserialize, Serialize};

use crate::ids::{InstallationId, RepoId};
use crate::window::{Window, WindowAsk};
use crate::workflow::DispatchView;

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
    /// What was sent on because of it, in the order of the outbox; at most 100.
    #[serde(default)]
    pub dispatches: Vec<DispatchView>,
}

/// The inbox in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxFigures {
    /// Deliveries taken in each of the last 60 minutes, the oldest first; the last is the minute under way.
    pub received: Vec<u32>,
    /// Of those, how many failed at least once or are dead.
    pub failed: Vec<u32>,
    pub waiting: u64,
    pub dead: u64,
    /// How long the oldest that is due has waited, in milliseconds: the lag.
    pub lag_ms: i64,
    /// Dispatches that wait, and those that are dead.
    pub dispatches_waiting: u64,
    pub dispatches_dead: u64,
    /// What the newest comparison with GitHub's own list found.
    pub recovery: Option<Recovery>,
}

/// What a comparison of GitHub's list of deliveries with the inbox found (G4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Milliseconds since the epoch, UTC, as all times here.
    pub at: i64,
    /// It looked at deliveries since then.
    pub since: i64,
    /// GitHub keeps none that is older.
    pub horizon: i64,
    /// GUIDs that GitHub logged since then.
    pub logged: u64,
    /// Of those, in the inbox (afterwards).
    pub here: u64,
    /// Of those, not wanted: filtered by event.
    pub unwanted: u64,
    /// Taken in by their body.
    pub pulled: u64,
    /// GitHub was asked to deliver them again.
    pub redelivered: u64,
    /// Not to be had: their body is gone, or GitHub refused.
    pub lost: u64,
    /// The daemon was away for longer than GitHub keeps deliveries: what came before the horizon is unknown.
    pub gap: bool,
    /// `1203 of 1203 deliveries since 2026-11-20T10:00:00Z are here`.
    pub statement: String,
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
    /// Rate, lag and failures.
    Figures,
}

/// Answers about deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAnswer {
    Window(Window<DeliveryView>),
    Show(Box<DeliveryDetail>),
    Replayable(u64),
    Figures(Box<InboxFigures>),
}

/// Acts on deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookAct {
    /// Handles one again.
    ReplayOne { guid: String },
    /// Handles all of a filter again. `expected` is what [`WebhookQuery::Replayable`] said: another number now refuses.
    ReplayAll { filter: String, expected: u64 },
    /// Compares GitHub's list with the inbox and takes in what is missing. Since when: milliseconds since the epoch; none
    /// is the whole horizon. `events`: only these (`push`, `installation`), all when empty. `look`: says what is missing
    /// and takes in nothing.
    Recover { since: Option<i64>, events: Vec<String>, look: bool },
}

/// What an act on deliveries did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookReceipt {
    /// Deliveries that wait to be handled again.
    pub replayed: u64,
    /// What a recovery found and did.
    #[serde(default)]
    pub recovery: Option<Recovery>,
}
