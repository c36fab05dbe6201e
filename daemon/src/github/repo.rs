//! What can be asked of a repository beside its objects (G10): pull requests, commits with their files, issues, comments,
//! branches, compares. Answers are GitHub's own JSON, because those who ask know its shapes.

use bytes::Bytes;
use serde_json::Value;

use super::engine::Answer;
use super::error::{GitHubError, message_of};
use super::identity::Credential;
use super::page::PageOf;
use super::reader::Reader;
use super::route::{About, Route};

/// Files that GitHub lists at most, of a pull request and of a commit.
const MOST_FILES: usize = 3_000;

/// Comments that are read at most.
const MOST_COMMENTS: usize = 1_000;

/// Rows of a page.
const PAGE: usize = 100;

/// A list, and whether it is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    pub rows: Vec<Value>,
    pub complete: bool,
}

/// The files that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequestFiles {
    /// Relative to the repository; of a file that moved, both names.
    pub paths: Vec<String>,
    /// There are no more.
    pub complete: bool,
}

/// What asking for a diff showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diff {
    Text(String),
    /// GitHub makes none of this size, or it is longer than a file may be.
    TooLarge,
    NotFound,
}

impl Reader {
    /// A pull request; none when it is not there or not to be seen.
    pub async fn pull_request(
        &self,
        id: i64,
        full_name: &str,
        number: i64,
    ) -> Result<Option<Value>, GitHubError> {
        self.about(id, full_name, About::Pull(number)).await
    }

    /// A pull request's diff, as text.
    pub async fn pull_request_diff(
        &self,
        id: i64,
        full_name: &str,
        number: i64,
    ) -> Result<Diff, GitHubError> {
        let route = Route::About { full_name, about: About::PullDiff(number) };
        let answer = match self.engine.read(&Credential::Installation(id), route, self.terms).await {
            Err(GitHubError::TooLarge { .. }) => return Ok(Diff::TooLarge),
            answer => answer?,
        };
        match answer.status {
            200 => Ok(Diff::Text(String::from_utf8_lossy(&answer.body).into_owned())),
            404 | 410 => Ok(Diff::NotFound),
            406 | 422 => Ok(Diff::TooLarge),
            _ => Err(refused(&answer)),
        }
    }

    /// The files that a pull request changes, with their patches: at most 3,000, which is all that GitHub lists.
    pub async fn pull_request_changes(
        &self,
        id: i64,
        full_name: &str,
        number: i64,
    ) -> Result<Option<Rows>, GitHubError> {
        self.rows(id, full_name, About::PullFiles(number), MOST_FILES).await
    }

    /// The names of the files that a pull request changes; none when GitHub does not show it.
    pub async fn pull_request_files(
        &self,
        id: i64,
        full_name: &str,
        number: i64,
    ) -> Result<Option<PullRequestFiles>, GitHubError> {
        let found = self.pull_request_changes(id, full_name, number).await?;
        Ok(found.map(|files| {
            let names =
                files.rows.iter().flat_map(|file| [file.get("filename"), file.get("previous_filename")]);
            let paths = names.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
            PullRequestFiles { paths, complete: files.complete }
        }))
    }

    /// The comments of an issue, or of a pull request's conversation: the first 1,000.
    pub async fn comments(&self, id: i64, full_name: &str, number: i64) -> Result<Option<Rows>, GitHubError> {
        self.rows(id, full_name, About::Comments(number), MOST_COMMENTS).await
    }

    /// An issue.
    pub async fn issue(&self, id: i64, full_name: &str, number: i64) -> Result<Option<Value>, GitHubError> {
        self.about(id, full_name, About::Issue(number)).await
    }

    /// A commit with the files that it changes (the first 300).
    pub async fn commit_with_files(
        &self,
        id: i64,
        full_name: &str,
        sha: &str,
    ) -> Result<Option<Value>, GitHubError> {
        self.about(id, full_name, About::Commit(sha)).await
    }

    /// What leads from `base` to `head`.
    pub async fn compare(
        &self,
        id: i64,
        full_name: &str,
        base: &str,
        head: &str,
    ) -> Result<Option<Value>, GitHubError> {
        self.about(id, full_name, About::Compare(base, head)).await
    }

    /// A repository as GitHub shows it.
    pub async fn repository_value(&self, id: i64, full_name: &str) -> Result<Option<Value>, GitHubError> {
        self.about(id, full_name, About::Itself).await
    }

    /// A page of branches; none when there is no such repository.
    pub async fn branches(
        &self,
        id: i64,
        full_name: &str,
        cursor: Option<&str>,
    ) -> Result<Option<PageOf<Value>>, GitHubError> {
        let route = Route::About { full_name, about: About::Branches };
        let answer = self.engine.read_page(&Credential::Installation(id), route, cursor, self.terms).await?;
        let next = answer.next.clone();
        Ok(value(&answer, "a page of branches")?.map(|rows| PageOf { rows, next, total: None }))
    }

    async fn about(&self, id: i64, full_name: &str, about: About<'_>) -> Result<Option<Value>, GitHubError> {
        let route = Route::About { full_name, about };
        let answer = self.engine.read(&Credential::Installation(id), route, self.terms).await?;
        value(&answer, "what was asked for")
    }

    async fn rows(
        &self,
        id: i64,
        full_name: &str,
        about: About<'_>,
        most: usize,
    ) -> Result<Option<Rows>, GitHubError> {
        let (credential, route) = (Credential::Installation(id), Route::About { full_name, about });
        let (mut rows, mut cursor) = (Vec::new(), None::<String>);
        // A host that answers short pages for ever is left after as many as would hold them all.
        for _ in 0..most.div_ceil(PAGE) {
            let answer = self.engine.read_page(&credential, route, cursor.as_deref(), self.terms).await?;
            let next = answer.next.clone();
            let Some(page) = value::<Vec<Value>>(&answer, "a page")? else { return Ok(None) };
            rows.extend(page);
            // A full list may be longer than GitHub says.
            if rows.len() >= most {
                rows.truncate(most);
                return Ok(Some(Rows { rows, complete: false }));
            }
            if next.is_none() {
                return Ok(Some(Rows { rows, complete: true }));
            }
            cursor = next;
        }
        Ok(Some(Rows { rows, complete: false }))
    }
}

fn value<T: serde::de::DeserializeOwned>(
    answer: &Answer,
    what: &'static str,
) -> Result<Option<T>, GitHubError> {
    match answer.status {
        200 => {
            serde_json::from_slice::<T>(&answer.body).map(Some).map_err(|_| GitHubError::BadAnswer { what })
        }
        // 409: an empty repository; 422: no such sha.
        404 | 409 | 410 | 422 => Ok(None),
        _ => Err(refused(answer)),
    }
}

fn refused(answer: &Answer) -> GitHubError {
    GitHubError::Refused { status: answer.status, message: message_of(&answer.body) }
}

/// The body of a new comment.
pub(crate) fn comment(text: &str) -> Bytes {
    Bytes::from(serde_json::json!({ "body": text }).to_string())
}
