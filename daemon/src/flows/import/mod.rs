//! Imports (B9): a repository of a project, fetched with the credential that mode and mapping choose, by one contract.

pub mod arm;
mod error;
mod fetch;
mod find;
mod list;
mod prove;

use std::sync::Arc;
use std::time::Duration;

use cutover_shared::ids::{InstallationId, ProjectId, TenantId};
use cutover_shared::import::{ImportView, Method, Wanted};
use cutover_shared::mapping::{Mapping as Mapped, Mode};
use secrecy::SecretString;

pub use self::error::ImportError;
pub use self::list::{ListAsk, Listed};

use self::arm::{Arm, Grace, Mapping, Reason, Tenant, Why, arm};
use self::error::ArmError;
use self::fetch::Done;
use crate::clock::{Clock, Millis};
use crate::git::{Artifact, ArtifactId, Artifacts, Git, GitError, Limits};
use crate::github::GitHub;
use crate::mapping::{mode, token_owner};
use crate::metrics::{ImportMethod, Metrics};
use crate::run::Brake;
use crate::seal::Seal;
use crate::store::{Db, LinkRow};

/// Letters of a branch, tag or commit.
const LONGEST_REF: usize = 255;

/// What an import needs.
pub struct ImportParts {
    pub db: Db,
    pub github: GitHub,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    pub brake: Brake,
    pub git: Git,
    pub artifacts: Artifacts,
    pub limits: Limits,
    /// Epoch milliseconds; none: no end is set.
    pub grace_until: Option<Millis>,
    /// The App's name in links, where the configuration says it.
    pub app_slug: Option<String>,
}

/// Imports and listings. Cheap to clone.
#[derive(Clone)]
pub struct Imports(Arc<ImportParts>);

/// Which repository, of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportAsk {
    pub project: Option<ProjectId>,
    pub tenant: Option<TenantId>,
    /// `owner/name`, in any case.
    pub repository: Option<String>,
    /// Branch, tag or commit; none: the default branch.
    pub reference: Option<String>,
    pub method: Wanted,
    /// The caller's own tenant; what belongs to another isn't there.
    pub within: Option<TenantId>,
}

/// A repository of a project with all that decides on its arm.
struct Situation {
    link: LinkRow,
    mapping: Option<Mapped>,
    token: Option<SecretString>,
    arm: Arm,
}

impl Imports {
    /// Nothing is asked.
    pub fn new(parts: ImportParts) -> Self {
        Self(Arc::new(parts))
    }

    /// What the system's git calls itself.
    ///
    /// # Errors
    /// [`GitError::Missing`] when there is none.
    pub async fn git_version(&self) -> Result<String, GitError> {
        self.0.git.version().await
    }

    /// Fetches the files of one commit and keeps them as an artifact for a while.
    ///
    /// # Errors
    /// All of [`ImportError`].
    pub async fn run(&self, ask: &ImportAsk) -> Result<ImportView, ImportError> {
        let started = self.0.clock.monotonic();
        let reference = ask.reference.as_deref().map(checked_ref).transpose()?;
        let found = self.situation(ask).await?;
        let chosen = self.chosen(&found, ask.method)?;
        let (method, done, reason, fallback_reason) = match chosen {
            Arm::Refused(reason) => return Err(self.no_credential(&found, reason)),
            Arm::OAuth(why) => {
                let done = self.by_oauth(&found, reference).await;
                (Method::Oauth, done, why.text().to_owned(), None)
            }
            Arm::Installation { id, fallback } => {
                let mapped = format!("mapped to installation {id}");
                match self.by_installation(&found, id, reference).await {
                    Err(ArmError { error, of_installation: true }) if fallback => {
                        counted(Method::Installation, &found.link, Some(error.code()));
                        let reason = "the installation can't serve, and the grace period lasts".to_owned();
                        (
                            Method::Oauth,
                            self.by_oauth(&found, reference).await,
                            reason,
                            Some(error.to_string()),
                        )
                    }
                    done => (Method::Installation, done, mapped, None),
                }
            }
        };
        let done = match done {
            Ok(done) => done,
            Err(ArmError { error, .. }) => {
                counted(method, &found.link, Some(error.code()));
                return Err(error);
            }
        };
        let artifact =
            self.0.artifacts.keep(&done.fetched).map_err(|error| ArmError::from_git(error).error)?;
        counted(method, &found.link, None);
        let took = self.0.clock.monotonic().saturating_sub(started);
        Ok(view(found.link, method, done, artifact, (reason, fallback_reason), took))
    }

