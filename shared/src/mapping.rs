//! Mapping: which installation of the GitHub App serves which repository of which project (B2 to B8).

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, InstallationId, LinkKey, ProjectId, RepoId, TenantId};
use crate::run::{RunView, words};

/// The ceiling for every tenant (B8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Legacy for everybody.
    Off,
    /// Only tenants on the canary list may use installations.
    Canary,
    /// A rollout's stage decides.
    On,
}
words!(Mode { Off = "off", Canary = "canary", On = "on" });

/// The mode, where it comes from, and who is on the canary list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeView {
    pub mode: Mode,
    /// Sorted.
    pub canary: Vec<TenantId>,
    /// Milliseconds since the epoch, and who set it.
    pub changed_at: Option<i64>,
    pub changed_by: Option<String>,
    /// What `GITHUB_APP_MIGRATION_MODE` says, where it differs from the stored mode.
    pub environment_differs: Option<Mode>,
    /// The kill marker or memory forces legacy, whatever the mode says.
    pub killed: bool,
}

/// SPEC's words for where a repository of a project stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MappingStatus {
    Mapped,
    Pending,
    Unmappable,
}
words!(MappingStatus { Mapped = "mapped", Pending = "pending", Unmappable = "unmappable" });

/// Why a repository is mapped or not. Each has one sentence in `docs/operations.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The stored repository id is in an installation's list and the owner is that account.
    IdListed,
    /// The same, but the repository has another name now.
    IdListedRenamed,
    /// No stored id; the old user token still reads it, and that id is listed.
    TokenRead,
    /// The name redirects to the stored id, which is listed under the new owner.
    Redirected,
    /// No id; the name is in one listing and holds the imported commit.
    CommitFound,
    /// The name redirects to the stored id, but the new owner's installation does not list it.
    RedirectNotListed,
    /// Only the name speaks for it: somebody must look.
    NameOnly,
    /// The name is listed, but the repository was made after the import, or nothing ties it to the import.
    NameReused,
    /// The owner's installation covers selected repositories and this is not one of them.
    NotGranted,
    /// The owner's installation is suspended.
    Suspended,
    /// Somebody asked the owner to install the App; the owner has not approved it.
    RequestPending,
    /// The owner has no installation.
    NotInstalled,
    /// Two live installations claim the repository: read again, never guess.
    Ambiguous,
    /// The listed repository has another owner than the installation's account.
    OwnerMismatch,
    /// GitHub says that it does not exist, to the old token and to the owner's installation.
    Gone,
    /// The old token is dead and nothing tells who the owner is.
    OwnerUnknown,
    /// The installation should see it and does not; a check with the old token is still owed.
    NotListed,
    /// The check that would decide it is still owed: the budget of this plan was used up.
    ProbeOwed,
    /// An event or a sweep showed where it belongs; a plan would map it.
    ReadyToMap,
}
words!(Reason {
    IdListed = "id_listed", IdListedRenamed = "id_listed_renamed", TokenRead = "token_read",
    Redirected = "redirected", CommitFound = "commit_found", RedirectNotListed = "redirect_not_listed",
    NameOnly = "name_only", NameReused = "name_reused", NotGranted = "not_granted", Suspended = "suspended",
    RequestPending = "request_pending", NotInstalled = "not_installed", Ambiguous = "ambiguous",
    OwnerMismatch = "owner_mismatch", Gone = "gone", OwnerUnknown = "owner_unknown",
    NotListed = "not_listed", ProbeOwed = "probe_owed", ReadyToMap = "ready_to_map",
});

/// What stands behind a verdict: the facts that the rule saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The row of the ladder that decided, 1 (best) to 11; `docs/mapping.md` has the ladder.
    pub rung: u8,
    /// The repository's name now, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<AccountId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_login: Option<String>,
    /// The installation that was looked at, also where it did not decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub considered: Option<InstallationId>,
    /// Facts in words, in a fixed order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<String>,
}

