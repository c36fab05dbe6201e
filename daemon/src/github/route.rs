//! The list of reads, as addresses. Every name from outside is encoded, so that none can change the route.

use http::Uri;

use super::counts::Kind;
use super::error::GitHubError;
use super::settings::Base;

const JSON: &str = "application/vnd.github+json";
/// Asks for the bytes of a file instead of base64 in JSON, which GitHub refuses for files over 1 MB.
const RAW: &str = "application/vnd.github.raw+json";

/// Asks for a pull request as a diff.
const DIFF: &str = "application/vnd.github.diff";

/// One read: where, and how it is counted, logged and read.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub(crate) uri: Uri,
    /// With placeholders, for the log.
    pub(crate) route: &'static str,
    pub(crate) kind: Kind,
    pub(crate) accept: &'static str,
    /// Files are read up to another limit and not kept for conditional requests.
    pub(crate) is_file: bool,
}

/// The reads that exist. There is no way to make another one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'a> {
    App,
    /// Addresses that GitHub sends from; anybody may ask.
    Meta,
    Installation {
        id: i64,
    },
    Installations,
    InstallationRequests,
    InstallationRepositories,
    UserRepositories,
    Deliveries,
    Delivery {
        id: i64,
    },
    Repository {
        full_name: &'a str,
    },
    RepositoryById {
        id: i64,
    },
    RepositoryInstallation {
        full_name: &'a str,
    },
    Commit {
        full_name: &'a str,
        sha: &'a str,
    },
    Tree {
        full_name: &'a str,
        sha: &'a str,
        recursive: bool,
    },
    Blob {
        full_name: &'a str,
        sha: &'a str,
    },
    Contents {
        full_name: &'a str,
        path: &'a str,
        reference: Option<&'a str>,
    },
    About {
        full_name: &'a str,
        about: About<'a>,
    },
    RepositoryHooks {
        full_name: &'a str,
    },
    RepositoryHook {
        full_name: &'a str,
        id: i64,
    },
}

/// What is asked of a repository beside its objects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum About<'a> {
    Itself,
    Pull(i64),
    PullDiff(i64),
    PullFiles(i64),
    Issue(i64),
    Comments(i64),
    /// With its files.
    Commit(&'a str),
    Compare(&'a str, &'a str),
    Branches,
}

impl About<'_> {
    fn template(self) -> &'static str {
        match self {
            Self::Itself => "GET /repos/{owner}/{repo}",
            Self::Pull(_) | Self::PullDiff(_) => "GET /repos/{owner}/{repo}/pulls/{number}",
            Self::PullFiles(_) => "GET /repos/{owner}/{repo}/pulls/{number}/files",
            Self::Issue(_) => "GET /repos/{owner}/{repo}/issues/{number}",
            Self::Comments(_) => "GET /repos/{owner}/{repo}/issues/{number}/comments",
            Self::Commit(_) => "GET /repos/{owner}/{repo}/commits/{sha}",
            Self::Compare(..) => "GET /repos/{owner}/{repo}/compare/{base}...{head}",
            Self::Branches => "GET /repos/{owner}/{repo}/branches",
        }
    }

    fn tail(self) -> Result<String, GitHubError> {
        Ok(match self {
            Self::Itself => String::new(),
            Self::Pull(number) | Self::PullDiff(number) => format!("/pulls/{number}"),
            Self::PullFiles(number) => format!("/pulls/{number}/files?per_page=100"),
            Self::Issue(number) => format!("/issues/{number}"),
            Self::Comments(number) => format!("/issues/{number}/comments?per_page=100"),
            Self::Commit(sha) => format!("/commits/{}", segment(sha, "commit")?),
            Self::Compare(base, head) => {
                format!("/compare/{}...{}", segment(base, "base")?, segment(head, "head")?)
            }
            Self::Branches => "/branches?per_page=100".to_owned(),
        })
    }
}

