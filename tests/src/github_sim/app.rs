//! What the App asks about itself and its installations.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Answer, Page, Query};
use super::auth::{Credential, NO_APP, NOT_DECODED};
use super::json;
use super::server::Shared;
use crate::world::{Installation, Level, Permissions, World};

/// A path of the App's own needs the App's JWT.
pub(super) fn require_app(credential: &Credential) -> Result<(), Answer> {
    match credential {
        Credential::App => Ok(()),
        Credential::Invalid(NO_APP) => Err(Answer::error(StatusCode::NOT_FOUND, NO_APP)),
        Credential::Invalid(message) => Err(Answer::unauthorized(message)),
        _ => Err(Answer::unauthorized(NOT_DECODED)),
    }
}

pub(super) fn installations(shared: &Shared, world: &World, query: &Query) -> Answer {
    let url = format!("{}/app/installations", shared.base);
    let page = Page::of(world.installations(), query, &url);
    let items = page.items.into_iter();
    let items = items.map(|found| json::installation(shared, world, found));
    Answer { link: page.link, ..Answer::ok(items.collect()) }
}

pub(super) fn requests(shared: &Shared, world: &World, query: &Query) -> Answer {
    let url = format!("{}/app/installation-requests", shared.base);
    let page = Page::of(world.requests(), query, &url);
    let items = page.items.into_iter();
    let items = items.map(|found| json::request(shared, world, found));
    Answer { link: page.link, ..Answer::ok(items.collect()) }
}

pub(super) fn installation(shared: &Shared, world: &World, found: Option<&Installation>) -> Answer {
    found.map_or_else(Answer::not_found, |found| Answer::ok(json::installation(shared, world, found)))
}

pub(super) fn owner_installation(shared: &Shared, world: &World, login: &str, organization: bool) -> Answer {
    let account = world
        .account_by_login(login)
        .filter(|a| !organization || a.kind == crate::world::AccountKind::Organization);
    installation(shared, world, account.and_then(|a| world.installation_on(a.id)))
}

#[derive(Debug, Default, Deserialize)]
struct MintBody {
    repositories: Option<Vec<String>>,
    repository_ids: Option<Vec<i64>>,
    permissions: Option<BTreeMap<String, String>>,
}

/// The most repositories a token can be narrowed to.
const MOST_REPOS: usize = 500;
const NO_REPO: &str = "There is at least one repository that does not exist or is not accessible \
     to the parent installation.";
const NO_PERMISSION: &str = "The permissions requested are not granted to this installation.";

pub(super) fn mint(shared: &Shared, id: i64, body: &Bytes) -> Answer {
    let world = shared.world();
    let Some(on) = world.installation(id) else {
        return Answer::not_found();
    };
    if on.suspended_at.is_some() {
        return Answer::forbidden("This installation has been suspended");
    }
    let asked = if body.iter().all(u8::is_ascii_whitespace) {
        MintBody::default()
    } else {
        match serde_json::from_slice(body) {
            Ok(asked) => asked,
            Err(_) => return Answer::error(StatusCode::BAD_REQUEST, "Problems parsing JSON"),
        }
    };
    let narrowed = scope(&world, on, &asked).and_then(|repos| {
        let permissions = narrowed_permissions(on, &asked).ok_or(NO_PERMISSION)?;
        Ok((repos, permissions))
    });
    let (repos, permissions) = match narrowed {
        Ok(found) => found,
        Err(message) => return Answer::unprocessable(message),
    };
    let (text, token) = shared.tokens().mint(on, repos, permissions, shared.clock.now());
    let mut out = json!({
        "token": text,
        "expires_at": json::time(token.expires * 1_000),
        "permissions": json::permissions(&token.permissions),
        "repository_selection": json::selection(&on.selection),
    });
    if let Some(repos) = &token.repos {
        let listed = repos.iter().filter_map(|id| world.repo(*id));
        let listed = listed.map(|repo| json::repo(shared, &world, repo));
        out["repository_selection"] = "selected".into();
        out["repositories"] = listed.collect();
    }
    Answer::json(StatusCode::CREATED, out)
}

