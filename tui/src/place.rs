//! Where one can be and what one can stand on: plain names that keys and state share.

use serde::{Deserialize, Serialize};

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
    Webhooks,
    Installations,
    Workflows,
    Rollouts,
    Fleet,
}

impl Screen {
    /// Those that have a tab.
    pub const TABS: &[Self] = &[
        Self::Overview,
        Self::Mapping,
        Self::Tenants,
        Self::Runs,
        Self::Tokens,
        Self::Audit,
        Self::Webhooks,
        Self::Installations,
        Self::Workflows,
        Self::Rollouts,
        Self::Fleet,
    ];

    pub const ALL: &[Self] = &[
        Self::Overview,
        Self::Mapping,
        Self::Tenants,
        Self::Runs,
        Self::Run,
        Self::Tokens,
        Self::Audit,
        Self::Webhooks,
        Self::Installations,
        Self::Workflows,
        Self::Rollouts,
        Self::Fleet,
    ];

    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Mapping => "Mapping",
            Self::Tenants => "Tenants",
            Self::Runs => "Runs",
            Self::Run => "Run",
            Self::Tokens => "Tokens",
            Self::Audit => "Audit",
            Self::Webhooks => "Webhooks",
            Self::Installations => "Installations",
            Self::Workflows => "Workflows",
            Self::Rollouts => "Rollouts",
            Self::Fleet => "Fleet",
        }
    }

    /// The same for a line that has no room for all titles.
    pub fn short(self) -> &'static str {
        match self {
            Self::Overview => "Home",
            Self::Mapping => "Map",
            Self::Tenants => "Ten",
            Self::Runs => "Runs",
            Self::Run => "Run",
            Self::Tokens => "Tok",
            Self::Audit => "Audit",
            Self::Webhooks => "Hooks",
            Self::Installations => "Inst",
            Self::Workflows => "Flows",
            Self::Rollouts => "Roll",
            Self::Fleet => "Fleet",
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
            Self::Webhooks => Some(ListId::Deliveries),
            Self::Installations => Some(ListId::Installations),
            Self::Workflows => Some(ListId::Workflows),
            Self::Rollouts => Some(ListId::Rollouts),
            Self::Fleet => Some(ListId::Instances),
        }
    }

    /// Its word in options and settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Mapping => "mapping",
            Self::Tenants => "tenants",
            Self::Runs => "runs",
            Self::Run => "run",
            Self::Tokens => "tokens",
            Self::Audit => "audit",
            Self::Webhooks => "webhooks",
            Self::Installations => "installations",
            Self::Workflows => "workflows",
            Self::Rollouts => "rollouts",
            Self::Fleet => "fleet",
        }
    }

    /// The screen of a word, for options and settings.
    pub fn named(word: &str) -> Option<Self> {
        Self::TABS.iter().copied().find(|screen| screen.word().eq_ignore_ascii_case(word))
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

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListId {
    Links,
    Tenants,
    Runs,
    Items,
    Tokens,
    Audit,
    Deliveries,
    Installations,
    Workflows,
    Rollouts,
    Instances,
}

impl ListId {
    pub const ALL: &[Self] = &[
        Self::Links,
        Self::Tenants,
        Self::Runs,
        Self::Items,
        Self::Tokens,
        Self::Audit,
        Self::Deliveries,
        Self::Installations,
        Self::Workflows,
        Self::Rollouts,
        Self::Instances,
    ];

    /// It always comes whole: there is nothing to filter, sort or choose.
    pub fn is_whole(self) -> bool {
        self == Self::Rollouts
    }
}

/// What kind of thing it is, for the table of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noun {
    Repository,
    Tenant,
    Run,
    Item,
    Token,
    Record,
    Attention,
    Delivery,
    Installation,
    Workflow,
    Rollout,
    /// A tenant's own database.
    Instance,
}

impl Noun {
    /// As people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Tenant => "tenant",
            Self::Run => "run",
            Self::Item => "item",
            Self::Token => "token",
            Self::Record => "record",
            Self::Attention => "notice",
            Self::Delivery => "delivery",
            Self::Installation => "installation",
            Self::Workflow => "workflow",
            Self::Rollout => "rollout",
            Self::Instance => "instance",
        }
    }
}
