//! The `map` kind over the application's own database: class Remote. We may write two columns there and no row of
//! ours, so the intent with its before-image is durable first, the columns go by compare-and-set, and what a crash
//! leaves is found out by reading them. The mapping itself is kept in our store with the outcome.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use cutover_shared::ids::{ProjectId, RunId};
use cutover_shared::mapping::PlanItem;
use cutover_shared::redact::redact;
use cutover_shared::run::{EffectClass, Reversibility};

use super::catalog::app_database::{AppDatabase, AppDatabaseError, CompareAndSet};
use super::kind::{Before, Images, MAP, Now, plan_item, put_back, row_to, verify_mappings};
use super::link::Held;
use crate::run::{Acted, Direction, Effect, Elsewhere, Kind, KindError, Look, Outside, Resolved};
use crate::seal::Seal;
use crate::store::{Db, MappingOp, Op, StoredItem};

/// Characters of a foreign status that a reason shows.
const SHOWN: usize = 60;

/// The kind.
pub struct MapInApplication {
    db: Db,
    database: AppDatabase,
    images: Images,
}

impl MapInApplication {
    /// Over our store and the application's database; `seal` seals before-images.
    pub fn new(db: Db, database: AppDatabase, seal: Arc<Seal>) -> Self {
        Self { db, database, images: Images(seal) }
    }

    /// What the columns of the items' projects hold now.
    async fn held(&self, items: &[PlanItem]) -> Result<HashMap<ProjectId, Held>, KindError> {
        let projects: HashSet<&ProjectId> = items.iter().map(|item| &item.project).collect();
        let projects: Vec<ProjectId> = projects.into_iter().cloned().collect();
        self.database.held(&projects).await.map_err(looking)
    }

    /// What the columns held before the run; the image of an item of this kind always has it.
    fn columns_before(&self, run: &RunId, item: &StoredItem) -> Result<Held, KindError> {
        self.images.open::<Before>(run, item)?.held.ok_or_else(|| {
            KindError::new("opening a before-image", format!("item {} has no columns", item.key))
        })
    }

    fn look_apply(
        &self,
        run: &RunId,
        item: &PlanItem,
        now: &Now,
        current: Option<&Held>,
    ) -> Result<Look, KindError> {
        if let Some(why) = now.stale(item) {
            return Ok(Look::Stale(why));
        }
        let (Some(link), Some(current)) = (now.link(&item.key), current) else {
            return Ok(Look::Stale(gone()));
        };
        // The link is what the plan saw, so these are the values that it saw.
        let planned = Held { installation: link.app_installation, status: link.app_status.clone() };
        let target = target(item);
        if *current != target && *current != planned {
            return Ok(Look::Stale(format!("{}, the plan saw {}", holds(current), values(&planned))));
        }
        if *current == target && now.holds(item) {
            return Ok(Look::Skip("it is mapped so already".to_owned()));
        }
        let before = now.before(item, Some(current.clone()));
        Ok(Look::Ready { before: Some(self.images.seal(run, item.key.as_str(), &before)?) })
    }

    fn look_undo(
        &self,
        run: &RunId,
        stored: &StoredItem,
        item: &PlanItem,
        now: &Now,
        current: Option<&Held>,
    ) -> Result<Look, KindError> {
        if let Some(why) = now.superseded(item) {
            return Ok(Look::Stale(why));
        }
        let Some(current) = current else { return Ok(Look::Stale(gone())) };
        let (before, target) = (self.columns_before(run, stored)?, target(item));
        // Another item of the same project may have put the columns back already.
        if before != target && *current != target && *current != before {
            return Ok(Look::Stale(holds(current)));
        }
        Ok(Look::Ready { before: None })
    }

    /// What an act moves the columns from and to.
    fn step(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
    ) -> Result<(PlanItem, Held, Held), KindError> {
        let item = plan_item::<PlanItem>(stored)?;
        let (before, target) = (self.columns_before(run, stored)?, target(&item));
        Ok(match direction {
            Direction::Apply => (item, before, target),
            Direction::Undo => (item, target, before),
        })
    }

    fn recorded(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
        at: i64,
    ) -> Result<Vec<Op>, KindError> {
        let item = plan_item::<PlanItem>(stored)?;
        let (mut puts, mut drops) = (Vec::new(), Vec::new());
        match direction {
            Direction::Apply => puts.push(row_to(&item, run)),
            Direction::Undo => put_back(&item, self.images.open(run, stored)?, &mut puts, &mut drops)?,
        }
        Ok(vec![MappingOp::Put { rows: puts, at }.into(), MappingOp::Drop { keys: drops }.into()])
    }
}