impl Route<'_> {
    /// # Errors
    /// [`GitHubError::BadInput`] for a name that is no `owner/name`, or a path with `.` or `..` in it.
    pub(crate) fn read(self, api: &Base) -> Result<Read, GitHubError> {
        let uri = api.join(&self.path()?).ok_or(GitHubError::BadInput { what: "address" })?;
        let is_diff = matches!(self, Self::About { about: About::PullDiff(_), .. });
        let is_raw = matches!(self, Self::Blob { .. } | Self::Contents { .. });
        Ok(Read {
            uri,
            route: self.template(),
            kind: self.kind(),
            accept: match (is_diff, is_raw) {
                (true, _) => DIFF,
                (false, true) => RAW,
                (false, false) => JSON,
            },
            // A delivery holds a whole payload: as large as a file, and read once.
            is_file: is_diff || is_raw || matches!(self, Self::Delivery { .. }),
        })
    }

    /// The same read at another address: a page or a redirect.
    pub(crate) fn at(self, uri: Uri) -> Read {
        Read { uri, route: self.template(), kind: self.kind(), accept: JSON, is_file: false }
    }

    fn template(self) -> &'static str {
        match self {
            Self::App => "GET /app",
            Self::Meta => "GET /meta",
            Self::Installation { .. } => "GET /app/installations/{id}",
            Self::Installations => "GET /app/installations",
            Self::InstallationRequests => "GET /app/installation-requests",
            Self::InstallationRepositories => "GET /installation/repositories",
            Self::Deliveries => "GET /app/hook/deliveries",
            Self::Delivery { .. } => "GET /app/hook/deliveries/{id}",
            Self::UserRepositories => "GET /user/repos",
            Self::Repository { .. } => "GET /repos/{owner}/{repo}",
            Self::RepositoryById { .. } => "GET /repositories/{id}",
            Self::RepositoryInstallation { .. } => "GET /repos/{owner}/{repo}/installation",
            Self::Commit { .. } => "GET /repos/{owner}/{repo}/commits/{sha}",
            Self::Tree { .. } => "GET /repos/{owner}/{repo}/git/trees/{sha}",
            Self::Blob { .. } => "GET /repos/{owner}/{repo}/git/blobs/{sha}",
            Self::Contents { .. } => "GET /repos/{owner}/{repo}/contents/{path}",
            Self::About { about, .. } => about.template(),
            Self::RepositoryHooks { .. } => "GET /repos/{owner}/{repo}/hooks",
            Self::RepositoryHook { .. } => "GET /repos/{owner}/{repo}/hooks/{id}",
        }
    }

    fn kind(self) -> Kind {
        match self {
            Self::App | Self::Meta | Self::Installation { .. } => Kind::Other,
            Self::Installations
            | Self::InstallationRequests
            | Self::InstallationRepositories
            | Self::UserRepositories
            | Self::Deliveries
            | Self::RepositoryHooks { .. } => Kind::Page,
            Self::Repository { .. } | Self::RepositoryById { .. } | Self::RepositoryInstallation { .. } => {
                Kind::Probe
            }
            Self::Delivery { .. }
            | Self::Commit { .. }
            | Self::Tree { .. }
            | Self::Blob { .. }
            | Self::Contents { .. }
            | Self::RepositoryHook { .. }
            | Self::About { .. } => Kind::Object,
        }
    }

    fn path(self) -> Result<String, GitHubError> {
        Ok(match self {
            Self::App => "/app".to_owned(),
            Self::Meta => "/meta".to_owned(),
            Self::Installation { id } => format!("/app/installations/{id}"),
            Self::Installations => "/app/installations?per_page=100".to_owned(),
            Self::InstallationRequests => "/app/installation-requests?per_page=100".to_owned(),
            Self::InstallationRepositories => "/installation/repositories?per_page=100".to_owned(),
            Self::Deliveries => "/app/hook/deliveries?per_page=100".to_owned(),
            Self::Delivery { id } => format!("/app/hook/deliveries/{id}"),
            Self::UserRepositories => "/user/repos?per_page=100".to_owned(),
            Self::Repository { full_name } => repository(full_name)?,
            Self::RepositoryById { id } => format!("/repositories/{id}"),
            Self::RepositoryInstallation { full_name } => {
                format!("{}/installation", repository(full_name)?)
            }
            // One file a page: the list of changed files is not wanted and can be megabytes.
            Self::Commit { full_name, sha } => {
                format!("{}/commits/{}?per_page=1", repository(full_name)?, segment(sha, "commit sha")?)
            }
            Self::Tree { full_name, sha, recursive } => format!(
                "{}/git/trees/{}{}",
                repository(full_name)?,
                segment(sha, "tree sha")?,
                if recursive { "?recursive=1" } else { "" }
            ),
            Self::Blob { full_name, sha } => {
                format!("{}/git/blobs/{}", repository(full_name)?, segment(sha, "blob sha")?)
            }
            Self::Contents { full_name, path, reference } => {
                let parts = path
                    .trim_start_matches('/')
                    .split('/')
                    .map(|part| segment(part, "path"))
                    .collect::<Result<Vec<_>, _>>()?;
                let query = reference.map_or_else(String::new, |r| format!("?ref={}", encode(r)));
                format!("{}/contents/{}{query}", repository(full_name)?, parts.join("/"))
            }
            Self::About { full_name, about } => format!("{}{}", repository(full_name)?, about.tail()?),
            Self::RepositoryHooks { full_name } => format!("{}/hooks?per_page=100", repository(full_name)?),
            Self::RepositoryHook { full_name, id } => format!("{}/hooks/{id}", repository(full_name)?),
        })
    }
}

