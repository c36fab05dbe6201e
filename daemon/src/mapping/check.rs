//! The spot-check (B6): samples mapped repositories, fetches each by its installation, and compares with what was
//! imported. It reads only; the report is kept in the audit log.

use cutover_shared::catalog::Link;
use cutover_shared::ids::InstallationId;
use cutover_shared::mapping::{SpotCheckReport, SpotCheckRow};
use futures::StreamExt as _;
use serde_json::json;

use super::link::link_of;
use super::spot_check::{Artifact, Candidate, compare, sample, verdict};
use crate::audit::Who;
use crate::clock::Clock;
use crate::github::{CommitProbe, Credential, GitHub, GitHubError, Reader, Traffic};
use crate::store::{Db, Lane, MappingRow, ReadError, Unit, WriteError};

/// Repositories fetched at once.
const PARALLEL: usize = 8;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error("no repository is mapped yet: apply a plan first")]
    NothingMapped,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Samples, fetches, compares.
pub async fn spot_check(
    db: &Db,
    github: &GitHub,
    clock: &Clock,
    size: usize,
    seed: u64,
    who: &Who,
) -> Result<SpotCheckReport, CheckError> {
    let (mut population, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = db.mapped(after.as_deref(), 5_000).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key.0.clone());
        population.extend(page.into_iter().map(candidate));
    }
    if population.is_empty() {
        return Err(CheckError::NothingMapped);
    }
    let total = population.len() as u64;
    let chosen = sample(population, size, seed);
    let keys: Vec<_> = chosen.iter().map(|candidate| candidate.key.clone()).collect();
    let links = db.links_by_key(&keys).await?;
    let mappings = db.mappings(&keys).await?;
    let reader = github.reader(Traffic::Live);
    let work: Vec<_> = chosen
        .into_iter()
        .filter_map(|candidate| {
            let link = links.iter().find(|row| row.key == candidate.key)?.clone();
            let mapping = mappings.iter().find(|row| row.key == candidate.key)?.clone();
            let installation = mapping.installation?;
            let reader = &reader;
            Some(async move {
                let link = link_of(link);
                let fetched = fetch(reader, &link, &mapping, installation).await;
                let imported = imported(&link);
                let (outcome, detail) = compare(&imported, fetched.as_ref().map_err(String::as_str));
                SpotCheckRow {
                    key: candidate.key,
                    tenant: candidate.tenant,
                    installation,
                    confidence: candidate.confidence,
                    outcome,
                    detail,
                }
            })
        })
        .collect();
    let rows: Vec<_> = futures::stream::iter(work).buffered(PARALLEL).collect().await;
    let (passed, text) = verdict(&rows);
    let at = clock.now();
    let report = SpotCheckReport { seed, at, population: total, rows, passed, verdict: text };
    let detail = json!({
        "seed": seed, "population": total, "passed": passed, "verdict": report.verdict,
        "keys": report.rows.iter().map(|row| (&row.key, row.outcome)).collect::<Vec<_>>(),
    });
    db.write(Lane::Handler, Unit::new().with(who.did(at, "map.spot-check", "mapped", detail))).await?;
    Ok(report)
}

fn candidate(row: MappingRow) -> Candidate {
    Candidate { key: row.key, tenant: row.tenant, confidence: u8::try_from(row.confidence).unwrap_or(0) }
}

fn imported(link: &Link) -> Artifact {
    Artifact {
        content_digest: None,
        tree_sha: link.imported_tree_sha.clone(),
        commit_sha: link.imported_commit_sha.clone(),
    }
}

/// What the installation reads of the imported commit. Without a known commit its newest one is read, which can
/// only be compared by tree.
async fn fetch(
    reader: &Reader,
    link: &Link,
    mapping: &MappingRow,
    installation: InstallationId,
) -> Result<Artifact, String> {
    let credential = Credential::Installation(installation.0);
    let name = current_name(mapping).unwrap_or_else(|| link.repo_full_name.clone());
    let Some(wanted) = link.imported_commit_sha.as_deref().or(link.imported_tree_sha.as_deref()) else {
        return Ok(Artifact::default());
    };
    if link.imported_commit_sha.is_none() {
        let tree = reader.tree(&credential, &name, wanted, false).await.map_err(|e| unreachable(&e))?;
        return Ok(Artifact { tree_sha: tree.map(|tree| tree.sha), ..Artifact::default() });
    }
    match reader.commit(&credential, &name, wanted).await.map_err(|e| unreachable(&e))? {
        CommitProbe::Found(commit) => Ok(Artifact {
            content_digest: None,
            tree_sha: Some(commit.tree_sha),
            commit_sha: Some(commit.sha),
        }),
        // The installation reads the repository, and it does not hold the imported commit.
        CommitProbe::NotFound => Ok(Artifact {
            content_digest: None,
            tree_sha: link.imported_tree_sha.as_ref().map(|sha| "0".repeat(sha.len())),
            commit_sha: Some("0".repeat(wanted.len())),
        }),
    }
}

fn current_name(mapping: &MappingRow) -> Option<String> {
    let mapping: cutover_shared::mapping::Mapping = serde_json::from_str(&mapping.body).ok()?;
    mapping.evidence.current_name
}

fn unreachable(error: &GitHubError) -> String {
    format!("GitHub could not be asked: {error}")
}
