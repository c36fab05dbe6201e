use std::sync::atomic::AtomicUsize;

use futures::future::join_all;
use secrecy::ExposeSecret;

use super::*;
use crate::clock::Clock;
use crate::github::scripted::{
    FIRST, SECOND, SECOND_PUBLIC, START, Scripted, With, answer, drive, github, github_with, http_date,
    message, rfc3339, settings, token,
};
use crate::github::transport::{WireAnswer, WireFailure};

/// Mints `ghs_1`, `ghs_2`, ... good for an hour.
fn minting(clock: &Clock) -> Arc<Scripted> {
    let (clock, count) = (clock.clone(), AtomicUsize::new(0));
    Scripted::new(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(token(&format!("ghs_{number}"), clock.now()))
    })
}

async fn refused(reply: impl Fn() -> WireAnswer + Send + Sync + 'static) -> MintError {
    let clock = Clock::manual(START);
    let script = Scripted::new(move |_| Ok(reply()));
    let github = github(&clock, &script);
    drive(&clock, github.tokens().get(7)).await.unwrap_err()
}

#[tokio::test]
async fn a_thousand_callers_make_one_mint() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    script.gate.forget_permits(usize::MAX);
    let github = github(&clock, &script);
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let tokens = github.tokens().clone();
            tokio::spawn(async move { tokens.get(7).await })
        })
        .collect();
    while script.mints() == 0 {
        tokio::task::yield_now().await;
    }
    script.gate.add_permits(1);
    for lease in join_all(callers).await {
        assert_eq!(lease.unwrap().unwrap().token.expose_secret(), "ghs_1");
    }
    assert_eq!((script.mints(), github.calls().mints), (1, 1));
}

#[tokio::test]
async fn a_thousand_callers_hear_of_one_failure() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Ok(message(404, "Not Found")));
    script.gate.forget_permits(usize::MAX);
    let github = github(&clock, &script);
    let waiting = join_all((0..1000).map(|_| github.tokens().get(7)));
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    script.gate.add_permits(1);
    let all = waiting.await;
    assert!(all.iter().all(|one| matches!(one, Err(MintError::Gone))));
    assert_eq!(script.mints(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_mint() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    script.gate.forget_permits(usize::MAX);
    let github = github(&clock, &script);
    let mut first = Box::pin(github.tokens().get(7));
    assert!(futures::poll!(&mut first).is_pending());
    drop(first);
    script.gate.add_permits(1);
    assert_eq!(github.tokens().get(7).await.unwrap().generation, 1);
    assert_eq!(script.mints(), 1);
}

#[tokio::test]
async fn a_token_is_kept_until_its_margin_and_then_replaced() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    let github = github(&clock, &script);
    github.tokens().get(7).await.unwrap();
    clock.advance(Duration::from_secs(53 * 60));
    assert_eq!(github.tokens().get(7).await.unwrap().generation, 1);
    clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(github.tokens().get(7).await.unwrap().generation, 2);
}

#[tokio::test]
async fn an_outage_inside_the_margin_does_not_end_a_token_that_is_still_good() {
    let clock = Clock::manual(START);
    let (now, up) = (clock.clone(), AtomicUsize::new(0));
    let script = Scripted::new(move |_| match up.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(token("ghs_1", now.now())),
        _ => Ok(message(502, "")),
    });
    let github = github(&clock, &script);
    github.tokens().get(7).await.unwrap();
    clock.advance(Duration::from_secs(57 * 60));
    let lease = drive(&clock, github.tokens().get(7)).await.unwrap();
    assert_eq!(lease.generation, 1);
    let forced = drive(&clock, github.tokens().force_refresh(7)).await;
    assert!(forced.is_err(), "a forced refresh never passes off the old one");
    clock.advance(Duration::from_secs(3 * 60));
    assert_eq!(
        drive(&clock, github.tokens().get(7)).await.unwrap_err(),
        MintError::Unavailable { cause: Outage::Status(502) }
    );
}

#[tokio::test]
async fn a_token_without_expiry_is_not_kept_for_ever() {
    for body in ["{\"token\":\"ghs_x\"}", "{\"token\":\"ghs_x\",\"expires_at\":\"whenever\"}"] {
        let clock = Clock::manual(START);
        let script = Scripted::new(move |_| Ok(answer(201, body)));
        let github = github(&clock, &script);
        github.tokens().get(7).await.unwrap();
        clock.advance(Duration::from_secs(40));
        assert_eq!(github.tokens().get(7).await.unwrap().generation, 1);
        clock.advance(Duration::from_secs(20));
        assert_eq!(github.tokens().get(7).await.unwrap().generation, 2);
    }
}

