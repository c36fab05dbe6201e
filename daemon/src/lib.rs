//! `cutoverd`: the daemon that does the work and holds the truth. `docs/ARCHITECTURE.md` shows the house.

pub mod clock;
pub mod faults;
pub mod github;
pub mod mapping;
