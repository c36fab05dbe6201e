//! The verdict on a repository that has a mapping, after the index changed: what is proven stays, what is new is mapped only
//! where that is switched on.

use cutover_shared::catalog::Link;
use cutover_shared::mapping::{Evidence, Mapping, MappingStatus, Reason};

use super::{MAPPED_FROM, judge};
use crate::mapping::index::{IndexView, Sighting};
use crate::mapping::next_steps::Context;
use crate::mapping::probe::Answers;

/// What the mapping of a repository should be now. `auto`: from which confidence on, in percent, it may be mapped without a
/// plan; none when only a plan maps. `void`: what a user's token read of it proves nothing any more.
///
/// Nothing is mapped below [`MAPPED_FROM`], and nothing that [`judge`] does not map. The same inputs give the same mapping,
/// also when that is handed in as `held`.
pub fn judge_again(
    link: &Link,
    held: &Mapping,
    index: &IndexView,
    answers: &Answers,
    context: &Context,
    auto: Option<u8>,
    void: bool,
) -> Mapping {
    let verdict = judge(link, index, answers, context);
    let was_mapped = held.status == MappingStatus::Mapped;
    if verdict.status != MappingStatus::Mapped {
        // What found it may be gone, as a name is after a rename; the repository that was proven is still there.
        return match (was_mapped && !void).then(|| still_listed(held, index)).flatten() {
            Some(kept) => kept,
            None => verdict,
        };
    }
    let stays = was_mapped && held.installation == verdict.installation && held.repo_id == verdict.repo_id;
    if stays || auto.is_some_and(|from| verdict.confidence >= from.max(MAPPED_FROM)) {
        return verdict;
    }
    waiting(verdict, &link.repo_full_name)
}

/// The mapping as it is, with the repository's name of today, where its own installation lists the proven repository.
fn still_listed(held: &Mapping, index: &IndexView) -> Option<Mapping> {
    let Sighting::One(listed) = index.repository(held.repo_id?) else { return None };
    if Some(listed.installation.id) != held.installation || !listed.owner_agrees() {
        return None;
    }
    let mut kept = held.clone();
    if kept.evidence.current_name.as_deref() != Some(listed.full_name) {
        kept.evidence.current_name = Some(listed.full_name.to_owned());
    }
    Some(kept)
}

/// What a plan would map, and no plan did.
fn waiting(verdict: Mapping, name: &str) -> Mapping {
    let to = verdict.installation.map_or_else(String::new, |id| format!(" to installation {id}"));
    let name = verdict.evidence.current_name.as_deref().unwrap_or(name);
    let plan = format!("{name} would be mapped{to}: plan and apply, `cutover map plan --all`.");
    let next_steps =
        if verdict.next_steps.is_empty() { plan } else { format!("{plan} {}", verdict.next_steps) };
    Mapping {
        status: MappingStatus::Pending,
        reason: Reason::ReadyToMap,
        installation: None,
        evidence: Evidence { considered: verdict.installation, ..verdict.evidence },
        next_steps,
        ..verdict
    }
}

#[cfg(test)]
mod tests;
