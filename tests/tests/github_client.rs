//! The daemon's GitHub client against the stand-in, over a real socket: each thing that a stock client gets wrong,
//! and each refusal that has to be told apart.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "github_client/behind.rs"]
mod behind;
#[path = "github_client/fetch.rs"]
mod fetch;
#[path = "github_client/gits.rs"]
mod gits;
#[path = "github_client/hostile.rs"]
mod hostile;
#[path = "github_client/import.rs"]
mod import;
#[path = "github_client/import_users.rs"]
mod import_users;
#[path = "github_client/limits.rs"]
mod limits;
#[path = "github_client/reads.rs"]
mod reads;
#[path = "github_client/sandbox.rs"]
mod sandbox;
#[path = "github_client/sandbox_hostile.rs"]
mod sandbox_hostile;
#[path = "github_client/shadow.rs"]
mod shadow;
#[path = "github_client/stage.rs"]
mod stage;
#[path = "github_client/tokens.rs"]
mod tokens;
#[path = "github_client/traps.rs"]
mod traps;
