//! Webhooks of repositories, as an installation with the permission `repository_hooks` reads and changes them.

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::change::Change;
use super::engine::Answer;
use super::error::{GitHubError, message_of};
use super::identity::Credential;
use super::page::PageOf;
use super::reader::{Reader, ok, parse};
use super::route::Route;
use super::writer::Writer;

/// A webhook of a repository. GitHub shows of its secret only that there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoHook {
    /// Numeric id; one that was removed is never used again.
    pub id: i64,
    /// Where it sends to.
    pub url: String,
    /// Sorted, each once.
    pub events: Vec<String>,
    /// `json` or `form`.
    pub content_type: String,
    /// It sends.
    pub active: bool,
    /// The receiver's certificate is not checked.
    pub insecure_ssl: bool,
    /// It signs what it sends.
    pub has_secret: bool,
}

/// What asking for a repository's webhooks showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hooks {
    /// A page of them.
    Page(PageOf<RepoHook>),
    /// Not for this installation: no permission, or no such repository; GitHub doesn't always tell which.
    Refused,
}

/// What asking for one webhook showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookRead {
    /// It is there.
    Found(RepoHook),
    /// It is not there, or not to be seen.
    NotFound,
    /// No permission.
    Forbidden,
}

/// What removing a webhook came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It was there and is gone.
    Done,
    /// It was not there, or not to be seen.
    NotFound,
}

/// What making a webhook came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It is there.
    Done(RepoHook),
    /// GitHub does not take it: mostly because there is one with this address.
    Invalid {
        /// GitHub's words.
        message: String,
    },
}

/// A webhook to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewHook<'a> {
    /// Where it sends to.
    pub url: &'a str,
    /// What it sends.
    pub events: &'a [String],
    /// `json` or `form`.
    pub content_type: &'a str,
    /// It sends.
    pub active: bool,
    /// The receiver's certificate is not checked.
    pub insecure_ssl: bool,
    /// With what it signs.
    pub secret: Option<&'a SecretString>,
}

impl NewHook<'_> {
    /// The body of the request; it holds the secret.
    pub(crate) fn body(&self) -> Bytes {
        let mut config = serde_json::json!({
            "url": self.url,
            "content_type": self.content_type,
            "insecure_ssl": if self.insecure_ssl { "1" } else { "0" },
        });
        if let Some(secret) = self.secret {
            config["secret"] = secret.expose_secret().into();
        }
        let hook = serde_json::json!({
            "name": "web", "active": self.active, "events": self.events, "config": config,
        });
        Bytes::from(hook.to_string())
    }
}

impl Reader {
    /// A page of a repository's webhooks. `cursor` is the `next` of the page before.
    pub async fn repo_hooks(
        &self,
        installation: i64,
        full_name: &str,
        cursor: Option<&str>,
    ) -> Result<Hooks, GitHubError> {
        let (credential, route) =
            (Credential::Installation(installation), Route::RepositoryHooks { full_name });
        let answer = self.engine.read_page(&credential, route, cursor, self.terms).await?;
        if matches!(answer.status, 403 | 404 | 410 | 451) {
            return Ok(Hooks::Refused);
        }
        let next = answer.next.clone();
        let rows: Vec<HookAnswer> = parse(&ok(answer)?, "a page of webhooks")?;
        Ok(Hooks::Page(PageOf { rows: rows.into_iter().map(RepoHook::from).collect(), next, total: None }))
    }

    /// One webhook of a repository.
    pub async fn repo_hook(
        &self,
        installation: i64,
        full_name: &str,
        id: i64,
    ) -> Result<HookRead, GitHubError> {
        let route = Route::RepositoryHook { full_name, id };
        let answer = self.ask(&Credential::Installation(installation), route).await?;
        Ok(match answer.status {
            404 | 410 => HookRead::NotFound,
            403 | 451 => HookRead::Forbidden,
            _ => HookRead::Found(parse::<HookAnswer>(&ok(answer)?, "a webhook")?.into()),
        })
    }
}

impl Writer {
    /// Removes a webhook of a repository.
    ///
    /// # Errors
    /// [`GitHubError::Refused`]: no permission, or the repository has another name now. After
    /// [`GitHubError::Unavailable`] nobody knows whether it is gone.
    pub async fn delete_hook(
        &self,
        installation: i64,
        full_name: &str,
        hook: i64,
    ) -> Result<Deleted, GitHubError> {
        let answer = self.hooks(installation, Change::DeleteHook { full_name, hook }).await?;
        match answer.status {
            204 => Ok(Deleted::Done),
            404 | 410 => Ok(Deleted::NotFound),
            _ => Err(refused(&answer)),
        }
    }

    /// Makes a webhook of a repository.
    ///
    /// # Errors
    /// As [`Writer::delete_hook`].
    pub async fn create_hook(
        &self,
        installation: i64,
        full_name: &str,
        hook: &NewHook<'_>,
    ) -> Result<Created, GitHubError> {
        let answer = self.hooks(installation, Change::CreateHook { full_name, hook }).await?;
        match answer.status {
            201 => Ok(Created::Done(
                serde_json::from_slice::<HookAnswer>(&answer.body)
                    .map_err(|_| GitHubError::BadAnswer { what: "a webhook" })?
                    .into(),
            )),
            422 => Ok(Created::Invalid { message: message_of(&answer.body) }),
            _ => Err(refused(&answer)),
        }
    }

    async fn hooks(&self, installation: i64, change: Change<'_>) -> Result<Answer, GitHubError> {
        self.engine.change(&Credential::Installation(installation), change, self.terms).await
    }
}

fn refused(answer: &Answer) -> GitHubError {
    GitHubError::Refused { status: answer.status, message: message_of(&answer.body) }
}

#[derive(Deserialize)]
struct HookAnswer {
    id: i64,
    #[serde(default)]
    events: Vec<String>,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    config: HookConfig,
}

#[derive(Default, Deserialize)]
struct HookConfig {
    #[serde(default)]
    url: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    insecure_ssl: bool,
    /// Stars.
    #[serde(default)]
    secret: Option<String>,
}

impl From<HookAnswer> for RepoHook {
    fn from(answer: HookAnswer) -> Self {
        let HookAnswer { id, mut events, active, config } = answer;
        events.sort();
        events.dedup();
        Self {
            id,
            url: config.url,
            events,
            content_type: config.content_type.unwrap_or_else(|| "form".to_owned()),
            active,
            insecure_ssl: config.insecure_ssl,
            has_secret: config.secret.is_some_and(|secret| !secret.is_empty()),
        }
    }
}

/// GitHub writes `"0"`, `"1"`, or either as a number.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Option::<serde_json::Value>::deserialize(deserializer)? {
        Some(serde_json::Value::String(text)) => text == "1",
        Some(serde_json::Value::Number(number)) => number.as_i64() == Some(1),
        Some(serde_json::Value::Bool(set)) => set,
        _ => false,
    })
}

#[cfg(test)]
mod tests;
