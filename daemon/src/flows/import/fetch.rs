//! The two ways to a commit: by an installation's token, and by a user's. They differ in the credential only.

use std::time::Duration;

use cutover_shared::ids::InstallationId;
use cutover_shared::mapping::MappingStatus;
use cutover_shared::rollout::{Operation, Side};
use secrecy::SecretString;

use super::credential::Need;
use super::error::ArmError;
use super::{ImportAsk, ImportError, Imports, Situation};
use crate::git::{Fetched, GitError};
use crate::github::{CommitProbe, Credential, GitHubError, Reader, RepoProbe, Repository, Traffic};
use crate::rollout::shadow::{Halted, Leash};

/// How long an installation's token may take.
pub(super) const TOKEN: Duration = Duration::from_secs(30);

/// A token that is younger may not be known to all of GitHub yet.
pub(super) const YOUNG_MS: i64 = 10_000;

/// Waits before a token that GitHub does not know yet is shown again.
pub(crate) const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Whom the calls are for.
#[derive(Clone, Copy)]
pub(super) enum Turn<'a> {
    /// Somebody waits for them.
    Caller,
    /// Nobody does, and they are to be done however long it takes.
    Behind,
    /// Nobody does: they leave a reserve to others, have a git of their own, and end with their leash.
    Beside(&'a Leash),
}

impl Turn<'_> {
    /// To be asked right before each call, and after each wait.
    pub(super) fn go(self) -> Result<(), Halted> {
        match self {
            Self::Caller | Self::Behind => Ok(()),
            Self::Beside(leash) => leash.go(),
        }
    }

    fn traffic(self) -> Traffic {
        match self {
            Self::Caller => Traffic::Live,
            Self::Behind | Self::Beside(_) => Traffic::Background,
        }
    }
}

/// A commit that was fetched.
pub(super) struct Done {
    pub(super) fetched: Fetched,
    pub(super) repository: Repository,
    pub(super) reference: String,
    pub(super) installation: Option<i64>,
}

impl Imports {
    pub(super) fn reader(&self, turn: Turn<'_>) -> Reader {
        let reader = self.0.github.reader(turn.traffic());
        match turn {
            Turn::Caller | Turn::Behind => reader,
            Turn::Beside(leash) => reader.with_patience(leash.timeout()),
        }
    }

    pub(super) async fn by_installation(
        &self,
        found: &Situation,
        InstallationId(id): InstallationId,
        reference: Option<&str>,
        turn: Turn<'_>,
    ) -> Result<Done, ArmError> {
        let reader = self.reader(turn);
        turn.go()?;
        let repository = self.as_installation(&reader, found, id).await?;
        turn.go()?;
        let commit = self.commit(&reader, &Credential::Installation(id), &repository, reference).await?;
        let mut waits = AGAIN.iter();
        let fetched = loop {
            turn.go()?;
            let leased = self.lease(id, &repository, Need::Read, turn.traffic()).await?;
            turn.go()?;
            match self.fetch(&repository, &leased.token, &commit, turn).await {
                Err(GitError::Denied) => {
                    let Some(wait) = waits.next() else { return Err(ImportError::of_git(GitError::Denied)) };
                    let young = self.0.clock.now().saturating_sub(leased.minted_at) < YOUNG_MS;
                    if young {
                        self.0.clock.sleep(*wait).await;
                    } else {
                        self.0.github.tokens().invalidate(id, leased.generation);
                    }
                }
                outcome => break outcome.map_err(ImportError::of_git)?,
            }
        };
        Ok(Done { fetched, reference: named(reference, &repository), repository, installation: Some(id) })
    }

    pub(super) async fn by_oauth(
        &self,
        found: &Situation,
        reference: Option<&str>,
        turn: Turn<'_>,
    ) -> Result<Done, ArmError> {
        let Some(token) = &found.token else {
            return Err(ImportError::Internal("no user token, though its arm was chosen".to_owned()).into());
        };
        let reader = self.reader(turn);
        turn.go()?;
        let repository = self.as_user(&reader, found, token).await?;
        turn.go()?;
        let commit = self.commit(&reader, &Credential::User(token.clone()), &repository, reference).await?;
        turn.go()?;
        let fetched = self.fetch(&repository, token, &commit, turn).await.map_err(ImportError::of_git)?;
        Ok(Done { fetched, reference: named(reference, &repository), repository, installation: None })
    }

