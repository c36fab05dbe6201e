//! Tenants' deployments that are spoken to over HTTP in Convex's manner, and steps that call services, whatever the tenant's
//! database is.
//!
//! A deployment keeps no ledger that we could write: it tells its version (`settings.http.ping`), and that is all that opening reads.
//! [`Ledger::of_version`] makes rows of it. The version comes with deployed code, so it proves that a deploy happened, not that calls
//! did: after a crash a step counts as done when its `verify` holds, or when it has no calls and the version is reached; as not done
//! when it is idempotent; else a person has to look.
//!
//! [`Ledger::of_version`]: super::super::driver::Ledger::of_version

mod answer;
mod call;
mod deploy;
mod session;

pub use self::call::Caller;
pub use self::session::HttpDriver;
