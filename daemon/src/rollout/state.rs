//! What is stored of a rollout, and the plan that it becomes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cutover_shared::ids::{OperatorName, TenantId};
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Decided, FreezeView, Operation, RolloutName, Side, Stage};
use serde::{Deserialize, Serialize};

use super::bucket::{ALGORITHM, Bucketing, UnknownAlgorithm};
use super::decide::{Ceiling, Plan};

/// Overrides of one rollout; more is a stage of its own.
pub const OVERRIDES_MOST: usize = 1_000;

/// The whole of what decides, as JSON in the store. New fields are optional: an older body must be readable for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub stage: Stage,
    pub stage_since: i64,
    /// When each stage was last reached, epoch milliseconds.
    #[serde(default)]
    pub reached: BTreeMap<String, i64>,
    /// Operations whose flag is off.
    #[serde(default)]
    pub off: BTreeSet<Operation>,
    #[serde(default)]
    pub overrides: BTreeMap<TenantId, Override>,
    /// Who is in by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roster: Option<ListRef>,
    pub algorithm: u16,
    pub salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<Killed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze: Option<FreezeView>,
    /// What the mode said; none for a rollout without a ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<StoredCeiling>,
    /// When shadow began: consistency is pooled since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_since: Option<i64>,
    /// Whether to migrate at all, as a person decided it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// An exception for one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    pub side: Side,
    pub reason: String,
    pub by: OperatorName,
    pub at: i64,
}

/// A list of tenants in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRef {
    pub digest: String,
    pub count: u64,
}

/// The rollout alone was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Killed {
    pub at: i64,
    pub by: String,
    pub reason: String,
}

/// The mode and its list, as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCeiling {
    pub mode: Mode,
    /// Of the canary list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<ListRef>,
}

/// The lists that a state names, read from the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    pub roster: Option<HashSet<String>>,
    pub listed: Option<HashSet<String>>,
}

impl State {
    /// A rollout that begins in `stage`. Its name is its salt: two rollouts order their tenants differently.
    pub fn begin(name: RolloutName, stage: Stage, at: i64) -> Self {
        Self {
            stage,
            stage_since: at,
            reached: BTreeMap::from([(stage.to_string(), at)]),
            off: BTreeSet::new(),
            overrides: BTreeMap::new(),
            roster: None,
            algorithm: ALGORITHM,
            salt: name.word().to_owned(),
            killed: None,
            freeze: None,
            ceiling: None,
            shadow_since: stage.compares().then_some(at),
            decided: None,
        }
    }

    /// Moves to another stage. A list by name belongs to the share that it was frozen for.
    pub fn moved(&mut self, to: Stage, roster: Option<ListRef>, at: i64) {
        self.stage = to;
        self.stage_since = at;
        self.reached.insert(to.to_string(), at);
        self.roster = roster.filter(|_| matches!(to, Stage::Canary(_)));
        self.shadow_since = if to.compares() { self.shadow_since.or(Some(at)) } else { None };
    }

    /// What decides. A ceiling whose list is missing lets nobody in.
    pub fn plan(
        &self,
        name: RolloutName,
        version: u64,
        lists: Lists,
        shadow_buckets: u16,
    ) -> Result<Plan, UnknownAlgorithm> {
        let mut flags = [false; Operation::ALL.len()];
        for operation in name.operations() {
            flags[operation.index()] = !self.off.contains(&operation);
        }
        let ceiling = match &self.ceiling {
            None => Ceiling::None,
            Some(StoredCeiling { mode: Mode::Canary, .. }) => {
                Ceiling::Listed(lists.listed.unwrap_or_default())
            }
            Some(StoredCeiling { mode, .. }) => Ceiling::of(*mode, []),
        };
        Ok(Plan {
            name,
            version,
            stage: self.stage,
            flags,
            overrides: self.overrides.iter().map(|(tenant, of)| (tenant.0.clone(), of.side)).collect(),
            // A list that should be there and is not: nobody is in, rather than whoever the bucket says.
            roster: self.roster.as_ref().map(|_| lists.roster.unwrap_or_default()),
            bucketing: Bucketing::new(self.algorithm, &self.salt)?,
            killed: self.killed.is_some(),
            shadow_buckets,
            ceiling,
        })
    }
}
