//! Rollouts: a named pair of arms, a stage, measured health.

pub mod judge;
pub mod worth;
