//! What is stored of a rollout, and the plan that it becomes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use cutover_shared::ids::{OperatorName, TenantId};
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Decided, FreezeView, LegacyGap, Operation, Ring, RolloutName, Side, Stage};
use serde::{Deserialize, Serialize};

use super::bucket::{ALGORITHM, Bucketing, UnknownAlgorithm};
use super::decide::{Ceiling, Plan, Roster};
use super::stages::Place;

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
    /// Beside the names, whoever the share's buckets hold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub roster_and_share: bool,
    /// Whom the stage is open for.
    #[serde(default, skip_serializing_if = "Ring::is_all")]
    pub ring: Ring,
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
    /// Since when both arms are written, however the rollout moved meanwhile; [`State::both_since`] reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub both_since: Option<i64>,
    /// When the last kill was let go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unkilled_at: Option<i64>,
    /// What legacy lacks since a way back from `complete`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<LegacyGap>,
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
            roster_and_share: false,
            ring: Ring::All,
            algorithm: ALGORITHM,
            salt: name.word().to_owned(),
            killed: None,
            freeze: None,
            ceiling: None,
            shadow_since: stage.compares().then_some(at),
            both_since: stage.writes_both().then_some(at),
            unkilled_at: None,
            gap: None,
            decided: None,
        }
    }

    /// Where it is.
    pub fn place(&self) -> Place {
        Place { stage: self.stage, ring: self.ring }
    }

    /// Moves to another stage. With a list by name nobody else is in then.
    pub fn moved(&mut self, to: Stage, roster: Option<ListRef>, at: i64) {
        self.placed(Place::all(to), roster, false, at);
    }

    /// Moves to another stage, or to a wider ring of the same; `and_share`: beside the list by name the share's buckets.
    pub fn placed(&mut self, to: Place, roster: Option<ListRef>, and_share: bool, at: i64) {
        let (from, stage) = (self.stage, to.stage);
        if from == Stage::Complete && stage != from {
            self.gap = Some(LegacyGap { since: self.stage_since, until: at });
        } else if from == Stage::Off || stage == Stage::Complete {
            // Both books begin anew, or legacy is not looked at any more.
            self.gap = None;
        }
        if from != stage {
            self.reached.insert(stage.to_string(), at);
        }
        (self.stage, self.ring, self.stage_since) = (stage, to.ring, at);
        self.roster = roster.filter(|_| matches!(stage, Stage::Canary(_)));
        self.roster_and_share = and_share && self.roster.is_some();
        self.shadow_since = if stage.compares() { self.shadow_since.or(Some(at)) } else { None };
        // Not by a way back between two that do: what was left to the reconciliation before it would be hidden for good.
        if stage.writes_both() && !from.writes_both() {
            self.both_since = Some(at);
        }
    }

    /// Goes back; false: it is no further than that already. `kept`: who stays in by name, [`Plan::kept`].
    pub fn back(&mut self, to: Stage, kept: Option<ListRef>, at: i64) -> bool {
        let further = to < self.stage;
        if further {
            self.moved(to, kept, at);
        }
        further
    }

    /// Since when both arms are written; from the beginning where that is not known.
    pub fn both_since(&self) -> i64 {
        // A state of an older version does not say. Records are as old as the last stage that leaves none, or younger.
        let silent =
            [Stage::Off, Stage::Complete].iter().filter_map(|stage| self.reached.get(&stage.to_string()));
        let silent = || silent.max().copied().filter(|_| self.stage.writes_both()).unwrap_or(0);
        self.both_since.unwrap_or_else(silent)
    }

    /// Kills; false: it is already. The first kill's reason stays.
    pub fn kill(&mut self, by: Killed) -> bool {
        let fresh = self.killed.is_none();
        self.killed.get_or_insert(by);
        fresh
    }

    /// Lets go of a kill; false: there is none.
    pub fn unkill(&mut self, at: i64) -> bool {
        let was = self.killed.take().is_some();
        if was {
            self.unkilled_at = Some(at);
        }
        was
    }

    /// Freezes; false: it is already. The first freeze's reason stays.
    pub fn freeze(&mut self, by: FreezeView) -> bool {
        let fresh = self.freeze.is_none();
        self.freeze.get_or_insert(by);
        fresh
    }

    /// Lets go of a freeze; false: there is none.
    pub fn unfreeze(&mut self) -> bool {
        self.freeze.take().is_some()
    }

    /// Switches a flag; false: it is so already.
    pub fn flag(&mut self, operation: Operation, on: bool) -> bool {
        if on { self.off.remove(&operation) } else { self.off.insert(operation) }
    }

    /// How many are in by name and nobody else, where somebody chose so by their number.
    pub fn exact(&self) -> Option<u64> {
        let chosen = !self.roster_and_share && self.ring.is_all();
        self.roster.as_ref().filter(|_| chosen).map(|roster| roster.count)
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
            roster: self.roster.as_ref().map(|_| Roster {
                and_share: self.roster_and_share && lists.roster.is_some(),
                names: lists.roster.unwrap_or_default(),
            }),
            bucketing: Bucketing::new(self.algorithm, &self.salt)?,
            killed: self.killed.is_some(),
            shadow_buckets,
            ceiling,
        })
    }
}
