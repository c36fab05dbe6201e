//! The daemon and the command line as real processes against the GitHub stand-in: what they promise when they are
//! killed, refused, starved and lied to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that can't go on has failed, and says why it was left out"
)]

#[path = "e2e/act.rs"]
mod act;
#[path = "e2e/api.rs"]
mod api;
#[path = "e2e/app.rs"]
mod app;
#[path = "e2e/callback.rs"]
mod callback;
#[path = "e2e/connect.rs"]
mod connect;
#[path = "e2e/context.rs"]
mod context;
#[path = "e2e/copies.rs"]
mod copies;
#[path = "e2e/crash.rs"]
mod crash;
#[path = "e2e/disk.rs"]
mod disk;
#[path = "e2e/door.rs"]
mod door;
#[path = "e2e/examples.rs"]
mod examples;
#[path = "e2e/fetch.rs"]
mod fetch;
#[path = "e2e/fleet.rs"]
mod fleet;
#[path = "e2e/git_api.rs"]
mod git_api;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/import.rs"]
mod import;
#[path = "e2e/incident.rs"]
mod incident;
#[path = "e2e/kill.rs"]
mod kill;
#[path = "e2e/list.rs"]
mod list;
#[path = "e2e/missed.rs"]
mod missed;
#[path = "e2e/ofrep.rs"]
mod ofrep;
#[path = "e2e/old_callback.rs"]
mod old_callback;
#[path = "e2e/old_hooks.rs"]
mod old_hooks;
#[path = "e2e/operator_context.rs"]
mod operator_context;
#[path = "e2e/page.rs"]
mod page;
#[path = "e2e/probe.rs"]
mod probe;
#[path = "e2e/rescore.rs"]
mod rescore;
#[path = "e2e/role.rs"]
mod role;
#[path = "e2e/rollout.rs"]
mod rollout;
#[path = "e2e/sandbox_record.rs"]
mod sandbox_record;
#[path = "../../daemon/src/doors/http/tests/schema.rs"]
mod schema;
#[path = "e2e/secret.rs"]
mod secret;
#[path = "e2e/stage.rs"]
mod stage;
#[path = "e2e/stale.rs"]
mod stale;
#[path = "e2e/start.rs"]
mod start;
#[path = "e2e/stop.rs"]
mod stop;
#[path = "e2e/storm.rs"]
mod storm;
#[path = "e2e/webhook.rs"]
mod webhook;
#[path = "e2e/workflow.rs"]
mod workflow;
#[path = "e2e/worth.rs"]
mod worth;
