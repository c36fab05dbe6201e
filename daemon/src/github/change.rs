//! The list of changes, as methods and addresses. There is no way to make another one.

use bytes::Bytes;
use http::{Method, Uri};

use super::error::GitHubError;
use super::hook::NewHook;
use super::retry::Effect;
use super::route::repository;
use super::settings::Base;

/// One change: where, what, and whether doing it twice is the same as once.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// With placeholders, for the log.
    pub(crate) route: &'static str,
    pub(crate) body: Option<Bytes>,
    pub(crate) effect: Effect,
}

/// The changes that exist.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// A comment on an issue, or on a pull request's conversation.
    Comment { full_name: &'a str, number: i64, text: &'a str },
    /// A webhook of a repository, away.
    DeleteHook { full_name: &'a str, hook: i64 },
    /// A webhook of a repository.
    CreateHook { full_name: &'a str, hook: &'a NewHook<'a> },
    /// Asks GitHub to deliver once more.
    Redeliver { delivery: i64 },
}

impl Change<'_> {
    /// # Errors
    /// [`GitHubError::BadInput`] for a name that would leave the route.
    pub(crate) fn write(self, api: &Base) -> Result<Write, GitHubError> {
        let (method, route, path, body, effect) = match self {
            Self::Comment { full_name, number, text } => (
                Method::POST,
                "POST /repos/{owner}/{repo}/issues/{number}/comments",
                format!("{}/issues/{number}/comments", repository(full_name)?),
                Some(super::repo::comment(text)),
                Effect::Once,
            ),
            Self::DeleteHook { full_name, hook } => (
                Method::DELETE,
                "DELETE /repos/{owner}/{repo}/hooks/{id}",
                format!("{}/hooks/{hook}", repository(full_name)?),
                None,
                // Ids are never used again: what is gone stays gone.
                Effect::Repeatable,
            ),
            Self::CreateHook { full_name, hook } => (
                Method::POST,
                "POST /repos/{owner}/{repo}/hooks",
                format!("{}/hooks", repository(full_name)?),
                Some(hook.body()),
                Effect::Once,
            ),
            Self::Redeliver { delivery } => (
                Method::POST,
                "POST /app/hook/deliveries/{id}/attempts",
                format!("/app/hook/deliveries/{delivery}/attempts"),
                None,
                // One delivery more than asked for is told apart by its GUID.
                Effect::Repeatable,
            ),
        };
        let uri = api.join(&path).ok_or(GitHubError::BadInput { what: "address" })?;
        Ok(Write { method, uri, route, body, effect })
    }
}
