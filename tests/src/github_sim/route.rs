//! Which question a request asks.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

/// A kind of call, as counters and faults name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// `GET /app`
    AppInfo,
    /// `GET /app/installations`
    ListInstallations,
    /// `GET /app/installations/{id}`
    GetInstallation,
    /// `GET /app/installation-requests`
    InstallationRequests,
    /// `POST /app/installations/{id}/access_tokens`
    Mint,
    /// `GET /installation/repositories`
    InstallationRepositories,
    /// `GET /repos/{owner}/{repo}`
    GetRepo,
    /// `GET /repositories/{id}`
    GetRepoById,
    /// `GET /repos/{owner}/{repo}/installation`
    RepoInstallation,
    /// `GET /orgs/{org}/installation` or `/users/{user}/installation`
    OwnerInstallation,
    /// `GET /repos/{owner}/{repo}/commits/{ref}`
    GetCommit,
    /// `GET /repos/{owner}/{repo}/git/commits/{sha}`
    GetGitCommit,
    /// `GET /repos/{owner}/{repo}/git/trees/{sha}`
    GetTree,
    /// `GET /repos/{owner}/{repo}/git/blobs/{sha}`
    GetBlob,
    /// `GET /repos/{owner}/{repo}/contents/{path}`
    GetContents,
    /// `GET /repos/{owner}/{repo}/branches`
    ListBranches,
    /// `GET /repos/{owner}/{repo}/pulls/{number}`
    GetPull,
    /// `GET /repos/{owner}/{repo}/pulls/{number}/files`
    ListPullFiles,
    /// `GET /repos/{owner}/{repo}/issues/{number}`
    GetIssue,
    /// `GET /repos/{owner}/{repo}/issues/{number}/comments`
    ListComments,
    /// `POST /repos/{owner}/{repo}/issues/{number}/comments`
    CreateComment,
    /// `GET /repos/{owner}/{repo}/compare/{base}...{head}`
    Compare,
    /// `GET /repos/{owner}/{repo}/hooks`
    ListRepoHooks,
    /// `GET /repos/{owner}/{repo}/hooks/{id}`
    GetRepoHook,
    /// `POST /repos/{owner}/{repo}/hooks`
    CreateRepoHook,
    /// `DELETE /repos/{owner}/{repo}/hooks/{id}`
    DeleteRepoHook,
    /// `GET /app/hook/deliveries`
    ListDeliveries,
    /// `GET /app/hook/deliveries/{id}`
    GetDelivery,
    /// `POST /app/hook/deliveries/{id}/attempts`
    Redeliver,
    /// `GET /meta`
    Meta,
    /// `GET /rate_limit`
    RateLimit,
    /// `GET /user`
    GetUser,
    /// `GET /user/installations`
    UserInstallations,
    /// `POST /login/oauth/access_token`, beside the API
    ExchangeCode,
    /// `POST /applications/{client_id}/token`
    TokenCheck,
    /// `POST /settings/apps/new`, of a browser
    NewApp,
    /// `POST /app-manifests/{code}/conversions`
    ConvertManifest,
    /// `GET /{owner}/{repo}.git/info/refs`, beside the API
    GitRefs,
    /// `POST /{owner}/{repo}.git/git-upload-pack`, beside the API
    GitPack,
    /// `POST /{owner}/{repo}.git/git-receive-pack`, beside the API
    GitPush,
    /// `GET /user/repos`
    UserRepositories,
    /// Anything else.
    Unknown,
}

/// How a repository is named in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RepoKey {
    Name(String, String),
    Id(i64),
}

/// What is asked about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    Itself,
    Installation,
    Commit(String),
    GitCommit(String),
    Tree(String),
    Blob(String),
    Contents(String),
    Branches,
    Pull(i64),
    PullFiles(i64),
    Issue(i64),
    Comments(i64),
    NewComment(i64),
    Hooks,
    Hook(i64),
    NewHook,
    DeleteHook(i64),
    Compare(String, String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    AppInfo,
    ListInstallations,
    GetInstallation(i64),
    InstallationRequests,
    Mint(i64),
    InstallationRepositories,
    Repo {
        key: RepoKey,
        about: About,
        /// What follows the repository in the path, as it came; a redirect keeps it.
        rest: String,
    },
    OwnerInstallation {
        login: String,
        organization: bool,
    },
    ListDeliveries,
    GetDelivery(i64),
    Redeliver(i64),
    Meta,
    RateLimit,
    GetUser,
    UserInstallations,
    ExchangeCode,
    TokenCheck(String),
    NewApp,
    ConvertManifest(String),
    UserRepositories,
    Git(super::git::Wanted),
    Unknown,
}

