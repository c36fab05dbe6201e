//! The credential that an import would have, for others who speak git for a tenant.

use std::collections::BTreeMap;

use cutover_shared::ids::InstallationId;
use cutover_shared::rollout::Operation;
use secrecy::SecretString;

use super::arm::Arm;
use super::error::ArmError;
use super::fetch::{TOKEN, YOUNG_MS};
use super::{ImportError, Imports, Situation};
use crate::github::{GitHubError, Leased, Reader, Repository, Scope, Traffic};
use crate::store::LinkRow;

/// What a credential has to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Read,
    Write,
}

/// A repository of the catalog, and whose credential has its turn there.
pub(crate) struct Standing {
    found: Situation,
    /// The installation; none: the user's token.
    pub(crate) by: Option<InstallationId>,
    /// When the installation itself can't serve, a user's token may, once.
    pub(crate) fallback: bool,
}

/// A credential, and the repository as it sees it.
pub(crate) struct Access {
    pub(crate) token: SecretString,
    /// Its name as GitHub has it now.
    pub(crate) repository: Repository,
    /// Of a token of an installation.
    lease: Option<(i64, Leased)>,
}

impl Imports {
    /// Whose turn it is, by the rollout of imports, the mapping and the grace period.
    ///
    /// # Errors
    /// [`ImportError::NoCredential`], and those of the store.
    pub(crate) async fn standing(&self, link: LinkRow) -> Result<Standing, ArmError> {
        self.stands(self.judge(link, Operation::Import).await?)
    }

    /// Whose turn it is where the rollout has gone back since it was asked; none while it has not.
    pub(crate) fn back_on_legacy(&self, standing: &Standing) -> Option<Result<Standing, ArmError>> {
        let mut found = standing.found.clone();
        self.left_target(&mut found).then(|| self.stands(found))
    }

    fn stands(&self, found: Situation) -> Result<Standing, ArmError> {
        let (by, fallback) = match found.arm {
            Arm::Installation { id, fallback } => (Some(id), fallback),
            Arm::OAuth(_) => (None, false),
            Arm::Refused(reason) => return Err(self.no_credential(&found, reason).into()),
        };
        Ok(Standing { found, by, fallback })
    }

    /// The credential, for this repository alone where it is an installation's.
    ///
    /// # Errors
    /// As those of an import, up to its fetch.
    pub(crate) async fn access(
        &self,
        standing: &Standing,
        by: Option<InstallationId>,
        need: Need,
        traffic: Traffic,
    ) -> Result<Access, ArmError> {
        let (found, reader) = (&standing.found, self.0.github.reader(traffic));
        if let Some(InstallationId(id)) = by {
            let repository = self.as_installation(&reader, found, id).await?;
            let leased = self.lease(id, &repository, need, traffic).await?;
            return Ok(Access { token: leased.token.clone(), repository, lease: Some((id, leased)) });
        }
        let Some(token) = found.token.clone() else {
            return Err(ImportError::Internal("no user token, though its arm was chosen".to_owned()).into());
        };
        let repository = self.as_user(&reader, found, &token).await?;
        Ok(Access { token, repository, lease: None })
    }

    /// Git was refused a token of an installation. True: it is so new that GitHub may not know it everywhere yet. Otherwise it
    /// is given out no more.
    pub(crate) fn is_young(&self, access: &Access) -> bool {
        let Some((id, leased)) = &access.lease else { return false };
        let young = self.0.clock.now().saturating_sub(leased.minted_at) < YOUNG_MS;
        if !young {
            self.0.github.tokens().invalidate(*id, leased.generation);
        }
        young
    }

    /// The repository as an installation sees it, by its number where that is known: a name may have changed.
    pub(super) async fn as_installation(
        &self,
        reader: &Reader,
        found: &Situation,
        id: i64,
    ) -> Result<Repository, ArmError> {
        let mapped = found.mapping.as_ref().and_then(|mapping| mapping.repo_id);
        let known = mapped.map(|id| id.0).or(found.link.repo_id);
        let probe = match known {
            Some(repo) => reader.repository_by_id(id, repo).await,
            None => reader.repository_as_installation(id, &found.link.repo_full_name).await,
        };
        self.seen(probe, known)
    }

    /// The repository as a user sees it.
    pub(super) async fn as_user(
        &self,
        reader: &Reader,
        found: &Situation,
        token: &SecretString,
    ) -> Result<Repository, ArmError> {
        let probe = reader.repository_as_user(token, &found.link.repo_full_name).await;
        self.seen(probe, found.link.repo_id)
    }

    /// A token of an installation for the contents of one repository.
    pub(super) async fn lease(
        &self,
        id: i64,
        repository: &Repository,
        need: Need,
        traffic: Traffic,
    ) -> Result<Leased, ArmError> {
        let level = match need {
            Need::Read => "read",
            Need::Write => "write",
        };
        let contents = BTreeMap::from([("contents".to_owned(), level.to_owned())]);
        let scope = Scope::of(vec![repository.id], contents)
            .map_err(|error| ImportError::Internal(error.to_string()))?;
        let leased = self.0.github.tokens().get_scoped(id, &scope, traffic, TOKEN).await;
        leased.map_err(|error| ImportError::of_github(GitHubError::Mint(error), self.0.clock.now()))
    }
}
