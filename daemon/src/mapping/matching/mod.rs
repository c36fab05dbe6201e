//! The verdict on one repository of one project: which row of the ladder decides, and what follows from it.
//! Total and deterministic: every link gets a verdict, and equal inputs get equal ones.

use cutover_shared::catalog::Link;
use cutover_shared::ids::InstallationId;
use cutover_shared::mapping::{Evidence, Mapping, MappingStatus, Reason};

mod again;
pub(super) mod ladder;
mod named;
mod situation;
#[cfg(test)]
mod tests;
mod token;

pub use again::judge_again;
pub use situation::Situation;

use super::index::IndexView;
use super::next_steps::{Context, Need, next_steps};
use super::probe::Answers;
use ladder::Finding;

/// Rises whenever the same inputs may get another verdict or other words. Part of a plan's digest.
pub const MATCHING_VERSION: u32 = 2;

/// Below this confidence, in percent, nothing is mapped.
pub const MAPPED_FROM: u8 = 90;

/// What SPEC calls a repository with this reason.
pub fn status_of(reason: Reason) -> MappingStatus {
    match reason {
        Reason::IdListed
        | Reason::IdListedRenamed
        | Reason::TokenRead
        | Reason::Redirected
        | Reason::CommitFound => MappingStatus::Mapped,
        Reason::RedirectNotListed
        | Reason::NameOnly
        | Reason::NameReused
        | Reason::NotGranted
        | Reason::Suspended
        | Reason::RequestPending
        | Reason::NotInstalled
        | Reason::Ambiguous
        | Reason::OwnerMismatch
        | Reason::NotListed
        | Reason::ProbeOwed
        | Reason::ReadyToMap => MappingStatus::Pending,
        Reason::Gone | Reason::OwnerUnknown => MappingStatus::Unmappable,
    }
}

/// The verdict on one repository of one project. An installation is in it exactly when the status is `mapped`; what
/// was only looked at is in the evidence.
pub fn judge(link: &Link, index: &IndexView, answers: &Answers, context: &Context) -> Mapping {
    let finding = ladder::climb(link, index, answers);
    let next = next_steps(
        finding.reason,
        &Need {
            repo: finding.current_name.as_deref().unwrap_or(&link.repo_full_name),
            repo_id: finding.repo_id,
            candidate: finding.candidate,
            considered: finding.considered,
            situation: &finding.situation,
            owed: finding.wanted.is_some(),
        },
        context,
    );
    let status = status_of(finding.reason);
    let Finding { reason, rung, confidence, considered, repo_id, current_name, facts, .. } = finding;
    Mapping {
        status,
        reason,
        installation: considered.filter(|_| status == MappingStatus::Mapped).map(|i| i.id),
        repo_id,
        confidence,
        evidence: Evidence {
            rung,
            current_name,
            owner_id: finding.owner_id,
            owner_login: finding.owner_login,
            considered: considered.map(|installation| installation.id),
            facts,
        },
        next_steps: next,
    }
}

/// The verdicts on many, in the order of `links`.
pub fn judge_all<'a>(
    links: impl IntoIterator<Item = &'a Link>,
    index: &'a IndexView,
    answers: &'a Answers,
    context: &'a Context,
) -> impl Iterator<Item = (&'a Link, Mapping)> {
    links.into_iter().map(move |link| (link, judge(link, index, answers, context)))
}

/// What a project as a whole gets: an installation only when all its repositories are mapped to the same one;
/// `unmappable` when all are; `pending` in every other case, also without repositories.
pub fn project_verdict(mappings: &[&Mapping]) -> (Option<InstallationId>, MappingStatus) {
    let Some(first) = mappings.first() else { return (None, MappingStatus::Pending) };
    let all = |status| mappings.iter().all(|mapping| mapping.status == status);
    if all(MappingStatus::Mapped)
        && first.installation.is_some()
        && mappings.iter().all(|mapping| mapping.installation == first.installation)
    {
        (first.installation, MappingStatus::Mapped)
    } else if all(MappingStatus::Unmappable) {
        (None, MappingStatus::Unmappable)
    } else {
        (None, MappingStatus::Pending)
    }
}
