//! The kind `sandbox-records`: class Local. A record is entered into the target's book, and into legacy's where that has none, when
//! source and books are what the plan saw; undo puts both books back where they still hold what the run wrote.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_shared::ids::{RunId, TenantId};
use cutover_shared::rollout::Side;
use cutover_shared::run::Reversibility;
use cutover_shared::sandbox_record::{RecordItem, SANDBOX_RECORDS};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::planner::print;
use super::{World, place, rule};
use crate::mapping::kind::{Images, plan_item};
use crate::run::{Direction, Effect, Kind, KindError, Local, Outcome, Prepared};
use crate::seal::Seal;
use crate::store::{ArmRecord, BookChange, Db, Op, RecordKey, SandboxOp, StoredItem};

/// What both books held before the run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    legacy: Option<Kept>,
    target: Option<Kept>,
    /// The run wrote legacy's book as well.
    legacy_written: bool,
}

/// A book's record, under the item's key.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    digest: String,
    answered: bool,
    body: String,
    at: i64,
}

impl Kept {
    fn of(record: &ArmRecord) -> Self {
        let ArmRecord { digest, answered, body, at, .. } = record.clone();
        Self { digest, answered, body, at }
    }

    fn record(self, of: &RecordKey, side: Side) -> ArmRecord {
        let Self { digest, answered, body, at } = self;
        ArmRecord { of: of.clone(), side, digest, answered, body, at }
    }
}

/// Source, catalog and books as they are now.
struct Now {
    /// Fingerprints of imported records.
    sources: HashMap<(TenantId, String), String>,
    world: World,
}

impl Now {
    async fn of(db: &Db, items: &[RecordItem]) -> Result<Self, KindError> {
        let failed = |error| KindError::new("reading the books", error);
        let keys: Vec<_> = items.iter().map(source_key).collect();
        let sources = db.sandbox_records_by_key(&keys).await.map_err(failed)?;
        let world = World::of(db, items.iter().map(|item| &item.record)).await.map_err(failed)?;
        let sources = sources.into_iter().map(|row| ((row.tenant, row.id), row.fingerprint)).collect();
        Ok(Self { sources, world })
    }

    /// Why an item of a plan is stale, if it is.
    fn stale(&self, item: &RecordItem, of: &RecordKey) -> Option<String> {
        let why = match self.sources.get(&source_key(item)) {
            None => "the record was taken out of the import since the plan",
            Some(print) if *print != item.before.source => "the record was imported anew since the plan",
            Some(_) if !self.world.knows(&item.record) => {
                "the catalog has no such repository of this project and tenant any more"
            }
            Some(_) if print(self.world.book(Side::Target, of)) != item.before.target => {
                "the target's book was written since the plan"
            }
            Some(_) if print(self.world.book(Side::Legacy, of)) != item.before.legacy => {
                "legacy's book was written since the plan"
            }
            Some(_) => return None,
        };
        Some(why.to_owned())
    }
}

fn source_key(item: &RecordItem) -> (TenantId, String) {
    (item.record.tenant.clone(), item.record.id.clone())
}

/// What the run writes of an item. The run's id in it tells its own records from those of calls.
fn written(item: &RecordItem, of: &RecordKey, side: Side, run: &RunId, at: i64) -> ArmRecord {
    let record = &item.record;
    let body = json!({
        "project": record.project, "repository": record.repo_full_name.to_lowercase(),
        "ref": rule::reference(record), "commit": record.commit_sha, "tree": record.tree_sha,
        "sandbox": record.id, "run": run,
    });
    let digest = item.after.clone();
    ArmRecord { of: of.clone(), side, digest, answered: false, body: body.to_string(), at }
}

/// Whether a book still holds what the run wrote.
fn is_own(held: Option<&ArmRecord>, item: &RecordItem, run: &RunId) -> bool {
    held.is_some_and(|held| print(Some(held)) == print(Some(&written(item, &held.of, held.side, run, 0))))
}

/// What is written to both books, and demanded of them.
#[derive(Default)]
struct Books {
    legacy: Vec<BookChange>,
    target: Vec<BookChange>,
}

impl Books {
    fn change(&mut self, side: Side, of: &RecordKey, held: Option<&ArmRecord>, to: Option<ArmRecord>) {
        let changes = match side {
            Side::Legacy => &mut self.legacy,
            Side::Target => &mut self.target,
        };
        changes.push(BookChange { of: of.clone(), held: held.cloned(), to });
    }

    fn ops(self) -> [Op; 2] {
        [
            SandboxOp::Book { side: Side::Legacy, changes: self.legacy }.into(),
            SandboxOp::Book { side: Side::Target, changes: self.target }.into(),
        ]
    }
}

/// The kind.
pub struct MoveRecords {
    db: Db,
    images: Images,
}

