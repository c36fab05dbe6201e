//! What the stored user token says, by the answers that are stored.

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, RepoId};

use crate::mapping::probe::{Answers, CredentialRef, CredentialState, ProbeAnswer, ProbeAsk};

/// What a user token read under the imported name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) repo_id: RepoId,
    pub(super) full_name: &'a str,
    pub(super) owner_id: AccountId,
    pub(super) owner_login: &'a str,
    pub(super) moved: bool,
    pub(super) created_at: Option<i64>,
}

/// What the stored user token says about the imported name.
#[derive(Clone, Copy, Debug)]
pub(super) enum TokenSays<'a> {
    NoToken,
    Dead,
    Unasked,
    /// It was asked and GitHub did not answer.
    Silent,
    Forbidden,
    NotFound,
    Read(Read<'a>),
}

impl<'a> TokenSays<'a> {
    pub(super) fn of(link: &Link, answers: &'a Answers) -> Self {
        let Some(fingerprint) = link.token.as_deref() else { return Self::NoToken };
        let dead = || {
            let credential = CredentialRef::User(fingerprint.to_owned());
            answers.credential(&credential) == CredentialState::Dead
        };
        match answers.get(&ProbeAsk::read_repo(fingerprint, &link.repo_full_name)) {
            Some(ProbeAnswer::Repo { repo_id, full_name, owner_id, owner_login, moved, created_at }) => {
                Self::Read(Read {
                    repo_id: *repo_id,
                    full_name,
                    owner_id: *owner_id,
                    owner_login,
                    moved: *moved,
                    created_at: *created_at,
                })
            }
            Some(ProbeAnswer::NotFound) => Self::NotFound,
            Some(ProbeAnswer::Forbidden) => Self::Forbidden,
            Some(ProbeAnswer::CredentialDead) => Self::Dead,
            _ if dead() => Self::Dead,
            Some(ProbeAnswer::Unreachable(_)) => Self::Silent,
            Some(ProbeAnswer::Commit { .. }) | None => Self::Unasked,
        }
    }

    /// The fact in words.
    pub(super) fn fact(&self) -> &'static str {
        match self {
            Self::NoToken => "no user token is stored",
            Self::Dead => "the stored user token is dead",
            Self::Unasked => "the stored user token was not asked yet",
            Self::Silent => "GitHub did not answer when the stored user token was asked",
            Self::Forbidden => "GitHub refuses the stored user token here (403)",
            Self::NotFound => "the stored user token sees no repository of that name (404)",
            Self::Read(_) => "the stored user token reads the name",
        }
    }
}