    /// The repository that is meant, as the catalog has it. Nothing is asked of GitHub.
    ///
    /// # Errors
    /// As for [`Imports::run`], where it can't be told or is not there.
    pub async fn link(&self, ask: &ImportAsk) -> Result<LinkRow, ImportError> {
        self.find(ask).await
    }

    /// Where the archive of an import is, while it is kept.
    pub fn artifact(&self, id: &ArtifactId) -> Option<std::path::PathBuf> {
        self.0.artifacts.find(id)
    }

    async fn situation(&self, ask: &ImportAsk) -> Result<Situation, ImportError> {
        let link = self.find(ask).await?;
        self.judge(link).await
    }

    /// What is known of a link, and its arm.
    async fn judge(&self, link: LinkRow) -> Result<Situation, ImportError> {
        let parts = &self.0;
        let rows = parts.db.mappings(std::slice::from_ref(&link.key)).await?;
        let mapping: Option<Mapped> = rows.first().and_then(|row| serde_json::from_str(&row.body).ok());
        let row = rows.first().filter(|row| row.status == "mapped");
        let mapped = row.and_then(|row| row.installation).map_or(Mapping::Unmapped, Mapping::Mapped);
        let token = self.token(&link).await?;
        let (mode, listed, killed) = self.ceiling(&link.tenant).await?;
        let tenant = Tenant { listed, token: token.is_some() };
        let arm = arm(mode, mapped, tenant, killed, self.grace());
        Ok(Situation { link, mapping, token, arm })
    }

    /// Mode, whether the tenant is on the canary list, and whether the switch is pulled.
    async fn ceiling(&self, tenant: &TenantId) -> Result<(Mode, bool, bool), ImportError> {
        let killed = self.0.brake.is_pulled();
        let view = mode::view(&self.0.db, None, killed).await?;
        Ok((view.mode, view.canary.contains(tenant), killed))
    }

    fn grace(&self) -> Grace {
        match self.0.grace_until {
            Some(until) if until <= self.0.clock.now() => Grace::Over,
            _ => Grace::Open,
        }
    }

    /// The user's token of a link; one that can't be opened is none, and the log says so.
    async fn token(&self, link: &LinkRow) -> Result<Option<SecretString>, ImportError> {
        let Some(fingerprint) = &link.token else { return Ok(None) };
        let Some(envelope) = self.0.db.user_token(fingerprint).await? else { return Ok(None) };
        match self.0.seal.open_text(&token_owner(fingerprint), &envelope) {
            Ok(token) => Ok(Some(token)),
            Err(error) => {
                tracing::error!(%error, project = %link.project, "a stored user token can't be opened");
                Ok(None)
            }
        }
    }

    /// What was asked for may be less than what the rule gives, never more: the mode is the ceiling.
    fn chosen(&self, found: &Situation, wanted: Wanted) -> Result<Arm, ImportError> {
        match (wanted, found.arm) {
            (Wanted::Auto, arm) => Ok(arm),
            (Wanted::Installation, Arm::Installation { id, .. }) => {
                Ok(Arm::Installation { id, fallback: false })
            }
            (Wanted::Installation, Arm::OAuth(why)) => Err(ImportError::NoCredential {
                why: format!("an installation may not serve: {}", why.text()),
                mend: "`cutover mode set`, or leave out the method".to_owned(),
            }),
            (Wanted::Oauth, Arm::Installation { .. }) if found.token.is_some() => Ok(Arm::OAuth(Why::Asked)),
            (Wanted::Oauth, Arm::Installation { .. }) => {
                Err(self.no_credential(found, Reason::NoToken(Why::Asked)))
            }
            (Wanted::Installation | Wanted::Oauth, arm) => Ok(arm),
        }
    }

