//! The shapes of GitHub's objects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use cutover_daemon::clock::Millis;
use serde_json::{Value, json};

use super::server::Shared;
use crate::world::objects::{AUTHOR_EMAIL, AUTHOR_NAME, Commit, Entry, Object};
use crate::world::{Account, InstallRequest, Installation, Permissions, Repo, Selection, World};

/// Where people look, as opposed to programs.
const WEB: &str = "https://github.com";

pub(super) fn time(at: Millis) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn node_id(kind: &str, id: i64) -> String {
    STANDARD.encode(format!("{kind}{id}"))
}

pub(super) fn account(shared: &Shared, account: &Account) -> Value {
    let url = format!("{}/users/{}", shared.base, account.login);
    json!({
        "login": account.login,
        "id": account.id,
        "node_id": node_id("04:User", account.id),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", account.id),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("{WEB}/{}", account.login),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": account.kind.as_str(),
        "site_admin": false,
    })
}

fn account_by_id(shared: &Shared, world: &World, id: i64) -> Value {
    world.account(id).map_or(Value::Null, |found| account(shared, found))
}

pub(super) fn app(shared: &Shared, world: &World) -> Value {
    let settings = &shared.settings;
    json!({
        "id": settings.app_id,
        "slug": settings.slug,
        "node_id": node_id("03:App", settings.app_id),
        "client_id": settings.client_id,
        "owner": account(shared, &Account {
            id: 1,
            login: "cutover".to_owned(),
            kind: crate::world::AccountKind::Organization,
        }),
        "name": settings.slug,
        "description": "A stand-in",
        "external_url": WEB,
        "html_url": format!("{WEB}/apps/{}", settings.slug),
        "created_at": "2023-01-01T00:00:00Z",
        "updated_at": "2023-01-01T00:00:00Z",
        "permissions": {"metadata": "read", "contents": "read", "pull_requests": "read", "issues": "read"},
        "events": ["push", "pull_request", "repository"],
        "installations_count": world.installation_count(),
    })
}

