//! Operators ask too (G10): of any repository that an installation sees. What they get is what nodes get over HTTP.

use cutover_shared::context::{ContextAsk, ContextPart, LONGEST_COMMENT, MAX_DOCUMENT, Place};
use cutover_shared::ids::InstallationId;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::documents::Documents;
use super::{ContextError, RepositoryContext};
use crate::audit::Who;
use crate::clock::Clock;
use crate::github::GitHubError;
use crate::store::{Db, Lane, ReadError, Unit, WriteError};

/// Questions under way at once: each may hold a file of 100 MiB three times over.
const PARALLEL: usize = 4;

/// Why an operator gets no answer.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// What was asked makes no sense.
    #[error("{0}")]
    BadInput(String),
    /// The index knows no installation that sees it.
    #[error("no installation sees {repository}, as far as the index knows")]
    Unseen { repository: String },
    /// It is seen by this installation, which can't be used.
    #[error("installation {installation}, which sees {repository}, is {state}")]
    Asleep { repository: String, installation: InstallationId, state: &'static str },
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The answer is longer than a document may be.
    #[error("the answer has {size} bytes; {MAX_DOCUMENT} are handed out at most")]
    TooLong { size: usize },
    /// The rest of a document is not kept any more.
    #[error("the rest of this answer is not kept any more")]
    Forgotten,
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The comment is there, and the audit does not have it.
    #[error("comment {comment} was posted, and could not be recorded: {cause}")]
    Unrecorded { comment: String, cause: WriteError },
    #[error("the answer could not be put together")]
    Broken,
}

impl OperatorError {
    /// A change was, or may have been, made.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Unrecorded { .. } => true,
            Self::Context(ContextError::GitHub(error)) => matches!(
                error,
                GitHubError::Unavailable { .. }
                    | GitHubError::BadAnswer { .. }
                    | GitHubError::TooLarge { .. }
            ),
            _ => false,
        }
    }
}

/// Asks for operators.
pub struct OperatorContext {
    db: Db,
    clock: Clock,
    /// Of the index.
    host: String,
    context: RepositoryContext,
    documents: Documents,
    places: Semaphore,
}

impl OperatorContext {
    pub fn new(db: Db, clock: Clock, host: String, context: RepositoryContext) -> Self {
        let documents = Documents::new(clock.clone());
        Self { db, clock, host, context, documents, places: Semaphore::new(PARALLEL) }
    }

    /// The first part of the answer.
    ///
    /// # Errors
    /// Nobody sees the repository, GitHub has no answer, or it is too long.
    pub async fn ask(&self, place: &Place, ask: &ContextAsk) -> Result<ContextPart, OperatorError> {
        let installation = self.installation(place).await?;
        let _place = self.places.acquire().await.map_err(|_| OperatorError::Broken)?;
        let (id, repo) = (installation.0, place.repository.as_str());
        let answer = match ask {
            ContextAsk::PullRequest { number } => self.context.pull_request(id, repo, *number).await,
            ContextAsk::Commit { sha } => self.context.commit(id, repo, sha).await,
            ContextAsk::File { path, reference } => {
                self.context.file(id, repo, path, reference.as_deref()).await
            }
            ContextAsk::Compare { base, head } => self.context.compare(id, repo, base, head).await,
            ContextAsk::Branches { cursor } => self.context.branches(id, repo, cursor.as_deref()).await,
            ContextAsk::Issue { number } => self.context.issue(id, repo, *number).await,
        }?;
        // Megabytes of text: other connections must not wait for it.
        let text = tokio::task::spawn_blocking(move || answer.to_string()).await;
        let text = text.map_err(|_| OperatorError::Broken)?;
        if text.len() > MAX_DOCUMENT {
            return Err(OperatorError::TooLong { size: text.len() });
        }
        Ok(self.documents.first(installation, text))
    }

    /// A later part.
    ///
    /// # Errors
    /// [`OperatorError::Forgotten`].
    pub fn part(&self, document: &str, from: u64) -> Result<ContextPart, OperatorError> {
        self.documents.later(document, from).ok_or(OperatorError::Forgotten)
    }

    /// Comments on an issue or pull request and records it, whatever GitHub says; never what was written. Answers who commented, and
    /// the comment as GitHub shows it.
    ///
    /// # Errors
    /// [`OperatorError::may_have_happened`] says which leave it open.
    pub async fn comment(
        &self,
        place: &Place,
        number: i64,
        text: &str,
        who: &Who,
    ) -> Result<(InstallationId, Value), OperatorError> {
        let characters = text.chars().count();
        if text.trim().is_empty() || characters > LONGEST_COMMENT {
            let what = format!("a comment has 1 to {LONGEST_COMMENT} characters; this one has {characters}");
            return Err(OperatorError::BadInput(what));
        }
        if number < 1 {
            return Err(OperatorError::BadInput(format!(
                "{number} is no number of an issue or pull request"
            )));
        }
        let installation = self.installation(place).await?;
        let posted = self.context.post_comment(installation.0, &place.repository, number, text).await;
        let class = posted.as_ref().err().map(ContextError::class);
        let posted = posted.map_err(OperatorError::from);
        let mut detail = match &posted {
            Ok(comment) => json!({ "outcome": "posted", "comment": comment["id"] }),
            Err(error) if error.may_have_happened() => json!({ "outcome": "unknown", "error": class }),
            Err(_) => json!({ "outcome": "failed", "error": class }),
        };
        detail["installation"] = json!(installation);
        detail["characters"] = json!(characters);
        let subject = format!("{}#{number}", place.repository);
        let record = who.did(self.clock.now(), "context.comment", subject, detail);
        let recorded = self.db.write(Lane::Handler, Unit::new().with(record)).await;
        match (posted, recorded) {
            (Ok(comment), Ok(())) => Ok((installation, comment)),
            (Ok(comment), Err(cause)) => {
                Err(OperatorError::Unrecorded { comment: comment["id"].to_string(), cause })
            }
            (Err(error), recorded) => {
                if let Err(cause) = recorded {
                    tracing::error!(%cause, "a comment that failed could not be recorded");
                }
                Err(error)
            }
        }
    }

    /// Who asks: the installation that was named, or one that sees the repository and can be used.
    async fn installation(&self, place: &Place) -> Result<InstallationId, OperatorError> {
        let repository = &place.repository;
        let named = repository.split_once('/');
        if named.is_none_or(|(owner, name)| owner.is_empty() || name.is_empty() || name.contains('/')) {
            return Err(OperatorError::BadInput(format!("`{repository}` is no OWNER/NAME")));
        }
        if let Some(installation) = place.installation {
            return Ok(installation);
        }
        let names = [repository.to_ascii_lowercase()];
        let seen = self.db.repositories_of(&self.host, &[], &names).await?;
        let mut asleep = None;
        // An account that was installed again is seen by two until the next sweep; the newer one is the live one.
        let mut ids: Vec<i64> = seen.into_iter().map(|row| row.installation).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        for id in ids {
            let known = self.db.installed(&self.host, Some(id)).await?;
            let state = match known.first() {
                Some(row) if row.gone => "gone",
                Some(row) if row.suspended_at.is_some() => "suspended",
                _ => return Ok(InstallationId(id)),
            };
            asleep.get_or_insert((InstallationId(id), state));
        }
        let repository = repository.clone();
        Err(match asleep {
            Some((installation, state)) => OperatorError::Asleep { repository, installation, state },
            None => OperatorError::Unseen { repository },
        })
    }
}

#[cfg(test)]
mod tests;