pub(crate) fn repository(full_name: &str) -> Result<String, GitHubError> {
    let bad = "repository name (owner/name)";
    let (owner, name) = full_name
        .split_once('/')
        .filter(|(_, name)| !name.contains('/'))
        .ok_or(GitHubError::BadInput { what: bad })?;
    Ok(format!("/repos/{}/{}", segment(owner, bad)?, segment(name, bad)?))
}

/// One part of a path; `.` and `..` would climb out of the route.
fn segment(text: &str, what: &'static str) -> Result<String, GitHubError> {
    if text.is_empty() || text == "." || text == ".." || text.len() > 4096 {
        return Err(GitHubError::BadInput { what });
    }
    Ok(encode(text))
}

/// RFC 3986: all but the unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base() -> Base {
        Base::parse("api_base", "https://ghe.example/api/v3").unwrap()
    }

    #[test]
    fn addresses_keep_the_base_s_path() {
        let read =
            Route::Contents { full_name: "o/r", path: "/a b/ü#?.txt", reference: Some("feature/x&y") }
                .read(&base())
                .unwrap();
        assert_eq!(
            read.uri,
            "https://ghe.example/api/v3/repos/o/r/contents/a%20b/%C3%BC%23%3F.txt?ref=feature%2Fx%26y"
        );
    }

    #[test]
    fn names_that_leave_the_route_are_refused() {
        for full_name in ["", "o", "o/", "/r", "o/r/x", "../r", "o/..", "./."] {
            assert!(Route::Repository { full_name }.read(&base()).is_err(), "{full_name}");
        }
        let path = "a/../../../user";
        assert!(Route::Contents { full_name: "o/r", path, reference: None }.read(&base()).is_err());
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_base_or_adds_a_query(owner in ".{1,30}", name in ".{1,30}") {
            let full_name = format!("{owner}/{name}");
            if let Ok(read) = (Route::Repository { full_name: &full_name }).read(&base()) {
                prop_assert!(base().owns(&read.uri));
                prop_assert_eq!(read.uri.query(), None);
                prop_assert_eq!(read.uri.path().split('/').count(), 6);
            }
        }
    }
}
