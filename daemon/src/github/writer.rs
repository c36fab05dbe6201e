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

    /// Comments on an issue, or on a pull request's conversation; answers the comment as GitHub shows it.
    ///
    /// # Errors
    /// [`GitHubError::Refused`]: not there, no permission, or not to be commented on. After [`GitHubError::Unavailable`] nobody
    /// knows whether it was posted.
    pub async fn comment(
        &self,
        installation: i64,
        full_name: &str,
        number: i64,
        text: &str,
    ) -> Result<serde_json::Value, GitHubError> {
        let change = Change::Comment { full_name, number, text };
        let answer = self.engine.change(&Credential::Installation(installation), change, self.terms).await?;
        if answer.status == 201 {
            return serde_json::from_slice(&answer.body)
                .map_err(|_| GitHubError::BadAnswer { what: "a comment" });
        }
        Err(GitHubError::Refused { status: answer.status, message: message_of(&answer.body) })
    }
}
