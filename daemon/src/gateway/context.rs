//! What a repository says about an event (G10), as an installation sees it: for dispatches that ask for it, for engine nodes
//! over HTTP, and for operators. Shapes are those that the engine's nodes know; what was left out is said beside them.

mod documents;
mod operator;
mod part;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

pub use cutover_shared::context::LONGEST_COMMENT;

pub use self::operator::{OperatorContext, OperatorError};
use super::outbox::{Context, ContextError as Unattached};
use super::triggers::Event;
use crate::github::{Credential, Diff, GitHub, GitHubError, Rows, Traffic};

/// Commits of one push whose context is attached; the oldest first.
pub const MOST_COMMITS: usize = 20;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// Not there, or the installation may not see it; GitHub doesn't tell which.
    #[error("{what} is not there, or the installation may not see it")]
    NotFound { what: String },
    #[error(transparent)]
    GitHub(#[from] GitHubError),
}

impl ContextError {
    /// The class alone, as the audit keeps it: no words of GitHub's, who may repeat what was sent.
    pub fn class(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::GitHub(error) => match error {
                GitHubError::Mint(error) => error.class(),
                GitHubError::RateLimited { .. } => "rate_limited",
                GitHubError::Unavailable { .. } => "unavailable",
                GitHubError::Refused { .. } => "refused",
                GitHubError::BadAnswer { .. } => "bad_answer",
                GitHubError::TooLarge { .. } => "too_large",
                GitHubError::ForeignHost => "foreign_host",
                GitHubError::BadInput { .. } => "bad_input",
            },
        }
    }
}

/// Asks as installations. Cheap to clone.
#[derive(Clone)]
pub struct RepositoryContext {
    github: GitHub,
}

impl RepositoryContext {
    pub fn new(github: GitHub) -> Self {
        Self { github }
    }

    /// `{pr, diff, files, comments, repository}`. `diff` is null where GitHub makes none of that size; `complete` says which
    /// lists are whole.
    ///
    /// # Errors
    /// There is no such pull request, or GitHub has no answer.
    pub async fn pull_request(&self, id: i64, repo: &str, number: i64) -> Result<Value, ContextError> {
        let reader = self.github.reader(Traffic::Live);
        let missing = || missing(format!("pull request {repo}#{number}"));
        let (pr, diff, files, comments, repository) = tokio::try_join!(
            Box::pin(reader.pull_request(id, repo, number)),
            Box::pin(reader.pull_request_diff(id, repo, number)),
            Box::pin(reader.pull_request_changes(id, repo, number)),
            Box::pin(reader.comments(id, repo, number)),
            Box::pin(reader.repository_value(id, repo)),
        )?;
        let pr = pr.ok_or_else(missing)?;
        let (files, comments) = (rows(files), rows(comments));
        let (diff, has_diff) = match diff {
            Diff::Text(text) => (Value::String(text), true),
            Diff::TooLarge | Diff::NotFound => (Value::Null, false),
        };
        Ok(json!({
            "pr": pr,
            "diff": diff,
            "complete": { "diff": has_diff, "files": files.complete, "comments": comments.complete },
            "files": files.rows,
            "comments": comments.rows,
            "repository": repository,
        }))
    }

    /// `{commit, diff, repository}`; `diff` is the commit's list of files, the first 300.
    ///
    /// # Errors
    /// There is no such commit, or GitHub has no answer.
    pub async fn commit(&self, id: i64, repo: &str, sha: &str) -> Result<Value, ContextError> {
        let reader = self.github.reader(Traffic::Live);
        let (commit, repository) = tokio::try_join!(
            Box::pin(reader.commit_with_files(id, repo, sha)),
            Box::pin(reader.repository_value(id, repo))
        )?;
        Ok(of_commit(commit.ok_or_else(|| missing(format!("commit {sha} of {repo}")))?, repository))
    }

    /// What is attached to a dispatch: `pr_context` where the event is about a pull request, `commit_contexts` where it has
    /// commits (the first [`MOST_COMMITS`]; then `commit_contexts_complete` is false).
    ///
    /// # Errors
    /// The pull request or a commit is not there, or GitHub has no answer.
    pub async fn of_event(
        &self,
        id: i64,
        repo: &str,
        pull_request: Option<i64>,
        commits: &[String],
    ) -> Result<Map<String, Value>, ContextError> {
        let mut attached = Map::new();
        if let Some(number) = pull_request {
            attached.insert("pr_context".to_owned(), self.pull_request(id, repo, number).await?);
        }
        if !commits.is_empty() {
            let reader = self.github.reader(Traffic::Live);
            let repository = reader.repository_value(id, repo).await?;
            let mut contexts = Vec::new();
            for sha in commits.iter().take(MOST_COMMITS) {
                let commit = reader.commit_with_files(id, repo, sha).await?;
                let commit = commit.ok_or_else(|| missing(format!("commit {sha} of {repo}")))?;
                contexts.push(of_commit(commit, repository.clone()));
            }
            attached.insert("commit_contexts".to_owned(), Value::Array(contexts));
            let whole = commits.len() <= MOST_COMMITS;
            attached.insert("commit_contexts_complete".to_owned(), Value::Bool(whole));
        }
        Ok(attached)
    }

