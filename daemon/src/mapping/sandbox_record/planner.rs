//! Makes a plan that moves imported records of sandboxes: reads them, the catalog and both books, and judges each.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use cutover_shared::mapping::MapScope;
use cutover_shared::rollout::Side;
use cutover_shared::run::RunView;
use cutover_shared::sandbox_record::{
    RecordBefore, RecordItem, RecordVerdict, RecordsSummary, SANDBOX_RECORDS, SandboxRecord,
};
use serde_json::{Value, json};

use super::rule::{self, Held, RECORDS_VERSION};
use super::{World, place, record_of};
use crate::audit::Who;
use crate::mapping::load;
use crate::run::{Draft, Engine, KindError, PlanSource, RunError, canonical};
use crate::store::{ArmRecord, Db, LinkFilter, ReadError, RecordKey};

/// Records judged between two writes.
const PAGE: usize = 1_000;

/// Records read at a time.
const READ: u32 = 5_000;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum RecordsPlanError {
    #[error("there is nothing to plan: scope {0} covers no imported record of a sandbox")]
    Empty(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What the planner needs.
#[derive(Clone)]
pub struct RecordsPlanner {
    pub db: Db,
    pub engine: Engine,
}

impl RecordsPlanner {
    /// Plans a scope.
    ///
    /// # Errors
    /// [`RecordsPlanError`].
    pub async fn plan(&self, scope: &MapScope, who: &Who) -> Result<RunView, RecordsPlanError> {
        let records = all(&self.db, &load::filter(&self.db, scope).await?).await?;
        if records.is_empty() {
            return Err(RecordsPlanError::Empty(scope.to_string()));
        }
        let draft = Draft {
            kind: SANDBOX_RECORDS,
            scope: scope.to_string(),
            rules: json!({ "records": RECORDS_VERSION }),
            config: json!({}),
        };
        let mut source = Judging {
            db: &self.db,
            newest: newest(&records),
            summary: RecordsSummary { records: records.len() as u64, ..RecordsSummary::default() },
            records,
            next: 0,
            left_out: BTreeMap::new(),
        };
        Ok(self.engine.plan(draft, who, &mut source).await?)
    }
}

/// All records of a filter, by tenant and id.
async fn all(db: &Db, filter: &LinkFilter) -> Result<Vec<SandboxRecord>, ReadError> {
    let mut records: Vec<SandboxRecord> = Vec::new();
    loop {
        let after = records.last().map(|last| (last.tenant.0.clone(), last.id.clone()));
        let after = after.as_ref().map(|(tenant, id)| (tenant.as_str(), id.as_str()));
        let page = db.sandbox_records(filter, after, READ).await?;
        if page.is_empty() {
            return Ok(records);
        }
        records.extend(page.into_iter().map(record_of));
    }
}

/// The record of each clone that was changed last, by its place in the list; of two the first.
fn newest(records: &[SandboxRecord]) -> HashMap<RecordKey, usize> {
    let mut newest = HashMap::<RecordKey, usize>::with_capacity(records.len());
    for (at, record) in records.iter().enumerate() {
        let best = newest.entry(place(record)).or_insert(at);
        if record.updated_at > records[*best].updated_at {
            *best = at;
        }
    }
    newest
}

/// Judges page by page.
struct Judging<'a> {
    db: &'a Db,
    /// By tenant and id.
    records: Vec<SandboxRecord>,
    newest: HashMap<RecordKey, usize>,
    next: usize,
    summary: RecordsSummary,
    left_out: BTreeMap<RecordVerdict, u64>,
}

#[async_trait]
impl PlanSource for Judging<'_> {
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError> {
        let start = self.next;
        if start == self.records.len() {
            return Ok(None);
        }
        self.next = (start + PAGE).min(self.records.len());
        let page = &self.records[start..self.next];
        let world = World::of(self.db, page.iter()).await;
        let world = world.map_err(|error| KindError::new("reading the books", error))?;
        let mut items = Vec::with_capacity(page.len());
        for (at, record) in page.iter().enumerate() {
            let of = place(record);
            let newest = self.newest.get(&of) == Some(&(start + at));
            let (legacy, target) = (world.book(Side::Legacy, &of), world.book(Side::Target, &of));
            let judged = rule::judge(record, world.knows(record), newest, held(legacy), held(target));
            match judged.verdict {
                RecordVerdict::Move => self.summary.changes += 1,
                other => *self.left_out.entry(other).or_default() += 1,
            }
            let item = RecordItem {
                before: RecordBefore {
                    source: rule::source_print(record),
                    legacy: print(legacy),
                    target: print(target),
                },
                record: record.clone(),
                key: of.key,
                after: judged.digest,
                verdict: judged.verdict,
            };
            let body = canonical(&item).map_err(|error| KindError::new("writing an item", error))?;
            items.push((item_key(record), body));
        }
        Ok(Some(items))
    }

    fn summary(&mut self) -> Value {
        self.summary.left_out = self.left_out.iter().map(|(why, n)| (*why, *n)).collect();
        serde_json::to_value(&self.summary).unwrap_or_default()
    }
}

fn held(record: Option<&ArmRecord>) -> Option<Held<'_>> {
    record.map(|record| Held { digest: &record.digest, at: record.at })
}

/// A short hash over a book's record.
pub(super) fn print(record: Option<&ArmRecord>) -> String {
    rule::book_print(record.map(|record| (record.digest.as_str(), record.answered, record.body.as_str())))
}

/// No two tenants' ids make one key.
fn item_key(record: &SandboxRecord) -> String {
    let tenant = record.tenant.as_str().replace('%', "%25").replace(':', "%3A");
    format!("{tenant}:{}", record.id)
}
