//! A step before it is taken: whom it would move. What is approved is a digest over version, stages and the names of all that
//! answer on the target afterwards.

use std::collections::{BTreeSet, BinaryHeap, HashSet};

use cutover_shared::ids::{Digest, TenantId};
use cutover_shared::rollout::{Operation, RolloutName, Side, Stage};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::decide::{Plan, decide};
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
    /// With `exact`: all that are on the list.
    pub roster: Option<BTreeSet<TenantId>>,
}

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

/// What the step from the plan to `to` would move, page by page over all tenants. `exact`: so many, those of the lowest ranks.
pub async fn moves(db: &Db, plan: &Plan, to: Stage, exact: Option<u32>) -> Result<Moves, ReadError> {
    let roster = match exact {
        Some(count) => Some(lowest(db, plan, count.min(EXACT_MOST)).await?),
        None => None,
    };
    let names: Option<HashSet<String>> =
        roster.as_ref().map(|all| all.iter().map(|tenant| tenant.0.clone()).collect());
    let before = Plan { killed: false, ..plan.clone() };
    let after = Plan { stage: to, roster: names, killed: false, ..plan.clone() };
    let mut hash = Sha256::new();
    let head = json!({
        "rollout": plan.name, "version": plan.version, "from": plan.stage, "to": to, "exact": exact,
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

/// The `count` tenants of the lowest ranks. Whoever is in by name already stays in: a longer list never moves anybody back.
async fn lowest(db: &Db, plan: &Plan, count: u32) -> Result<BTreeSet<TenantId>, ReadError> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    // The greatest of those that are in so far is on top.
    let mut heap: BinaryHeap<(bool, u32, TenantId)> = BinaryHeap::new();
    let mut last: Option<String> = None;
    loop {
        let page = db.tenants(last.as_deref(), PAGE).await?;
        let Some(end) = page.last() else { break };
        last = Some(end.id.0.clone());
        for row in page {
            let outside = side(plan, row.id.as_str()) == Side::Legacy;
            heap.push((outside, plan.bucketing.rank(row.id.as_str()), row.id));
            if heap.len() > count {
                heap.pop();
            }
        }
    }
    Ok(heap.into_iter().map(|(_, _, tenant)| tenant).collect())
}