impl Route {
    /// `path` is without the API's prefix. A HEAD is asked as a GET.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let raw: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let parts: Vec<Cow<'_, str>> =
            raw.iter().map(|part| percent_decode_str(part).decode_utf8_lossy()).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let read = method == Method::GET || method == Method::HEAD;
        let found = if read {
            Self::read(&parts, &raw)
        } else if method == Method::POST {
            Self::post(&parts)
        } else if method == Method::DELETE {
            Self::delete(&parts)
        } else {
            None
        };
        found.unwrap_or(Self::Unknown)
    }

    fn read(parts: &[&str], raw: &[&str]) -> Option<Self> {
        Some(match parts {
            ["app"] => Self::AppInfo,
            ["app", "installations"] => Self::ListInstallations,
            ["app", "installations", id] => Self::GetInstallation(id.parse().ok()?),
            ["app", "installation-requests"] => Self::InstallationRequests,
            ["app", "hook", "deliveries"] => Self::ListDeliveries,
            ["app", "hook", "deliveries", id] => Self::GetDelivery(id.parse().ok()?),
            ["installation", "repositories"] => Self::InstallationRepositories,
            ["orgs", login, "installation"] => Self::owner(login, true),
            ["users", login, "installation"] => Self::owner(login, false),
            ["meta"] => Self::Meta,
            ["rate_limit"] => Self::RateLimit,
            ["user"] => Self::GetUser,
            ["user", "installations"] => Self::UserInstallations,
            ["user", "repos"] => Self::UserRepositories,
            ["repos", owner, name, rest @ ..] => Self::Repo {
                key: RepoKey::Name((*owner).to_owned(), (*name).to_owned()),
                about: About::of(rest)?,
                rest: tail(raw, 3),
            },
            ["repositories", id, rest @ ..] => {
                Self::Repo { key: RepoKey::Id(id.parse().ok()?), about: About::of(rest)?, rest: tail(raw, 2) }
            }
            _ => return None,
        })
    }

    fn post(parts: &[&str]) -> Option<Self> {
        Some(match parts {
            ["app", "installations", id, "access_tokens"] => Self::Mint(id.parse().ok()?),
            ["app", "hook", "deliveries", id, "attempts"] => Self::Redeliver(id.parse().ok()?),
            ["applications", client, "token"] => Self::TokenCheck((*client).to_owned()),
            ["repos", owner, name, "issues", number, "comments"] => Self::Repo {
                key: RepoKey::Name((*owner).to_owned(), (*name).to_owned()),
                about: About::NewComment(number.parse().ok()?),
                rest: format!("/issues/{number}/comments"),
            },
            ["repos", owner, name, "hooks"] => Self::Repo {
                key: RepoKey::Name((*owner).to_owned(), (*name).to_owned()),
                about: About::NewHook,
                rest: "/hooks".to_owned(),
            },
            ["settings", "apps", "new"] | ["organizations", _, "settings", "apps", "new"] => Self::NewApp,
            ["app-manifests", code, "conversions"] => Self::ConvertManifest((*code).to_owned()),
            _ => return None,
        })
    }

    fn delete(parts: &[&str]) -> Option<Self> {
        match parts {
            ["repos", owner, name, "hooks", id] => Some(Self::Repo {
                key: RepoKey::Name((*owner).to_owned(), (*name).to_owned()),
                about: About::DeleteHook(id.parse().ok()?),
                rest: format!("/hooks/{id}"),
            }),
            _ => None,
        }
    }

    fn owner(login: &str, organization: bool) -> Self {
        Self::OwnerInstallation { login: login.to_owned(), organization }
    }

    pub(super) fn kind(&self) -> RouteKind {
        match self {
            Self::AppInfo => RouteKind::AppInfo,
            Self::ListInstallations => RouteKind::ListInstallations,
            Self::GetInstallation(_) => RouteKind::GetInstallation,
            Self::InstallationRequests => RouteKind::InstallationRequests,
            Self::Mint(_) => RouteKind::Mint,
            Self::InstallationRepositories => RouteKind::InstallationRepositories,
            Self::OwnerInstallation { .. } => RouteKind::OwnerInstallation,
            Self::ListDeliveries => RouteKind::ListDeliveries,
            Self::GetDelivery(_) => RouteKind::GetDelivery,
            Self::Redeliver(_) => RouteKind::Redeliver,
            Self::Meta => RouteKind::Meta,
            Self::RateLimit => RouteKind::RateLimit,
            Self::GetUser => RouteKind::GetUser,
            Self::UserInstallations => RouteKind::UserInstallations,
            Self::ExchangeCode => RouteKind::ExchangeCode,
            Self::TokenCheck(_) => RouteKind::TokenCheck,
            Self::NewApp => RouteKind::NewApp,
            Self::ConvertManifest(_) => RouteKind::ConvertManifest,
            Self::UserRepositories => RouteKind::UserRepositories,
            Self::Git(wanted) => wanted.kind(),
            Self::Unknown => RouteKind::Unknown,
            Self::Repo { key, about, .. } => match about {
                About::Itself => match key {
                    RepoKey::Name(..) => RouteKind::GetRepo,
                    RepoKey::Id(_) => RouteKind::GetRepoById,
                },
                About::Installation => RouteKind::RepoInstallation,
                About::Commit(_) => RouteKind::GetCommit,
                About::GitCommit(_) => RouteKind::GetGitCommit,
                About::Tree(_) => RouteKind::GetTree,
                About::Blob(_) => RouteKind::GetBlob,
                About::Contents(_) => RouteKind::GetContents,
                About::Branches => RouteKind::ListBranches,
                About::Pull(_) => RouteKind::GetPull,
                About::PullFiles(_) => RouteKind::ListPullFiles,
                About::Issue(_) => RouteKind::GetIssue,
                About::Comments(_) => RouteKind::ListComments,
                About::NewComment(_) => RouteKind::CreateComment,
                About::Compare(..) => RouteKind::Compare,
                About::Hooks => RouteKind::ListRepoHooks,
                About::Hook(_) => RouteKind::GetRepoHook,
                About::NewHook => RouteKind::CreateRepoHook,
                About::DeleteHook(_) => RouteKind::DeleteRepoHook,
            },
        }
    }

    /// The installation that the path names.
    pub(super) fn installation(&self) -> Option<i64> {
        match self {
            Self::GetInstallation(id) | Self::Mint(id) => Some(*id),
            _ => None,
        }
    }
}

