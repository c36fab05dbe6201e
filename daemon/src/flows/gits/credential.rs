//! With which credential git speaks for a tenant: the one that an import would have, renewed or replaced by the same rules.

use cutover_shared::ids::InstallationId;
use cutover_shared::import::Method;

use super::Gits;
use super::error::{Failure, GitsError};
use crate::clock::Clock;
use crate::flows::import::{AGAIN, Access, Imports, Need, Standing};
use crate::github::Traffic;
use crate::rollout::tally::Outcome;
use crate::sandbox::{GitAsk, OperationId, Reference, Repository, SandboxError};
use crate::store::LinkRow;

/// What an arm is asked with. When an arm was refused it may be asked again: [`Way::after`].
pub(super) struct Way {
    imports: Imports,
    clock: Clock,
    standing: Standing,
    by: Option<InstallationId>,
    fallback: bool,
    need: Need,
    traffic: Traffic,
    /// Refusals of tokens so far.
    refused: usize,
    access: Access,
    pub(super) ask: GitAsk,
}

/// What is to be done with it.
pub(super) struct Wanted {
    pub(super) need: Need,
    pub(super) traffic: Traffic,
    pub(super) reference: Reference,
    pub(super) operation: OperationId,
}

impl Gits {
    pub(super) async fn way(&self, link: &LinkRow, wanted: Wanted) -> Result<Way, Failure> {
        let imports = self.0.imports.clone();
        let standing = imports.standing(link.clone()).await?;
        let (mut by, mut fallback) = (standing.by, standing.fallback);
        let access = loop {
            match imports.access(&standing, by, wanted.need, wanted.traffic).await {
                Err(error) if fallback && error.of_installation => (by, fallback) = (None, false),
                access => break access?,
            }
        };
        let ask = GitAsk {
            tenant: link.tenant.clone(),
            repository: self.repository(&access)?,
            credential: access.token.clone(),
            reference: wanted.reference,
            operation: wanted.operation,
            quota: self.0.quota,
        };
        let (need, traffic, clock) = (wanted.need, wanted.traffic, self.0.clock.clone());
        Ok(Way { imports, clock, standing, by, fallback, need, traffic, refused: 0, access, ask })
    }

    fn repository(&self, access: &Access) -> Result<Repository, Failure> {
        let name = &access.repository.full_name;
        Repository::of(&self.0.host, name).ok_or_else(|| Failure {
            error: GitsError::Internal(format!("git can't be told the name {name}")),
            outcome: Outcome::Error,
        })
    }
}

impl Way {
    pub(super) fn method(&self) -> Method {
        if self.by.is_some() { Method::Installation } else { Method::Oauth }
    }

    /// The branch that the repository names first, where it says so.
    pub(super) fn default_branch(&self) -> &str {
        &self.access.repository.default_branch
    }

    /// Asks the rollout of credentials again, since time has gone by: an installation that may not serve any more is not asked.
    pub(super) async fn obey(&mut self) -> Result<(), Failure> {
        let Some(standing) = self.by.and_then(|_| self.imports.back_on_legacy(&self.standing)) else {
            return Ok(());
        };
        self.standing = standing?;
        (self.by, self.fallback) = (self.standing.by, self.standing.fallback);
        self.access = self.imports.access(&self.standing, self.by, self.need, self.traffic).await?;
        self.ask.credential = self.access.token.clone();
        Ok(())
    }

    /// An arm failed so. Comes back well when it is to be asked once more: with a token that GitHub knows by now, with a new one,
    /// or with the user's where that may take the installation's place.
    pub(super) async fn after(&mut self, error: SandboxError) -> Result<(), Failure> {
        let by_installation = self.by.is_some();
        if by_installation
            && error.is_refused()
            && let Some(wait) = AGAIN.get(self.refused)
        {
            self.refused += 1;
            if self.imports.is_young(&self.access) {
                self.clock.sleep(*wait).await;
            }
        } else if by_installation && self.fallback && error.is_of_credential() {
            (self.by, self.fallback) = (None, false);
        } else {
            return Err(error.into());
        }
        let access = self.imports.access(&self.standing, self.by, self.need, self.traffic).await?;
        self.ask.credential = access.token.clone();
        self.access = access;
        Ok(())
    }
}
