//! Repositories that a project's, a tenant's or an installation's credential sees: the same rows whichever it is.

use cutover_shared::ids::{InstallationId, ProjectId, TenantId};
use cutover_shared::import::{Method, RepositoryView};
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::Side;

use super::arm::{Arm, Reason};
use super::error::ArmError;
use super::{ImportAsk, ImportError, Imports, Situation};
use crate::github::{PageOf, Repository, Traffic};
use crate::seal::Seal;
use crate::store::LinkFilter;

/// Whose repositories; exactly one of the first three is given, or an installation with its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListAsk {
    pub project: Option<ProjectId>,
    pub tenant: Option<TenantId>,
    pub installation: Option<InstallationId>,
    /// As the page before named it.
    pub cursor: Option<String>,
    /// The caller's own tenant; what belongs to another isn't there.
    pub within: Option<TenantId>,
}

/// A page of repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub rows: Vec<RepositoryView>,
    pub next: Option<String>,
    pub method: Method,
    pub fallback_reason: Option<String>,
}

/// The owner that a cursor is sealed for: it holds an address, and nobody else may choose where a credential goes.
const CURSOR: &str = "import-cursor";

/// Which page of whose list: a link of GitHub's, behind the word of the arm, so that one arm's page is never asked of the other.
struct Cursor(Option<(Method, String)>);

impl Cursor {
    fn open(seal: &Seal, sealed: Option<&str>) -> Result<Self, ImportError> {
        let Some(sealed) = sealed else { return Ok(Self(None)) };
        let text = seal.open(CURSOR, sealed).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().and_then(|text| {
            let (word, rest) = text.split_once(' ')?;
            Some((Method::from_word(word)?, rest.to_owned()))
        });
        parts.map(|parts| Self(Some(parts))).ok_or_else(|| bad("cursor is none of this list"))
    }

    /// The page for this arm.
    fn of(&self, method: Method) -> Result<Option<&str>, ImportError> {
        match &self.0 {
            None => Ok(None),
            Some((of, rest)) if *of == method => Ok(Some(rest)),
            Some(_) => {
                Err(bad("the credential has changed since the page before: begin again without a cursor"))
            }
        }
    }
}

fn bad(what: &str) -> ImportError {
    ImportError::BadRequest(what.to_owned())
}

impl Imports {
    /// One page.
    ///
    /// # Errors
    /// All of [`ImportError`] but those of fetching.
    pub async fn list(&self, ask: &ListAsk) -> Result<Listed, ImportError> {
        let cursor = Cursor::open(&self.0.seal, ask.cursor.as_deref())?;
        if let Some(id) = ask.installation {
            return self.of_installation(id, ask, &cursor).await;
        }
        let found = self.subject(ask).await?;
        match found.arm {
            Arm::Refused(reason) => Err(self.no_credential(&found, reason)),
            Arm::OAuth(_) => self.rows_by_oauth(&found, &cursor, None).await,
            Arm::Installation { id, fallback } => match self.rows_by_installation(id, &cursor).await {
                // A later page of a list that began with the user's token stays with it.
                Err(ArmError { error, of_installation: true }) if fallback => {
                    self.rows_by_oauth(&found, &cursor, Some(error.to_string())).await
                }
                rows => rows.map_err(|error| error.error),
            },
        }
    }

    /// The project's repository, or the first of the tenant's that has a credential.
    async fn subject(&self, ask: &ListAsk) -> Result<Situation, ImportError> {
        let (project, tenant) = (ask.project.clone(), ask.tenant.clone());
        match (&project, &tenant) {
            (Some(_), None) => {
                let find = ImportAsk { project, within: ask.within.clone(), ..ImportAsk::default() };
                match self.find(&find).await {
                    Err(ImportError::Ambiguous(names)) => {
                        let repository = names.into_iter().next();
                        self.situation(&ImportAsk { repository, ..find }).await
                    }
                    link => self.judge(link?).await,
                }
            }
            (None, Some(tenant)) => {
                if ask.within.as_ref().is_some_and(|own| own != tenant) {
                    return Err(ImportError::Unknown("such tenant"));
                }
                let filter = LinkFilter::Tenants(vec![tenant.clone()]);
                let links = self.0.db.links(&filter, None, 100).await?;
                let mut refused = None;
                for link in links {
                    let found = self.judge(link).await?;
                    if !matches!(found.arm, Arm::Refused(_)) {
                        return Ok(found);
                    }
                    refused.get_or_insert(found);
                }
                refused.ok_or(ImportError::Unknown("such tenant"))
            }
            _ => Err(ImportError::BadRequest(
                "one of projectId, tenantId and installationId is needed".to_owned(),
            )),
        }
    }

