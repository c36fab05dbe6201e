//! Whether a tenant's credentials would serve (C8, C9), asked without fetching anything.

use std::collections::BTreeSet;

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::Side;

use super::Imports;
use crate::flows::proof::{NO_REPOSITORY, Prover};
use crate::github::Traffic;
use crate::store::{LinkFilter, LinkRow};

/// Repositories of one tenant that are looked at.
const LINKS: u32 = 200;

/// Credentials of one tenant that are tried.
const CREDENTIALS: usize = 3;

#[async_trait]
impl Prover for Imports {
    async fn trouble(&self, side: Side, tenant: &TenantId) -> Option<String> {
        let links = self.0.db.links(&LinkFilter::Tenants(vec![tenant.clone()]), None, LINKS).await;
        let links = match links {
            Ok(links) if links.is_empty() => return Some(NO_REPOSITORY.to_owned()),
            Ok(links) => links,
            Err(error) => return Some(error.to_string()),
        };
        match side {
            Side::Legacy => self.user_tokens_fail(&links).await,
            Side::Target => self.installations_fail(&links).await,
        }
    }
}

impl Imports {
    /// Each stored token of the tenant, up to a few, is used for a page of its list.
    async fn user_tokens_fail(&self, links: &[LinkRow]) -> Option<String> {
        let mut seen = BTreeSet::new();
        for link in links {
            if seen.len() == CREDENTIALS {
                break;
            }
            let Some(fingerprint) = &link.token else { continue };
            if !seen.insert(fingerprint.clone()) {
                continue;
            }
            let token = match self.token(link).await {
                Ok(Some(token)) => token,
                Ok(None) => return Some("a stored user token can't be opened".to_owned()),
                Err(error) => return Some(error.to_string()),
            };
            let reader = self.0.github.reader(Traffic::Background);
            match reader.user_repositories(&token, None).await {
                Ok(Some(_)) => {}
                Ok(None) => return Some("a user token is revoked or has expired".to_owned()),
                Err(error) => return Some(error.to_string()),
            }
        }
        seen.is_empty().then(|| "no user token is stored".to_owned())
    }

    /// Each installation that the tenant's repositories are mapped to gives a token.
    async fn installations_fail(&self, links: &[LinkRow]) -> Option<String> {
        let keys: Vec<_> = links.iter().map(|link| link.key.clone()).collect();
        let rows = match self.0.db.mappings(&keys).await {
            Ok(rows) => rows,
            Err(error) => return Some(error.to_string()),
        };
        let mapped: Vec<_> = rows.iter().filter(|row| row.status == "mapped").collect();
        let ids: BTreeSet<_> = mapped.iter().filter_map(|row| row.installation).collect();
        if mapped.len() < links.len() {
            let missing = links.len() - mapped.len();
            return Some(format!("{missing} of {} repositories are not mapped", links.len()));
        }
        for id in ids {
            if let Err(error) = self.0.github.tokens().get(id.0).await {
                return Some(format!("installation {id}: {error}"));
            }
        }
        None
    }
}