pub(super) fn permissions(of: &Permissions) -> Value {
    of.iter()
        .map(|(name, level)| (name.clone(), Value::from(level.as_str())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub(super) fn selection(of: &Selection) -> &'static str {
    match of {
        Selection::All => "all",
        Selection::Selected(_) => "selected",
    }
}

pub(super) fn installation(shared: &Shared, world: &World, of: &Installation) -> Value {
    let target = world.account(of.account);
    let login = target.map_or("", |found| found.login.as_str());
    json!({
        "id": of.id,
        "client_id": shared.settings.client_id,
        "account": account_by_id(shared, world, of.account),
        "repository_selection": selection(&of.selection),
        "access_tokens_url": format!("{}/app/installations/{}/access_tokens", shared.base, of.id),
        "repositories_url": format!("{}/installation/repositories", shared.base),
        "html_url": format!("{WEB}/organizations/{login}/settings/installations/{}", of.id),
        "app_id": shared.settings.app_id,
        "app_slug": shared.settings.slug,
        "target_id": of.account,
        "target_type": target.map_or("", |found| found.kind.as_str()),
        "permissions": permissions(&of.permissions),
        "events": ["push", "pull_request", "repository"],
        "created_at": time(of.created_at),
        "updated_at": time(of.updated_at),
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": of.suspended_at.map(|_| account_by_id(shared, world, of.account)),
        "suspended_at": of.suspended_at.map(time),
    })
}

pub(super) fn request(shared: &Shared, world: &World, of: &InstallRequest) -> Value {
    json!({
        "id": of.id,
        "node_id": node_id("18:IntegrationInstallationRequest", of.id),
        "account": account_by_id(shared, world, of.account),
        "requester": account_by_id(shared, world, of.requester),
        "created_at": time(of.created_at),
    })
}

/// A repository as lists have it.
pub(super) fn repo(shared: &Shared, world: &World, of: &Repo) -> Value {
    let full_name = world.full_name(of);
    let url = format!("{}/repos/{full_name}", shared.base);
    json!({
        "id": of.id,
        "node_id": node_id("010:Repository", of.id),
        "name": of.name,
        "full_name": full_name,
        "private": of.private,
        "owner": account_by_id(shared, world, of.owner),
        "html_url": format!("{WEB}/{full_name}"),
        "description": null,
        "fork": of.parent.is_some(),
        "url": url,
        "branches_url": format!("{url}/branches{{/branch}}"),
        "commits_url": format!("{url}/commits{{/sha}}"),
        "contents_url": format!("{url}/contents/{{+path}}"),
        "trees_url": format!("{url}/git/trees{{/sha}}"),
        "blobs_url": format!("{url}/git/blobs{{/sha}}"),
        "clone_url": format!("{WEB}/{full_name}.git"),
        "created_at": time(of.created_at),
        "updated_at": time(of.updated_at),
        "pushed_at": time(of.updated_at),
        "default_branch": "main",
        "archived": false,
        "disabled": false,
        "visibility": if of.private { "private" } else { "public" },
        "permissions": {"admin": false, "maintain": false, "push": false, "triage": false, "pull": true},
    })
}

/// A repository asked for by itself: a fork names its parent.
pub(super) fn full_repo(shared: &Shared, world: &World, of: &Repo) -> Value {
    let mut out = repo(shared, world, of);
    if let Some(parent) = of.parent.and_then(|id| world.repo(id)) {
        let mut source = parent;
        while let Some(above) = source.parent.and_then(|id| world.repo(id)) {
            source = above;
        }
        out["parent"] = repo(shared, world, parent);
        out["source"] = repo(shared, world, source);
    }
    out
}

fn signature(commit: &Commit) -> Value {
    json!({"name": AUTHOR_NAME, "email": AUTHOR_EMAIL, "date": time(commit.time * 1_000)})
}

/// `GET …/git/commits/{sha}`
pub(super) fn git_commit(repo_url: &str, of: &Commit) -> Value {
    let parents = of.parent.iter().map(|sha| {
        json!({"sha": sha.to_string(), "url": format!("{repo_url}/git/commits/{sha}"), "html_url": format!("{WEB}/commit/{sha}")})
    });
    json!({
        "sha": of.sha.to_string(),
        "node_id": STANDARD.encode(format!("06:Commit{}", of.sha)),
        "url": format!("{repo_url}/git/commits/{}", of.sha),
        "html_url": format!("{WEB}/commit/{}", of.sha),
        "author": signature(of),
        "committer": signature(of),
        "tree": {"sha": of.tree.to_string(), "url": format!("{repo_url}/git/trees/{}", of.tree)},
        "message": of.message,
        "parents": parents.collect::<Vec<_>>(),
        "verification": {"verified": false, "reason": "unsigned", "signature": null, "payload": null},
    })
}

/// `GET …/commits/{ref}`
pub(super) fn commit(repo_url: &str, of: &Commit) -> Value {
    let mut inner = git_commit(repo_url, of);
    let parents = inner["parents"].take();
    json!({
        "sha": of.sha.to_string(),
        "node_id": inner["node_id"].take(),
        "url": format!("{repo_url}/commits/{}", of.sha),
        "html_url": format!("{WEB}/commit/{}", of.sha),
        "comments_url": format!("{repo_url}/commits/{}/comments", of.sha),
        "commit": {
            "url": inner["url"],
            "author": inner["author"],
            "committer": inner["committer"],
            "message": of.message,
            "comment_count": 0,
            "tree": inner["tree"],
            "verification": inner["verification"],
        },
        "author": null,
        "committer": null,
        "parents": parents,
    })
}

pub(super) fn tree_entry(repo_url: &str, of: &Entry, path: &str) -> Value {
    match &of.object {
        Object::Tree => json!({
            "path": path, "mode": of.mode, "type": "tree", "sha": of.sha.to_string(),
            "url": format!("{repo_url}/git/trees/{}", of.sha),
        }),
        Object::Blob(bytes) => json!({
            "path": path, "mode": of.mode, "type": "blob", "sha": of.sha.to_string(),
            "size": bytes.len(), "url": format!("{repo_url}/git/blobs/{}", of.sha),
        }),
    }
}

/// Base64 in lines of 60 characters, each with a newline, as GitHub writes it.
pub(super) fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut out = String::with_capacity(text.len() + text.len() / 60 + 1);
    for (at, digit) in text.chars().enumerate() {
        if at > 0 && at % 60 == 0 {
            out.push('\n');
        }
        out.push(digit);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// An entry of `GET …/contents/{path}`; with `content` when it is the one asked for.
pub(super) fn content(repo_url: &str, at: &str, of: &Entry, with_content: bool) -> Value {
    let name = of.path.rsplit('/').next().unwrap_or_default();
    let encoded: Vec<String> = of
        .path
        .split('/')
        .map(|part| {
            percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
        })
        .collect();
    let url = format!("{repo_url}/contents/{}?ref={at}", encoded.join("/"));
    let (kind, objects, size) = match &of.object {
        Object::Tree => ("dir", "trees", 0),
        Object::Blob(bytes) => ("file", "blobs", bytes.len()),
    };
    let git_url = format!("{repo_url}/git/{objects}/{}", of.sha);
    let html_url = format!("{WEB}/blob/{at}/{}", encoded.join("/"));
    let mut out = json!({
        "name": name,
        "path": of.path,
        "sha": of.sha.to_string(),
        "size": size,
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": null,
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html_url},
    });
    if let (true, Object::Blob(bytes)) = (with_content, &of.object) {
        out["content"] = base64_lines(bytes).into();
        out["encoding"] = "base64".into();
    }
    out
}

/// `GET /meta`, the part about webhooks.
pub(super) fn meta(world: &World) -> Value {
    json!({ "verifiable_password_authentication": false, "hooks": world.hook_networks() })
}