    fn no_credential(&self, found: &Situation, reason: Reason) -> ImportError {
        let why = match reason {
            Reason::NoToken(why) => format!("{}, and no user token is stored", why.text()),
            Reason::GraceOver => "the repository is not mapped, and the grace period is over".to_owned(),
        };
        let steps = found
            .mapping
            .as_ref()
            .map(|mapping| mapping.next_steps.clone())
            .filter(|steps| !steps.is_empty());
        let mend = steps.unwrap_or_else(|| match (reason, &self.0.app_slug) {
            (Reason::NoToken(Why::Killed | Why::Off | Why::NotListed), _) => {
                "put the tenant on the canary list, or set the mode, once it is mapped".to_owned()
            }
            (_, Some(slug)) => {
                let apps = if self.0.github.host_id() == "github.com" { "apps" } else { "github-apps" };
                let web = self.0.github.web_base();
                format!(
                    "install the App for {} at {web}/{apps}/{slug}/installations/new",
                    found.link.repo_full_name
                )
            }
            (_, None) => {
                "`cutover map plan` says which App installation is missing, with its link".to_owned()
            }
        });
        ImportError::NoCredential { why, mend }
    }
}

impl ArmError {
    fn from_git(error: GitError) -> Self {
        ImportError::of_git(error)
    }
}

/// Branch, tag or commit. What git would take for an option or a pattern is refused before anything is asked.
fn checked_ref(text: &str) -> Result<&str, ImportError> {
    let bad = text.is_empty()
        || text.len() > LONGEST_REF
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.contains("..")
        || text.contains("//")
        || text.chars().any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\@{".contains(c));
    if bad { Err(ImportError::BadRequest("ref is no branch, tag or commit".to_owned())) } else { Ok(text) }
}

/// `import_method_count`, and a line in the log.
fn counted(method: Method, link: &LinkRow, failed: Option<&'static str>) {
    let outcome = failed.unwrap_or("ok");
    Metrics::process().imported(match method {
        Method::Installation => ImportMethod::Installation,
        Method::Oauth => ImportMethod::Oauth,
    });
    tracing::info!(%method, outcome, project = %link.project, tenant = %link.tenant, "import");
}

fn view(
    link: LinkRow,
    method: Method,
    done: Done,
    artifact: Artifact,
    (reason, fallback_reason): (String, Option<String>),
    took: Duration,
) -> ImportView {
    let Done { fetched, repository, reference, installation } = done;
    ImportView {
        project_id: link.project,
        tenant_id: link.tenant,
        repository: repository.full_name,
        repository_id: repository.id,
        reference,
        commit_sha: fetched.commit_sha.clone(),
        tree_sha: fetched.tree_sha.clone(),
        bytes: fetched.bytes,
        files: fetched.files,
        digest: fetched.digest.clone(),
        artifact: artifact.id.as_str().to_owned(),
        artifact_expires_at: artifact.expires_at,
        method,
        installation_id: installation.map(InstallationId),
        reason,
        fallback_reason,
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        probes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_that_git_could_take_otherwise_are_refused() {
        for good in ["main", "feature/x", "v1.2.3", "0123abc", "refs/tags/v1", "ümlaut"] {
            assert!(checked_ref(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-x",
            "--upload-pack=id",
            "a..b",
            "a b",
            "a\nb",
            "a:b",
            "a^",
            "a~1",
            "HEAD@{1}",
            "/a",
            "a/",
            "*",
        ] {
            assert!(checked_ref(bad).is_err(), "{bad}");
        }
        assert!(checked_ref(&"x".repeat(256)).is_err());
    }
}
