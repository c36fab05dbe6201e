//! What is asked about one repository.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Page, Query};
use super::app::require_app;
use super::auth::Credential;
use super::json;
use super::route::{About, RepoKey};
use super::server::Shared;
use crate::world::objects::{Commit, Entry, Object, Snapshot};
use crate::world::{Named, Repo, World};

/// One question about a repository.
pub(super) struct Ask<'a> {
    pub(super) shared: &'a Shared,
    pub(super) world: &'a World,
    pub(super) credential: &'a Credential,
    pub(super) query: &'a Query,
    /// The query as it came; a redirect keeps it.
    pub(super) raw_query: Option<&'a str>,
    pub(super) accept: &'a str,
    pub(super) body: &'a [u8],
    /// Commits are answered by those before them.
    pub(super) older: bool,
}

impl Ask<'_> {
    /// Finds the repository, minds who asks, and answers.
    pub(super) fn answer(&self, key: &RepoKey, about: &About, rest: &str) -> Answer {
        let installation = *about == About::Installation;
        if installation && let Err(answer) = require_app(self.credential) {
            return answer;
        }
        let found = match key {
            RepoKey::Id(id) => self.world.repo(*id).map(Named::Here),
            RepoKey::Name(owner, name) => self.world.find(owner, name),
        };
        // What the asker may not see doesn't exist, and neither does a redirect to it.
        let seen = |repo: &Repo| match installation {
            true => self.app_sees(repo),
            false => sees(self.world, self.credential, repo),
        };
        match found {
            Some(Named::Here(repo)) if seen(repo) => self.about(repo, about),
            Some(Named::Moved(repo)) if seen(repo) => {
                let query = self.raw_query.map_or_else(String::new, |q| format!("?{q}"));
                let base = &self.shared.base;
                Answer::moved(format!("{base}/repositories/{}{rest}{query}", repo.id))
            }
            _ => Answer::not_found(),
        }
    }

    fn app_sees(&self, repo: &Repo) -> bool {
        let on = self.world.installation_on(repo.owner);
        on.is_some_and(|on| self.world.grants(on, repo))
    }

    /// An installation is asked for the repository itself, also where everybody may see it.
    pub(super) fn is_granted(&self, repo: &Repo) -> bool {
        match self.credential {
            Credential::Installation { id, repos, .. } => {
                self.world.installation(*id).is_some_and(|on| self.world.grants(on, repo))
                    && repos.as_ref().is_none_or(|only| only.contains(&repo.id))
            }
            Credential::User(user) => self.world.user_sees(*user, repo),
            _ => false,
        }
    }

    fn about(&self, repo: &Repo, about: &About) -> Answer {
        match about {
            About::Itself => Answer::ok(json::full_repo(self.shared, self.world, repo)),
            About::Installation => {
                super::app::installation(self.shared, self.world, self.world.installation_on(repo.owner))
            }
            About::Hooks | About::Hook(_) | About::NewHook | About::DeleteHook(_) => {
                self.repo_hooks(repo, about)
            }
            _ if repo.private && !self.credential.may_read("contents") => {
                Answer::forbidden("Resource not accessible by integration")
            }
            _ => self.objects(repo, about),
        }
    }

    fn objects(&self, repo: &Repo, about: &About) -> Answer {
        let url = format!("{}/repos/{}", self.shared.base, self.world.full_name(repo));
        let commits = self.world.commits(repo);
        if commits.is_empty() {
            return match about {
                About::Branches => Answer::ok(json!([])),
                About::Contents(_) => Answer::error(StatusCode::NOT_FOUND, "This repository is empty."),
                _ => Answer::error(StatusCode::CONFLICT, "Git Repository is empty."),
            };
        }
        match about {
            About::Branches => self.branches(&url, &commits),
            About::Commit(at) => {
                match resolve(&commits, at).map(|found| found.saturating_sub(usize::from(self.older))) {
                    Some(found) if self.accept.contains("github.sha") => Answer::bytes(
                        "application/vnd.github.sha; charset=utf-8",
                        commits[found].sha.to_string().into_bytes(),
                    ),
                    Some(found) => {
                        let mut commit = json::commit(&url, &commits[found]);
                        commit["files"] = self.commit_files(repo, found);
                        Answer::ok(commit)
                    }
                    None => Answer::unprocessable(&format!("No commit found for SHA: {at}")),
                }
            }
            About::GitCommit(sha) => commits
                .iter()
                .find(|commit| commit.sha.to_string() == sha.to_lowercase())
                .map_or_else(Answer::not_found, |c| Answer::ok(json::git_commit(&url, c))),
            About::Tree(at) => self.tree(repo, &url, &commits, at),
            About::Blob(sha) => self.blob(repo, &url, &commits, sha),
            About::Contents(path) => self.contents(repo, &url, &commits, path),
            About::Pull(number) => self.pull(repo, &url, *number),
            About::PullFiles(number) => self.pull_files(repo, &url, *number),
            About::Issue(number) => self.issue(repo, &url, *number),
            About::Comments(number) => self.comments(repo, &url, *number),
            About::NewComment(number) => self.new_comment(repo, &url, *number),
            About::Compare(base, head) => self.compare(repo, &url, &commits, base, head),
            About::Itself
            | About::Installation
            | About::Hooks
            | About::Hook(_)
            | About::NewHook
            | About::DeleteHook(_) => Answer::not_found(),
        }
    }

    pub(super) fn snapshot(&self, repo: &Repo, index: usize) -> Option<Snapshot> {
        self.world.snapshot(repo, u32::try_from(index).ok()?)
    }

    /// All snapshots, the newest first: the likeliest to hold what is asked for.
    fn snapshots(&self, repo: &Repo, commits: &[Commit]) -> impl Iterator<Item = Snapshot> {
        (0..commits.len()).rev().filter_map(|index| self.snapshot(repo, index))
    }

    fn branches(&self, url: &str, commits: &[Commit]) -> Answer {
        let page = Page::of(heads(commits), self.query, &format!("{url}/branches"));
        let items = page.items.iter().map(|(name, commit)| {
            json!({
                "name": name,
                "commit": {"sha": commit.sha.to_string(), "url": format!("{url}/commits/{}", commit.sha)},
                "protected": false,
            })
        });
        Answer { link: page.link, ..Answer::ok(items.collect()) }
    }

    fn tree(&self, repo: &Repo, url: &str, commits: &[Commit], at: &str) -> Answer {
        let of_commit = resolve(commits, at).and_then(|index| self.snapshot(repo, index));
        let found =
            of_commit.map(|found| (found, String::new())).or_else(|| self.folder_by_sha(repo, commits, at));
        let Some((found, prefix)) = found else {
            return Answer::not_found();
        };
        let sha = match found.entries.iter().find(|entry| below(&prefix) == below(&entry.path)) {
            Some(folder) if !prefix.is_empty() => folder.sha,
            _ => found.commit.tree,
        };
        let recursive = self.query.get("recursive").is_some();
        let start = below(&prefix);
        let inside = found.entries.iter().filter_map(|entry| {
            let path = entry.path.strip_prefix(&start)?;
            (recursive || !path.contains('/')).then(|| json::tree_entry(url, entry, path))
        });
        Answer::ok(json!({
            "sha": sha.to_string(),
            "url": format!("{url}/git/trees/{sha}"),
            "tree": inside.collect::<Value>(),
            "truncated": false,
        }))
    }

    /// A tree by its own id: the snapshot that has it, and its path there.
    fn folder_by_sha(&self, repo: &Repo, commits: &[Commit], sha: &str) -> Option<(Snapshot, String)> {
        self.snapshots(repo, commits).find_map(|found| {
            if found.commit.tree.to_string() == sha {
                return Some((found, String::new()));
            }
            let path = found.entries.iter().find_map(|entry| {
                (entry.object == Object::Tree && entry.sha.to_string() == sha).then(|| entry.path.clone())
            })?;
            Some((found, path))
        })
    }

    fn blob(&self, repo: &Repo, url: &str, commits: &[Commit], sha: &str) -> Answer {
        let found = self.snapshots(repo, commits).find_map(|snapshot| {
            snapshot.entries.into_iter().find_map(|entry| match entry.object {
                Object::Blob(bytes) if entry.sha.to_string() == sha => Some(bytes),
                _ => None,
            })
        });
        match found {
            Some(bytes) if self.wants_raw() => Answer::bytes("application/octet-stream", bytes),
            Some(bytes) => Answer::ok(json!({
                "sha": sha,
                "node_id": sha,
                "size": bytes.len(),
                "url": format!("{url}/git/blobs/{sha}"),
                "content": json::base64_lines(&bytes),
                "encoding": "base64",
            })),
            None => Answer::not_found(),
        }
    }

    fn contents(&self, repo: &Repo, url: &str, commits: &[Commit], path: &str) -> Answer {
        let at = self.query.get("ref").unwrap_or("main");
        let Some(found) = resolve(commits, at).and_then(|index| self.snapshot(repo, index)) else {
            let message = format!("No commit found for the ref {at}");
            return Answer::error(StatusCode::NOT_FOUND, &message);
        };
        let file = found.entries.iter().find(|entry| entry.path == path);
        match file.map(|entry| &entry.object) {
            Some(Object::Blob(bytes)) if self.wants_raw() => {
                Answer::bytes("application/vnd.github.raw; charset=utf-8", bytes.clone())
            }
            Some(Object::Blob(_)) => {
                file.map_or_else(Answer::not_found, |entry| Answer::ok(json::content(url, at, entry, true)))
            }
            None if !path.is_empty() => Answer::not_found(),
            _ => {
                let start = below(path);
                let inside =
                    |entry: &&Entry| entry.path.strip_prefix(&start).is_some_and(|rest| !rest.contains('/'));
                let items = found.entries.iter().filter(inside);
                Answer::ok(items.map(|entry| json::content(url, at, entry, false)).collect())
            }
        }
    }

    fn wants_raw(&self) -> bool {
        self.accept.contains("github.raw") || self.accept.contains("github.v3.raw")
    }
}

