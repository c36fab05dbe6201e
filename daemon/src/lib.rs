//! `cutoverd`: the daemon that does the work and holds the truth. `docs/ARCHITECTURE.md` shows the house.

pub mod app;
pub mod audit;
pub mod client;
pub mod clock;
pub mod config;
pub mod doors;
pub mod faults;
pub mod fleet;
pub mod flows;
pub mod gateway;
pub mod git;
pub mod github;
pub mod hex;
pub mod init;
pub mod instance;
pub mod locks;
pub mod log;
pub mod mapping;
pub mod metrics;
pub mod near;
pub mod rollout;
pub mod run;
pub mod sandbox;
pub mod seal;
pub mod shutdown;
pub mod store;
