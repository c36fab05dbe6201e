//! Imports (B9): a repository of a project, fetched with the credential that rollout and mapping choose, by one contract.

pub mod arm;
mod behind;
mod beside;
mod credential;
mod error;
mod fetch;
mod find;
mod list;
mod prove;
mod reference;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cutover_shared::ids::{InstallationId, ProjectId, TenantId};
use cutover_shared::import::{ImportView, Method, Wanted};
use cutover_shared::mapping::Mapping as Mapped;
use cutover_shared::rollout::{Operation, Side, Why as Decided};
use secrecy::SecretString;

pub(crate) use self::credential::{Access, Need, Standing};
pub use self::error::ImportError;
pub(crate) use self::error::{ArmError, PAUSE};
pub(crate) use self::fetch::AGAIN;
pub use self::list::{ListAsk, Listed};

use self::arm::{Arm, Grace, Mapping, Reason, Why, arm};
use self::beside::side;
use self::fetch::{Done, Turn};
use self::reference::checked_ref;
use crate::clock::{Clock, Millis};
use crate::flows::second::import_record;
use crate::git::{Artifact, ArtifactId, Artifacts, Git, GitError, Limits};
use crate::github::GitHub;
use crate::mapping::token_owner;
use crate::metrics::{ImportMethod, Metrics};
use crate::rollout::decide::Decision;
use crate::rollout::router::Router;
use crate::rollout::second::Second;
use crate::rollout::shadow::Shadow;
use crate::rollout::tally::{Call, Outcome, Tally};
use crate::seal::Seal;
use crate::store::{Db, LinkRow};

/// What an import needs.
pub struct ImportParts {
    pub db: Db,
    pub github: GitHub,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    /// Says whose turn it is.
    pub router: Router,
    /// Runs the other arm beside.
    pub shadow: Shadow,
    pub tally: Arc<dyn Tally>,
    /// Has the other arm written behind; set once that arm, which is made of these imports, is there.
    pub second: OnceLock<Second>,
    pub git: Git,
    /// For the arm beside: what it has under way takes no place of a caller's.
    pub shadow_git: Git,
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
#[derive(Clone)]
struct Situation {
    link: LinkRow,
    mapping: Option<Mapped>,
    mapped: Mapping,
    operation: Operation,
    decision: Decision,
    token: Option<SecretString>,
    arm: Arm,
}

impl Imports {
    /// Nothing is asked.
    pub fn new(parts: ImportParts) -> Self {
        Self(Arc::new(parts))
    }

    /// From now on the other arm is written behind each answer.
    pub fn write_behind(&self, second: Second) {
        // Set once, by the composition root: a second one would be the same.
        let _ = self.0.second.set(second);
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
        let mut found = self.situation(ask, Operation::Import).await?;
        let behind = self.import_behind(&mut found, ask, reference).await;
        let chosen = self.chosen(&found, ask.method)?;
        let (method, served, reason, fallback_reason) = match chosen {
            Arm::Refused(reason) => {
                behind.withdrawn().await;
                return Err(self.refused(&found, reason));
            }
            Arm::OAuth(why) => {
                (Method::Oauth, self.serve(&found, None, reference).await, why.text().to_owned(), None)
            }
            Arm::Installation { id, fallback } => {
                let mapped = format!("mapped to installation {id}; {}", found.decision.why.text());
                match self.serve(&found, Some(id), reference).await {
                    (call, Err(error)) if fallback && error.of_installation => {
                        call.end(error.outcome(), false);
                        counted(Method::Installation, &found.link, Some(error.error.code()));
                        let reason = "the installation can't serve, and the grace period lasts".to_owned();
                        let served = self.serve(&found, None, reference).await;
                        (Method::Oauth, served, reason, Some(error.error.to_string()))
                    }
                    served => (Method::Installation, served, mapped, None),
                }
            }
        };
        let (done, artifact) = match served {
            (call, Ok(done)) => {
                call.end(Outcome::Ok, true);
                done
            }
            (call, Err(error)) => {
                call.end(error.outcome(), true);
                counted(method, &found.link, Some(error.error.code()));
                behind.withdrawn().await;
                return Err(error.error);
            }
        };
        counted(method, &found.link, None);
        // What an operator asked for is no part of the rollout.
        if ask.method == Wanted::Auto && fallback_reason.is_none() {
            self.import_beside(&found, method, &done);
        }
        let took = self.0.clock.monotonic().saturating_sub(started);
        let link = found.link.clone();
        let view = view(found.link, method, done, artifact, (reason, fallback_reason), took);
        // Where a user's token took the installation's place, the arm that was decided on has done nothing.
        if side(view.method) == found.decision.side {
            behind.answered(import_record(&link, &view)).await;
        } else {
            behind.withdrawn().await;
        }
        Ok(view)
    }

