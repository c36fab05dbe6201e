//! The audit log: append-only, hash-chained (F4).

use serde::{Deserialize, Serialize};

use crate::page::{Page, PageAsk};
use crate::window::{Window, WindowAsk};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    pub seq: i64,
    /// Milliseconds since the epoch, UTC.
    pub at: i64,
    /// Who: an operator's name, or `daemon`.
    pub actor: String,
    /// From where: `rpc uid 1000`, `cli --local`, `daemon`.
    pub origin: String,
    /// What was done: `run.approve`, `mode.set`, `refused` and so on.
    pub act: String,
    /// What it was done to.
    pub subject: String,
    /// Everything else the act wants remembered: reason, before, after, counts.
    pub detail: serde_json::Value,
    /// Hash of the record before and of this one, SHA-256 in hex.
    pub prev: String,
    pub hash: String,
}

/// What a check of the chain says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheck {
    pub records: u64,
    pub intact: bool,
    /// The first thing that is wrong, in words.
    pub problem: Option<String>,
    /// The newest signed head that the chain was held against.
    pub signed_head_seq: Option<i64>,
    pub head: String,
}

/// Questions about the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditQuery {
    /// Newest first.
    List {
        page: PageAsk,
    },
    /// Oldest first, for export.
    Export {
        page: PageAsk,
    },
    Verify,
    /// Filtered and sorted ([`crate::filter::AUDIT`]).
    Window {
        ask: WindowAsk,
    },
}

/// Answers about the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditAnswer {
    List(Page<AuditView>),
    Check(AuditCheck),
    Window(Window<AuditView>),
}
