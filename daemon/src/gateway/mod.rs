//! GitHub's webhooks (G1 to G3): taken, kept, and handled in order. Pure rules: `signature`, `envelope`, `events`,
//! `inbox::tries`.

pub mod envelope;
pub mod events;
pub mod inbox;
pub mod signature;
pub mod triggers;