#[async_trait]
impl Kind for MapInApplication {
    fn name(&self) -> &'static str {
        MAP
    }

    fn reversibility(&self) -> Reversibility {
        Reversibility::Reversible
    }

    fn effect(&self) -> Effect<'_> {
        Effect::Outside(self)
    }

    async fn verify(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<(i64, String)>, KindError> {
        let mut wrong = verify_mappings(&self.db, &self.images, run, direction, items).await?;
        let plan: Vec<PlanItem> = items.iter().map(plan_item).collect::<Result<_, _>>()?;
        let held = self.held(&plan).await?;
        for (stored, item) in items.iter().zip(&plan) {
            let target = target(item);
            let wanted = match direction {
                Direction::Apply => target,
                Direction::Undo => {
                    let before = self.columns_before(run, stored)?;
                    // This item found the columns so: it wrote nothing, and another item of the project put them back.
                    if before == target {
                        continue;
                    }
                    before
                }
            };
            match held.get(&item.project) {
                Some(current) if *current == wanted => {}
                current => wrong.push((stored.ord, current.map_or_else(gone, holds))),
            }
        }
        wrong.sort_by_key(|(ord, _)| *ord);
        wrong.dedup_by_key(|(ord, _)| *ord);
        Ok(wrong)
    }
}

#[async_trait]
impl Elsewhere for MapInApplication {
    fn class(&self) -> EffectClass {
        EffectClass::Remote
    }

    async fn resolve(
        &self,
        run: &RunId,
        direction: Direction,
        stored: &StoredItem,
    ) -> Result<Resolved, KindError> {
        let (item, from, to) = self.step(run, direction, stored)?;
        if direction == Direction::Undo && from == to {
            return Ok(Resolved::Done);
        }
        let held = self.held(std::slice::from_ref(&item)).await?;
        Ok(match held.get(&item.project) {
            Some(current) if *current == to => Resolved::Done,
            Some(current) if *current == from => Resolved::NotDone,
            current => Resolved::Unknown(current.map_or_else(gone, holds)),
        })
    }

    fn record(&self, run: &RunId, direction: Direction, stored: &StoredItem, at: i64) -> Vec<Op> {
        // The columns are written by now, so an error must not lose the outcome. It can't come up: `look` or `resolve`
        // opened the same image before; verification names the item if it does.
        self.recorded(run, direction, stored, at).unwrap_or_else(|error| {
            tracing::error!(%run, key = stored.key, %error, "the columns are written, the mapping can't be");
            Vec::new()
        })
    }
}

#[async_trait]
impl Outside for MapInApplication {
    async fn look(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
    ) -> Result<Vec<Look>, KindError> {
        // A missing grant would fail every item by itself; found here, it pauses the run before the first.
        self.database.may_write().await.map_err(looking)?;
        let now = Now::of(&self.db, items).await?;
        let plan: Vec<PlanItem> = items.iter().map(plan_item).collect::<Result<_, _>>()?;
        let held = self.held(&plan).await?;
        items
            .iter()
            .zip(&plan)
            .map(|(stored, item)| {
                let current = held.get(&item.project);
                match direction {
                    Direction::Apply => self.look_apply(run, item, &now, current),
                    Direction::Undo => self.look_undo(run, stored, item, &now, current),
                }
            })
            .collect()
    }

    async fn act(&self, run: &RunId, direction: Direction, stored: &StoredItem) -> Acted {
        let (item, from, to) = match self.step(run, direction, stored) {
            Ok(step) => step,
            Err(error) => return Acted::Failed(error.to_string()),
        };
        if direction == Direction::Undo && from == to {
            return Acted::Done;
        }
        match self.database.compare_and_set(&item.project, &from, &to).await {
            Ok(CompareAndSet::Done) => Acted::Done,
            Ok(CompareAndSet::Holds(current)) => Acted::Stale(holds(&current)),
            Ok(CompareAndSet::Missing) => Acted::Stale(gone()),
            Err(error @ AppDatabaseError::Unavailable { .. }) => Acted::Ambiguous(error.to_string()),
            Err(error) => Acted::Failed(error.to_string()),
        }
    }
}

/// What the columns of an item's project get.
fn target(item: &PlanItem) -> Held {
    Held {
        installation: item.project_installation.map(|installation| installation.0),
        status: Some(item.project_status.word().to_owned()),
    }
}

fn looking(error: AppDatabaseError) -> KindError {
    KindError::new("asking the application's database", error)
}

fn gone() -> String {
    "the project is not in the application's database any more".to_owned()
}

fn holds(held: &Held) -> String {
    format!("the application's columns hold {}", values(held))
}

fn values(held: &Held) -> String {
    let installation = held.installation.map_or_else(|| "NULL".to_owned(), |id| id.to_string());
    let status = held.status.as_deref().map_or_else(
        || "NULL".to_owned(),
        |status| format!("`{}`", redact(status).chars().take(SHOWN).collect::<String>()),
    );
    format!("({installation}, {status})")
}
