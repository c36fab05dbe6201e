//! Windows as SQL: terms become conditions with bound values, never text of theirs. First the keys of a window are picked out of
//! narrow rows, then the wide rows of these keys are read; both in one read transaction, so that the count agrees.

mod audit;
mod catalog;
mod column;
mod fleet;
mod inbox;
mod outbox;
mod pick;
mod queue;
mod run;

pub(super) use self::audit::audit;
pub(super) use self::catalog::{links, tenants};
use self::column::{
    AUDIT, Column, DELIVERIES, DISPATCHES, INSTANCES, ITEMS, LINKS, List, RUNS, TENANTS, WORKFLOWS,
};
#[cfg(test)]
pub(super) use self::fleet::begin as instances_sql;
pub(super) use self::fleet::instances;
pub(super) use self::inbox::{DELIVERY_QUEUE, deliveries};
pub(super) use self::outbox::{DISPATCH_QUEUE, dispatches, workflows};
use self::pick::{condition, count, order, pick};
pub(super) use self::run::{items, runs};

#[cfg(test)]
mod tests;