/// The verdict on one repository of one project. Stored as it is when a plan is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pub status: MappingStatus,
    pub reason: Reason,
    pub installation: Option<InstallationId>,
    pub repo_id: Option<RepoId>,
    /// In percent; below 90 nothing is mapped.
    pub confidence: u8,
    pub evidence: Evidence,
    /// What the operator or the tenant does next; empty when nothing.
    pub next_steps: String,
}

/// One item of a mapping plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanItem {
    pub key: LinkKey,
    pub project: ProjectId,
    pub tenant: TenantId,
    pub repo_full_name: String,
    /// Fingerprint of the link and of its mapping when the plan was made; apply checks both again.
    pub before: String,
    pub to: Mapping,
    /// What the project as a whole gets: an installation only when all its repositories agree.
    pub project_installation: Option<InstallationId>,
    pub project_status: MappingStatus,
}

/// Repositories by status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingCounts {
    pub mapped: u64,
    pub pending: u64,
    pub unmappable: u64,
    /// In the catalog, but no plan was applied to it yet.
    pub unplanned: u64,
}

/// What a plan covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapScope {
    All,
    Canary,
    Tenant(TenantId),
}

impl std::fmt::Display for MapScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Canary => f.write_str("canary"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
        }
    }
}

/// What a mapping plan found and what it cost; the `summary` of its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    pub counts: MappingCounts,
    /// Repositories by reason, sorted by the reason's word.
    pub reasons: Vec<(Reason, u64)>,
    /// The index that was read: its epoch, when its last sweep ended, and its size.
    pub index_epoch: i64,
    pub index_at: Option<i64>,
    pub installations: u64,
    pub repositories: u64,
    /// Probes that this plan made, answers that it found stored, and checks that are still owed.
    pub probes_made: u64,
    pub probes_stored: u64,
    pub probes_owed: u64,
    /// Items whose stored mapping this plan would change.
    pub changes: u64,
}

/// One line of the spot-check's report (B6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotCheckRow {
    pub key: LinkKey,
    pub tenant: TenantId,
    pub installation: InstallationId,
    pub confidence: u8,
    pub outcome: SpotOutcome,
    /// What was compared and what was seen.
    pub detail: String,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpotOutcome {
    Match,
    Mismatch,
    /// The catalog holds nothing to compare with. Never a pass.
    NotComparable,
    /// GitHub could not be asked.
    Unreachable,
}
words!(SpotOutcome {
    Match = "match", Mismatch = "mismatch", NotComparable = "not_comparable", Unreachable = "unreachable",
});

/// The report of a spot-check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotCheckReport {
    pub seed: u64,
    pub at: i64,
    /// How many mapped repositories there were to choose from.
    pub population: u64,
    pub rows: Vec<SpotCheckRow>,
    /// Every row matches and there are at least five of them.
    pub passed: bool,
    /// Why it did not pass, in words.
    pub verdict: String,
}

/// Questions about mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapQuery {
    Mode,
    Counts,
    /// One window of the plan's CSV, header on the first.
    Csv {
        id: crate::ids::RunId,
        page: crate::page::PageAsk,
    },
}

/// Answers about mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapAnswer {
    Mode(ModeView),
    Counts(MappingCounts),
    Csv { text: String, next: Option<String> },
}

/// Acts on mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapAct {
    /// Reads the world and writes a plan. Changes nothing else.
    Plan {
        scope: MapScope,
        refresh: bool,
    },
    /// Sets the mode, the canary list, or both.
    SetMode {
        mode: Option<Mode>,
        canary: Option<Vec<TenantId>>,
    },
    SpotCheck {
        sample: u32,
        seed: u64,
    },
}

/// What an act on mapping answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapReceipt {
    Planned(Box<RunView>),
    Mode(ModeView),
    SpotCheck(Box<SpotCheckReport>),
}
