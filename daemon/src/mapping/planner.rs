//! Makes a mapping plan: reads the index, asks what is undecided, judges each repository of each project, and writes
//! the verdicts as a run. It is handed a reader only: it can change nothing at GitHub.

use async_trait::async_trait;
use cutover_shared::catalog::Link;
use cutover_shared::ids::LinkKey;
use cutover_shared::mapping::{
    MapScope, Mapping, MappingCounts, MappingStatus, PlanItem, PlanSummary, Reason,
};
use cutover_shared::run::RunView;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::ask::Asker;
use super::catalog::app_database::AppDatabase;
use super::catalog::sync;
use super::index::IndexView;
use super::kind::MAP;
use super::link::{link_of, mapping_body, mapping_fingerprint};
use super::load;
use super::matching::{MATCHING_VERSION, judge, project_verdict};
use super::next_steps::Context;
use super::probe::{Answers, ProbeTally};
use super::slug::{self, SlugError};
use super::sweep::{SweepError, Sweeper};
use crate::audit::Who;
use crate::clock::Clock;
use crate::github::{GitHub, Traffic};
use crate::run::{Draft, Engine, KindError, PlanSource, RunError, canonical};
use crate::seal::Seal;
use crate::store::{Db, Lane, ProbeOp, ReadError, Unit, WriteError};

