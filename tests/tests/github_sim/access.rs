//! Who may see what, for how long, under which name.

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_tests::github_sim::{SimSettings, TestKey};
use cutover_tests::world::{AccountKind, Selection};
use serde_json::json;

use crate::stage::{START, Stage, ids, link};

#[tokio::test]
async fn lists_come_in_pages_with_absolute_links() {
    let stage = Stage::with(SimSettings { prefix: "api/v3/".to_owned(), ..SimSettings::default() }).await;
    assert!(stage.sim.api_base().ends_with("/api/v3"));
    let token = stage.mint(stage.on_acme).await;
    let mut next = Some("/installation/repositories?per_page=2".to_owned());
    let mut seen = Vec::new();
    let mut pages = 0;
    while let Some(path) = next {
        let page = stage.get(&token, &path).await;
        assert_eq!(page.body["total_count"], 5);
        seen.extend(ids(&page.body["repositories"]));
        next = link(&page, "next");
        if let Some(next) = &next {
            assert!(next.starts_with(&stage.sim.api_base()), "{next}");
            assert!(next.contains("per_page=2"));
        }
        pages += 1;
    }
    assert_eq!((seen, pages), (stage.repos.clone(), 3));

    let world = stage.sim.world();
    for n in 0..130 {
        let id = world.add_account(&format!("org-{n}"), AccountKind::Organization).unwrap();
        world.install(id, Selection::All).unwrap();
    }
    world.suspend(stage.on_solo).unwrap();
    let jwt = stage.jwt();
    let first = stage.get(&jwt, "/app/installations").await;
    assert_eq!(ids(&first.body).len(), 30);
    assert!(link(&first, "last").unwrap().ends_with("page=5"));
    let first = stage.get(&jwt, "/app/installations?per_page=500").await;
    assert_eq!(ids(&first.body).len(), 100);
    let second = stage.get(&jwt, &link(&first, "next").unwrap()).await;
    assert_eq!(ids(&second.body).len(), 32);
    assert_eq!(link(&second, "next"), None);
    let all = first.body.as_array().unwrap();
    let suspended: Vec<_> = all.iter().filter(|i| !i["suspended_at"].is_null()).collect();
    assert_eq!(suspended.len(), 1);
    assert_eq!(suspended[0]["id"], stage.on_solo);
    assert_eq!(stage.get(&jwt, stage.sim.host()).await.status, 404);
}

#[tokio::test]
async fn a_jwt_is_really_checked() {
    let stage = Stage::new().await;
    let app = json!(stage.sim.app_id());
    let ask = async |jwt: String| {
        let reply = stage.get(&jwt, "/app").await;
        (reply.status, reply.message().to_owned())
    };
    let ok = (200, String::new());
    assert_eq!(ask(stage.jwt()).await, ok);
    for iss in [json!(stage.sim.app_id().to_string()), json!(stage.sim.client_id())] {
        assert_eq!(ask(stage.jwt_with(TestKey::First, 0, 600, &iss)).await, ok);
    }
    let undecodable = (401, "A JSON web token could not be decoded".to_owned());
    let second = || stage.jwt_with(TestKey::Second, -60, 540, &app);
    assert_eq!(ask(second()).await, undecodable);
    assert_eq!(ask("a.b.c".to_owned()).await, undecodable);
    assert_eq!(ask(stage.user_token.clone()).await, undecodable);
    let forged = {
        let jwt = stage.jwt();
        let parts: Vec<_> = jwt.split('.').collect();
        let other = stage.jwt_with(TestKey::First, -60, 500, &app);
        format!("{}.{}.{}", parts[0], other.split('.').nth(1).unwrap(), parts[2])
    };
    assert_eq!(ask(forged).await, undecodable);
    let hmac = {
        let claims = json!({"iat": START / 1_000, "exp": START / 1_000 + 60, "iss": app});
        let key = jsonwebtoken::EncodingKey::from_secret(b"public");
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    };
    assert_eq!(ask(hmac).await, undecodable);

    for (iat, exp, status, says) in [
        (-60, 601, 401, "('exp') is too far in the future"),
        (-900, -1, 401, "('exp') must be a numeric value"),
        (30, 540, 401, "'Issued at' claim ('iat')"),
    ] {
        let (got, message) = ask(stage.jwt_with(TestKey::First, iat, exp, &app)).await;
        assert!(got == status && message.contains(says), "{got} {message}");
    }
    let stranger = ask(stage.jwt_with(TestKey::First, -60, 540, &json!(1))).await;
    assert_eq!(stranger, (404, "Integration not found".to_owned()));

    // Rotation: the second key beside the first, then alone.
    stage.sim.set_live_keys(&[TestKey::First, TestKey::Second]).unwrap();
    assert_eq!((ask(second()).await, ask(stage.jwt()).await), (ok.clone(), ok.clone()));
    stage.sim.set_live_keys(&[TestKey::Second]).unwrap();
    assert_eq!((ask(second()).await, ask(stage.jwt()).await), (ok, undecodable));
}

