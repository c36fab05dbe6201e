//! Which arm answers: a function of what is given, without a clock, a lock or an allocation. In every doubt it is legacy.

use std::collections::{HashMap, HashSet};

use cutover_shared::ids::TenantId;
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Operation, Percent, RolloutName, Side, Stage, Why};

use super::bucket::{Bucketing, PER_PERCENT};

/// All that decides for one rollout, as it was at one version. Never changed, only replaced.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub name: RolloutName,
    pub version: u64,
    pub stage: Stage,
    /// By [`Operation::index`]; those of other rollouts are off.
    pub flags: [bool; Operation::ALL.len()],
    pub overrides: HashMap<String, Side>,
    /// Who is in by name, while the stage is `canary`.
    pub roster: Option<Roster>,
    pub bucketing: Bucketing,
    /// Killed alone.
    pub killed: bool,
    /// The share of tenants whose reads are compared, in buckets of [`super::bucket::BUCKETS`].
    pub shadow_buckets: u16,
    pub ceiling: Ceiling,
}

impl Plan {
    /// After a way back to `stage`.
    pub fn back(&self, stage: Stage) -> Self {
        let roster = self.kept(stage).map(|names| Roster { names, and_share: false });
        Self { stage, roster, ..self.clone() }
    }

    /// Who stays in by name in an earlier `stage`: those on the list whom its share holds, since a way back lets nobody in. None: no
    /// list limits the share, because whoever it holds was in before.
    pub fn kept(&self, stage: Stage) -> Option<HashSet<String>> {
        let (Stage::Canary(percent), Some(roster)) = (stage, &self.roster) else { return None };
        let holds = |name: &&String| self.bucketing.bucket(name) < limit(percent);
        (!roster.and_share).then(|| roster.names.iter().filter(holds).cloned().collect())
    }
}

/// Tenants that are in by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    pub names: HashSet<String>,
    /// Beside them, whoever the share's buckets hold; else nobody.
    pub and_share: bool,
}

/// What stands above the stage (B8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// Nothing does.
    None,
    /// Legacy for everybody.
    Off,
    /// Only these tenants.
    Listed(HashSet<String>),
}

impl Ceiling {
    /// The ceiling that a mode is, for the rollout that has one.
    pub fn of(mode: Mode, listed: impl IntoIterator<Item = TenantId>) -> Self {
        match mode {
            Mode::Off => Self::Off,
            Mode::Canary => Self::Listed(listed.into_iter().map(|tenant| tenant.0).collect()),
            Mode::On => Self::None,
        }
    }
}

/// Who answers, and what else is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    pub side: Side,
    pub why: Why,
    pub stage: Stage,
    pub version: u64,
    pub bucket: u16,
    /// The other arm runs beside and is compared.
    pub shadow: bool,
    /// The other arm is written behind.
    pub second_write: bool,
}

/// The decision for one call. `killed` is what memory says of the switch.
pub fn decide(plan: &Plan, operation: Operation, tenant: &str, killed: bool) -> Decision {
    let rank = plan.bucketing.rank(tenant);
    let bucket = super::bucket::scaled(rank);
    let (side, why) = side(plan, operation, tenant, bucket, killed);
    // What is killed or forbidden has no second arm at all: not a call may reach the target.
    let stopped = matches!(why, Why::Killed | Why::Unread | Why::FlagOff | Why::ModeOff | Why::NotListed);
    let shadow = !stopped
        && plan.stage.compares()
        && operation.is_read()
        // Other bits than those that say who is in, so that the sample is not the first to be moved.
        && super::bucket::scaled(rank.rotate_left(16).wrapping_mul(0x9e37_79b1)) < plan.shadow_buckets;
    Decision {
        side,
        why,
        stage: plan.stage,
        version: plan.version,
        bucket,
        shadow,
        second_write: !stopped && plan.stage.writes_both(),
    }
}

fn side(plan: &Plan, operation: Operation, tenant: &str, bucket: u16, killed: bool) -> (Side, Why) {
    if killed || plan.killed {
        return (Side::Legacy, Why::Killed);
    }
    if operation.rollout() != plan.name || !plan.flags[operation.index()] {
        return (Side::Legacy, Why::FlagOff);
    }
    match &plan.ceiling {
        Ceiling::Off => return (Side::Legacy, Why::ModeOff),
        Ceiling::Listed(listed) if !listed.contains(tenant) => return (Side::Legacy, Why::NotListed),
        Ceiling::None | Ceiling::Listed(_) => {}
    }
    if !plan.stage.opens_target() {
        return (Side::Legacy, Why::Stage);
    }
    // Most rollouts have none, and a look into an empty table hashes the name all the same.
    if !plan.overrides.is_empty()
        && let Some(side) = plan.overrides.get(tenant)
    {
        return (*side, Why::Override);
    }
    match (plan.stage, &plan.roster) {
        (Stage::Canary(_), Some(roster)) if roster.names.contains(tenant) => (Side::Target, Why::Roster),
        (Stage::Canary(_), Some(roster)) if !roster.and_share => (Side::Legacy, Why::Roster),
        (Stage::Canary(percent), _) => (of(bucket < limit(percent)), Why::Bucket),
        (Stage::Live | Stage::Complete, _) => (Side::Target, Why::Everyone),
        (Stage::Off | Stage::DualWrite | Stage::Shadow, _) => (Side::Legacy, Why::Stage),
    }
}

/// The first bucket that a share does not hold.
fn limit(percent: Percent) -> u16 {
    u16::from(percent.get()) * PER_PERCENT
}

const fn of(inside: bool) -> Side {
    if inside { Side::Target } else { Side::Legacy }
}

#[cfg(test)]
mod tests;
