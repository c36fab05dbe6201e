//! GitHub's webhooks (G1 to G3): taken, kept, and handled in order; who has which installation (G5, G8). Pure rules:
//! `signature`, `envelope`, `events`, `inbox::tries`, `state_token`.

pub mod envelope;
pub mod events;
pub mod inbox;
pub mod integrations;
pub mod signature;
pub mod state_token;