    /// An installation by its number: only while installations may serve, and for a tenant only its own.
    async fn of_installation(
        &self,
        id: InstallationId,
        ask: &ListAsk,
        cursor: &Cursor,
    ) -> Result<Listed, ImportError> {
        if ask.project.is_some() {
            return Err(ImportError::BadRequest(
                "projectId and installationId do not go together".to_owned(),
            ));
        }
        let tenant = match (&ask.within, &ask.tenant) {
            (Some(own), Some(asked)) if own != asked => return Err(ImportError::Unknown("such tenant")),
            (Some(tenant), _) | (None, Some(tenant)) => Some(tenant),
            (None, None) => None,
        };
        let found = self.mapped_to(id, tenant).await?;
        let (mode, listed, killed) = match &found {
            Some(found) => self.ceiling(&found.link.tenant).await?,
            None if tenant.is_some() => return Err(ImportError::Unknown("such installation of the tenant")),
            None => self.ceiling(&TenantId(String::new())).await?,
        };
        if killed || mode == Mode::Off || (mode == Mode::Canary && !listed) {
            let Some(found) = found else {
                return Err(ImportError::NoCredential {
                    why: "installations may not serve now".to_owned(),
                    mend: "ask by projectId or tenantId, or set the mode".to_owned(),
                });
            };
            return match found.arm {
                Arm::Refused(reason) => Err(self.no_credential(&found, reason)),
                Arm::OAuth(_) | Arm::Installation { .. } => self.rows_by_oauth(&found, cursor, None).await,
            };
        }
        self.rows_by_installation(id, cursor).await.map_err(|error| error.error)
    }

    /// A link that is mapped to the installation, of this tenant where one is given.
    async fn mapped_to(
        &self,
        id: InstallationId,
        tenant: Option<&TenantId>,
    ) -> Result<Option<Situation>, ImportError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.0.db.mapped(after.as_deref(), 1_000).await?;
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.key.0.clone());
            let fits = page.iter().find(|row| {
                row.installation == Some(id) && tenant.is_none_or(|tenant| *tenant == row.tenant)
            });
            if let Some(row) = fits {
                let links = self.0.db.links_by_key(std::slice::from_ref(&row.key)).await?;
                if let Some(link) = links.into_iter().next() {
                    return self.judge(link).await.map(Some);
                }
            }
        }
    }

    async fn rows_by_installation(&self, id: InstallationId, cursor: &Cursor) -> Result<Listed, ArmError> {
        let reader = self.0.github.reader(Traffic::Live);
        let page = reader.installation_repositories(id.0, cursor.of(Method::Installation)?).await;
        let page = page.map_err(|error| ImportError::of_github(error, self.0.clock.now()))?;
        Ok(self.listed(page, Method::Installation, None)?)
    }

    async fn rows_by_oauth(
        &self,
        found: &Situation,
        cursor: &Cursor,
        fallback: Option<String>,
    ) -> Result<Listed, ImportError> {
        let Some(token) = &found.token else {
            return Err(self.no_credential(found, Reason::NoToken(super::Why::Asked)));
        };
        let reader = self.0.github.reader(Traffic::Live);
        let page = reader.user_repositories(token, cursor.of(Method::Oauth)?).await;
        match page.map_err(|error| ImportError::of_github(error, self.0.clock.now()).error)? {
            Some(page) => self.listed(page, Method::Oauth, fallback),
            None => Err(ImportError::NoAccess("the credential is revoked or has expired".to_owned())),
        }
    }

    fn listed(
        &self,
        page: PageOf<Repository>,
        method: Method,
        fallback_reason: Option<String>,
    ) -> Result<Listed, ImportError> {
        tracing::info!(%method, rows = page.rows.len(), "repositories listed");
        let sealed = |next: String| self.0.seal.seal(CURSOR, format!("{method} {next}").as_bytes());
        let next = page.next.map(sealed).transpose();
        let next = next.map_err(|error| ImportError::Internal(error.to_string()))?;
        Ok(Listed { rows: page.rows.into_iter().map(row).collect(), next, method, fallback_reason })
    }
}

fn row(repository: Repository) -> RepositoryView {
    RepositoryView {
        id: repository.id,
        full_name: repository.full_name,
        name: repository.name,
        owner: repository.owner.login,
        owner_id: repository.owner.id,
        private: repository.private,
        fork: repository.fork,
        archived: repository.archived,
        default_branch: repository.default_branch,
    }
}

/// Pages of a list that the arm that did not answer reads at most.
const PAGES_BEHIND: usize = 20;

impl Imports {
    /// The whole list with the credential of one arm, in the background, whatever mode and rollout say: for the arm that did not
    /// answer.
    pub(crate) async fn listed_by_side(
        &self,
        ask: &ListAsk,
        side: Side,
    ) -> Result<Vec<RepositoryView>, ImportError> {
        let found = self.subject(ask).await?;
        let reader = self.0.github.reader(Traffic::Background);
        let (mut rows, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_BEHIND {
            let page = match (side, &found.token, super::fetch::installation(&found)) {
                (Side::Legacy, Some(token), _) => reader.user_repositories(token, cursor.as_deref()).await,
                (Side::Target, _, Some(id)) => {
                    reader.installation_repositories(id, cursor.as_deref()).await.map(Some)
                }
                (Side::Legacy, None, _) => {
                    return Err(self.no_credential(&found, Reason::NoToken(super::Why::Asked)));
                }
                (Side::Target, _, None) => {
                    let why = "the repository is not mapped to an installation".to_owned();
                    return Err(ImportError::NoCredential { why, mend: "`cutover map plan`".to_owned() });
                }
            };
            let page = page.map_err(|error| ImportError::of_github(error, self.0.clock.now()).error)?;
            let Some(page) = page else {
                return Err(ImportError::NoAccess("the credential is revoked or has expired".to_owned()));
            };
            rows.extend(page.rows.into_iter().map(row));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(rows),
            }
        }
        Err(ImportError::TooLarge(format!("a list of more than {PAGES_BEHIND} pages is not compared")))
    }
}
