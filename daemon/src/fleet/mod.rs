//! Tenants' own databases (D1-D6): which migrations there are, where each tenant's database is, and bringing the one to the other,
//! in waves, with a way back.

pub mod book;
pub mod chain;
pub mod credential;
pub mod driver;
pub mod drivers;
mod halt;
pub mod instance;
mod item;
pub mod kind;
mod limit;
pub mod live;
pub mod migration;
mod observe;
pub mod registry;
mod runner;
pub mod schema;
pub mod settings;
pub mod wave;
