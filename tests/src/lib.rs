//! Simulators, harness and demo.

pub mod demo;
pub mod engine_sim;
pub mod github_sim;
pub mod harness;
pub mod load;
pub mod services;
pub mod world;
