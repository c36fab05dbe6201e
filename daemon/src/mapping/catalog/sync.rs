//! Reads the application's catalog into ours before a plan: an observation, so that one planner serves both sources.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use cutover_shared::catalog::{BadRow, CatalogFormat};
use cutover_shared::ids::LinkKey;
use secrecy::ExposeSecret;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::app_database::{AppDatabase, AppDatabaseError, AppRow, STATUS_MOST};
use super::import::seal_token;
use super::parse::{ParsedLink, parse};
use crate::audit::Who;
use crate::clock::Clock;
use crate::mapping::link::row_of;
use crate::seal::{Seal, SealError};
use crate::store::{CatalogOp, Db, Lane, LinkFilter, LinkRow, ReadError, UNIT_ROWS, Unit, WriteError};

/// Repositories read at a time.
const PAGE: u32 = 1_000;

/// Reasons that the audit record lists; the count is always of all.
const LISTED: usize = 20;

/// Why the catalog could not be read over.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error(transparent)]
    Database(#[from] AppDatabaseError),
    #[error("a user token can't be sealed: {0}")]
    Seal(#[from] SealError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// What a reading found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Synced {
    pub added: u64,
    pub changed: u64,
    pub unchanged: u64,
    /// Links whose row is gone, or can't be taken any more.
    pub dropped: u64,
    /// Rows that can't be taken.
    pub bad: u64,
    /// Why, for the first of them.
    pub reasons: Vec<String>,
}

/// Brings our copy up to date. Rows that can't be taken are left out, counted and named; they never stop the rest.
pub async fn sync(
    db: &Db,
    database: &AppDatabase,
    seal: &Arc<Seal>,
    clock: &Clock,
    who: &Who,
) -> Result<Synced, SyncError> {
    let _reading = database.reading().await;
    let mut pass = Pass { db, seal, clock, who, seen: HashSet::new(), synced: Synced::default() };
    let outcome = pass.run(database).await;
    let synced = pass.synced;
    if synced.bad > 0 {
        tracing::warn!(bad = synced.bad, reasons = ?synced.reasons, "rows of the application's catalog were left out");
    }
    if synced.added + synced.changed + synced.dropped > 0 {
        let detail = json!({
            "added": synced.added, "changed": synced.changed, "unchanged": synced.unchanged,
            "dropped": synced.dropped, "bad": synced.bad, "reasons": synced.reasons,
            "broken off": outcome.as_ref().err().map(ToString::to_string),
        });
        let record = who.did(clock.now(), "catalog.sync", database.place(), detail);
        let written = db.write(Lane::Handler, Unit::new().with(record)).await;
        outcome?;
        written?;
    } else {
        outcome?;
    }
    Ok(synced)
}

struct Pass<'a> {
    db: &'a Db,
    seal: &'a Arc<Seal>,
    clock: &'a Clock,
    who: &'a Who,
    /// Hashes of the links that are there: 16 bytes for each is all that grows.
    seen: HashSet<[u8; 16]>,
    synced: Synced,
}

