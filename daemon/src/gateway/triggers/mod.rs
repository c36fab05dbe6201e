//! Workflows' triggers (G9): which workflows wait for an event, and why one matches or not. Pure: `event`, `glob`, `rule`,
//! `index`.

mod application;
mod event;
mod files;
mod glob;
mod index;
mod registry;
mod rule;
#[cfg(test)]
mod tests;

pub use self::application::{Adopted, CHUNK, Offer};
pub use self::event::{Event, Paths};
pub use self::files::{Files, FilesError, GitHubFiles, Listing};
pub use self::index::Index;
pub use self::registry::{
    ExplainError, LONGEST_DEFINITION, MOST, MatchError, PutError, RemoveError, Triggers,
};
pub use self::rule::{Compiler, RuleError, Trigger, check_id};
