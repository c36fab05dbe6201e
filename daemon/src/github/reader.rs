//! What a planner may ask GitHub: reads, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::engine::{Answer, Engine, Terms};
use super::error::{GitHubError, message_of};
use super::identity::Credential;
use super::model::{
    Account, AppInfo, Commit, CommitAnswer, EncodedFile, Installation, InstallationRequest, Meta, Repository,
    RepositoryPage, Tree,
};
use super::page::{MOST_PAGES, PageOf};
use super::route::Route;

/// Makes reads only (GET, token mint, token check): it has no way to name another request. Cheap to clone.
///
/// Every method can fail with each [`GitHubError`]; what its own answer can mean is in its result.
#[derive(Clone)]
pub struct Reader {
    pub(super) engine: Arc<Engine>,
    pub(super) terms: Terms,
}

/// What asking for a repository showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepoProbe {
    /// It is there.
    Found {
        /// As of now; after a rename or transfer its `full_name` and owner are the new ones.
        repository: Repository,
        /// GitHub redirected: the name asked for is an old one.
        moved: bool,
    },
    /// Not there, or not visible to this credential; GitHub doesn't tell which.
    NotFound,
    /// The credential itself is refused: revoked, expired, or of a deleted user.
    CredentialDead,
    /// There, but not for this credential: single sign-on, blocked, legal reasons.
    Forbidden {
        /// GitHub's words.
        message: String,
    },
}

/// What asking for a commit showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitProbe {
    /// It resolves. GitHub also resolves commits of other forks of the same network.
    Found(Commit),
    /// It doesn't, or the repository is not visible or empty.
    NotFound,
}

/// What checking a user token showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserToken {
    /// It works.
    Live {
        /// Whose it is, if GitHub says.
        user: Option<Account>,
        /// What it may do.
        scopes: Vec<String>,
    },
    /// It doesn't.
    Dead,
}

impl Reader {
    /// The same reader, but a call, its waits and its retries included, takes no longer than this.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.terms.patience = patience;
        self
    }

    /// The App itself.
    pub async fn app(&self) -> Result<AppInfo, GitHubError> {
        let answer = self.ask(&Credential::App, Route::App).await?;
        parse(&ok(answer)?, "the App")
    }

    /// What GitHub says about itself: where its webhooks come from.
    pub async fn meta(&self) -> Result<Meta, GitHubError> {
        let answer = self.ask(&Credential::App, Route::Meta).await?;
        parse(&ok(answer)?, "what GitHub says about itself")
    }

    /// One installation; `None` when it is gone.
    pub async fn installation(&self, id: i64) -> Result<Option<Installation>, GitHubError> {
        let route = Route::Installation { id };
        let answer = self.ask(&Credential::App, route).await?;
        optional(answer, "an installation")
    }

    /// A page of all installations, suspended ones too. `cursor` is the `next` of the page before.
    pub async fn installations(&self, cursor: Option<&str>) -> Result<PageOf<Installation>, GitHubError> {
        self.list(Route::Installations, cursor).await
    }

    /// A page of requests that wait for an owner's approval.
    pub async fn installation_requests(
        &self,
        cursor: Option<&str>,
    ) -> Result<PageOf<InstallationRequest>, GitHubError> {
        self.list(Route::InstallationRequests, cursor).await
    }

    /// A page of what an installation may see. A cursor belongs to its installation.
    pub async fn installation_repositories(
        &self,
        installation: i64,
        cursor: Option<&str>,
    ) -> Result<PageOf<Repository>, GitHubError> {
        let credential = Credential::Installation(installation);
        let answer =
            self.engine.read_page(&credential, Route::InstallationRepositories, cursor, self.terms).await?;
        let next = answer.next.clone();
        let page: RepositoryPage = parse(&ok(answer)?, "a page of repositories")?;
        Ok(PageOf { rows: page.repositories, next, total: page.total_count })
    }

    /// A page of what a user may see. `None`: the token does not work any more.
    pub async fn user_repositories(
        &self,
        token: &SecretString,
        cursor: Option<&str>,
    ) -> Result<Option<PageOf<Repository>>, GitHubError> {
        let credential = Credential::User(token.clone());
        let answer = self.engine.read_page(&credential, Route::UserRepositories, cursor, self.terms).await?;
        if answer.status == 401 {
            return Ok(None);
        }
        let next = answer.next.clone();
        Ok(Some(PageOf { rows: parse(&ok(answer)?, "a page")?, next, total: None }))
    }

    /// All that an installation may see, at most 1,000 pages.
    pub async fn every_repository(&self, installation: i64) -> Result<Vec<Repository>, GitHubError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = self.installation_repositories(installation, cursor.as_deref()).await?;
            all.extend(page.rows);
            if page.next.is_none() {
                return Ok(all);
            }
            cursor = page.next;
        }
        Err(GitHubError::BadAnswer { what: "an end of the list" })
    }

    /// A repository by name, as a user sees it.
    pub async fn repository_as_user(
        &self,
        token: &SecretString,
        full_name: &str,
    ) -> Result<RepoProbe, GitHubError> {
        let route = Route::Repository { full_name };
        probe(self.ask(&Credential::User(token.clone()), route).await?)
    }

    /// A repository by name, as an installation sees it.
    pub async fn repository_as_installation(
        &self,
        installation: i64,
        full_name: &str,
    ) -> Result<RepoProbe, GitHubError> {
        let route = Route::Repository { full_name };
        probe(self.ask(&Credential::Installation(installation), route).await?)
    }

    /// A repository by id, as an installation sees it.
    pub async fn repository_by_id(&self, installation: i64, id: i64) -> Result<RepoProbe, GitHubError> {
        let route = Route::RepositoryById { id };
        probe(self.ask(&Credential::Installation(installation), route).await?)
    }

    /// The installation that covers a repository. `None` mixes "not installed", "not granted" and "no such name".
    pub async fn repo_installation(&self, full_name: &str) -> Result<Option<Installation>, GitHubError> {
        let route = Route::RepositoryInstallation { full_name };
        let answer = self.ask(&Credential::App, route).await?;
        optional(answer, "an installation")
    }

    /// A commit by full or short sha.
    pub async fn commit(
        &self,
        credential: &Credential,
        full_name: &str,
        sha: &str,
    ) -> Result<CommitProbe, GitHubError> {
        let answer = self.ask(credential, Route::Commit { full_name, sha }).await?;
        // 409: the repository is empty; 422: GitHub knows no such sha.
        if matches!(answer.status, 404 | 409 | 422) {
            return Ok(CommitProbe::NotFound);
        }
        let commit: CommitAnswer = parse(&ok(answer)?, "a commit")?;
        commit.commit().map(CommitProbe::Found).ok_or(GitHubError::BadAnswer { what: "a commit with a tree" })
    }

    /// A tree by sha; `None` when there is none. Check `truncated`.
    pub async fn tree(
        &self,
        credential: &Credential,
        full_name: &str,
        sha: &str,
        recursive: bool,
    ) -> Result<Option<Tree>, GitHubError> {
        let route = Route::Tree { full_name, sha, recursive };
        let answer = self.ask(credential, route).await?;
        optional(answer, "a tree")
    }

    /// The bytes of a blob; `None` when there is none.
    pub async fn blob(
        &self,
        credential: &Credential,
        full_name: &str,
        sha: &str,
    ) -> Result<Option<Bytes>, GitHubError> {
        file(self.ask(credential, Route::Blob { full_name, sha }).await?)
    }

    /// The bytes of a file at a branch, tag or commit (`None`: default branch); `None` when there is none.
    pub async fn contents(
        &self,
        credential: &Credential,
        full_name: &str,
        path: &str,
        reference: Option<&str>,
    ) -> Result<Option<Bytes>, GitHubError> {
        let route = Route::Contents { full_name, path, reference };
        file(self.ask(credential, route).await?)
    }

    /// Whether a user token of the configured OAuth App still works. Counts as a read; it changes nothing.
    pub async fn check_user_token(&self, token: &SecretString) -> Result<UserToken, GitHubError> {
        #[derive(Deserialize)]
        struct Checked {
            #[serde(default)]
            user: Option<Account>,
            #[serde(default)]
            scopes: Vec<String>,
        }
        let answer = self.engine.check_user_token(token, self.terms).await?;
        if answer.status == 404 {
            return Ok(UserToken::Dead);
        }
        let checked: Checked = parse(&ok(answer)?, "a checked token")?;
        Ok(UserToken::Live { user: checked.user, scopes: checked.scopes })
    }

    pub(super) async fn ask(&self, credential: &Credential, route: Route<'_>) -> Result<Answer, GitHubError> {
        self.engine.read(credential, route, self.terms).await
    }

    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        route: Route<'_>,
        cursor: Option<&str>,
    ) -> Result<PageOf<T>, GitHubError> {
        let answer = self.engine.read_page(&Credential::App, route, cursor, self.terms).await?;
        let next = answer.next.clone();
        Ok(PageOf { rows: parse(&ok(answer)?, "a page")?, next, total: None })
    }
}

