//! GitHub's webhooks (G1 to G3): taken, kept, and handled in order. Pure rules: `signature`, `envelope`, `events`,
//! `inbox::tries`, `outbox::{answer, breaker}`, most of `triggers`.

pub mod envelope;
pub mod events;
pub mod inbox;
pub mod outbox;
pub mod signature;
pub mod triggers;
