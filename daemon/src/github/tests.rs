//! What a reader makes of GitHub's answers.

use secrecy::SecretString;

use super::scripted::{START, Scripted, answer, github, github_with, message, settings, token};
use super::transport::WireAnswer;
use super::*;

const INSTALLATION: Credential = Credential::Installation(7);

/// A reader whose every read gets this answer.
fn reading(reply: impl Fn() -> WireAnswer + Send + Sync + 'static) -> (Arc<scripted::Scripted>, Reader) {
    let script = Scripted::new(move |seen| Ok(if seen.is_mint() { token("ghs_1", START) } else { reply() }));
    let clock = Clock::manual(START);
    let github = github(&clock, &script);
    (script, github.reader(Traffic::Live))
}

fn user() -> SecretString {
    SecretString::from("gho_u")
}

#[tokio::test]
async fn a_repository_probe_tells_absent_forbidden_and_unclear_apart() {
    let ask = async |status| {
        let (_, reader) = reading(move || message(status, "why"));
        reader.repository_as_user(&user(), "o/r").await
    };
    assert_eq!(ask(404).await, Ok(RepoProbe::NotFound));
    assert_eq!(ask(401).await, Ok(RepoProbe::CredentialDead));
    for status in [403, 451] {
        let message = "why".to_owned();
        assert_eq!(ask(status).await, Ok(RepoProbe::Forbidden { message }));
    }
    let message = "why".to_owned();
    assert_eq!(ask(418).await, Err(GitHubError::Refused { status: 418, message }));
    let (_, reader) = reading(|| answer(200, "{\"id\":\"x\"}"));
    assert!(matches!(reader.repository_as_user(&user(), "o/r").await, Err(GitHubError::BadAnswer { .. })));
}

#[tokio::test]
async fn a_bad_name_is_refused_before_anything_is_sent() {
    let (script, reader) = reading(|| answer(200, "{}"));
    for name in ["o", "../x", "a/b/c"] {
        let result = reader.repository_as_user(&user(), name).await;
        assert!(matches!(result, Err(GitHubError::BadInput { .. })), "{name}");
    }
    assert!(script.seen().is_empty());
}