#[tokio::test]
async fn an_answer_tells_the_time_of_the_clock() {
    let stage = Stage::new().await;
    let reply = stage.get("", "/rate_limit").await;
    assert_eq!(reply.header("date"), "Sun, 15 Jun 2025 15:06:40 GMT");
}

#[tokio::test]
async fn a_token_lives_an_hour_of_the_clock() {
    let stage = Stage::new().await;
    let minted = stage.post_mint(&stage.jwt(), stage.on_acme, "").await;
    assert_eq!(minted.body["expires_at"], "2025-06-15T16:06:40Z");
    let token = minted.body["token"].as_str().unwrap();
    stage.clock.advance(Duration::from_secs(3_599));
    assert_eq!(stage.get(token, "/installation/repositories").await.status, 200);
    stage.clock.advance(Duration::from_secs(1));
    let over = stage.get(token, "/installation/repositories").await;
    assert_eq!((over.status, over.message()), (401, "Bad credentials"));

    let mut lengths = BTreeSet::new();
    for _ in 0..3 {
        let token = stage.mint(stage.on_acme).await;
        assert!(token.starts_with("ghs_"));
        lengths.insert(token.len());
        assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 200);
    }
    assert_eq!(lengths.len(), 3);
    assert!(lengths.contains(&40) && lengths.last().is_some_and(|most| *most > 300));
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_scope() {
    let stage = Stage::new().await;
    let jwt = stage.jwt();
    let acme = stage.mint(stage.on_acme).await;
    let solo = stage.mint(stage.on_solo).await;
    assert_eq!(stage.get(&acme, "/repos/ACME/one").await.status, 200);
    assert_eq!(stage.get(&solo, "/repos/acme/one").await.status, 404);
    assert_eq!(stage.get(&solo, "/repos/acme/five").await.status, 200, "public");
    assert_eq!(stage.get("", "/repos/acme/five").await.status, 200, "public");
    assert_eq!(stage.get("", "/repos/acme/one").await.status, 404);
    assert_eq!(stage.get(&solo, "/repos/solo/a").await.status, 200);
    assert_eq!(stage.get(&solo, "/repos/solo/b").await.status, 404);
    stage.sim.world().grant(stage.on_solo, stage.solo_repos[1]).unwrap();
    assert_eq!(stage.get(&solo, "/repos/solo/b").await.status, 200);

    let one = json!({"repositories": ["one"], "permissions": {"metadata": "read"}});
    let narrow = stage.post_mint(&jwt, stage.on_acme, &one.to_string()).await;
    assert_eq!(ids(&narrow.body["repositories"]), [stage.repos[0]]);
    let token = narrow.body["token"].as_str().unwrap();
    assert_eq!(stage.get(token, "/repos/acme/one").await.status, 200);
    assert_eq!(stage.get(token, "/repos/acme/two").await.status, 404);
    assert_eq!(stage.get(token, "/repos/acme/one/commits/main").await.status, 403);
    let listed = stage.get(token, "/installation/repositories").await;
    assert_eq!(ids(&listed.body["repositories"]), [stage.repos[0]]);
    for refused in [
        json!({"repository_ids": [stage.solo_repos[0]]}),
        json!({"repositories": ["none"]}),
        json!({"permissions": {"contents": "write"}}),
        json!({"repository_ids": (0..501).collect::<Vec<_>>()}),
    ] {
        let reply = stage.post_mint(&jwt, stage.on_acme, &refused.to_string()).await;
        assert_eq!(reply.status, 422, "{refused}");
    }
    assert_eq!(stage.post_mint(&jwt, stage.on_acme, "{").await.status, 400);
    assert_eq!(stage.post_mint(&jwt, 5, "").await.status, 404);
    assert_eq!(stage.get(&stage.user_token, "/installation/repositories").await.status, 403);
    assert_eq!(stage.get(&acme, "/user").await.status, 403);
    assert_eq!(stage.get(&stage.user_token, "/user").await.body["id"], stage.user);
}

