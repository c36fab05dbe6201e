//! Which repository of which project is meant.

use cutover_shared::ids::TenantId;

use super::{ImportAsk, ImportError, Imports};
use crate::store::{LinkFilter, LinkRow};

/// Repositories of a tenant that are looked through at a time.
const PAGE: u32 = 1_000;

impl Imports {
    pub(super) async fn find(&self, ask: &ImportAsk) -> Result<LinkRow, ImportError> {
        let name = ask.repository.as_deref().map(str::to_lowercase);
        let links = match (&ask.project, &ask.tenant, &name) {
            (Some(project), None, _) => self.0.db.project(project).await?,
            (None, Some(tenant), Some(name)) => self.of_tenant(tenant, name).await?,
            (Some(_), Some(_), _) => return Err(bad("project_id and tenant_id do not go together")),
            (None, Some(_), None) => return Err(bad("tenant_id needs a repository")),
            (None, None, _) => return Err(bad("project_id, or tenant_id and repository, is needed")),
        };
        let own = |link: &LinkRow| ask.within.as_ref().is_none_or(|tenant| *tenant == link.tenant);
        let links: Vec<LinkRow> = links.into_iter().filter(own).collect();
        if links.is_empty() {
            return Err(ImportError::Unknown(if ask.project.is_some() {
                "such project"
            } else {
                "such repository"
            }));
        }
        let mut named: Vec<LinkRow> = links
            .into_iter()
            .filter(|link| name.as_ref().is_none_or(|name| *name == link.repo_lname))
            .collect();
        match (named.pop(), named.is_empty()) {
            (Some(link), true) => Ok(link),
            // Several projects of a tenant may hold one repository: its credential decides, so any is as good as the first.
            (Some(_), false) if ask.project.is_none() => Ok(named.swap_remove(0)),
            (Some(last), false) => {
                let all = named.iter().chain([&last]);
                Err(ImportError::Ambiguous(all.map(|link| link.repo_full_name.clone()).collect()))
            }
            (None, _) => Err(ImportError::Unknown("such repository of the project")),
        }
    }

    /// Links of a tenant that bear this name.
    async fn of_tenant(&self, tenant: &TenantId, name: &str) -> Result<Vec<LinkRow>, ImportError> {
        let filter = LinkFilter::Tenants(vec![tenant.clone()]);
        let (mut found, mut after) = (Vec::new(), None::<(String, String)>);
        loop {
            let at = after.as_ref().map(|(project, name)| (project.as_str(), name.as_str()));
            let page = self.0.db.links(&filter, at, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some((last.project.0.clone(), last.repo_lname.clone()));
            found.extend(page.into_iter().filter(|link| link.repo_lname == name));
        }
    }
}

fn bad(what: &str) -> ImportError {
    ImportError::BadRequest(what.to_owned())
}