    /// `{path, ref, size, encoding: "base64", content}`, of files up to what a blob may have.
    ///
    /// # Errors
    /// There is no such file, or GitHub has no answer.
    pub async fn file(
        &self,
        id: i64,
        repo: &str,
        path: &str,
        reference: Option<&str>,
    ) -> Result<Value, ContextError> {
        let credential = Credential::Installation(id);
        let bytes = self.github.reader(Traffic::Live).contents(&credential, repo, path, reference).await?;
        let bytes = bytes.ok_or_else(|| missing(format!("{path} of {repo}")))?;
        Ok(json!({
            "path": path,
            "ref": reference,
            "size": bytes.len(),
            "encoding": "base64",
            "content": BASE64.encode(&bytes),
        }))
    }

    /// `{repositories, next}`: a page of what the installation may see.
    ///
    /// # Errors
    /// GitHub has no answer.
    pub async fn repositories(&self, id: i64, cursor: Option<&str>) -> Result<Value, ContextError> {
        let page = self.github.reader(Traffic::Live).installation_repositories(id, cursor).await?;
        let rows: Vec<Value> = page
            .rows
            .iter()
            .map(|repo| {
                json!({ "id": repo.id, "full_name": repo.full_name, "owner_id": repo.owner.id, "private": repo.private })
            })
            .collect();
        Ok(json!({ "repositories": rows, "next": page.next, "total": page.total }))
    }

    /// `{branches, next}`: a page of them.
    ///
    /// # Errors
    /// There is no such repository, or GitHub has no answer.
    pub async fn branches(&self, id: i64, repo: &str, cursor: Option<&str>) -> Result<Value, ContextError> {
        let page = self.github.reader(Traffic::Live).branches(id, repo, cursor).await?;
        let page = page.ok_or_else(|| missing(repo.to_owned()))?;
        Ok(json!({ "branches": page.rows, "next": page.next }))
    }

    /// What leads from `base` to `head`, as GitHub shows it.
    ///
    /// # Errors
    /// One of them is not there, or GitHub has no answer.
    pub async fn compare(&self, id: i64, repo: &str, base: &str, head: &str) -> Result<Value, ContextError> {
        let found = self.github.reader(Traffic::Live).compare(id, repo, base, head).await?;
        found.ok_or_else(|| missing(format!("{base}...{head} of {repo}")))
    }

    /// `{issue, comments, complete}`.
    ///
    /// # Errors
    /// There is no such issue, or GitHub has no answer.
    pub async fn issue(&self, id: i64, repo: &str, number: i64) -> Result<Value, ContextError> {
        let reader = self.github.reader(Traffic::Live);
        let (issue, comments) = tokio::try_join!(
            Box::pin(reader.issue(id, repo, number)),
            Box::pin(reader.comments(id, repo, number))
        )?;
        let issue = issue.ok_or_else(|| missing(format!("issue {repo}#{number}")))?;
        let comments = rows(comments);
        Ok(json!({ "issue": issue, "comments": comments.rows, "complete": comments.complete }))
    }

    /// Comments on an issue or a pull request's conversation; answers the comment.
    ///
    /// # Errors
    /// There is no such thing, no permission, or GitHub has no answer; then it may have been posted.
    pub async fn post_comment(
        &self,
        id: i64,
        repo: &str,
        number: i64,
        text: &str,
    ) -> Result<Value, ContextError> {
        match self.github.writer(Traffic::Live).comment(id, repo, number, text).await {
            Err(GitHubError::Refused { status: 404 | 410, .. }) => Err(missing(format!("{repo}#{number}"))),
            answer => Ok(answer?),
        }
    }
}

#[async_trait]
impl Context for RepositoryContext {
    async fn of(
        &self,
        installation: Option<i64>,
        repository: &str,
        event: &Event,
    ) -> Result<Map<String, Value>, Unattached> {
        let Some(id) = installation else {
            let what = "the event names no installation, so nobody can ask for its context";
            return Err(Unattached::Hopeless(what.to_owned()));
        };
        self.of_event(id, repository, event.pull_request, &event.commits).await.map_err(|error| match error {
            ContextError::NotFound { .. } | ContextError::GitHub(GitHubError::BadInput { .. }) => {
                Unattached::Hopeless(error.to_string())
            }
            ContextError::GitHub(_) => Unattached::Failed(error.to_string()),
        })
    }
}

fn missing(what: String) -> ContextError {
    ContextError::NotFound { what }
}

/// A list that GitHub doesn't show is empty, and not whole.
fn rows(found: Option<Rows>) -> Rows {
    found.unwrap_or(Rows { rows: Vec::new(), complete: false })
}

fn of_commit(commit: Value, repository: Option<Value>) -> Value {
    let diff = commit.get("files").cloned().unwrap_or(Value::Null);
    json!({ "commit": commit, "diff": diff, "repository": repository })
}
