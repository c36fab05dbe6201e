//! The run engine (F1): everything that changes something is planned, approved, applied, verified and can be undone.
//! A kind of run is one file that implements [`Kind`]; everything else is here.

mod act;
mod approval;
mod brake;
mod canonical;
#[cfg(test)]
mod carry;
mod chain;
mod chained;
mod drive;
mod engine;
mod error;
mod kind;
mod local;
mod outside;
mod plan;
mod progress;
mod source;
mod view;

pub use self::approval::{ApprovedPlan, GateCheck, GateEvidence, OpenGate};
pub use self::brake::{Brake, Pull};
pub use self::canonical::{NotCanonical, canonical};
pub use self::chain::{BLOCKED, Chain, Chained, End, Ended, Pass, Place, Told};
pub use self::engine::{Engine, EngineSettings};
pub use self::error::RunError;
pub use self::kind::{
    Acted, Direction, Effect, Elsewhere, Kind, KindError, Local, Look, Outcome, Outside, Prepared, Resolved,
};
pub use self::plan::{Basis, ITEMS_PER_PAGE, page_hash};
pub use self::source::{Draft, PlanSource};
pub use self::view::run_view;

/// Every crash point of the engine and the store. Tests kill a run at each.
pub const CRASH_POINTS: &[&str] = &[
    "run.plan.page",
    "run.plan.create",
    "run.chunk.before",
    "run.chunk.after",
    "run.intent.after",
    "run.effect.after",
    "run.outcome.after",
    "run.resolve.after",
    "run.pass.end",
    "run.verify.end",
    "store.commit.before",
    "store.commit.after",
];

#[cfg(test)]
mod tests;
