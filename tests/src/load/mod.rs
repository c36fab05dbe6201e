//! Load tools: they measure the daemon's parts at full size against the bars that they have to keep.

pub mod mapping;
mod meter;
mod report;
mod stand_in;

pub use report::{Bar, Report};