#[tokio::test]
async fn a_late_401_does_not_wipe_a_newer_token() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    let github = github(&clock, &script);
    let tokens = github.tokens();
    let old = tokens.get(7).await.unwrap();
    assert!(tokens.invalidate(7, old.generation));
    let new = tokens.get(7).await.unwrap();
    assert!(!tokens.invalidate(7, old.generation));
    assert_eq!(tokens.get(7).await.unwrap().generation, new.generation);
    assert_eq!(script.mints(), 2);
}

#[tokio::test]
async fn a_forced_refresh_is_new_and_shared() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    let github = github(&clock, &script);
    github.tokens().get(7).await.unwrap();
    let forced = join_all((0..50).map(|_| github.tokens().force_refresh(7))).await;
    assert!(forced.iter().all(|lease| lease.as_ref().unwrap().generation == 2));
    assert_eq!(github.tokens().get(7).await.unwrap().generation, 2);
}

#[tokio::test]
async fn forgetting_an_installation_also_forgets_what_is_on_its_way() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    script.gate.forget_permits(usize::MAX);
    let github = github(&clock, &script);
    let mut before = Box::pin(github.tokens().get(7));
    assert!(futures::poll!(&mut before).is_pending());
    github.tokens().invalidate_all(7);
    let mut after = Box::pin(github.tokens().get(7));
    assert!(futures::poll!(&mut after).is_pending());
    script.gate.add_permits(2);
    let (before, after) = futures::join!(before, after);
    let (before, after) = (before.unwrap().generation, after.unwrap().generation);
    assert_ne!(before, after);
    assert_eq!(github.tokens().get(7).await.unwrap().generation, after);
}

#[tokio::test]
async fn scopes_and_installations_have_tokens_of_their_own() {
    let clock = Clock::manual(START);
    let script = minting(&clock);
    let github = github(&clock, &script);
    let tokens = github.tokens();
    let permissions = [("contents".to_owned(), "read".to_owned())].into();
    let scope = Scope::of(vec![5, 3, 5], permissions).unwrap();
    let wait = Duration::from_secs(1);
    let whole = tokens.get(7).await.unwrap();
    let part = tokens.get_scoped(7, &scope, Traffic::Background, wait).await.unwrap();
    assert_ne!(whole.generation, part.generation);
    assert_ne!(tokens.get(8).await.unwrap().generation, whole.generation);
    let again = tokens.get_scoped(7, &scope, Traffic::Live, wait).await.unwrap();
    assert_eq!(again.generation, part.generation);
    let asked = script.seen();
    assert!(asked[0].body.is_none());
    assert_eq!(
        asked[1].body.as_deref(),
        Some(&b"{\"repository_ids\":[3,5],\"permissions\":{\"contents\":\"read\"}}"[..])
    );
    assert!(Scope::of((0..501).collect(), [].into()).is_err());
}

#[tokio::test]
async fn each_refusal_has_its_class() {
    assert_eq!(refused(|| message(404, "Not Found")).await, MintError::Gone);
    assert_eq!(refused(|| message(403, "This installation has been suspended")).await, MintError::Suspended);
    assert_eq!(
        refused(|| message(422, "There is at least one repository that is not accessible")).await,
        MintError::Scope { message: "There is at least one repository that is not accessible".to_owned() }
    );
    assert_eq!(
        refused(|| message(401, "A JSON web token could not be decoded")).await,
        MintError::KeyRejected
    );
    assert_eq!(
        refused(|| message(403, "Your address is not allowed")).await,
        MintError::Refused { status: 403, message: "Your address is not allowed".to_owned() }
    );
    assert!(matches!(refused(|| answer(201, "{}")).await, MintError::BadAnswer { .. }));
    assert_eq!(refused(|| message(503, "")).await, MintError::Unavailable { cause: Outage::Status(503) });
    assert_eq!(
        refused(|| message(403, "API rate limit exceeded").with("retry-after", 3600)).await,
        MintError::RateLimited { until: START + 3_600_000 }
    );
}

