//! What a person's browser and the App's OAuth client do: a code for having installed the App, a token for the code, and what
//! that token sees.

use std::collections::HashMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::answer::{Answer, Page, Query};
use super::auth::Credential;
use super::json;
use super::server::Shared;
use crate::world::{AccountKind, Installation, World};

/// How long a code is good, in milliseconds.
const LIFE: i64 = 10 * 60 * 1_000;

/// Codes that were given out and not used, by text: whose, and when.
pub(super) type Codes = HashMap<String, (i64, i64)>;

#[derive(Deserialize)]
struct Asked {
    client_id: String,
    client_secret: String,
    code: String,
}

/// `POST /login/oauth/access_token`. GitHub says also what went wrong with 200.
pub(super) fn exchange(shared: &Shared, body: &Bytes) -> Answer {
    let wrong = |error: &str| Answer::ok(json!({"error": error, "error_description": "", "error_uri": ""}));
    let Ok(asked) = serde_json::from_slice::<Asked>(body) else {
        return wrong("bad_verification_code");
    };
    let settings = &shared.settings;
    if asked.client_id != settings.client_id || asked.client_secret != settings.client_secret {
        return wrong("incorrect_client_credentials");
    }
    let now = shared.clock.now();
    let given = shared.codes().remove(&asked.code);
    let Some((user, _)) = given.filter(|(_, at)| now - at < LIFE) else {
        return wrong("bad_verification_code");
    };
    match shared.world_mut().add_app_user_token(user, now) {
        Ok(token) => Answer::ok(json!({"access_token": token, "token_type": "bearer", "scope": ""})),
        Err(_) => wrong("bad_verification_code"),
    }
}

/// `GET /user/installations`: where the user is the account, belongs to it, or sees a repository of it.
pub(super) fn installations(
    shared: &Shared,
    world: &World,
    credential: &Credential,
    query: &Query,
) -> Answer {
    let Credential::User(user) = credential else {
        return Answer::forbidden("You must authenticate with an access token authorized to a GitHub App");
    };
    let seen = world.installations().filter(|on| sees(world, *user, on));
    let page = Page::of(seen, query, &format!("{}/user/installations", shared.base));
    let items: Vec<_> = page.items.iter().map(|on| json::installation(shared, world, on)).collect();
    let body = json!({"total_count": page.total, "installations": items});
    Answer { link: page.link, ..Answer::ok(body) }
}

fn sees(world: &World, user: i64, on: &Installation) -> bool {
    if on.account == user || world.user(user).is_some_and(|found| found.member_of.contains(&on.account)) {
        return true;
    }
    let organization = world.account(on.account).is_some_and(|a| a.kind == AccountKind::Organization);
    organization
        && world.user(user).is_some_and(|found| {
            let granted = world.granted(on);
            found.collaborates.iter().any(|repo| granted.iter().any(|has| has.id == *repo))
        })
}
