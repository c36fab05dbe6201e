//! Pull requests, issues and comments of a repository, and what changed between two commits.

use std::collections::{BTreeMap, HashMap};

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Page};
use super::json;
use super::repos::{Ask, resolve};
use crate::world::Repo;
use crate::world::objects::{Commit, Entry, Object, Snapshot};

/// Files that GitHub lists of a pull request at most.
const MOST_FILES: usize = 3_000;

/// GitHub makes no diff of more files than these.
const MOST_DIFF: usize = 300;

/// A pull request as a test asks for it.
#[derive(Clone, Debug, Default)]
pub struct NewPull {
    pub title: String,
    /// Branches.
    pub base: String,
    pub head: String,
    /// Changed files; each gets a small patch.
    pub files: Vec<String>,
    pub labels: Vec<String>,
}

/// All that is talked about, by repository and number.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pulls: HashMap<(i64, i64), NewPull>,
    issues: HashMap<(i64, i64), String>,
    comments: BTreeMap<(i64, i64), Vec<String>>,
    last: HashMap<i64, i64>,
}

impl Talk {
    fn number(&mut self, repo: i64) -> i64 {
        let last = self.last.entry(repo).or_default();
        *last += 1;
        *last
    }

    pub(super) fn open(&mut self, repo: i64, pull: NewPull) -> i64 {
        let number = self.number(repo);
        self.pulls.insert((repo, number), pull);
        number
    }

    pub(super) fn ask(&mut self, repo: i64, title: &str) -> i64 {
        let number = self.number(repo);
        self.issues.insert((repo, number), title.to_owned());
        number
    }

    pub(super) fn comment(&mut self, repo: i64, number: i64, text: &str) {
        self.comments.entry((repo, number)).or_default().push(text.to_owned());
    }

    pub(super) fn comments(&self, repo: i64, number: i64) -> Vec<String> {
        self.comments.get(&(repo, number)).cloned().unwrap_or_default()
    }

    fn is_there(&self, repo: i64, number: i64) -> bool {
        self.pulls.contains_key(&(repo, number)) || self.issues.contains_key(&(repo, number))
    }
}

