//! The console's core: events come in, rules change the state, effects go out, and what changed is drawn.

pub mod effect;
pub mod event;
pub mod update;
