//! Tenants' own databases (D1-D6): which migrations there are, where each tenant's database is, and bringing the one to the other,
//! in waves, with a way back.

pub mod driver;
pub mod drivers;
pub mod migration;
pub mod schema;
pub mod settings;