impl Ask<'_> {
    pub(super) fn pull(&self, repo: &Repo, url: &str, number: i64) -> Answer {
        let talk = self.shared.talk();
        let Some(pull) = talk.pulls.get(&(repo.id, number)) else { return Answer::not_found() };
        if self.accept.contains("github.diff") || self.accept.contains("github.v3.diff") {
            if pull.files.len() > MOST_DIFF {
                return Answer::error(
                    StatusCode::NOT_ACCEPTABLE,
                    "Sorry, the diff exceeded the maximum number of files (300).",
                );
            }
            let text: String =
                pull.files.iter().map(|path| format!("diff --git a/{path} b/{path}\n{PATCH}\n")).collect();
            return Answer::bytes("application/vnd.github.diff; charset=utf-8", text.into_bytes());
        }
        let labels: Vec<Value> = pull.labels.iter().map(|name| json!({ "name": name })).collect();
        Answer::ok(json!({
            "id": number, "number": number, "state": "open", "title": pull.title,
            "url": format!("{url}/pulls/{number}"), "labels": labels, "changed_files": pull.files.len(),
            "base": { "ref": pull.base }, "head": { "ref": pull.head },
        }))
    }

    pub(super) fn pull_files(&self, repo: &Repo, url: &str, number: i64) -> Answer {
        let talk = self.shared.talk();
        let Some(pull) = talk.pulls.get(&(repo.id, number)) else { return Answer::not_found() };
        let listed = pull.files.iter().take(MOST_FILES);
        let page = Page::of(listed, self.query, &format!("{url}/pulls/{number}/files"));
        let items = page.items.iter().map(|path| {
            json!({ "sha": "0".repeat(40), "filename": path, "status": "modified", "additions": 1, "deletions": 1,
                    "changes": 2, "patch": PATCH })
        });
        Answer { link: page.link, ..Answer::ok(items.collect()) }
    }

    pub(super) fn issue(&self, repo: &Repo, url: &str, number: i64) -> Answer {
        let talk = self.shared.talk();
        let title = talk.issues.get(&(repo.id, number)).cloned();
        let title = title.or_else(|| talk.pulls.get(&(repo.id, number)).map(|pull| pull.title.clone()));
        title.map_or_else(Answer::not_found, |title| {
            Answer::ok(json!({ "id": number, "number": number, "state": "open", "title": title,
                               "url": format!("{url}/issues/{number}") }))
        })
    }

    pub(super) fn comments(&self, repo: &Repo, url: &str, number: i64) -> Answer {
        let talk = self.shared.talk();
        if !talk.is_there(repo.id, number) {
            return Answer::not_found();
        }
        let all = talk.comments(repo.id, number);
        let page = Page::of(all.iter().enumerate(), self.query, &format!("{url}/issues/{number}/comments"));
        let items = page.items.iter().map(|(index, text)| comment(url, *index, text));
        Answer { link: page.link, ..Answer::ok(items.collect()) }
    }

    pub(super) fn new_comment(&self, repo: &Repo, url: &str, number: i64) -> Answer {
        let mut talk = self.shared.talk();
        if !talk.is_there(repo.id, number) {
            return Answer::not_found();
        }
        let permission = if talk.pulls.contains_key(&(repo.id, number)) { "pull_requests" } else { "issues" };
        if !self.credential.may_write(permission) {
            return Answer::forbidden("Resource not accessible by integration");
        }
        let asked: Option<Value> = serde_json::from_slice(self.body).ok();
        match asked.as_ref().and_then(|asked| asked["body"].as_str()).filter(|text| !text.trim().is_empty()) {
            Some(text) => {
                talk.comment(repo.id, number, text);
                let index = talk.comments(repo.id, number).len() - 1;
                Answer::json(StatusCode::CREATED, comment(url, index, text))
            }
            None => Answer::unprocessable("Validation Failed"),
        }
    }

    pub(super) fn compare(
        &self,
        repo: &Repo,
        url: &str,
        commits: &[Commit],
        base: &str,
        head: &str,
    ) -> Answer {
        let (Some(from), Some(to)) = (resolve(commits, base), resolve(commits, head)) else {
            return Answer::not_found();
        };
        let between = commits.get(from + 1..=to).unwrap_or_default();
        let listed: Vec<Value> = between.iter().map(|commit| json::commit(url, commit)).collect();
        let files = changed(self.snapshot(repo, from).as_ref(), self.snapshot(repo, to).as_ref());
        let status = match from.cmp(&to) {
            std::cmp::Ordering::Less => "ahead",
            std::cmp::Ordering::Equal => "identical",
            std::cmp::Ordering::Greater => "behind",
        };
        Answer::ok(json!({
            "status": status, "ahead_by": to.saturating_sub(from), "behind_by": from.saturating_sub(to),
            "total_commits": listed.len(), "commits": listed, "files": files,
        }))
    }

    /// The files of a commit, as the answer about it lists them.
    pub(super) fn commit_files(&self, repo: &Repo, index: usize) -> Value {
        let before = index.checked_sub(1).and_then(|before| self.snapshot(repo, before));
        changed(before.as_ref(), self.snapshot(repo, index).as_ref())
    }
}

const PATCH: &str = "@@ -1 +1 @@\n-before\n+after";

fn comment(url: &str, index: usize, text: &str) -> Value {
    let id = index + 1;
    json!({ "id": id, "url": format!("{url}/issues/comments/{id}"), "body": text, "user": { "login": "octocat", "id": 1 } })
}

fn changed(before: Option<&Snapshot>, after: Option<&Snapshot>) -> Value {
    fn files(of: Option<&Snapshot>) -> BTreeMap<&str, &Entry> {
        let entries = of.into_iter().flat_map(|snapshot| &snapshot.entries);
        entries
            .filter(|entry| matches!(entry.object, Object::Blob(_)))
            .map(|entry| (entry.path.as_str(), entry))
            .collect()
    }
    let (before, after) = (files(before), files(after));
    let mut out = Vec::new();
    for (path, entry) in &after {
        let status = match before.get(path) {
            Some(old) if old.sha == entry.sha => continue,
            Some(_) => "modified",
            None => "added",
        };
        out.push(json!({ "sha": entry.sha.to_string(), "filename": path, "status": status, "patch": PATCH }));
    }
    for (path, entry) in &before {
        if !after.contains_key(path) {
            out.push(json!({ "sha": entry.sha.to_string(), "filename": path, "status": "removed", "patch": PATCH }));
        }
    }
    Value::Array(out)
}
