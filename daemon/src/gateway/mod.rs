//! GitHub's webhooks (G1 to G4): taken, kept, handled in order, and those that never came fetched; who has which installation
//! (G5, G8); what events trigger and send on (G9), with context (G10); the App's first set-up (G13). Pure rules:
//! `app::manifest`, `context::part`, `signature`, `envelope`, `events`, `inbox::tries`, `outbox::{answer, breaker}`, `recover::{ledger, statement}`,
//! `state_token`, most of `triggers`.

pub mod app;
pub mod context;
pub mod envelope;
pub mod events;
pub mod inbox;
pub mod integrations;
pub mod outbox;
mod queue;
pub mod recover;
mod replay;
pub mod signature;
pub mod state_token;
pub mod triggers;
