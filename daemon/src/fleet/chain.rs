//! What a tenant still has to get, or to give back, and whether one step may be taken now. Pure.

use std::collections::{BTreeMap, BTreeSet};

use cutover_shared::fleet::{DriverKind, FleetItem, Way};

use super::driver::Ledger;
use super::migration::Migration;

/// How the reason begins for which a migration is left out that another one stands for.
pub const REPLACED: &str = "replaced by ";

/// One step that a plan has for a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    pub migration: &'a Migration,
    pub way: Way,
    /// The tenant's version before and after.
    pub from: u32,
    pub to: u32,
    /// Nothing is run, and why.
    pub left_out: Option<String>,
}

/// Why a tenant can't be taken where a plan wants it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    #[error("{id} has nothing for {driver} databases: add {id}.up.{}", if *driver == DriverKind::Http { "toml" } else { "sql" })]
    NoStep { id: String, driver: DriverKind },
    #[error("{id} has no way down for {driver} databases: add {id}.down.{}, or go back no further than to {after}",
        if *driver == DriverKind::Http { "toml" } else { "sql" })]
    NoDown { id: String, driver: DriverKind, after: u32 },
}

/// What a tenant at `version` gets until it is at `target`.
pub fn up(
    migrations: &BTreeMap<u32, Migration>,
    version: u32,
    target: u32,
    driver: DriverKind,
) -> Result<Vec<Planned<'_>>, NoWay> {
    let mut steps: Vec<Planned<'_>> = Vec::new();
    let mut at = version;
    let next = version.saturating_add(1);
    if next > target {
        return Ok(steps);
    }
    for (number, migration) in migrations.range(next..=target) {
        let later = migrations.range(*number..=target).map(|(_, later)| later);
        let by = later.skip(1).find(|later| later.replaces.as_deref() == Some(&migration.id));
        let left_out = by.map(|by| format!("{REPLACED}{}", by.id));
        if left_out.is_none() && migration.step(Way::Up, driver).is_none() {
            return Err(NoWay::NoStep { id: migration.id.clone(), driver });
        }
        let to = if left_out.is_some() { at } else { *number };
        steps.push(Planned { migration, way: Way::Up, from: at, to, left_out });
        at = to;
    }
    Ok(steps)
}

/// What a tenant at `version` gives back until it is at `target`, the newest first. `replaced`: what never came to it, because another one
/// stood for it.
pub fn down<'a>(
    migrations: &'a BTreeMap<u32, Migration>,
    version: u32,
    target: u32,
    driver: DriverKind,
    replaced: &BTreeSet<u32>,
) -> Result<Vec<Planned<'a>>, NoWay> {
    let next = target.saturating_add(1);
    if next > version {
        return Ok(Vec::new());
    }
    let there = migrations.range(next..=version).filter(|(number, _)| !replaced.contains(number));
    let back: Vec<&Migration> = there.rev().map(|(_, one)| one).collect();
    let mut steps = Vec::with_capacity(back.len());
    for (at, migration) in back.iter().enumerate() {
        let to = back.get(at + 1).map_or(target, |before| before.version);
        if migration.step(Way::Down, driver).is_none() {
            let (id, after) = (migration.id.clone(), migration.version);
            return Err(NoWay::NoDown { id, driver, after });
        }
        let from = migration.version;
        steps.push(Planned { migration, way: Way::Down, from, to, left_out: None });
    }
    Ok(steps)
}

/// What becomes of a step, by what the tenant's ledger says just before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    Run,
    /// It is so already.
    Already,
    /// One before it is not there.
    Blocked,
    /// The tenant is somewhere else than the plan saw it.
    Moved(String),
}

/// Whether this step may be taken. `way`: that of the item, or the other one when a run is taken back.
pub fn now(item: &FleetItem, way: Way, ledger: &Ledger) -> Now {
    let (number, version) = (item.version, ledger.version());
    // Begun and not ended: of another step, it stands in the way.
    let begun = ledger.rows.values().find(|row| row.part.is_some());
    if let Some(other) = begun.filter(|row| row.version != number) {
        return Now::Moved(format!("{} was begun there and has not ended", other.id));
    }
    let half = begun.and_then(|row| row.part.as_ref());
    if half.is_some_and(|part| part.way != way) {
        return Now::Moved(format!("{} was begun the other way and has not ended", item.migration));
    }
    match way {
        Way::Up if ledger.has(number) => Now::Already,
        Way::Up if version > number => Now::Moved(format!("it is at version {version} already")),
        Way::Up if half.is_none() && version < below(item) => Now::Blocked,
        Way::Down if !ledger.rows.contains_key(&number) => Now::Already,
        Way::Down if version > number => Now::Moved(format!("it is at version {version}, which goes first")),
        Way::Up | Way::Down => Now::Run,
    }
}

/// The version that a tenant has without this step.
fn below(item: &FleetItem) -> u32 {
    match item.way {
        Way::Up => item.from,
        Way::Down => item.to,
    }
}

/// What speaks against touching a tenant at all: its ledger tells of other migrations than the registry does.
pub fn foreign(migrations: &BTreeMap<u32, Migration>, ledger: &Ledger) -> Option<String> {
    ledger.rows.values().find_map(|row| {
        // A deployment tells a version only.
        if row.id.is_empty() {
            return None;
        }
        match migrations.get(&row.version) {
            None => Some(format!("its ledger has {}, which the registry does not have", row.id)),
            Some(known) if known.id != row.id => Some(format!(
                "its ledger has {}, the registry calls version {} {}",
                row.id, row.version, known.id
            )),
            Some(known) if known.checksum != row.checksum => {
                Some(format!("another {} was run on it than the registry has", row.id))
            }
            Some(_) => None,
        }
    })
}

#[cfg(test)]
mod tests;
