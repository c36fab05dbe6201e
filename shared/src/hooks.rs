//! Old webhooks (B12): those that the old OAuth app left at repositories, found and removed after the move, because
//! every event would come twice.

use serde::{Deserialize, Serialize};

use crate::ids::{InstallationId, LinkKey, RepoId};
use crate::mapping::MapScope;
use crate::run::{RunView, words};

/// Acts on old webhooks. What follows a plan are acts on its run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HooksAct {
    /// Reads the webhooks of the scope's mapped repositories and writes a plan. Changes nothing else.
    Plan { scope: MapScope },
}

/// What an act on old webhooks answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HooksReceipt {
    Planned(Box<RunView>),
}

/// A repository's webhook as GitHub tells it, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldHook {
    /// GitHub's id.
    pub id: i64,
    pub url: String,
    /// Sorted, each once.
    pub events: Vec<String>,
    /// `json` or `form`.
    pub content_type: String,
    pub active: bool,
    /// GitHub does not check the receiver's certificate.
    pub insecure_ssl: bool,
    /// It signs what it sends; GitHub never tells with what.
    pub has_secret: bool,
}

/// One item of a plan: a webhook to be removed, or a repository that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookItem {
    pub repo_id: RepoId,
    /// `owner/name` when the plan was made.
    pub full_name: String,
    pub installation: InstallationId,
    /// The project's link whose mapping led here; apply checks that it still does.
    pub link: LinkKey,
    /// None for a repository that is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<OldHook>,
    /// Over repository and webhook; empty without a webhook. Apply checks it again.
    pub fingerprint: String,
    /// Undo can bring it back: it had no secret, or the secret was configured when the plan was made.
    pub restorable: bool,
    /// Why the repository is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// Why a repository's webhooks are left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// The App may not read webhooks there.
    HookPermissionMissing,
    /// The installation does not see the repository any more, or is suspended or gone.
    NotVisible,
    /// Another project with the same repository is not mapped: it still lives on the old webhook.
    StillUsed,
}
words!(LeftOut {
    HookPermissionMissing = "hook_permission_missing", NotVisible = "not_visible", StillUsed = "still_used",
});

/// What a plan found; the `summary` of its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HooksSummary {
    /// Mapped repositories that were looked at.
    pub repositories: u64,
    /// Webhooks that the plan removes.
    pub hooks: u64,
    /// Of those, the ones that undo can't bring back.
    pub irreversible: u64,
    /// Repositories that are left out, by reason, and the mend where there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(LeftOut, u64)>,
    /// What undo can do, in words.
    pub undo: String,
    /// What would let more be done; empty when nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
}