fn scope(world: &World, on: &Installation, asked: &MintBody) -> Result<Option<BTreeSet<i64>>, &'static str> {
    let names = asked.repositories.as_deref().unwrap_or_default();
    let ids = asked.repository_ids.as_deref().unwrap_or_default();
    if names.is_empty() && ids.is_empty() {
        return Ok(None);
    }
    if names.len() + ids.len() > MOST_REPOS {
        return Err("A maximum of 500 repositories can be requested.");
    }
    let login = world.account(on.account).map_or("", |a| a.login.as_str());
    let by_name = names.iter().map(|name| match world.find(login, name) {
        Some(crate::world::Named::Here(repo)) => Some(repo),
        _ => None,
    });
    let by_id = ids.iter().map(|id| world.repo(*id));
    let found: Option<BTreeSet<i64>> =
        by_name.chain(by_id).map(|repo| repo.filter(|r| world.grants(on, r)).map(|r| r.id)).collect();
    found.map(Some).ok_or(NO_REPO)
}

fn narrowed_permissions(on: &Installation, asked: &MintBody) -> Option<Permissions> {
    let Some(asked) = &asked.permissions else {
        return Some(on.permissions.clone());
    };
    let mut out = Permissions::new();
    for (name, level) in asked {
        let level = Level::parse(level)?;
        if on.permissions.get(name).is_none_or(|has| *has < level) {
            return None;
        }
        out.insert(name.clone(), level);
    }
    // Every token may read metadata.
    out.entry("metadata".to_owned()).or_insert(Level::Read);
    Some(out)
}

pub(super) fn repositories(shared: &Shared, world: &World, credential: &Credential, query: &Query) -> Answer {
    let Credential::Installation { id, repos, .. } = credential else {
        return Answer::forbidden(
            "You must authenticate with an installation access token in order to list \
             repositories for an installation.",
        );
    };
    let Some(on) = world.installation(*id) else {
        return Answer::not_found();
    };
    let listed = world.granted(on).into_iter();
    let listed = listed.filter(|repo| repos.as_ref().is_none_or(|only| only.contains(&repo.id)));
    let url = format!("{}/installation/repositories", shared.base);
    let page = Page::of(listed, query, &url);
    let items: Value = page.items.into_iter().map(|repo| json::repo(shared, world, repo)).collect();
    Answer {
        link: page.link,
        ..Answer::ok(json!({
            "total_count": page.total,
            "repository_selection": if repos.is_some() { "selected" } else { json::selection(&on.selection) },
            "repositories": items,
        }))
    }
}

/// `GET /user/repos`
pub(super) fn user_repositories(shared: &Shared, world: &World, user: i64, query: &Query) -> Answer {
    let known = world.user(user);
    let listed = |repo: &&crate::world::Repo| {
        repo.owner == user
            || known.is_some_and(|known| {
                known.member_of.contains(&repo.owner) || known.collaborates.contains(&repo.id)
            })
    };
    let mut repos: Vec<_> = world.repos().filter(listed).collect();
    repos.sort_by_key(|repo| repo.id);
    let page = Page::of(repos, query, &format!("{}/user/repos", shared.base));
    let items: Value = page.items.into_iter().map(|repo| json::repo(shared, world, repo)).collect();
    Answer { link: page.link, ..Answer::ok(items) }
}

/// `POST /applications/{client_id}/token`: does this user token live?
pub(super) fn token_check(shared: &Shared, client: &str, credential: &Credential, body: &Bytes) -> Answer {
    // GitHub tells a wrong client from a dead token: 401 and 404.
    if !matches!(credential, Credential::Client) {
        return Answer::unauthorized("Requires authentication");
    }
    if client != shared.settings.client_id {
        return Answer::not_found();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(text) = body["access_token"].as_str() else {
        return Answer::unprocessable("Invalid request.\n\n\"access_token\" wasn't supplied.");
    };
    let world = shared.world();
    let Some((token, user)) =
        world.user_token(text).and_then(|token| Some((token, world.account(token.user)?)))
    else {
        return Answer::not_found();
    };
    let hashed = sha2_hex(text.as_bytes());
    Answer::ok(json!({
        "id": user.id,
        "url": format!("{}/authorizations/{}", shared.base, user.id),
        "app": {"url": "https://github.com", "name": shared.settings.slug, "client_id": client},
        "token": text,
        "hashed_token": hashed,
        "token_last_eight": text.get(text.len().saturating_sub(8)..).unwrap_or_default(),
        "note": null,
        "note_url": null,
        "created_at": json::time(token.created_at),
        "updated_at": json::time(token.created_at),
        "expires_at": null,
        "scopes": ["repo"],
        "fingerprint": null,
        "user": json::account(shared, user),
    }))
}

fn sha2_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
