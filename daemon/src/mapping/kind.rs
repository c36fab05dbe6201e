//! The `map` kind over an embedded catalog: class Local. A mapping is written when the repository and its mapping are
//! what the plan saw; undo puts back the mapping that was there, where the run's own still stands.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use cutover_shared::ids::{LinkKey, RunId};
use cutover_shared::mapping::{MappingStatus, PlanItem};
use cutover_shared::run::Reversibility;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::link::{mapping_body, mapping_fingerprint};
use crate::run::{Direction, Effect, Kind, KindError, Local, Outcome, Prepared};
use crate::seal::Seal;
use crate::store::{Db, LinkRow, MappingOp, MappingRow, StoredItem};

/// The word of the kind.
pub const MAP: &str = "map";

/// What was there before the run: the whole mapping, or none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Before {
    pub(crate) mapping: Option<BeforeMapping>,
    /// What the application's columns held; none for an embedded catalog.
    #[serde(default)]
    pub(crate) held: Option<super::link::Held>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BeforeMapping {
    pub(crate) body: String,
    pub(crate) run: RunId,
}

/// The links and mappings that a chunk touches, as they are now.
pub(crate) struct Now {
    links: HashMap<LinkKey, LinkRow>,
    mappings: HashMap<LinkKey, MappingRow>,
}

impl Now {
    pub(crate) async fn of(db: &Db, items: &[StoredItem]) -> Result<Self, KindError> {
        let failed = |error| KindError::new("reading the mappings", error);
        let keys: Vec<_> = items.iter().map(|item| LinkKey(item.key.clone())).collect();
        let links = db.links_by_key(&keys).await.map_err(failed)?;
        let mappings = db.mappings(&keys).await.map_err(failed)?;
        Ok(Self {
            links: links.into_iter().map(|row| (row.key.clone(), row)).collect(),
            mappings: mappings.into_iter().map(|row| (row.key.clone(), row)).collect(),
        })
    }

    pub(crate) fn link(&self, key: &LinkKey) -> Option<&LinkRow> {
        self.links.get(key)
    }

    fn mapping(&self, key: &LinkKey) -> Option<&MappingRow> {
        self.mappings.get(key)
    }

    fn mapping_print(&self, key: &LinkKey) -> &str {
        self.mapping(key).map_or("", |row| row.fingerprint.as_str())
    }

    /// The precondition that holds the link and the mapping of `key` as they are now.
    pub(crate) fn expectation(&self, key: &LinkKey) -> Option<(LinkKey, String, String)> {
        let link = self.link(key)?;
        Some((key.clone(), link.fingerprint.clone(), self.mapping_print(key).to_owned()))
    }

    /// Why an item of a plan is stale, if it is.
    pub(crate) fn stale(&self, item: &PlanItem) -> Option<String> {
        let Some(link) = self.link(&item.key) else {
            return Some("the project was taken out of the catalog since the plan".to_owned());
        };
        let (planned_link, planned_mapping) = item.before.split_once(':').unwrap_or_default();
        if link.fingerprint != planned_link {
            return Some("the catalog says something else of the repository since the plan".to_owned());
        }
        (self.mapping_print(&item.key) != planned_mapping)
            .then(|| "the mapping was changed since the plan".to_owned())
    }

    /// Why the run's own mapping can't be taken back, if it can't.
    pub(crate) fn superseded(&self, item: &PlanItem) -> Option<String> {
        if self.link(&item.key).is_none() {
            return Some("the project was taken out of the catalog since the run".to_owned());
        }
        (!self.holds(item)).then(|| "the mapping was changed since the run".to_owned())
    }

    /// What an item's before-image keeps; `held` is what the application's columns hold.
    pub(crate) fn before(&self, item: &PlanItem, held: Option<super::link::Held>) -> Before {
        let mapping = self.mapping(&item.key);
        let mapping = mapping.map(|row| BeforeMapping { body: row.body.clone(), run: row.run.clone() });
        Before { mapping, held }
    }

    /// The run would write what is there already.
    pub(crate) fn holds(&self, item: &PlanItem) -> bool {
        self.mapping_print(&item.key) == mapping_fingerprint(&mapping_body(&item.to))
    }
}

/// The item of a stored body.
pub(crate) fn plan_item<T: DeserializeOwned>(item: &StoredItem) -> Result<T, KindError> {
    serde_json::from_str(&item.body).map_err(|error| KindError::new("reading an item of the plan", error))
}

/// The row that an item writes.
pub(crate) fn row_to(item: &PlanItem, run: &RunId) -> MappingRow {
    row(item, mapping_body(&item.to), run.clone(), &item.to)
}

