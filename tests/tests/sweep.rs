//! Sweep, plan, apply and undo over a real store and the stand-in: what it costs, what interrupts it, and whether
//! every verdict is the truth.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "sweep/changes.rs"]
mod changes;
#[path = "sweep/connected.rs"]
mod connected;
#[path = "sweep/cost.rs"]
mod cost;
#[path = "sweep/drift.rs"]
mod drift;
#[path = "sweep/house.rs"]
mod house;
#[path = "sweep/interrupted.rs"]
mod interrupted;
#[path = "sweep/rescored.rs"]
mod rescored;
#[path = "sweep/verdicts.rs"]
mod verdicts;
