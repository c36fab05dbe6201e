//! The application's database against a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of it is test code")]

mod copies;
mod copies_away;
mod copies_refused;
mod copies_world;
mod crash;
mod reading;
mod refusing;
mod runs;
mod syncing;
mod workflows;
mod world;
mod writing;
