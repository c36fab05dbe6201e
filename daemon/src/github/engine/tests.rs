use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::clock::Clock;
use crate::github::scripted::{START, Scripted, Seen, With, answer, drive, github, message, token};
use crate::github::{GitHub, Reader, RepoProbe};

const BASE: &str = "https://ghe.example/api/v3";

/// Mints `ghs_INSTALLATION_NUMBER`; `reads` answers everything else.
fn scripted(
    clock: &Clock,
    reads: impl Fn(&Seen, usize) -> WireAnswer + Send + Sync + 'static,
) -> (Arc<Scripted>, GitHub) {
    let (now, mints, others) = (clock.clone(), AtomicUsize::new(0), AtomicUsize::new(0));
    let script = Scripted::new(move |seen| {
        Ok(if seen.is_mint() {
            let number = mints.fetch_add(1, Ordering::Relaxed) + 1;
            let installation = seen.uri.split('/').nth(7).unwrap();
            token(&format!("ghs_{installation}_{number}"), now.now())
        } else {
            reads(seen, others.fetch_add(1, Ordering::Relaxed))
        })
    });
    let github = github(clock, &script);
    (script, github)
}

fn live(github: &GitHub) -> Reader {
    github.reader(Traffic::Live)
}

fn repository(id: i64, full_name: &str) -> String {
    serde_json::json!({ "id": id, "full_name": full_name, "owner": { "id": 1, "login": "o" } }).to_string()
}

fn page(id: i64) -> String {
    format!("{{\"repositories\":[{}]}}", repository(id, "o/r"))
}

/// Lets an old token be used whose mint is longer ago than replicas may lag.
async fn with_an_old_token(clock: &Clock, github: &GitHub) {
    github.tokens().get(7).await.unwrap();
    clock.advance(Duration::from_secs(60));
}

#[tokio::test]
async fn every_page_carries_the_authorization_on_any_host() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |seen, number| {
        let next = format!("<{BASE}/installation/repositories?page={}>; rel=\"next\"", number + 2);
        assert!(seen.authorization.starts_with("Bearer ghs_7_1"));
        let answer = answer(200, page(i64::try_from(number).unwrap()));
        if number < 3 { answer.with("link", next) } else { answer }
    });
    let all = live(&github).every_repository(7).await.unwrap();
    assert_eq!(all.iter().map(|r| r.id).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!((script.mints(), github.calls().pages), (1, 4));
    assert_eq!(script.seen()[1].uri, format!("{BASE}/installation/repositories?per_page=100"));
    assert_eq!(script.seen()[4].uri, format!("{BASE}/installation/repositories?page=4"));
}

#[tokio::test]
async fn a_next_page_on_another_host_is_refused_and_never_asked() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |_, _| {
        answer(200, "[]").with("link", "<https://evil.example/api/v3/x>; rel=\"next\"")
    });
    let reader = live(&github);
    assert_eq!(reader.installations(None).await.unwrap_err(), GitHubError::ForeignHost);
    assert_eq!(script.seen().len(), 1);
    let stored = reader.installations(Some("https://evil.example/api/v3/x")).await;
    assert_eq!(stored.unwrap_err(), GitHubError::ForeignHost);
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test]
async fn a_list_without_an_end_ends() {
    let clock = Clock::manual(START);
    let (_, github) = scripted(&clock, |_, number| {
        let next = format!("<{BASE}/installation/repositories?page={}>; rel=\"next\"", number % 2);
        answer(200, page(1)).with("link", next)
    });
    let reader = live(&github).with_patience(Duration::from_secs(120));
    let endless = drive(&clock, reader.every_repository(7));
    assert!(matches!(endless.await, Err(GitHubError::BadAnswer { .. })));
}

#[tokio::test]
async fn a_304_is_answered_from_the_asker_s_own_answers_only() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |seen, _| {
        let installation = if seen.authorization.contains("_100_") { 100 } else { 200 };
        if seen.if_none_match.is_some() {
            answer(304, "")
        } else {
            let next = format!("<{BASE}/installation/repositories?page=2>; rel=\"next\"");
            answer(200, page(installation)).with("etag", "\"same\"").with("link", next)
        }
    });
    let reader = live(&github);
    for installation in [100, 200, 100, 200] {
        let page = reader.installation_repositories(installation, None).await.unwrap();
        assert_eq!(page.rows[0].id, installation);
        assert!(page.next.is_some(), "the link is kept too");
    }
    let conditions: Vec<bool> = script
        .seen()
        .iter()
        .filter(|seen| !seen.is_mint())
        .map(|seen| seen.if_none_match.is_some())
        .collect();
    assert_eq!(conditions, [false, false, true, true]);
    assert_eq!(github.calls().not_modified, 2);
}

#[tokio::test]
async fn a_user_s_answers_are_no_other_user_s() {
    let clock = Clock::manual(START);
    let (script, github) =
        scripted(&clock, |_, _| answer(200, repository(5, "o/r")).with("etag", "\"same\""));
    for token in ["gho_a", "gho_b"] {
        live(&github).repository_as_user(&token.into(), "o/r").await.unwrap();
    }
    assert!(script.seen().iter().all(|seen| seen.if_none_match.is_none()));
    assert!(!format!("{:?}", github.budgets()).contains("gho_"));
}

