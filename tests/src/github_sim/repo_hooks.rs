//! Webhooks of repositories: who may see and change them, and how GitHub shows them, without their secrets.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Page};
use super::repos::Ask;
use super::route::About;
use crate::world::Repo;

const PERMISSION: &str = "repository_hooks";
const MASK: &str = "********";

/// A webhook of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoHook {
    pub url: String,
    pub events: Vec<String>,
    /// `json` or `form`.
    pub content_type: String,
    pub active: bool,
    pub insecure_ssl: bool,
    pub secret: Option<String>,
}

impl RepoHook {
    /// One for pushes and pull requests.
    pub fn to(url: &str, secret: Option<&str>) -> Self {
        Self {
            url: url.to_owned(),
            events: vec!["push".to_owned(), "pull_request".to_owned()],
            content_type: "json".to_owned(),
            active: true,
            insecure_ssl: false,
            secret: secret.map(str::to_owned),
        }
    }
}

/// All of them, by repository.
#[derive(Debug, Default)]
pub(super) struct RepoHooks {
    hooks: BTreeMap<i64, Vec<(i64, RepoHook)>>,
    last: i64,
}

impl RepoHooks {
    pub(super) fn add(&mut self, repo: i64, hook: RepoHook) -> i64 {
        self.last += 1;
        self.hooks.entry(repo).or_default().push((self.last, hook));
        self.last
    }

    pub(super) fn of(&self, repo: i64) -> Vec<(i64, RepoHook)> {
        self.hooks.get(&repo).cloned().unwrap_or_default()
    }

    pub(super) fn edit(&mut self, repo: i64, id: i64, change: impl FnOnce(&mut RepoHook)) -> bool {
        let found = self.hooks.get_mut(&repo).and_then(|all| all.iter_mut().find(|(at, _)| *at == id));
        found.map(|(_, hook)| change(hook)).is_some()
    }

    pub(super) fn remove(&mut self, repo: i64, id: i64) -> bool {
        let Some(all) = self.hooks.get_mut(&repo) else { return false };
        let before = all.len();
        all.retain(|(at, _)| *at != id);
        all.len() < before
    }
}

impl Ask<'_> {
    pub(super) fn repo_hooks(&self, repo: &Repo, about: &About) -> Answer {
        let url = format!("{}/repos/{}/hooks", self.shared.base, self.world.full_name(repo));
        let writes = matches!(about, About::NewHook | About::DeleteHook(_));
        let may = match writes {
            true => self.credential.may_write(PERMISSION),
            false => self.credential.may_read(PERMISSION),
        };
        if !may || !self.is_granted(repo) {
            return Answer::forbidden("Resource not accessible by integration");
        }
        let mut hooks = self.shared.repo_hooks();
        match about {
            About::Hooks => {
                let page = Page::of(hooks.of(repo.id), self.query, &url);
                let items = page.items.iter().map(|(id, hook)| shown(&url, *id, hook));
                Answer { link: page.link, ..Answer::ok(items.collect()) }
            }
            About::Hook(id) => hooks
                .of(repo.id)
                .iter()
                .find(|(at, _)| at == id)
                .map_or_else(Answer::not_found, |(id, hook)| Answer::ok(shown(&url, *id, hook))),
            About::DeleteHook(id) if hooks.remove(repo.id, *id) => {
                Answer { status: StatusCode::NO_CONTENT, ..Answer::bytes("application/json", Vec::new()) }
            }
            About::NewHook => match asked(self.body) {
                None => Answer::unprocessable("Validation Failed"),
                Some(new) if hooks.of(repo.id).iter().any(|(_, old)| old.url == new.url) => {
                    Answer::unprocessable("Validation Failed: Hook already exists on this repository")
                }
                Some(new) => {
                    let id = hooks.add(repo.id, new.clone());
                    Answer::json(StatusCode::CREATED, shown(&url, id, &new))
                }
            },
            _ => Answer::not_found(),
        }
    }
}

fn shown(url: &str, id: i64, hook: &RepoHook) -> Value {
    let mut config = json!({
        "url": hook.url,
        "content_type": hook.content_type,
        "insecure_ssl": if hook.insecure_ssl { "1" } else { "0" },
    });
    if hook.secret.is_some() {
        config["secret"] = MASK.into();
    }
    json!({
        "type": "Repository", "id": id, "name": "web", "active": hook.active, "events": hook.events,
        "config": config, "url": format!("{url}/{id}"), "ping_url": format!("{url}/{id}/pings"),
        "last_response": { "code": null, "status": "unused", "message": null },
    })
}

fn asked(body: &[u8]) -> Option<RepoHook> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let config = &body["config"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let events = match &body["events"] {
        Value::Null => vec!["push".to_owned()],
        events => events.as_array()?.iter().map(text).collect::<Option<_>>()?,
    };
    Some(RepoHook {
        url: text(&config["url"]).filter(|url| url.starts_with("http"))?,
        events,
        content_type: text(&config["content_type"]).unwrap_or_else(|| "form".to_owned()),
        active: body["active"].as_bool().unwrap_or(true),
        insecure_ssl: config["insecure_ssl"] == "1",
        secret: text(&config["secret"]),
    })
}