    /// By an installation, or by the user's token; counted when the call is ended.
    async fn serve(
        &self,
        found: &Situation,
        installation: Option<InstallationId>,
        reference: Option<&str>,
    ) -> (Call, Result<(Done, Artifact), ArmError>) {
        let method = if installation.is_some() { Method::Installation } else { Method::Oauth };
        let call = self.call(found, method);
        let done = match installation {
            Some(id) => self.by_installation(found, id, reference, Turn::Caller).await,
            None => self.by_oauth(found, reference, Turn::Caller).await,
        };
        let kept = done.and_then(|done| {
            let artifact = self.0.artifacts.keep(&done.fetched).map_err(ImportError::of_git)?;
            Ok((done, artifact))
        });
        (call, kept)
    }

    /// A call of an arm begins.
    fn call(&self, found: &Situation, method: Method) -> Call {
        self.0.router.begins(side(method));
        Call::begin(&self.0.tally, &self.0.clock, found.operation, &found.link.tenant, side(method))
    }

    /// Nobody may serve: that is the arm's error whose turn it is.
    fn refused(&self, found: &Situation, reason: Reason) -> ImportError {
        let turn = found.decision.side;
        let call = Call::begin(&self.0.tally, &self.0.clock, found.operation, &found.link.tenant, turn);
        call.end(Outcome::Error, true);
        self.no_credential(found, reason)
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

    async fn situation(&self, ask: &ImportAsk, operation: Operation) -> Result<Situation, ImportError> {
        let link = self.find(ask).await?;
        self.judge(link, operation).await
    }

    /// What is known of a link, and its arm. The rollout is asked last: a kill that comes while the store is read is obeyed.
    async fn judge(&self, link: LinkRow, operation: Operation) -> Result<Situation, ImportError> {
        let parts = &self.0;
        let rows = parts.db.mappings(std::slice::from_ref(&link.key)).await?;
        let mapping: Option<Mapped> = rows.first().and_then(|row| serde_json::from_str(&row.body).ok());
        let row = rows.first().filter(|row| row.status == "mapped");
        let mapped = row.and_then(|row| row.installation).map_or(Mapping::Unmapped, Mapping::Mapped);
        let token = self.token(&link).await?;
        let decision = parts.router.decide(operation, link.tenant.as_str());
        let arm = arm((decision.side, decision.why), mapped, token.is_some(), self.grace());
        Ok(Situation { link, mapping, mapped, operation, decision, token, arm })
    }

    /// Asks the rollout again where time has gone by; true: a kill or a way back came meanwhile, and the arm is legacy's now. The store
    /// is not asked: it may be why the time has gone by.
    fn left_target(&self, found: &mut Situation) -> bool {
        let decision = self.0.router.decide(found.operation, found.link.tenant.as_str());
        let left = found.decision.side == Side::Target && decision.side == Side::Legacy;
        if left {
            found.decision = decision;
            found.arm = arm((decision.side, decision.why), found.mapped, found.token.is_some(), self.grace());
        }
        left
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

    /// What was asked for may be less than what the rule gives, never more: the rollout is the ceiling.
    fn chosen(&self, found: &Situation, wanted: Wanted) -> Result<Arm, ImportError> {
        match (wanted, found.arm) {
            (Wanted::Auto, arm) => Ok(arm),
            (Wanted::Installation, Arm::Installation { id, .. }) => {
                Ok(Arm::Installation { id, fallback: false })
            }
            (Wanted::Installation, Arm::OAuth(why)) => Err(ImportError::NoCredential {
                why: format!("an installation may not serve: {}", why.text()),
                mend: format!("{}, or leave out the method", lift(found, why)),
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
            (Reason::NoToken(why @ Why::Rollout(_)), _) => {
                format!("{}, once the repository is mapped", lift(found, why))
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

/// What would let an installation serve.
fn lift(found: &Situation, why: Why) -> String {
    match why {
        Why::Rollout(Decided::Killed) => {
            "let go of the kill with `cutover unkill` or `cutover mode set`".to_owned()
        }
        Why::Rollout(Decided::ModeOff | Decided::NotListed) => {
            "put the tenant on the canary list, or set the mode, with `cutover mode set`".to_owned()
        }
        Why::Rollout(_) => format!(
            "`cutover rollout explain {} {}` says what keeps it on legacy",
            found.link.tenant, found.operation
        ),
        Why::Grace | Why::Asked => "`cutover map plan` says which App installation is missing".to_owned(),
    }
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
