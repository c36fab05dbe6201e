//! The first set-up: a daemon without an App makes one, over a page or a pasted line, and goes on as that App.

use std::path::Path;

use cutover_daemon::client::Client;
use cutover_daemon::clock::Clock;
use cutover_shared::app::{AppAct, Code};
use cutover_shared::error::ErrorCode;
use cutover_shared::ids::ActKey;
use cutover_shared::rpc::{Act, Role};
use cutover_tests::github_sim::manifest::WEBHOOK_SECRET;
use cutover_tests::github_sim::{RouteKind, Sim, SimSettings};
use cutover_tests::harness::{Cli, Daemon, Home};
use cutover_tests::world::{World, WorldSpec};
use cutover_tui::conn::{Conn, Introduction};
use reqwest::{Method, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::stage::EXE;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

struct First {
    home: Home,
    cli: Cli,
    sim: Sim,
    browser: Client,
    _dir: TempDir,
}

impl First {
    async fn new() -> Self {
        let spec = WorldSpec { seed: 7, tenants: 2, repos: 8, installations: None };
        let world = World::generate(&spec).unwrap().world;
        let sim = Sim::start(world, Clock::system(), SimSettings::default()).await.unwrap();
        let dir = TempDir::with_prefix("cutover-e2e-").unwrap();
        let home = Home::new(dir.path()).unwrap();
        home.init(Path::new(EXE)).await.unwrap();
        let text = format!(
            "environment = \"demo\"\nstate_dir = {:?}\n[rpc]\nsocket = {:?}\n[log]\nstderr = \"off\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[github]\napi_base_url = {:?}\n",
            home.state(),
            home.socket(),
            sim.api_base()
        );
        home.write("cutover.toml", text.as_bytes()).unwrap();
        Self { cli: Cli::new(EXE, &home), home, sim, browser: Client::new().unwrap(), _dir: dir }
    }

    async fn daemon(&self) -> Daemon {
        Daemon::start(Path::new(EXE), &self.home, None).await.unwrap()
    }

    /// Presses the button of a page; answers where GitHub sends the browser.
    async fn agree(&self, page: &str) -> String {
        let between = |text: &str, from: &str, to: &str| {
            text.split_once(from).and_then(|(_, rest)| rest.split_once(to)).unwrap().0.to_owned()
        };
        let unescaped = |text: &str| text.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&");
        let action = unescaped(&between(page, "action=\"", "\""));
        let manifest = unescaped(&between(page, "name=\"manifest\" value=\"", "\""));
        let body =
            form_urlencoded::Serializer::new(String::new()).append_pair("manifest", &manifest).finish();
        let request = self
            .browser
            .request(Method::POST, Url::parse(&action).unwrap())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = self.browser.send(request, PATIENCE).await.unwrap();
        assert_eq!(answer.status, 302, "{}", String::from_utf8_lossy(&answer.body));
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    async fn get(&self, url: &str) -> (u16, String) {
        let request = self.browser.request(Method::GET, Url::parse(url).unwrap());
        let answer = self.browser.send(request, PATIENCE).await.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    }

    /// Nothing of the App's secrets is readable in the state folder.
    fn nothing_in_clear(&self) {
        let mut folders = vec![self.home.state()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else if let Ok(bytes) = std::fs::read(entry.path()) {
                    for secret in [WEBHOOK_SECRET, "planted-client-secret", "PRIVATE KEY"] {
                        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                        assert!(!found, "{secret} stands in {}", entry.path().display());
                    }
                }
            }
        }
    }
}

const CREATE: [&str; 6] =
    ["app", "create", "--name", "Acme migration", "--url", "https://cutover.example.com"];

#[tokio::test]
async fn a_daemon_without_an_app_makes_one_over_a_page_and_goes_on() {
    let first = First::new().await;
    let daemon = first.daemon().await;
    let said = first.cli.expect(&[3], &["status"]).await.unwrap();
    assert!(said.stderr.contains("cutover app create"), "{said:?}");

    let mut child = first.cli.command(&[&CREATE[..], &["--json"]].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let (status, page) = first.get(address).await;
    assert_eq!(status, 200);
    let (status, _) = first.get(&format!("{address}created?code=0123456789&state=other")).await;
    assert_eq!(status, 403, "a code of another page's is not taken");
    let back = first.agree(&page).await;
    let (status, done) = first.get(&back).await;
    assert_eq!((status, done.contains("Go back to the terminal")), (200, true), "{done}");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).await.unwrap();
    assert!(child.wait().await.unwrap().success());
    let app: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&app["id"], &app["slug"]), (&first.sim.app_id().into(), &"acme-migration".into()));

    // The daemon goes on by itself, as that App, and takes webhooks signed with its secret.
    let clock = Clock::system();
    clock
        .timeout(PATIENCE, async {
            while first.cli.call(&["status"]).await.unwrap().code != 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
    first.cli.expect(&[0, 1], &["doctor"]).await.unwrap();
    let asked = first.sim.calls().counts();
    assert!(asked.by_kind.get(&RouteKind::AppInfo).is_some_and(|count| *count > 0), "{asked:?}");
    assert_eq!(asked.by_status.get(&401), None, "the App's own key signs");
    let shown = first.cli.json(&[0], &["app", "show"]).await.unwrap();
    assert_eq!(shown["has_webhook_secret"], true);
    let said = first.cli.expect(&[3], &CREATE).await.unwrap();
    assert!(said.stderr.contains("already"), "{said:?}");
    let hook = cutover_tests::harness::Hook::new(&first.home, WEBHOOK_SECRET, first.sim.app_id());
    assert_eq!(hook.deliver("g-1", "ping", b"{\"zen\":\"x\"}").await.unwrap().status, 202);

    // And after a kill.
    daemon.kill().await.unwrap();
    first.nothing_in_clear();
    let daemon = first.daemon().await;
    assert_eq!(first.cli.json(&[0], &["app", "show"]).await.unwrap()["id"], first.sim.app_id());
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_browser_the_address_is_pasted() {
    let first = First::new().await;
    let daemon = first.daemon().await;
    let file = first.home.dir().join("page.html");
    let args = [&CREATE[..], &["--paste", file.to_str().unwrap()]].concat();
    // A line that belongs to nothing is refused, and nothing is asked of GitHub.
    let said = first.cli.fed(&args, b"http://127.0.0.1:9/created?code=0123456789&state=x\n").await.unwrap();
    assert_eq!(said.code, 2, "{said:?}");
    let said = first.cli.fed(&args, b"\n").await.unwrap();
    assert_eq!(said.code, 2, "{said:?}");

    let mut command = first.cli.command(&args);
    command.stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.contains("page.html"), "{line}");
    let back = first.agree(&std::fs::read_to_string(&file).unwrap()).await;
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, format!("{back}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("acme-migration"));
    // The same code again makes nothing.
    let said = first.cli.fed(&args, format!("{back}\n").as_bytes()).await.unwrap();
    assert_ne!(said.code, 0, "{said:?}");
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn only_an_admin_makes_the_app() {
    let first = First::new().await;
    let daemon = first.daemon().await;
    for role in [Role::Viewer, Role::Operator, Role::Approver] {
        let conn = Conn::open(&first.home.socket(), &Introduction { purpose: "e2e", role: Some(role) })
            .await
            .unwrap();
        let act = Act::App(AppAct::Create { code: Code("0123456789".into()) });
        let error = conn.act(ActKey::fresh(), act).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Role, "{role}: {error}");
    }
    assert_eq!(first.sim.calls().total(), 0);
    daemon.stop().await.unwrap();
}

#[tokio::test]
async fn a_daemon_that_waits_for_an_app_can_be_stopped() {
    let first = First::new().await;
    let daemon = first.daemon().await;
    let said = first.cli.expect(&[3], &["app", "show"]).await.unwrap();
    assert!(said.stderr.contains("no GitHub App yet"), "{said:?}");
    assert_eq!(daemon.stop().await.unwrap(), cutover_tests::harness::Ended::Code(0));
    assert!(!first.home.socket().exists());
}