/// Repositories judged between two writes.
const PAGE: usize = 1_000;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("there is nothing to plan: {0}")]
    Empty(String),
    #[error(transparent)]
    App(#[from] SlugError),
    #[error("the sweep stopped: {0}")]
    Sweep(#[from] SweepError),
    #[error("the application's database can't be read: {0}")]
    Catalog(#[from] sync::SyncError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a planner needs.
#[derive(Clone)]
pub struct Planner {
    pub db: Db,
    pub github: GitHub,
    pub sweeper: Sweeper,
    pub seal: Arc<Seal>,
    pub clock: Clock,
    pub engine: Engine,
    /// The application's database, when the catalog is there.
    pub app_database: Option<AppDatabase>,
    /// Questions in one plan at most.
    pub probe_budget: usize,
    /// An index that is older is read again first.
    pub index_max_age: Duration,
    /// The App's name in links; asked of GitHub when the configuration does not say.
    pub app_slug: Option<String>,
}

impl Planner {
    /// Plans a scope. `refresh` sweeps first and forgets the stored answers of probes; an index that was never
    /// read is always swept first.
    pub async fn plan(&self, scope: &MapScope, refresh: bool, who: &Who) -> Result<RunView, PlanError> {
        if let Some(database) = &self.app_database {
            sync::sync(&self.db, database, &self.seal, &self.clock, who).await?;
        }
        let filter = load::filter(&self.db, scope).await?;
        if self.db.links(&filter, None, 1).await?.is_empty() {
            return Err(PlanError::Empty(format!("scope {scope} covers no project of the catalog")));
        }
        let host = self.github.host_id();
        if refresh {
            self.db.write(Lane::Run, Unit::new().with(ProbeOp::Clear)).await?;
        }
        if refresh || self.is_old(self.db.index_view(host).await?.swept_at) {
            self.sweeper.sweep().await?;
        }
        let reader = self.github.reader(Traffic::Background);
        let slug = match &self.app_slug {
            Some(slug) => slug.clone(),
            None => slug::ask(&self.db, &self.github, &self.clock).await?,
        };
        let rows = load::links(&self.db, &filter).await?;
        let (fingerprints, links): (Vec<_>, Vec<_>) =
            rows.into_iter().map(|row| (row.fingerprint.clone(), link_of(row))).unzip();
        let index = load::index(&self.db, host).await?;
        let stored = load::answers(&self.db).await?;
        let asker = Asker { db: &self.db, seal: &self.seal, clock: &self.clock, reader: &reader };
        let (answers, tally) = asker.ask_all(&links, &index, stored, self.probe_budget).await?;
        let view = self.db.index_view(host).await?;
        let context = slug::context(&self.github, &slug);
        let config = json!({ "host": host, "web": self.github.web_base(), "slug": slug });
        let mut source = Verdicts {
            db: &self.db,
            links,
            fingerprints,
            index,
            answers,
            context,
            next: 0,
            summary: PlanSummary {
                index_epoch: view.epoch,
                index_at: view.swept_at,
                installations: view.installations,
                repositories: view.repositories,
                ..PlanSummary::default()
            },
            reasons: BTreeMap::new(),
            tally,
        };
        let draft = Draft {
            kind: MAP,
            scope: scope.to_string(),
            rules: json!({ "matching": MATCHING_VERSION }),
            config,
        };
        Ok(self.engine.plan(draft, who, &mut source).await?)
    }

    fn is_old(&self, swept_at: Option<i64>) -> bool {
        let most = i64::try_from(self.index_max_age.as_millis()).unwrap_or(i64::MAX);
        swept_at.is_none_or(|at| self.clock.now().saturating_sub(at) > most)
    }
}

/// Judges page by page, so that a plan of any size needs the verdicts of one page in memory.
struct Verdicts<'a> {
    db: &'a Db,
    /// By project, then by name.
    links: Vec<Link>,
    fingerprints: Vec<String>,
    index: IndexView,
    answers: Answers,
    context: Context,
    next: usize,
    summary: PlanSummary,
    reasons: BTreeMap<Reason, u64>,
    tally: ProbeTally,
}

#[async_trait]
impl PlanSource for Verdicts<'_> {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let start = self.next;
        if start == self.links.len() {
            return Ok(None);
        }
        // A page ends with a project, because the verdict on a project needs all its repositories.
        let mut end = (start + PAGE).min(self.links.len());
        while end < self.links.len() && self.links[end].project == self.links[end - 1].project {
            end += 1;
        }
        self.next = end;
        let keys: Vec<LinkKey> = self.links[start..end].iter().map(|link| link.key.clone()).collect();
        let now: HashMap<LinkKey, String> = self
            .db
            .mappings(&keys)
            .await
            .map_err(|error| KindError::new("reading the mappings", error))?
            .into_iter()
            .map(|row| (row.key, row.fingerprint))
            .collect();
        let verdicts: Vec<Mapping> = self.links[start..end]
            .iter()
            .map(|link| judge(link, &self.index, &self.answers, &self.context))
            .collect();
        let mut items = Vec::with_capacity(end - start);
        let mut at = 0;
        for project in self.links[start..end].chunk_by(|a, b| a.project == b.project) {
            let mine = &verdicts[at..at + project.len()];
            let (installation, status) = project_verdict(&mine.iter().collect::<Vec<_>>());
            for (i, (link, verdict)) in project.iter().zip(mine).enumerate() {
                let held = now.get(&link.key).map_or("", String::as_str);
                let changes = held != mapping_fingerprint(&mapping_body(verdict));
                let counts = &mut self.summary.counts;
                count(counts, verdict.status);
                self.summary.changes += u64::from(changes);
                *self.reasons.entry(verdict.reason).or_default() += 1;
                let item = PlanItem {
                    key: link.key.clone(),
                    project: link.project.clone(),
                    tenant: link.tenant.clone(),
                    repo_full_name: link.repo_full_name.clone(),
                    before: format!("{}:{held}", self.fingerprints[start + at + i]),
                    to: verdict.clone(),
                    project_installation: installation,
                    project_status: status,
                };
                let body = canonical(&item).map_err(|error| KindError::new("writing an item", error))?;
                items.push((link.key.0.clone(), body));
            }
            at += project.len();
        }
        Ok(Some(items))
    }

    fn summary(&mut self) -> Value {
        self.summary.reasons = self.reasons.iter().map(|(reason, n)| (*reason, *n)).collect();
        self.summary.reasons.sort_by_key(|(reason, _)| reason.word());
        self.summary.probes_made = self.tally.made;
        self.summary.probes_stored = self.tally.stored;
        self.summary.probes_owed = self.tally.owed;
        serde_json::to_value(&self.summary).unwrap_or_default()
    }
}

fn count(counts: &mut MappingCounts, status: MappingStatus) {
    match status {
        MappingStatus::Mapped => counts.mapped += 1,
        MappingStatus::Pending => counts.pending += 1,
        MappingStatus::Unmappable => counts.unmappable += 1,
    }
}
