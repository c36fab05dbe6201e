//! A step before it is taken: whom it would move. What is approved is a digest over version, stages and the names of all that
//! answer on the target afterwards.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashSet};

use cutover_shared::ids::{Digest, TenantId};
use cutover_shared::rollout::{Operation, Ring, RolloutName, Side, Stage};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::decide::{Plan, Roster, decide};
use super::stages::Place;
use crate::hex::hex;
use crate::store::{Db, ReadError};

/// Tenants read at once.
const PAGE: u32 = 500;

/// Tenants that a list by name may hold.
pub const EXACT_MOST: u32 = 100_000;

/// Names that a step shows; the count is of all.
const SHOWN: usize = 100;

/// Whom a step moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moves {
    pub digest: Digest,
    pub moving: Vec<TenantId>,
    pub moving_count: u64,
    pub returning_count: u64,
    pub inside: u64,
    pub tenants: u64,
    /// All that are in by name then.
    pub roster: Option<BTreeSet<TenantId>>,
    /// Beside them, whoever the share's buckets hold.
    pub and_share: bool,
}

/// Which step.
#[derive(Clone, Copy, Debug)]
pub struct Reach<'a> {
    pub to: Place,
    /// So many, those of the first rings and the lowest ranks.
    pub exact: Option<u32>,
    pub rings: &'a Rings,
}

/// The rings' lists: a tenant is on one at most.
pub type Rings = BTreeMap<TenantId, Ring>;

/// The arm that answers for a tenant where its flag is on.
pub fn side(plan: &Plan, tenant: &str) -> Side {
    // Any operation whose flag is on stands for all: they differ by nothing else.
    let open = plan.name.operations().find(|operation| plan.flags[operation.index()]);
    let operation = open.unwrap_or(first(plan.name));
    decide(plan, operation, tenant, false).side
}

fn first(name: RolloutName) -> Operation {
    match name {
        RolloutName::GithubAuth => Operation::Import,
        RolloutName::GitSandbox => Operation::Clone,
    }
}

/// What the step from the plan would move, page by page over all tenants.
pub async fn moves(db: &Db, plan: &Plan, reach: &Reach<'_>) -> Result<Moves, ReadError> {
    let Reach { to: Place { stage: to, ring }, exact, rings } = *reach;
    let and_share = exact.is_none() && ring.is_all();
    let roster = match exact {
        Some(count) => Some(lowest(db, plan, count.min(EXACT_MOST), rings).await?),
        None => by_name(plan, reach.to, rings),
    };
    let names: Option<HashSet<String>> =
        roster.as_ref().map(|all| all.iter().map(|tenant| tenant.0.clone()).collect());
    let before = Plan { killed: false, ..plan.clone() };
    let roster_after = names.map(|names| Roster { names, and_share });
    let after = Plan { stage: to, roster: roster_after, killed: false, ..plan.clone() };
    let mut hash = Sha256::new();
    let head = json!({
        "rollout": plan.name, "version": plan.version, "from": plan.stage, "to": to, "exact": exact, "ring": ring,
        "algorithm": plan.bucketing.algorithm(), "salt": plan.bucketing.salt(),
    });
    hash.update(head.to_string().as_bytes());
    let mut moves = Moves {
        digest: Digest(String::new()),
        moving: Vec::new(),
        moving_count: 0,
        returning_count: 0,
        inside: 0,
        tenants: 0,
        roster,
        and_share,
    };
    let mut last: Option<String> = None;
    loop {
        let page = db.tenants(last.as_deref(), PAGE).await?;
        let Some(end) = page.last() else { break };
        last = Some(end.id.0.clone());
        for row in page {
            moves.tenants += 1;
            let (was, will) = (side(&before, row.id.as_str()), side(&after, row.id.as_str()));
            if will == Side::Target {
                moves.inside += 1;
                hash.update(row.id.as_str().as_bytes());
                hash.update([0]);
            }
            match (was, will) {
                (Side::Legacy, Side::Target) => {
                    moves.moving_count += 1;
                    if moves.moving.len() < SHOWN {
                        moves.moving.push(row.id);
                    }
                }
                (Side::Target, Side::Legacy) => moves.returning_count += 1,
                _ => {}
            }
        }
    }
    moves.digest = Digest(hex(&hash.finalize()));
    Ok(moves)
}

/// Who is in by name in a share: whoever was so before, and the rings as far as it is open. Rings come before everybody else, so
/// the share for all has both of them in, too. None: nobody is.
pub fn by_name(plan: &Plan, to: Place, rings: &Rings) -> Option<BTreeSet<TenantId>> {
    let Stage::Canary(_) = to.stage else { return None };
    let before = plan.roster.iter().flat_map(|roster| roster.names.iter().map(|name| TenantId(name.clone())));
    let opened = rings.iter().filter(|(_, ring)| **ring <= to.ring).map(|(tenant, _)| tenant.clone());
    let names: BTreeSet<TenantId> = before.chain(opened).collect();
    // A ring without tenants is open for nobody, not for the share.
    (!names.is_empty() || !to.ring.is_all()).then_some(names)
}

/// The `count` tenants of the first rings and, in each, the lowest ranks. Whoever is in already stays in: a longer list never
/// moves anybody back.
async fn lowest(db: &Db, plan: &Plan, count: u32, rings: &Rings) -> Result<BTreeSet<TenantId>, ReadError> {
    let mut lowest = Lowest::new(count);
    let mut last: Option<String> = None;
    loop {
        let page = db.tenants(last.as_deref(), PAGE).await?;
        let Some(end) = page.last() else { break };
        last = Some(end.id.0.clone());
        for row in page {
            lowest.add(plan, rings, row.id);
        }
    }
    Ok(lowest.names())
}

/// The first so many of all tenants, as they are read.
pub(super) struct Lowest {
    count: usize,
    /// The greatest of those that are in so far is on top.
    heap: BinaryHeap<(bool, Ring, u32, TenantId)>,
}

impl Lowest {
    pub(super) fn new(count: u32) -> Self {
        Self { count: usize::try_from(count).unwrap_or(usize::MAX), heap: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, plan: &Plan, rings: &Rings, tenant: TenantId) {
        let outside = side(plan, tenant.as_str()) == Side::Legacy;
        let ring = rings.get(&tenant).copied().unwrap_or_default();
        self.heap.push((outside, ring, plan.bucketing.rank(tenant.as_str()), tenant));
        if self.heap.len() > self.count {
            self.heap.pop();
        }
    }

    pub(super) fn names(self) -> BTreeSet<TenantId> {
        self.heap.into_iter().map(|(_, _, _, tenant)| tenant).collect()
    }
}
