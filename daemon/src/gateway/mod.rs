//! GitHub's webhooks (G1 to G4): taken, kept, handled in order, and those that never came fetched. Pure rules: `signature`,
//! `envelope`, `events`, `inbox::tries`, `recover::ledger`, `recover::statement`.

pub mod app;
pub mod context;
pub mod envelope;
pub mod events;
pub mod inbox;
pub mod recover;
pub mod signature;
