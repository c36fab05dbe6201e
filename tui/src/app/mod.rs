//! The console's core: events come in, rules change the state, effects go out, and what changed is drawn.

pub mod effect;
pub mod engine;
pub mod event;
mod export;
pub mod line;
pub mod record;
pub mod replay;
pub mod run;
pub mod summary;
mod tour;
pub mod update;
mod worker;
