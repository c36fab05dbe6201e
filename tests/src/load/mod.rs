//! Load tools: they measure the daemon's parts and the console at full size against the bars that they have to keep.

pub mod console;
pub mod decide;
pub mod fleet;
pub mod gateway;
pub mod judge;
pub mod kill;
pub mod mapping;
mod meter;
mod report;
mod runner;
pub mod sandbox;
pub mod shadow;
mod stand_in;
pub mod storm;

pub use report::{Bar, Report, conclude};
pub use runner::RunnerFlags;
