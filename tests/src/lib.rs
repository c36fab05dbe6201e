//! Simulators and harness for Cutover's tests.

pub mod github_sim;
pub mod load;
pub mod world;