#[tokio::test]
async fn a_401_for_an_old_token_means_one_new_mint_and_one_more_try() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |seen, _| {
        if seen.authorization.ends_with("_1") {
            message(401, "Bad credentials")
        } else {
            answer(200, repository(5, "o/r"))
        }
    });
    with_an_old_token(&clock, &github).await;
    let probe = live(&github).repository_by_id(7, 5).await.unwrap();
    assert!(matches!(probe, RepoProbe::Found { moved: false, .. }));
    assert_eq!((script.mints(), github.calls().probes), (2, 2));
}

#[tokio::test]
async fn a_credential_that_stays_refused_is_dead_and_the_tries_are_bounded() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |_, _| message(401, "Bad credentials"));
    with_an_old_token(&clock, &github).await;
    let reader = live(&github);
    let probe = drive(&clock, reader.repository_by_id(7, 5)).await.unwrap();
    assert_eq!(probe, RepoProbe::CredentialDead);
    assert_eq!(script.mints(), 2);
    assert!(github.calls().probes <= 6);
    let user = reader.repository_as_user(&"gho_x".into(), "o/r").await.unwrap();
    assert_eq!(user, RepoProbe::CredentialDead);
    assert_eq!(script.mints(), 2);
}

#[tokio::test]
async fn right_after_a_mint_a_refusal_is_waited_out_without_another_mint() {
    for status in [401, 403] {
        let clock = Clock::manual(START);
        let (script, github) = scripted(&clock, move |_, number| {
            if number < 2 { message(status, "Bad credentials") } else { answer(200, repository(5, "o/r")) }
        });
        let reader = live(&github);
        let probe = drive(&clock, reader.repository_by_id(7, 5)).await.unwrap();
        assert!(matches!(probe, RepoProbe::Found { .. }));
        assert_eq!(script.mints(), 1);
        assert!(clock.monotonic() >= Duration::from_secs(3), "1 s, then 2 s");
    }
}

#[tokio::test]
async fn a_suspension_seen_by_a_read_is_told_as_one_and_drops_the_token() {
    let clock = Clock::manual(START);
    let (_, github) = scripted(&clock, |_, _| {
        message(403, "Sorry. Your account was suspended / This installation has been suspended")
    });
    let error = live(&github).installation_repositories(7, None).await.unwrap_err();
    assert_eq!(error, GitHubError::Mint(MintError::Suspended));
    assert_eq!(github.tokens().status()[0].last_error, Some("suspended"));
    assert_eq!(github.tokens().status()[0].minted_at, None);
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_credential_and_said() {
    let clock = Clock::manual(START);
    let (_, github) = scripted(&clock, |seen, _| {
        assert_eq!(seen.authorization, "Bearer gho_u");
        match seen.uri.strip_prefix(BASE).unwrap() {
            "/repos/old/name" => message(301, "Moved").with("location", format!("{BASE}/repositories/9")),
            "/repositories/9" => answer(200, repository(9, "new/name")),
            other => panic!("{other}"),
        }
    });
    let probe = live(&github).repository_as_user(&"gho_u".into(), "old/name").await.unwrap();
    let RepoProbe::Found { repository, moved } = probe else { panic!("{probe:?}") };
    assert_eq!((repository.id, repository.full_name.as_str(), moved), (9, "new/name", true));
    assert_eq!(github.calls().redirects, 1);
}

#[tokio::test]
async fn a_redirect_away_or_in_a_circle_is_refused() {
    for (location, error) in [
        ("https://evil.example/api/v3/repositories/9", GitHubError::ForeignHost),
        ("http://ghe.example/api/v3/repositories/9", GitHubError::ForeignHost),
        ("/elsewhere", GitHubError::ForeignHost),
        ("/api/v3/repos/o/r", GitHubError::BadAnswer { what: "an end of redirects" }),
    ] {
        let clock = Clock::manual(START);
        let (script, github) = scripted(&clock, move |_, _| answer(302, "").with("location", location));
        let result = live(&github).repository_as_user(&"gho_u".into(), "o/r").await;
        assert_eq!(result.unwrap_err(), error);
        assert!(script.seen().len() <= 4);
    }
}

#[tokio::test]
async fn the_app_s_own_reads_try_the_second_key_too() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(message(401, "A JSON web token could not be decoded")));
    let github = github(&clock, &script);
    let error = live(&github).app().await.unwrap_err();
    assert_eq!(error, GitHubError::Mint(MintError::KeyRejected));
}

#[tokio::test]
async fn files_of_a_pull_request_end_where_githubs_list_does() {
    let clock = Clock::manual(START);
    let (script, github) = scripted(&clock, |seen, number| match seen.uri.contains("/pulls/404/") {
        true => message(404, "Not Found"),
        false if seen.uri.contains("/pulls/1/") => answer(
            200,
            r#"[{"filename":"a/new.rs","previous_filename":"a/old.rs","status":"renamed"},{"filename":"b"}]"#,
        ),
        false => answer(200, r#"[{"filename":"x"}]"#)
            .with("link", format!("<{BASE}/repos/o/r/pulls/2/files?page={}>; rel=\"next\"", number + 2)),
    });
    let files = live(&github).pull_request_files(7, "o/r", 1).await.unwrap().unwrap();
    assert_eq!((files.paths.join(" ").as_str(), files.complete), ("a/new.rs a/old.rs b", true));
    assert_eq!(script.seen()[1].uri, format!("{BASE}/repos/o/r/pulls/1/files?per_page=100"));
    let endless = drive(&clock, live(&github).pull_request_files(7, "o/r", 2)).await.unwrap().unwrap();
    assert_eq!((endless.paths.len(), endless.complete), (30, false));
    assert_eq!(live(&github).pull_request_files(7, "o/r", 404).await.unwrap(), None);
}
