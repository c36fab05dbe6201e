//! What a planner hands to the engine: a draft, and its items as they come.

use async_trait::async_trait;
use cutover_shared::run::Reversibility;
use serde_json::Value;

use super::kind::KindError;

/// Where the items of a plan come from: pages in the order of the plan, each key once.
#[async_trait]
pub trait PlanSource: Send {
    /// The next items (key, canonical body); none after the last. Any number of items at a time.
    async fn next(&mut self) -> Result<Option<Vec<(String, String)>>, KindError>;

    /// What the kind wants shown with the plan; asked once, after the last item.
    fn summary(&mut self) -> Value;

    /// What undo can do for this plan, where that differs from its kind; asked once, after the summary.
    fn reversibility(&self) -> Option<Reversibility> {
        None
    }
}

/// A plan to be.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: &'static str,
    pub scope: String,
    pub rules: Value,
    pub config: Value,
}
