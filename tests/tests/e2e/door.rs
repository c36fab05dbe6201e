//! The HTTP door of the real daemon: who may deliver, and what it says about itself.

use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_tests::harness::Hook;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::Stage;

/// The whole answer to a GET.
async fn get(stage: &Stage, path: &str) -> String {
    let address = std::fs::read_to_string(stage.home.state().join("http.addr")).unwrap();
    let mut stream = TcpStream::connect(address.trim()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Waits until a scrape has this line.
async fn scraped(stage: &Stage, line: &str) {
    let clock = Clock::system();
    let waiting = async {
        while !get(stage, "/metrics").await.lines().any(|own| own == line) {
            tokio::task::yield_now().await;
        }
    };
    clock.timeout(Duration::from_secs(60), waiting).await.unwrap_or_else(|_| panic!("never scraped: {line}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_githubs_networks_deliver_and_what_happened_is_counted() {
    let secret = "planted-webhook-secret-of-the-door";
    let http = "[http]\nlisten = \"127.0.0.1:0\"\nonly_github_addresses = true\n";
    let stage = Stage::of(20, Some(4), http).await;
    stage.reconfigure("app_id = ", &format!("webhook_secret = {secret:?}\napp_id = "));
    let hook = Hook::new(&stage.home, secret, stage.sim.app_id());
    let daemon = stage.daemon().await;
    let body = br#"{"ref":"refs/heads/main","installation":{"id":1}}"#;
    let clock = Clock::system();
    // The stand-in says that its deliveries come from this machine; until the daemon has heard it, nobody can tell.
    let asking = async {
        loop {
            match hook.deliver("d1", "push", body).await.unwrap().status {
                202 => return,
                503 => tokio::task::yield_now().await,
                other => panic!("answered {other}"),
            }
        }
    };
    clock.timeout(Duration::from_secs(60), asking).await.unwrap();
    scraped(&stage, "github_webhook_processed 1").await;
    let scrape = get(&stage, "/metrics").await;
    assert!(scrape.contains("\ngithub_webhook_failed 0\n"), "{scrape}");
    assert!(scrape.contains("cutover_http_certificate_expires_seconds NaN"), "{scrape}");
    scraped(&stage, "github_installations_active 0").await;
    for path in ["/health", "/health/live", "/health/ready"] {
        assert!(get(&stage, path).await.starts_with("HTTP/1.1 200"), "{path}");
    }
    assert!(get(&stage, "/openapi.json").await.contains("/webhooks/github"));
    daemon.stop().await.unwrap();

    // GitHub moves: a start hears of it.
    stage.sim.world().change(|world| world.set_hook_networks(&["192.0.2.0/24"]));
    let daemon = stage.daemon().await;
    let refused = async {
        while hook.deliver("d2", "push", body).await.unwrap().status != 403 {
            tokio::task::yield_now().await;
        }
    };
    clock.timeout(Duration::from_secs(60), refused).await.expect("strangers may deliver");
    daemon.stop().await.unwrap();
}
