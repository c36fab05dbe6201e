//! What changes something at GitHub: each change is a method here, so that a reader can't make one.

use std::sync::Arc;

use super::change::Change;
use super::engine::{Engine, Terms};
use super::error::{GitHubError, message_of};
use super::identity::Credential;

/// Makes changes. Cheap to clone. Nobody who plans is given one.
#[derive(Clone)]
pub struct Writer {
    pub(super) engine: Arc<Engine>,
    pub(super) terms: Terms,
}

impl Writer {
    /// Asks GitHub to deliver once more; the delivery keeps its GUID.
    ///
    /// # Errors
    /// [`GitHubError::Refused`] with 404: GitHub does not keep it any more; and what a call can meet.
    pub async fn redeliver(&self, delivery: i64) -> Result<(), GitHubError> {
        let answer = self.engine.change(&Credential::App, Change::Redeliver { delivery }, self.terms).await?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(GitHubError::Refused { status: answer.status, message: message_of(&answer.body) })
    }
}