impl About {
    fn of(rest: &[&str]) -> Option<Self> {
        Some(match rest {
            [] => Self::Itself,
            ["installation"] => Self::Installation,
            ["commits", at @ ..] if !at.is_empty() => Self::Commit(at.join("/")),
            ["git", "commits", sha] => Self::GitCommit((*sha).to_owned()),
            ["git", "trees", at @ ..] if !at.is_empty() => Self::Tree(at.join("/")),
            ["git", "blobs", sha] => Self::Blob((*sha).to_owned()),
            ["contents", path @ ..] => Self::Contents(path.join("/")),
            ["branches"] => Self::Branches,
            ["hooks"] => Self::Hooks,
            ["hooks", id] => Self::Hook(id.parse().ok()?),
            ["pulls", number] => Self::Pull(number.parse().ok()?),
            ["pulls", number, "files"] => Self::PullFiles(number.parse().ok()?),
            ["issues", number] => Self::Issue(number.parse().ok()?),
            ["issues", number, "comments"] => Self::Comments(number.parse().ok()?),
            ["compare", between @ ..] => {
                let between = between.join("/");
                let (base, head) = between.split_once("...")?;
                Self::Compare(base.to_owned(), head.to_owned())
            }
            _ => return None,
        })
    }
}

fn tail(raw: &[&str], from: usize) -> String {
    raw.iter().skip(from).map(|part| format!("/{part}")).collect()
}