pub(super) fn ok(answer: Answer) -> Result<Answer, GitHubError> {
    if answer.status == 200 {
        return Ok(answer);
    }
    Err(GitHubError::Refused { status: answer.status, message: message_of(&answer.body) })
}

pub(super) fn parse<T: DeserializeOwned>(answer: &Answer, what: &'static str) -> Result<T, GitHubError> {
    serde_json::from_slice(&answer.body).map_err(|_| GitHubError::BadAnswer { what })
}

fn optional<T: DeserializeOwned>(answer: Answer, what: &'static str) -> Result<Option<T>, GitHubError> {
    if matches!(answer.status, 404 | 409 | 422) {
        return Ok(None);
    }
    parse(&ok(answer)?, what).map(Some)
}

fn probe(answer: Answer) -> Result<RepoProbe, GitHubError> {
    Ok(match answer.status {
        404 | 410 => RepoProbe::NotFound,
        401 => RepoProbe::CredentialDead,
        403 | 451 => RepoProbe::Forbidden { message: message_of(&answer.body) },
        _ => {
            let moved = answer.moved;
            RepoProbe::Found { repository: parse(&ok(answer)?, "a repository")?, moved }
        }
    })
}

/// GitHub gives raw bytes when asked to; other hosts may answer with base64 in JSON all the same.
fn file(answer: Answer) -> Result<Option<Bytes>, GitHubError> {
    if answer.status == 404 {
        return Ok(None);
    }
    let answer = ok(answer)?;
    if !answer.is_json {
        return Ok(Some(answer.body));
    }
    let what = "a file";
    let encoded: EncodedFile = parse(&answer, what)?;
    if encoded.encoding != "base64" {
        return Err(GitHubError::BadAnswer { what });
    }
    let mut content = encoded.content;
    content.retain(|c| !c.is_ascii_whitespace());
    base64::engine::general_purpose::STANDARD
        .decode(content)
        .map(|bytes| Some(Bytes::from(bytes)))
        .map_err(|_| GitHubError::BadAnswer { what })
}
