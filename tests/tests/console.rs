//! The operator's console in a real terminal, against a real daemon and the GitHub stand-in: what an operator sees, what
//! keys do, and what is left of the terminal afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that can't go on has failed"
)]

#[path = "console/away.rs"]
mod away;
#[path = "console/begin.rs"]
mod begin;
#[path = "console/desk.rs"]
mod desk;
#[path = "console/file.rs"]
mod file;
#[path = "console/kill.rs"]
mod kill;
#[path = "console/line.rs"]
mod line;
#[path = "console/look.rs"]
mod look;
#[path = "console/may.rs"]
mod may;
#[path = "e2e/stage.rs"]
#[allow(dead_code, reason = "the end-to-end tests need more of it")]
mod stage;
#[path = "console/tour.rs"]
mod tour;
#[path = "console/work.rs"]
mod work;
