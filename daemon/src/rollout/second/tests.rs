//! A process that dies at a crash point is a runtime that is dropped there: nothing in memory survives, and nothing after the
//! point happens.

mod crash;
mod queue;
mod world;
