//! Which installation of the GitHub App serves which repository of which project. Everything here is a rule from
//! values to values: no I/O, no clock, no randomness. `docs/mapping.md` has the ladder as users read it.

pub mod catalog;
pub mod index;
pub mod matching;
pub mod next_steps;
pub mod probe;
pub mod report;
pub mod spot_check;