/// Whether a credential can read a repository at all.
pub(super) fn sees(world: &World, credential: &Credential, repo: &Repo) -> bool {
    match credential {
        Credential::Installation { id, repos, .. } => {
            let granted = world.installation(*id).is_some_and(|on| world.grants(on, repo));
            let narrowed = repos.as_ref().is_none_or(|only| only.contains(&repo.id));
            !repo.private || (granted && narrowed)
        }
        Credential::User(user) => world.user_sees(*user, repo),
        _ => !repo.private,
    }
}

fn below(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

/// Branches and where they stand: `main` at the end, `release` one commit before.
fn heads(commits: &[Commit]) -> Vec<(&'static str, &Commit)> {
    let mut newest = commits.iter().rev();
    let main = newest.next().map(|commit| ("main", commit));
    let release = newest.next().map(|commit| ("release", commit));
    main.into_iter().chain(release).collect()
}

/// A branch, `HEAD`, a commit's id or at least 4 digits of it.
pub(super) fn resolve(commits: &[Commit], at: &str) -> Option<usize> {
    let name = at.strip_prefix("refs/heads/").or_else(|| at.strip_prefix("heads/")).unwrap_or(at);
    let name = if at == "HEAD" { "main" } else { name };
    let head = heads(commits).into_iter().find(|(head, _)| *head == name);
    let wanted = match head {
        Some((_, commit)) => commit.sha.to_string(),
        None if (4..=40).contains(&at.len()) => at.to_lowercase(),
        None => return None,
    };
    commits.iter().position(|commit| commit.sha.to_string().starts_with(&wanted))
}
