//! What the Cutover daemon and its clients speak. Neither side owns these types: an addition must be readable
//! by an older peer (new fields are optional), a removal needs a new protocol version.

pub mod app;
pub mod audit;
pub mod catalog;
pub mod changes;
pub mod context;
pub mod error;
pub mod filter;
pub mod fleet;
pub mod git;
pub mod hooks;
pub mod ids;
pub mod import;
pub mod installation;
pub mod kill;
pub mod mapping;
pub mod page;
pub mod paths;
pub mod redact;
pub mod rollout;
pub mod rpc;
pub mod run;
pub mod sandbox_record;
pub mod status;
pub mod token;
pub mod transport;
pub mod verdict;
pub mod webhook;
pub mod window;
pub mod workflow;