#[tokio::test]
async fn suspension_and_removal_kill_tokens() {
    let stage = Stage::new().await;
    let (jwt, world) = (stage.jwt(), stage.sim.world());
    let token = stage.mint(stage.on_acme).await;
    world.suspend(stage.on_acme).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 401);
    let refused = stage.post_mint(&jwt, stage.on_acme, "").await;
    assert_eq!((refused.status, refused.message()), (403, "This installation has been suspended"));
    world.unsuspend(stage.on_acme).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 401, "it stays dead");
    let token = stage.mint(stage.on_acme).await;
    world.uninstall(stage.on_acme).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 401);
    assert_eq!(stage.post_mint(&jwt, stage.on_acme, "").await.status, 404);
    assert_eq!(stage.get(&jwt, "/orgs/acme/installation").await.status, 404);
    let again = world.install(stage.acme, Selection::All).unwrap();
    assert_ne!(again, stage.on_acme);
    assert_eq!(stage.get(&jwt, "/orgs/acme/installation").await.body["id"], again);
    assert_eq!(stage.get(&jwt, "/orgs/solo/installation").await.status, 404, "a user");
    assert_eq!(stage.get(&jwt, "/users/solo/installation").await.body["id"], stage.on_solo);
}

#[tokio::test]
async fn old_names_redirect_until_they_are_claimed() {
    let stage = Stage::new().await;
    let (jwt, world) = (stage.jwt(), stage.sim.world());
    let token = stage.mint(stage.on_acme).await;
    let one = stage.repos[0];
    world.rename_repo(one, "renamed").unwrap();
    let moved = stage.get(&token, "/repos/acme/ONE/commits/main?x=1").await;
    let to = format!("{}/repositories/{one}/commits/main?x=1", stage.sim.api_base());
    assert_eq!((moved.status, moved.header("location")), (301, to.as_str()));
    assert_eq!(stage.get(&token, &to).await.status, 200);
    let by_id = stage.get(&token, &format!("/repositories/{one}")).await;
    assert_eq!(by_id.body["full_name"], "Acme/renamed");
    let app = stage.get(&jwt, "/repos/acme/one/installation").await;
    assert_eq!(app.status, 301);
    assert_eq!(stage.get(&jwt, app.header("location")).await.body["id"], stage.on_acme);
    let solo = stage.mint(stage.on_solo).await;
    assert_eq!(stage.get(&solo, "/repos/acme/one").await.status, 404, "not theirs to know");

    // To an account whose installation is on selected repositories: nobody's until it is granted.
    world.transfer_repo(one, stage.solo).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/renamed").await.status, 404);
    assert_eq!(stage.get(&jwt, "/repos/solo/renamed/installation").await.status, 404);
    world.grant(stage.on_solo, one).unwrap();
    assert_eq!(stage.get(&solo, "/repos/acme/one").await.status, 301);
    assert_eq!(stage.get(&solo, "/repos/solo/renamed").await.body["id"], one);

    let new = world.add_repo(stage.acme, "one").unwrap();
    assert_ne!(new, one);
    assert_eq!(stage.get(&solo, "/repos/acme/one").await.status, 404);
    assert_eq!(stage.get(&token, "/repos/acme/one").await.body["id"], new);
    let newer = world.recreate_repo(new).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/one").await.body["id"], newer);
    world.delete_repo(newer).unwrap();
    assert_eq!(stage.get(&token, "/repos/acme/one").await.status, 404);
    assert_eq!(stage.sim.calls().counts().redirected, 3);

    let fork = world.fork(stage.repos[1], stage.user).unwrap();
    let fork = stage.get(&stage.user_token, &format!("/repositories/{fork}")).await;
    assert_eq!(fork.body["full_name"], "robin/two");
    assert_eq!((&fork.body["fork"], &fork.body["parent"]["id"]), (&json!(true), &json!(stage.repos[1])));
}

#[tokio::test]
async fn a_user_token_can_be_checked_and_revoked() {
    let stage = Stage::new().await;
    let secret = stage.sim.client_secret();
    assert_eq!(stage.get(&stage.user_token, "/repos/acme/one").await.status, 200);
    assert_eq!(stage.get(&stage.user_token, "/repos/solo/a").await.status, 404);
    assert_eq!(stage.check("wrong", &stage.user_token).await.status, 401);
    let live = stage.check(secret, &stage.user_token).await;
    assert_eq!((live.status, &live.body["user"]["login"]), (200, &json!("robin")));
    assert_eq!(stage.check(secret, "gho_none").await.status, 404);
    stage.sim.world().revoke_user_token(&stage.user_token).unwrap();
    assert_eq!(stage.check(secret, &stage.user_token).await.status, 404);
    assert_eq!(stage.get(&stage.user_token, "/repos/acme/one").await.status, 401);
}

#[tokio::test]
async fn anybody_learns_where_webhooks_come_from() {
    let stage = Stage::new().await;
    let hooks = async || stage.get(&stage.jwt(), "/meta").await.body["hooks"].clone();
    assert_eq!(hooks().await, json!(["127.0.0.0/8", "::1/128"]));
    stage.sim.world().change(|world| world.set_hook_networks(&["192.0.2.0/24"]));
    assert_eq!(hooks().await, json!(["192.0.2.0/24"]));
    assert_eq!(stage.get("nonsense", "/meta").await.status, 401);
}