    /// The repository as GitHub has it now. `known`: the id that it must have; a name may belong to another one by now.
    pub(super) fn seen(
        &self,
        probe: Result<RepoProbe, GitHubError>,
        known: Option<i64>,
    ) -> Result<Repository, ArmError> {
        let own = |error| Err(ArmError { error, of_installation: true });
        match probe {
            Ok(RepoProbe::Found { repository, .. }) if known.is_none_or(|id| id == repository.id) => {
                Ok(repository)
            }
            Ok(RepoProbe::Found { .. }) => {
                Err(ImportError::NotFound("the name belongs to another repository now".to_owned()).into())
            }
            Ok(RepoProbe::NotFound) => own(ImportError::NotFound(
                "the repository is gone, or the credential does not see it".to_owned(),
            )),
            Ok(RepoProbe::CredentialDead) => {
                own(ImportError::NoAccess("the credential is revoked or has expired".to_owned()))
            }
            Ok(RepoProbe::Forbidden { message }) => own(ImportError::NoAccess(message)),
            Err(error) => Err(ImportError::of_github(error, self.0.clock.now())),
        }
    }

    /// The full sha of a branch, tag or commit: what is fetched is what was named at one moment.
    async fn commit(
        &self,
        reader: &Reader,
        credential: &Credential,
        repository: &Repository,
        reference: Option<&str>,
    ) -> Result<String, ArmError> {
        let reference = named(reference, repository);
        match reader.commit(credential, &repository.full_name, &reference).await {
            Ok(CommitProbe::Found(commit)) => Ok(commit.sha),
            Ok(CommitProbe::NotFound) => {
                Err(ImportError::NotFound(format!("{} has no {reference}", repository.full_name)).into())
            }
            Err(error) => Err(ImportError::of_github(error, self.0.clock.now())),
        }
    }

    async fn fetch(
        &self,
        repository: &Repository,
        token: &SecretString,
        commit: &str,
        turn: Turn<'_>,
    ) -> Result<Fetched, GitError> {
        let url = format!("{}/{}.git", self.0.github.web_base(), repository.full_name);
        let (git, mut limits) = (&self.0.git, self.0.limits);
        let git = match turn {
            Turn::Caller => git,
            Turn::Behind => &self.0.shadow_git,
            Turn::Beside(leash) => {
                limits.time = limits.time.min(leash.timeout());
                &self.0.shadow_git
            }
        };
        git.fetch(&url, token, commit, limits).await
    }
}

fn named(reference: Option<&str>, repository: &Repository) -> String {
    let default = if repository.default_branch.is_empty() { "HEAD" } else { &repository.default_branch };
    reference.unwrap_or(default).to_owned()
}

impl Imports {
    /// Does an import with the credential of one arm, in the background, whatever mode and rollout say: for the arm that did not
    /// answer. The files are let go of when what it gives is dropped.
    pub(crate) async fn by_side(
        &self,
        ask: &ImportAsk,
        side: Side,
    ) -> Result<(Fetched, Repository), ImportError> {
        let found = self.situation(ask, Operation::Import).await?;
        let reader = self.reader(Turn::Behind);
        let reference = ask.reference.as_deref();
        let (repository, credential) = match (side, found.token.clone(), installation(&found)) {
            (Side::Legacy, Some(token), _) => {
                (self.as_user(&reader, &found, &token).await, Credential::User(token))
            }
            (Side::Target, _, Some(id)) => {
                (self.as_installation(&reader, &found, id).await, Credential::Installation(id))
            }
            (Side::Legacy, None, _) => {
                return Err(self.no_credential(&found, super::Reason::NoToken(super::Why::Asked)));
            }
            (Side::Target, _, None) => {
                let why = "the repository is not mapped to an installation".to_owned();
                return Err(ImportError::NoCredential { why, mend: "`cutover map plan`".to_owned() });
            }
        };
        let repository = repository.map_err(|error| error.error)?;
        let commit = self.commit(&reader, &credential, &repository, reference).await;
        let commit = commit.map_err(|error| error.error)?;
        let fetched = match credential {
            Credential::Installation(id) => {
                let leased = self.lease(id, &repository, Need::Read, Traffic::Background).await;
                let leased = leased.map_err(|error| error.error)?;
                self.fetch(&repository, &leased.token, &commit, Turn::Behind).await
            }
            Credential::User(token) => self.fetch(&repository, &token, &commit, Turn::Behind).await,
            Credential::App => return Err(ImportError::Internal("no arm has this credential".to_owned())),
        };
        Ok((fetched.map_err(|error| ImportError::of_git(error).error)?, repository))
    }
}

/// The installation that the repository is mapped to, whether it may answer now or not.
pub(super) fn installation(found: &Situation) -> Option<i64> {
    let mapped = found.mapping.as_ref().filter(|mapping| mapping.status == MappingStatus::Mapped)?;
    mapped.installation.map(|InstallationId(id)| id)
}
