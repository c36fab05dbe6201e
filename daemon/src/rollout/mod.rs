//! Rollouts (C1 to C12): which arm answers for whom, how that was measured, and the ways forward and back.

pub mod advance;
pub mod automation;
pub mod book;
pub mod bucket;
pub mod compare;
pub mod criteria;
pub mod decide;
pub mod evidence;
pub mod judge;
pub mod metrics;
pub mod mismatch;
pub mod peers;
pub mod reconcile;
pub mod rehearse;
pub mod router;
pub mod second;
pub mod shadow;
pub mod stages;
pub mod standby;
pub mod state;
pub mod step;
pub mod tally;
pub mod watch;
pub mod worth;

#[cfg(test)]
mod tests;
