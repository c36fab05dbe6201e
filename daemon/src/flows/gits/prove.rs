//! Whether a tenant could clone by an arm (C8, C9), asked without fetching anything.

use async_trait::async_trait;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::Side;

use super::Gits;
use super::credential::Wanted;
use super::routed::verified;
use crate::flows::import::Need;
use crate::flows::proof::{NO_REPOSITORY, Prover};
use crate::github::Traffic;
use crate::sandbox::{Branch, OperationId, Reference};
use crate::store::LinkFilter;

#[async_trait]
impl Prover for Gits {
    /// A sandbox of the arm asks the remote, with the tenant's credential, where the main branch of its first repository is.
    async fn trouble(&self, side: Side, tenant: &TenantId) -> Option<String> {
        let links = self.0.db.links(&LinkFilter::Tenants(vec![tenant.clone()]), None, 1).await;
        let link = match links {
            Ok(links) => links.into_iter().next(),
            Err(error) => return Some(error.to_string()),
        };
        let Some(link) = link else { return Some(NO_REPOSITORY.to_owned()) };
        let wanted = Wanted {
            need: Need::Read,
            traffic: Traffic::Background,
            reference: Reference::Head,
            operation: OperationId::numbered(rand::random()),
        };
        let mut way = match self.way(&link, wanted).await {
            Ok(way) => way,
            Err(failure) => return Some(format!("{}: {}", link.repo_full_name, failure.error)),
        };
        let branch = Branch::parse(way.default_branch()).or_else(|| Branch::parse("main"))?;
        // Whether the branch is there is the tenant's own matter: the remote has answered the credential.
        let asked = verified(self.arm(side).as_ref(), &mut way, &branch).await;
        asked.err().map(|failure| format!("{}: {}", link.repo_full_name, failure.error))
    }
}