#[tokio::test]
async fn a_dead_network_is_unavailable_after_four_tries() {
    let clock = Clock::manual(START);
    let script = Scripted::new(|_| Err(WireFailure::Broken("connection refused".to_owned())));
    let github = github(&clock, &script);
    let error = drive(&clock, github.tokens().get(7)).await.unwrap_err();
    assert_eq!(error.class(), "unavailable");
    assert_eq!((script.mints(), github.calls().retries), (4, 3));
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_and_shown() {
    let clock = Clock::manual(START);
    let ahead = 20 * 60_000;
    let now = clock.clone();
    let script = Scripted::new(move |seen| {
        let github = now.now() + ahead;
        let issued = claims(&seen.authorization)["iat"].as_i64().unwrap() * 1000;
        Ok(if (issued + 60_000 - github).abs() < 30_000 {
            token("ghs_1", github)
        } else {
            message(401, "'Expiration time' claim ('exp') must be in the future")
        }
        .with("date", http_date(github)))
    });
    let github = github(&clock, &script);
    assert_eq!(github.clock_skew(), None);
    let lease = github.tokens().get(7).await.unwrap();
    assert_eq!(github.clock_skew(), Some(ahead));
    assert_eq!(lease.expires_at, START + ahead + 3_600_000);
    assert_eq!(script.mints(), 2);
    github.tokens().get(8).await.unwrap();
    assert_eq!(script.mints(), 3, "learned for all");
}

#[tokio::test]
async fn a_clock_that_cannot_be_followed_is_skew_and_not_a_bad_key() {
    let clock = Clock::manual(START);
    let calls = AtomicUsize::new(1);
    let script = Scripted::new(move |_| {
        let hours = i64::try_from(calls.fetch_add(1, Ordering::Relaxed)).unwrap();
        Ok(message(401, "").with("date", http_date(START + hours * 3_600_000)))
    });
    let github = github(&clock, &script);
    let error = github.tokens().get(7).await.unwrap_err();
    assert_eq!(error, MintError::ClockSkew { seconds: 3600 });
}

#[tokio::test]
async fn a_rotated_key_costs_one_refusal() {
    let clock = Clock::manual(START);
    let now = clock.clone();
    let script = Scripted::new(move |seen| {
        let jwt = seen.authorization.strip_prefix("Bearer ").unwrap();
        Ok(if is_signed_by_second(jwt) {
            token("ghs_1", now.now())
        } else {
            message(401, "A JSON web token could not be decoded").with("date", http_date(START))
        })
    });
    let mut both = settings();
    both.keys = vec![SecretString::from(FIRST), SecretString::from(SECOND)];
    let github = github_with(&clock, &script, &both);
    github.tokens().get(7).await.unwrap();
    assert_eq!(script.mints(), 2);
    github.tokens().get(8).await.unwrap();
    assert_eq!(script.mints(), 3);
}

#[tokio::test]
async fn status_tells_states_and_never_a_token() {
    let clock = Clock::manual(START);
    let now = clock.clone();
    let script = Scripted::new(move |seen| {
        Ok(match seen.uri.split('/').nth(7).unwrap() {
            "1" => token("ghs_planted", now.now()),
            "2" => message(403, "suspended"),
            "3" => message(404, ""),
            _ => message(422, "no"),
        })
    });
    let github = github(&clock, &script);
    for id in 1..=4 {
        let lease = github.tokens().get(id).await;
        assert!(!format!("{lease:?}").contains("planted"));
    }
    let state = |id: usize| github.tokens().status()[id - 1].state;
    assert_eq!(
        [state(1), state(2), state(3), state(4)],
        [TokenState::Fresh, TokenState::Suspended, TokenState::Gone, TokenState::Failing]
    );
    let status = github.tokens().status();
    assert_eq!(status[0].expires_at, Some(START + 3_600_000));
    assert_eq!(status[3].last_error, Some("scope"));
    assert!(!format!("{status:?}{github:?}").contains("planted"));
    clock.advance(Duration::from_secs(3600));
    assert_eq!(state(1), TokenState::Absent);
}

#[tokio::test]
async fn background_mints_leave_the_app_s_reserve_to_live_ones() {
    let clock = Clock::manual(START);
    let now = clock.clone();
    let script = Scripted::new(move |_| {
        Ok(token("ghs_1", now.now())
            .with("x-ratelimit-limit", 5000)
            .with("x-ratelimit-remaining", 900)
            .with("x-ratelimit-reset", START / 1000 + 1800))
    });
    let github = github(&clock, &script);
    github.tokens().get(1).await.unwrap();
    let wait = Duration::from_secs(60);
    let everything = Scope::everything();
    let background = github.tokens().get_scoped(2, &everything, Traffic::Background, wait).await;
    assert_eq!(background.unwrap_err(), MintError::RateLimited { until: START + 1_800_000 });
    assert!(github.tokens().get(2).await.is_ok());
    assert_eq!(github.budgets()[0].remaining, 900);
    assert_eq!(rfc3339(START), "2023-11-14T22:13:20+00:00");
}

fn claims(authorization: &str) -> serde_json::Value {
    use base64::Engine as _;
    let part = authorization.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

fn is_signed_by_second(jwt: &str) -> bool {
    let key = jsonwebtoken::DecodingKey::from_rsa_pem(SECOND_PUBLIC.as_bytes()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    rules.validate_exp = false;
    jsonwebtoken::decode::<serde_json::Value>(jwt, &key, &rules).is_ok()
}
