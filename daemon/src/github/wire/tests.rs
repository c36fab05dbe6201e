//! Over a real socket: what really goes out, and how much comes in.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::clock::Clock;
use crate::github::scripted::FIRST;
use crate::github::{Credential, GitHub, GitHubError, Outage, Traffic};

/// Answers every connection with these bytes, gives the requests' heads, and listens until dropped.
async fn server(reply: &'static [u8]) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heads = heads.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else {
                        return;
                    };
                    head.push(byte);
                }
                let _ = heads.send(String::from_utf8(head).unwrap());
                let _ = stream.write_all(reply).await;
                if reply.is_empty() {
                    // Say nothing, but stay.
                    let _ = stream.read_u8().await;
                }
            });
        }
    });
    (base, seen)
}

fn github(base: &str) -> GitHub {
    let mut settings = GitHubSettings::new(base, 77, vec![FIRST.into()]);
    settings.max_body = 1000;
    settings.max_blob = 2000;
    settings.request_timeout = Duration::from_millis(300);
    GitHub::new(&settings, Clock::system()).unwrap()
}

#[tokio::test]
async fn a_request_says_who_asks_and_in_which_version() {
    let (base, mut seen) = server(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":1}").await;
    let app = github(&base).reader(Traffic::Live).app().await.unwrap();
    assert_eq!(app.id, 1);
    let head = seen.recv().await.unwrap().to_ascii_lowercase();
    assert!(head.starts_with("get /app http/1.1\r\n"), "{head}");
    assert!(head.contains("user-agent: cutover/"));
    assert!(head.contains("x-github-api-version: 2022-11-28\r\n"));
    assert!(head.contains("accept: application/vnd.github+json\r\n"));
    assert!(head.contains("authorization: bearer eyj"));
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec();
    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n".to_vec();
    chunked.extend([b'x'; 2000]);
    for reply in [announced, chunked] {
        let (base, _seen) = server(reply.leak()).await;
        let error = github(&base).reader(Traffic::Live).app().await.unwrap_err();
        assert_eq!(error, GitHubError::TooLarge { limit: 1000 });
    }
}

#[tokio::test]
async fn a_file_has_a_limit_of_its_own() {
    let mut reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n".to_vec();
    reply.extend([b'x'; 2000]);
    let (base, _seen) = server(reply.leak()).await;
    let reader = github(&base).reader(Traffic::Live);
    let user = Credential::User("gho_u".into());
    let blob = reader.blob(&user, "o/r", "abc").await.unwrap().unwrap();
    assert_eq!(blob.len(), 2000);
}

#[tokio::test]
async fn a_server_that_says_nothing_or_is_not_there_is_an_outage() {
    let (base, _seen) = server(b"").await;
    let silent = github(&base).reader(Traffic::Live).with_patience(Duration::from_millis(400));
    let timed_out = GitHubError::Unavailable { cause: Outage::Timeout };
    assert_eq!(silent.app().await.unwrap_err(), timed_out);

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let absent = github(&format!("http://{free}")).reader(Traffic::Live);
    let error = absent.with_patience(Duration::from_millis(400)).app().await;
    assert!(
        matches!(&error, Err(GitHubError::Unavailable { cause: Outage::Connection(why) }) if why.contains("refused")),
        "{error:?}"
    );
}

#[tokio::test]
async fn redirects_are_never_followed_by_the_transport() {
    let (base, mut seen) =
        server(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/app\r\ncontent-length: 0\r\n\r\n").await;
    let error = github(&base).reader(Traffic::Live).app().await;
    assert_eq!(error.unwrap_err(), GitHubError::ForeignHost);
    assert!(seen.recv().await.is_some());
    assert!(seen.try_recv().is_err());
}

#[tokio::test]
async fn an_https_base_brings_its_own_provider() {
    // No process-wide provider is installed here; a machine without root certificates is told so.
    let settings = GitHubSettings::new("https://api.github.com", 77, vec![FIRST.into()]);
    match GitHub::new(&settings, Clock::system()) {
        Ok(github) => assert_eq!(github.host_id(), "github.com"),
        Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
    }
}
