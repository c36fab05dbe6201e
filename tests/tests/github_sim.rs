//! The GitHub stand-in behaves as GitHub does, over a real socket and on a clock that stands still.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "github_sim/access.rs"]
mod access;
#[path = "github_sim/conduct.rs"]
mod conduct;
#[path = "github_sim/stage.rs"]
mod stage;