impl MoveRecords {
    /// Over the store; `seal` seals before-images.
    pub fn new(db: Db, seal: Arc<Seal>) -> Self {
        Self { db, images: Images(seal) }
    }

    fn apply(
        &self,
        run: &RunId,
        (stored, item): (&StoredItem, &RecordItem),
        now: &Now,
        books: &mut Books,
        at: i64,
    ) -> Result<Outcome, KindError> {
        if let Some(why) = rule::left_out(item.verdict) {
            return Ok(Outcome::Skipped(why.to_owned()));
        }
        let of = place(&item.record);
        if let Some(why) = now.stale(item, &of) {
            return Ok(Outcome::Stale(why));
        }
        let (legacy, target) = (now.world.book(Side::Legacy, &of), now.world.book(Side::Target, &of));
        // What legacy has answered itself stays as it is.
        let legacy_written = legacy.is_none_or(|legacy| legacy.digest != item.after);
        if legacy_written {
            books.change(Side::Legacy, &of, legacy, Some(written(item, &of, Side::Legacy, run, at)));
        }
        books.change(Side::Target, &of, target, Some(written(item, &of, Side::Target, run, at)));
        let before = Before { legacy: legacy.map(Kept::of), target: target.map(Kept::of), legacy_written };
        Ok(Outcome::Done { before: Some(self.images.seal(run, &stored.key, &before)?) })
    }

    fn undo(
        &self,
        run: &RunId,
        (stored, item): (&StoredItem, &RecordItem),
        now: &Now,
        books: &mut Books,
    ) -> Result<Outcome, KindError> {
        let before: Before = self.images.open(run, stored)?;
        let of = place(&item.record);
        let (legacy, target) = (now.world.book(Side::Legacy, &of), now.world.book(Side::Target, &of));
        if target.is_none() && (legacy.is_none() || !before.legacy_written) {
            return Ok(Outcome::Skipped("the books have forgotten it already".to_owned()));
        }
        if !is_own(target, item, run) {
            return Ok(Outcome::Stale("the target's book was written since the run".to_owned()));
        }
        if before.legacy_written {
            if !is_own(legacy, item, run) {
                let why = "legacy's book was written since the run, and stands on the target's record";
                return Ok(Outcome::Stale(why.to_owned()));
            }
            let back = before.legacy.map(|kept| kept.record(&of, Side::Legacy));
            books.change(Side::Legacy, &of, legacy, back);
        }
        let back = before.target.map(|kept| kept.record(&of, Side::Target));
        books.change(Side::Target, &of, target, back);
        Ok(Outcome::Done { before: None })
    }
}

#[async_trait]
impl Kind for MoveRecords {
    fn name(&self) -> &'static str {
        SANDBOX_RECORDS
    }

    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Local(self)
    }

    async fn verify(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let parsed: Vec<RecordItem> = items.iter().map(plan_item).collect::<Result<_, _>>()?;
        let now = Now::of(&self.db, &parsed).await?;
        let mut wrong = Vec::new();
        for (stored, item) in items.iter().zip(&parsed) {
            let of = place(&item.record);
            let (legacy, target) = (now.world.book(Side::Legacy, &of), now.world.book(Side::Target, &of));
            let same = |held: Option<&ArmRecord>| held.is_some_and(|held| held.digest == item.after);
            let why = match direction {
                Direction::Apply if !same(target) => "the target's book does not have it",
                Direction::Apply if !same(legacy) => "legacy's book does not have the same",
                Direction::Undo if is_own(target, item, run) || is_own(legacy, item, run) => {
                    "a book still has the run's own record"
                }
                Direction::Apply | Direction::Undo => continue,
            };
            wrong.push((stored.ord, why.to_owned()));
        }
        Ok(wrong)
    }
}

#[async_trait]
impl Local for MoveRecords {
    async fn prepare(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        at: i64,
    ) -> Result<Prepared, KindError> {
        let parsed: Vec<RecordItem> = items.iter().map(plan_item).collect::<Result<_, _>>()?;
        let now = Now::of(&self.db, &parsed).await?;
        let (mut books, mut expected) = (Books::default(), Vec::new());
        let mut outcomes = Vec::with_capacity(items.len());
        for (stored, item) in items.iter().zip(&parsed) {
            let outcome = match direction {
                Direction::Apply => self.apply(run, (stored, item), &now, &mut books, at)?,
                Direction::Undo => self.undo(run, (stored, item), &now, &mut books)?,
            };
            if direction == Direction::Apply && matches!(outcome, Outcome::Done { .. }) {
                let (tenant, id) = source_key(item);
                expected.push((tenant, id, item.before.source.clone()));
            }
            outcomes.push(outcome);
        }
        let expect = SandboxOp::Expect { rows: expected };
        let ops = std::iter::once(expect.into()).chain(books.ops()).collect();
        Ok(Prepared { ops, outcomes })
    }
}
