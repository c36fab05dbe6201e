//! Short messages that go away by themselves. What they say stays in the receipts.

use std::collections::VecDeque;

use crate::theme::Role;

/// How long one stays.
const STAY_MS: i64 = 6_000;

/// A refusal is read slower.
const STAY_BAD_MS: i64 = 12_000;

/// At most so many wait.
const MOST: usize = 5;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub role: Role,
    pub until: i64,
}

/// The messages, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toasts {
    all: VecDeque<Toast>,
}

impl Toasts {
    pub fn push(&mut self, text: impl Into<String>, role: Role, now: i64) {
        let stay = if matches!(role, Role::Bad | Role::Warn) { STAY_BAD_MS } else { STAY_MS };
        if self.all.len() == MOST {
            self.all.pop_front();
        }
        self.all.push_back(Toast { text: text.into(), role, until: now.saturating_add(stay) });
    }

    /// The newest, which is the one that is shown.
    pub fn newest(&self) -> Option<&Toast> {
        self.all.back()
    }

    pub fn expire(&mut self, now: i64) {
        self.all.retain(|toast| toast.until > now);
    }

    pub fn next_end(&self) -> Option<i64> {
        self.all.iter().map(|toast| toast.until).min()
    }
}
