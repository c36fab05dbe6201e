//! Old webhooks (B12): what the old OAuth app left at repositories sends every event a second time once the App serves
//! them. `address` is the rule which webhooks are the old app's; the planner reads, the kind removes and brings back.

pub mod address;
pub mod kind;
pub mod planner;
mod sight;

use cutover_shared::hooks::OldHook;
use cutover_shared::ids::RepoId;
use sha2::{Digest as _, Sha256};

use crate::github::RepoHook;
use crate::hex::hex;
use crate::run::canonical;

/// The word of the kind.
pub const OLD_HOOKS: &str = "old_hooks";

/// GitHub's answer as plans hold it.
fn old_hook(hook: RepoHook) -> OldHook {
    OldHook {
        id: hook.id,
        url: hook.url,
        events: hook.events,
        content_type: hook.content_type,
        active: hook.active,
        insecure_ssl: hook.insecure_ssl,
        has_secret: hook.has_secret,
    }
}

/// Changes with everything that GitHub shows of a webhook. Another secret under the same stars does not show.
fn fingerprint(repo: RepoId, hook: &OldHook) -> String {
    let text = canonical(&(repo, hook)).unwrap_or_default();
    hex(&Sha256::digest(text.as_bytes()))
}