#[tokio::test]
async fn a_commit_that_does_not_resolve_is_no_error() {
    for status in [404, 409, 422] {
        let (_, reader) = reading(move || message(status, "No commit found for SHA: abc"));
        let probe = reader.commit(&INSTALLATION, "o/r", "abc").await;
        assert_eq!(probe, Ok(CommitProbe::NotFound));
    }
    let (_, reader) = reading(|| answer(200, r#"{"sha":"a","commit":{"tree":{"sha":"b"}}}"#));
    assert_eq!(
        reader.commit(&INSTALLATION, "o/r", "a").await,
        Ok(CommitProbe::Found(Commit { sha: "a".to_owned(), tree_sha: "b".to_owned() }))
    );
}

#[tokio::test]
async fn a_file_comes_raw_or_encoded() {
    let (_, reader) = reading(|| {
        let mut raw = answer(200, "{\"content\":\"this is the file\"}");
        raw.headers.insert(
            "content-type",
            http::HeaderValue::from_static("application/vnd.github.raw+json; charset=utf-8"),
        );
        raw
    });
    let bytes = reader.blob(&INSTALLATION, "o/r", "abc").await.unwrap();
    assert_eq!(bytes.unwrap(), "{\"content\":\"this is the file\"}");
    let (_, reader) = reading(|| answer(200, "{\"content\":\"aGVs\\nbG8=\\n\",\"encoding\":\"base64\"}"));
    let bytes = reader.contents(&INSTALLATION, "o/r", "a/b", None).await.unwrap();
    assert_eq!(bytes.unwrap(), "hello");
    let (_, reader) = reading(|| answer(200, "[]"));
    let listing = reader.contents(&INSTALLATION, "o/r", "a", None).await;
    assert!(matches!(listing, Err(GitHubError::BadAnswer { .. })));
}

#[tokio::test]
async fn what_is_not_there_is_none() {
    let (_, reader) = reading(|| message(404, "Not Found"));
    assert_eq!(reader.repo_installation("o/r").await, Ok(None));
    assert_eq!(reader.installation(5).await, Ok(None));
    assert_eq!(reader.tree(&INSTALLATION, "o/r", "abc", true).await, Ok(None));
    assert_eq!(reader.blob(&INSTALLATION, "o/r", "abc").await, Ok(None));
}

#[tokio::test]
async fn a_user_token_is_checked_with_the_oauth_app_s_credential() {
    let (_, without) = reading(|| answer(200, "{}"));
    assert!(matches!(without.check_user_token(&user()).await, Err(GitHubError::BadInput { .. })));
    let mut settings = settings();
    settings.oauth = Some(OAuthApp { client_id: "Iv1.x".to_owned(), client_secret: SecretString::from("s") });
    let script = Scripted::new(|seen| {
        Ok(if seen.body.as_deref() == Some(br#"{"access_token":"gho_u"}"#) {
            answer(200, r#"{"user":{"id":3,"login":"u"},"scopes":["repo"]}"#)
        } else {
            message(404, "Not Found")
        })
    });
    let github = github_with(&Clock::manual(START), &script, &settings);
    let reader = github.reader(Traffic::Live);
    assert!(matches!(
        reader.check_user_token(&user()).await,
        Ok(UserToken::Live { scopes, .. }) if scopes == ["repo"]
    ));
    let other = SecretString::from("gho_other");
    assert_eq!(reader.check_user_token(&other).await, Ok(UserToken::Dead));
    let seen = &script.seen()[0];
    assert_eq!(seen.authorization, "Basic SXYxLng6cw==");
    assert_eq!(seen.uri, "https://ghe.example/api/v3/applications/Iv1.x/token");
}

#[test]
fn outside_a_runtime_it_says_so() {
    let result = GitHub::new(&settings(), Clock::manual(START));
    assert_eq!(result.err(), Some(SetupError::NoRuntime));
}

#[tokio::test]
async fn each_call_is_one_line_without_names_or_tokens() {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (_, reader) = reading(|| message(404, "Not Found"));
    reader.repository_as_installation(7, "customer/secret-plans").await.unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let calls: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["target"] == "github")
        .collect();
    let routes: Vec<&str> = calls.iter().map(|call| call["fields"]["route"].as_str().unwrap()).collect();
    assert_eq!(routes, ["POST /app/installations/{id}/access_tokens", "GET /repos/{owner}/{repo}"]);
    assert_eq!(calls[1]["fields"]["status"], 404);
    assert_eq!(calls[1]["fields"]["installation"], 7);
    assert!(calls[1]["fields"]["ms"].is_u64());
    for planted in ["ghs_", "secret-plans", "eyJ"] {
        assert!(!text.contains(planted), "{planted}");
    }
}

#[tokio::test]
async fn contact_tells_since_when_github_fails_and_since_when_it_refuses_the_keys() {
    use std::sync::atomic::{AtomicU16, Ordering};
    let status = Arc::new(AtomicU16::new(200));
    let told = status.clone();
    let script = Scripted::new(move |_| match told.load(Ordering::SeqCst) {
        200 => Ok(answer(200, r#"{"id":77}"#)),
        status => Ok(message(status, "no")),
    });
    let clock = Clock::manual(START);
    let github = github(&clock, &script);
    assert_eq!(github.contact(), Contact::default());
    let ask = async |says: u16| {
        status.store(says, Ordering::SeqCst);
        clock.advance(Duration::from_secs(60));
        let asked = clock.monotonic();
        let _ = scripted::drive(&clock, github.reader(Traffic::Live).app()).await;
        (asked, github.contact())
    };
    let (first, contact) = ask(200).await;
    assert_eq!(
        (contact.last_success, contact.failing_since, contact.refused_since),
        (Some(first), None, None)
    );
    let (down, contact) = ask(502).await;
    assert_eq!((contact.last_success, contact.failing_since), (Some(first), Some(down)));
    // Later failures don't begin it anew.
    let (again, contact) = ask(502).await;
    assert_eq!(contact.failing_since, Some(down));
    assert!(contact.last_failure >= Some(again));
    // A refusal is an answer.
    let (refused, contact) = ask(401).await;
    assert_eq!((contact.failing_since, contact.refused_since), (None, Some(refused)));
    let (_, contact) = ask(401).await;
    assert_eq!(contact.refused_since, Some(refused));
    assert!(contact.last_refusal > Some(refused));
    let (_, contact) = ask(200).await;
    assert_eq!((contact.failing_since, contact.refused_since), (None, None));
}