fn row(item: &PlanItem, body: String, run: RunId, mapping: &cutover_shared::mapping::Mapping) -> MappingRow {
    MappingRow {
        key: item.key.clone(),
        tenant: item.tenant.clone(),
        status: mapping.status.word().to_owned(),
        installation: mapping.installation.filter(|_| mapping.status == MappingStatus::Mapped),
        repo_id: mapping.repo_id,
        confidence: i64::from(mapping.confidence),
        fingerprint: mapping_fingerprint(&body),
        body,
        run,
    }
}

/// Seals and opens before-images; the owner is the run and the item, so that no image fits another item.
#[derive(Clone)]
pub(crate) struct Images(pub(crate) Arc<Seal>);

impl Images {
    pub(crate) fn seal<T: Serialize>(&self, run: &RunId, key: &str, before: &T) -> Result<String, KindError> {
        let failed = |error: String| KindError::new("sealing a before-image", error);
        let plain = serde_json::to_vec(before).map_err(|error| failed(error.to_string()))?;
        self.0.seal(&owner(run, key), &plain).map_err(|error| failed(error.to_string()))
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, run: &RunId, item: &StoredItem) -> Result<T, KindError> {
        let failed = |error: String| KindError::new("opening a before-image", error);
        let envelope = item.before.as_deref().ok_or_else(|| failed(format!("item {} has none", item.key)))?;
        let plain =
            self.0.open(&owner(run, &item.key), envelope).map_err(|error| failed(error.to_string()))?;
        serde_json::from_slice(&plain).map_err(|error| failed(error.to_string()))
    }
}

fn owner(run: &RunId, key: &str) -> String {
    format!("before:{run}:{key}")
}

/// The operations that put a before-image back.
pub(crate) fn put_back(
    item: &PlanItem,
    before: Before,
    puts: &mut Vec<MappingRow>,
    drops: &mut Vec<LinkKey>,
) -> Result<(), KindError> {
    match before.mapping {
        None => drops.push(item.key.clone()),
        Some(BeforeMapping { body, run }) => {
            let mapping = serde_json::from_str(&body)
                .map_err(|error| KindError::new("reading a before-image", error))?;
            puts.push(row(item, body, run, &mapping));
        }
    }
    Ok(())
}

/// Names the items whose mapping is not what it should be after a pass.
pub(crate) async fn verify_mappings(
    db: &Db,
    images: &Images,
    run: &RunId,
    direction: Direction,
    items: &[StoredItem],
) -> Result<Vec<(i64, String)>, KindError> {
    let now = Now::of(db, items).await?;
    let mut wrong = Vec::new();
    for stored in items {
        let item = plan_item::<PlanItem>(stored)?;
        let wanted = match direction {
            Direction::Apply => mapping_fingerprint(&mapping_body(&item.to)),
            Direction::Undo => images
                .open::<Before>(run, stored)?
                .mapping
                .map_or_else(String::new, |before| mapping_fingerprint(&before.body)),
        };
        if now.mapping_print(&item.key) != wanted {
            wrong.push((stored.ord, "the stored mapping is another one".to_owned()));
        }
    }
    Ok(wrong)
}

/// The kind.
pub struct MapEmbedded {
    db: Db,
    images: Images,
}

impl MapEmbedded {
    /// Over the store; `seal` seals before-images.
    pub fn new(db: Db, seal: Arc<Seal>) -> Self {
        Self { db, images: Images(seal) }
    }
}

#[async_trait]
impl Kind for MapEmbedded {
    fn name(&self) -> &'static str {
        MAP
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
        verify_mappings(&self.db, &self.images, run, direction, items).await
    }
}

#[async_trait]
impl Local for MapEmbedded {
    async fn prepare(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        at: i64,
    ) -> Result<Prepared, KindError> {
        let now = Now::of(&self.db, items).await?;
        let (mut expected, mut puts, mut drops) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcomes = Vec::with_capacity(items.len());
        for stored in items {
            let item = plan_item::<PlanItem>(stored)?;
            let outcome = match direction {
                Direction::Apply => match now.stale(&item) {
                    Some(why) => Outcome::Stale(why),
                    None if now.holds(&item) => Outcome::Skipped("it is mapped so already".to_owned()),
                    None => {
                        let before = now.before(&item, None);
                        puts.push(row_to(&item, run));
                        Outcome::Done { before: Some(self.images.seal(run, &stored.key, &before)?) }
                    }
                },
                Direction::Undo => match now.superseded(&item) {
                    Some(why) => Outcome::Stale(why),
                    None => {
                        put_back(&item, self.images.open(run, stored)?, &mut puts, &mut drops)?;
                        Outcome::Done { before: None }
                    }
                },
            };
            if matches!(outcome, Outcome::Done { .. }) {
                expected.extend(now.expectation(&item.key));
            }
            outcomes.push(outcome);
        }
        let ops = vec![
            MappingOp::Expect { rows: expected }.into(),
            MappingOp::Put { rows: puts, at }.into(),
            MappingOp::Drop { keys: drops }.into(),
        ];
        Ok(Prepared { ops, outcomes })
    }
}
