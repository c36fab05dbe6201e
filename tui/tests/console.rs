//! The console as a whole: states that come to be as in use, and what is drawn of them.
#![allow(dead_code, reason = "parts share a daemon, and none uses all of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "console/daemon.rs"]
mod daemon;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "console/fleets.rs"]
mod fleets;
#[path = "console/frame.rs"]
mod frame;
#[path = "console/fuzz.rs"]
mod fuzz;
#[path = "console/gateway.rs"]
mod gateway;
#[path = "console/invariants.rs"]
mod invariants;
#[path = "console/layers.rs"]
mod layers;
#[path = "console/paint.rs"]
mod paint;
#[path = "support/rollout.rs"]
mod rollout;
#[path = "console/rollouts.rs"]
mod rollouts;
#[path = "console/sample.rs"]
mod sample;
#[path = "console/screens.rs"]
mod screens;
#[path = "console/shots.rs"]
mod shots;
#[path = "console/world.rs"]
mod world;