impl Pass<'_> {
    async fn run(&mut self, database: &AppDatabase) -> Result<(), SyncError> {
        let mut after = None;
        loop {
            let page = database.page(after.as_ref(), PAGE).await?;
            let full = page.len() == PAGE as usize;
            after = page.last().map(AppRow::after);
            let mut rows = page.into_iter();
            loop {
                let chunk: Vec<AppRow> = rows.by_ref().take(UNIT_ROWS).collect();
                if chunk.is_empty() {
                    break;
                }
                self.put(chunk).await?;
            }
            if !full {
                return self.drop_vanished().await;
            }
        }
    }

    async fn put(&mut self, chunk: Vec<AppRow>) -> Result<(), SyncError> {
        let (mut rows, mut tokens) = (Vec::with_capacity(chunk.len()), HashMap::new());
        for row in chunk {
            match self.take(&row) {
                Ok(ParsedLink { mut link, token, .. }) => {
                    let sealed = token.map(|token| seal_token(self.seal, &token)).transpose()?;
                    link.token = sealed.as_ref().map(|(fingerprint, _)| fingerprint.clone());
                    tokens.extend(sealed);
                    rows.push(row_of(link, Some(row.held)));
                }
                Err(why) => {
                    self.synced.bad += 1;
                    if self.synced.reasons.len() < LISTED {
                        let project: String = row.project.0.chars().take(100).collect();
                        self.synced.reasons.push(format!("project {project}: {why}"));
                    }
                }
            }
        }
        let keys: Vec<LinkKey> = rows.iter().map(|row| row.key.clone()).collect();
        let known: HashMap<LinkKey, String> =
            self.db.links_by_key(&keys).await?.into_iter().map(|row| (row.key, row.fingerprint)).collect();
        let (mut added, mut changed) = (0, 0);
        let mut news: Vec<LinkRow> = Vec::new();
        for row in rows {
            match known.get(&row.key) {
                None => added += 1,
                Some(before) if *before == row.fingerprint => {
                    self.synced.unchanged += 1;
                    continue;
                }
                Some(_) => changed += 1,
            }
            news.push(row);
        }
        if news.is_empty() {
            return Ok(());
        }
        tokens.retain(|fingerprint, _| news.iter().any(|row| row.token.as_ref() == Some(fingerprint)));
        let at = self.clock.now();
        let unit = Unit::new()
            .with(CatalogOp::PutTokens { rows: tokens.into_iter().collect(), at })
            .with(CatalogOp::PutLinks { rows: news })
            .with(self.bump(at));
        self.db.write(Lane::Run, unit).await?;
        self.synced.added += added;
        self.synced.changed += changed;
        Ok(())
    }

    /// Every unit that changes links raises the revision, so that a crash between two units hides no change.
    fn bump(&self, at: i64) -> CatalogOp {
        CatalogOp::Bump { at, by: self.who.operator.0.clone() }
    }

    /// Checks a row by the rules that a catalog file is checked by.
    fn take(&mut self, row: &AppRow) -> Result<ParsedLink, String> {
        let line = json!({
            "projectId": row.project, "tenantId": row.tenant, "repoFullName": row.repo_full_name,
            "repoId": row.repo_id, "ownerId": row.owner_id, "ownerLogin": row.owner_login,
            "githubAccessToken": row.token.as_ref().map(ExposeSecret::expose_secret),
            "importedCommitSha": row.imported_commit_sha, "importedTreeSha": row.imported_tree_sha,
            "importedAt": row.imported_at, "importMethod": row.import_method,
        });
        let parsed = parse(CatalogFormat::JsonLines, line.to_string().as_bytes()).next();
        let parsed = match parsed {
            Some(Ok(parsed)) => parsed,
            Some(Err(error)) => return Err(problems(error.bad())),
            None => return Err("is empty".to_owned()),
        };
        if parsed.link.project != row.project {
            return Err("projectId begins or ends with a blank: take it away".to_owned());
        }
        if row.held.status.as_ref().is_some_and(|status| status.chars().count() > STATUS_MOST) {
            return Err(format!("the status column holds more than {STATUS_MOST} characters"));
        }
        if !self.seen.insert(short(&parsed.link.key)) {
            return Err("repoFullName is there twice for this project: leave one out".to_owned());
        }
        Ok(parsed)
    }

    async fn drop_vanished(&mut self) -> Result<(), SyncError> {
        let mut after: Option<(String, String)> = None;
        loop {
            let from = after.as_ref().map(|(project, name)| (project.as_str(), name.as_str()));
            let page = self.db.links(&LinkFilter::All, from, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.project.0.clone(), last.repo_lname.clone()));
            let gone: Vec<LinkKey> =
                page.into_iter().map(|row| row.key).filter(|key| !self.seen.contains(&short(key))).collect();
            for keys in gone.chunks(UNIT_ROWS) {
                let unit = Unit::new()
                    .with(CatalogOp::DropLinks { keys: keys.to_vec() })
                    .with(self.bump(self.clock.now()));
                self.db.write(Lane::Run, unit).await?;
                self.synced.dropped += keys.len() as u64;
            }
        }
    }
}

fn problems(bad: &[BadRow]) -> String {
    bad.iter().map(|bad| format!("{} {}", bad.column, bad.problem)).collect::<Vec<_>>().join("; ")
}

fn short(key: &LinkKey) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&Sha256::digest(key.as_str().as_bytes())[..16]);
    hash
}
