//! Reads the world that a plan stands on: the index, the stored answers of probes, the links of a scope.

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, InstallationId, RepoId, TenantId};
use cutover_shared::mapping::MapScope;

use super::index::{AccountType, IndexView, Installation, Listed, Requested, Selection};
use super::link::link_of;
use super::mode;
use super::probe::{Answers, ProbeAnswer, ProbeAsk};
use crate::store::{Db, InstallationRow, LinkFilter, LinkRow, ReadError, RepositoryRow};

/// Rows read at a time. Large enough that a hundred thousand rows are a few dozen statements.
const PAGE: u32 = 5_000;

async fn installations(db: &Db, host: &str) -> Result<Vec<Installation>, ReadError> {
    let (mut installations, mut after) = (Vec::new(), None);
    loop {
        let page = db.installations(host, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        installations.extend(page.into_iter().map(installation));
    }
    Ok(installations)
}

async fn requests(db: &Db, host: &str) -> Result<Vec<Requested>, ReadError> {
    let rows = db.requests(host).await?;
    Ok(rows
        .into_iter()
        .map(|row| Requested { account_id: AccountId(row.account_id), login: row.account_login })
        .collect())
}

fn installation(row: InstallationRow) -> Installation {
    Installation {
        id: InstallationId(row.id),
        account_id: AccountId(row.account_id),
        account_login: row.account_login,
        account_type: if row.account_type == "Organization" {
            AccountType::Organization
        } else {
            AccountType::User
        },
        selection: if row.selection == "all" { Selection::All } else { Selection::Selected },
        suspended: row.suspended_at.is_some(),
    }
}

fn listed(row: RepositoryRow) -> Listed {
    Listed {
        repo_id: RepoId(row.id),
        installation: InstallationId(row.installation),
        full_name: row.full_name,
        owner_id: AccountId(row.owner_id),
        owner_login: row.owner_login,
        created_at: row.created_at,
        private: row.private,
        fork: row.fork,
    }
}

/// The index of a host, in memory.
pub async fn index(db: &Db, host: &str) -> Result<IndexView, ReadError> {
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = db.repositories(host, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some((last.installation, last.id));
        listed.extend(page.into_iter().map(self::listed));
    }
    Ok(IndexView::build(installations(db, host).await?, listed, requests(db, host).await?))
}

/// As much of the index as judging links needs that have these ids or names: every account, and the repositories in question.
/// A repository that has one of the names is there under every name that an installation lists it by.
pub async fn index_of(db: &Db, host: &str, ids: &[i64], names: &[String]) -> Result<IndexView, ReadError> {
    let mut rows = db.repositories_of(host, ids, names).await?;
    let mut found: Vec<i64> = rows.iter().map(|row| row.id).collect();
    found.sort_unstable();
    found.dedup();
    rows.extend(db.repositories_of(host, &found, &[]).await?);
    rows.sort_unstable_by_key(|row| (row.installation, row.id));
    rows.dedup_by_key(|row| (row.installation, row.id));
    let listed: Vec<_> = rows.into_iter().map(listed).collect();
    Ok(IndexView::build(installations(db, host).await?, listed, requests(db, host).await?))
}

/// Every stored answer. One that this version can't read is left out, and asked again.
pub async fn answers(db: &Db) -> Result<Answers, ReadError> {
    let (mut answers, mut after) = (Answers::default(), None::<String>);
    loop {
        let page = db.probes(after.as_deref(), PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(answers) };
        after = Some(last.clone());
        for (key, answer) in page {
            if let (Some(ask), Ok(answer)) =
                (ProbeAsk::from_key(&key), serde_json::from_str::<ProbeAnswer>(&answer))
            {
                answers.insert(ask, answer);
            }
        }
    }
}

/// The links that a scope covers.
pub async fn filter(db: &Db, scope: &MapScope) -> Result<LinkFilter, ReadError> {
    Ok(match scope {
        MapScope::All => LinkFilter::All,
        MapScope::Tenant(tenant) => LinkFilter::Tenants(vec![tenant.clone()]),
        MapScope::Canary => {
            LinkFilter::Tenants(mode::canary(db).await?.into_iter().collect::<Vec<TenantId>>())
        }
    })
}

/// Every repository of every project that a scope covers, by project and name.
pub async fn scope(db: &Db, scope: &MapScope) -> Result<Vec<Link>, ReadError> {
    let rows = links(db, &filter(db, scope).await?).await?;
    Ok(rows.into_iter().map(link_of).collect())
}

/// All links of a filter, by project and name.
pub async fn links(db: &Db, filter: &LinkFilter) -> Result<Vec<LinkRow>, ReadError> {
    let mut links: Vec<LinkRow> = Vec::new();
    loop {
        let after = links.last().map(|row| (row.project.0.clone(), row.repo_lname.clone()));
        let after = after.as_ref().map(|(project, name)| (project.as_str(), name.as_str()));
        let page = db.links(filter, after, PAGE).await?;
        if page.is_empty() {
            return Ok(links);
        }
        links.extend(page);
    }
}
