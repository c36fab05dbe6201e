//! Repositories that a project's, a tenant's or an installation's credential sees: the same rows whichever it is.

use cutover_shared::ids::{InstallationId, ProjectId, TenantId};
use cutover_shared::import::{Method, RepositoryView};
use cutover_shared::rollout::{Operation, Side, Why as Decided};

use super::arm::{Arm, Reason};
use super::error::ArmError;
use super::fetch::Turn;
use super::{ImportAsk, ImportError, Imports, Situation};
use crate::github::{PageOf, Repository};
use crate::rollout::tally::Outcome;
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
    /// Why it served.
    pub reason: String,
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
        let mut found = self.subject(ask).await?;
        let behind = self.list_behind(&mut found, ask).await;
        let listed = match found.arm {
            Arm::Refused(reason) => Err(self.refused(&found, reason)),
            Arm::OAuth(why) => {
                self.ended(&found, Method::Oauth, self.rows_by_oauth(&found, &cursor, why.text(), None)).await
            }
            Arm::Installation { id, fallback } => self.rows_by_mapped(&found, id, fallback, &cursor).await,
        };
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                behind.withdrawn().await;
                return Err(error);
            }
        };
        self.list_settled(behind, &found, ask, &listed).await;
        // Later pages are of a list whose first page was compared as a whole.
        if ask.cursor.is_none() && listed.fallback_reason.is_none() {
            self.list_beside(&found, listed.method, &listed.rows, listed.next.is_some());
        }
        Ok(listed)
    }

    /// By the installation that the repository is mapped to, else once by the user's token.
    async fn rows_by_mapped(
        &self,
        found: &Situation,
        id: InstallationId,
        fallback: bool,
        cursor: &Cursor,
    ) -> Result<Listed, ImportError> {
        let call = self.call(found, Method::Installation);
        match self.rows_by_installation(id, cursor, found.decision.why).await {
            // A later page of a list that began with the user's token stays with it.
            Err(error) if fallback && error.of_installation => {
                call.end(error.outcome(), false);
                let reason = "the installation can't serve, and the grace period lasts";
                let rows = self.rows_by_oauth(found, cursor, reason, Some(error.error.to_string()));
                self.ended(found, Method::Oauth, rows).await
            }
            rows => {
                call.end(rows.as_ref().map_or_else(ArmError::outcome, |_| Outcome::Ok), true);
                rows.map_err(|error| error.error)
            }
        }
    }

    /// Counts what an arm answers.
    async fn ended(
        &self,
        found: &Situation,
        method: Method,
        rows: impl Future<Output = Result<Listed, ArmError>>,
    ) -> Result<Listed, ImportError> {
        let call = self.call(found, method);
        let rows = rows.await;
        call.end(rows.as_ref().map_or_else(ArmError::outcome, |_| Outcome::Ok), true);
        rows.map_err(|error| error.error)
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
                        self.situation(&ImportAsk { repository, ..find }, Operation::List).await
                    }
                    link => self.judge(link?, Operation::List).await,
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
                    let found = self.judge(link, Operation::List).await?;
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
        let Some(found) = found else {
            if tenant.is_some() {
                return Err(ImportError::Unknown("such installation of the tenant"));
            }
            return self.of_nobody(id, cursor).await;
        };
        if found.decision.side == Side::Target {
            let rows = self.rows_by_installation(id, cursor, found.decision.why);
            return self.ended(&found, Method::Installation, rows).await;
        }
        match found.arm {
            Arm::Refused(reason) => Err(self.refused(&found, reason)),
            Arm::OAuth(_) | Arm::Installation { .. } => {
                let rows = self.rows_by_oauth(&found, cursor, found.decision.why.text(), None);
                self.ended(&found, Method::Oauth, rows).await
            }
        }
    }

    /// An installation that no tenant is mapped to, for a service: there is no other arm, and no tenant to be routed or counted.
    /// It serves once installations serve everybody.
    async fn of_nobody(&self, id: InstallationId, cursor: &Cursor) -> Result<Listed, ImportError> {
        let decision = self.0.router.decide(Operation::List, "");
        if decision.side != Side::Target || decision.why != Decided::Everyone {
            return Err(ImportError::NoCredential {
                why: format!("installations may not serve everybody now: {}", decision.why.text()),
                mend: "ask by projectId or tenantId; `cutover rollout show github-auth` has the stage"
                    .to_owned(),
            });
        }
        self.0.router.begins(Side::Target);
        self.rows_by_installation(id, cursor, decision.why).await.map_err(|error| error.error)
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
                    return self.judge(link, Operation::List).await.map(Some);
                }
            }
        }
    }

    async fn rows_by_installation(
        &self,
        id: InstallationId,
        cursor: &Cursor,
        why: Decided,
    ) -> Result<Listed, ArmError> {
        let page = self.installation_page(id, cursor.of(Method::Installation)?, Turn::Caller).await?;
        let reason = format!("installation {id}; {}", why.text());
        Ok(self.listed(page, Method::Installation, (reason, None))?)
    }

    async fn rows_by_oauth(
        &self,
        found: &Situation,
        cursor: &Cursor,
        reason: &str,
        fallback: Option<String>,
    ) -> Result<Listed, ArmError> {
        let page = self.user_page(found, cursor.of(Method::Oauth)?, Turn::Caller).await?;
        Ok(self.listed(page, Method::Oauth, (reason.to_owned(), fallback))?)
    }

    pub(super) async fn installation_page(
        &self,
        id: InstallationId,
        cursor: Option<&str>,
        turn: Turn<'_>,
    ) -> Result<PageOf<Repository>, ArmError> {
        let page = self.reader(turn).installation_repositories(id.0, cursor).await;
        page.map_err(|error| ImportError::of_github(error, self.0.clock.now()))
    }

    pub(super) async fn user_page(
        &self,
        found: &Situation,
        cursor: Option<&str>,
        turn: Turn<'_>,
    ) -> Result<PageOf<Repository>, ArmError> {
        let Some(token) = &found.token else {
            return Err(self.no_credential(found, Reason::NoToken(super::Why::Asked)).into());
        };
        match self.reader(turn).user_repositories(token, cursor).await {
            Ok(Some(page)) => Ok(page),
            Ok(None) => Err(ArmError {
                error: ImportError::NoAccess("the credential is revoked or has expired".to_owned()),
                of_installation: true,
            }),
            Err(error) => Err(ImportError::of_github(error, self.0.clock.now())),
        }
    }

    fn listed(
        &self,
        page: PageOf<Repository>,
        method: Method,
        (reason, fallback_reason): (String, Option<String>),
    ) -> Result<Listed, ImportError> {
        tracing::info!(%method, reason, rows = page.rows.len(), "repositories listed");
        let sealed = |next: String| self.0.seal.seal(CURSOR, format!("{method} {next}").as_bytes());
        let next = page.next.map(sealed).transpose();
        let next = next.map_err(|error| ImportError::Internal(error.to_string()))?;
        Ok(Listed { rows: page.rows.into_iter().map(row).collect(), next, method, reason, fallback_reason })
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
        let reader = self.reader(Turn::Behind);
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
