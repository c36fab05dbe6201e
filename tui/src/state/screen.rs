//! The screens, in the order of their keys.

use serde::{Deserialize, Serialize};

use super::ListId;
use crate::keymap::Action;

/// One screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    Overview,
    Mapping,
    Tenants,
    Runs,
    /// One run, opened from the list; Esc leads back.
    Run,
    Tokens,
    Audit,
}

impl Screen {
    /// Those that have a tab.
    pub const TABS: &[Self] =
        &[Self::Overview, Self::Mapping, Self::Tenants, Self::Runs, Self::Tokens, Self::Audit];

    pub const ALL: &[Self] =
        &[Self::Overview, Self::Mapping, Self::Tenants, Self::Runs, Self::Run, Self::Tokens, Self::Audit];

    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Mapping => "Mapping",
            Self::Tenants => "Tenants",
            Self::Runs => "Runs",
            Self::Run => "Run",
            Self::Tokens => "Tokens",
            Self::Audit => "Audit",
        }
    }

    /// Its table.
    pub fn list(self) -> Option<ListId> {
        match self {
            Self::Overview => None,
            Self::Mapping => Some(ListId::Links),
            Self::Tenants => Some(ListId::Tenants),
            Self::Runs => Some(ListId::Runs),
            Self::Run => Some(ListId::Items),
            Self::Tokens => Some(ListId::Tokens),
            Self::Audit => Some(ListId::Audit),
        }
    }

    /// The key that leads to it.
    pub fn action(self) -> Action {
        match self {
            Self::Overview => Action::Overview,
            Self::Mapping => Action::Mapping,
            Self::Tenants => Action::Tenants,
            Self::Runs | Self::Run => Action::Runs,
            Self::Tokens => Action::Tokens,
            Self::Audit => Action::Audit,
        }
    }

    /// The screen of a word, for configuration.
    pub fn named(word: &str) -> Option<Self> {
        Self::TABS.iter().copied().find(|screen| screen.title().eq_ignore_ascii_case(word))
    }

    /// The tab that is lit.
    pub fn tab(self) -> Self {
        if self == Self::Run { Self::Runs } else { self }
    }

    /// The tab so many to the right.
    pub fn beside(self, by: isize) -> Self {
        let at = Self::TABS.iter().position(|tab| *tab == self.tab()).unwrap_or(0).cast_signed();
        let to = (at + by).rem_euclid(Self::TABS.len().cast_signed());
        Self::TABS[to.cast_unsigned()]
    }
}
