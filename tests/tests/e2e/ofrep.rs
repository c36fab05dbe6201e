//! Flags over HTTP in the real daemon: its configuration, its answers, a kill that reaches a stream; and the real clients.

use std::process::Stdio;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::schema::check;
use super::stage::Stage;

const CLIENT: &str = "the-key-of-a-flag-client";
const WRITER: &str = "the-key-of-who-switches";
const FLAG: &str = "git.clone.use_service_layer";

/// A daemon with flags at its HTTP door, `git-sandbox` in `live`.
async fn stage() -> Stage {
    let keys = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[rollout]\ngit_sandbox = \"live\"\n\n\
         [[ofrep_keys]]\nname = \"client\"\nkey = \"{CLIENT}\"\n\n\
         [[ofrep_keys]]\nname = \"writer\"\nkey = \"{WRITER}\"\nscope = \"flags:write\"\n"
    );
    let stage = Stage::of(20, Some(4), &keys).await;
    stage.reconfigure("app_id = ", "webhook_secret = \"planted-webhook-secret\"\napp_id = ");
    stage
}

fn address(stage: &Stage) -> String {
    std::fs::read_to_string(stage.home.state().join("http.addr")).unwrap().trim().to_owned()
}

/// Status and body of one call.
async fn call(stage: &Stage, method: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(address(stage)).await.unwrap();
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

async fn evaluate(stage: &Stage) -> Value {
    let path = format!("/ofrep/v1/evaluate/flags/{FLAG}");
    let context = json!({ "context": { "targetingKey": "acme" } });
    let (status, body) = call(stage, "POST", &path, CLIENT, &context).await;
    assert_eq!(status, 200, "{body}");
    check("evaluation.json", &body).unwrap();
    body
}

/// Reads on until the next event's data.
async fn event(stream: &mut TcpStream, text: &mut String) -> Value {
    let reading = async {
        let mut bytes = [0; 1024];
        loop {
            if let Some((_, rest)) = text.split_once("data: ")
                && let Some((data, rest)) = rest.split_once("\n\n")
            {
                let data = serde_json::from_str(data).unwrap();
                *text = rest.to_owned();
                return data;
            }
            let read = stream.read(&mut bytes).await.unwrap();
            assert!(read > 0, "the stream ended: {text}");
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        }
    };
    let data = Clock::system().timeout(Duration::from_secs(60), reading).await.expect("no event");
    check("event.json", &data).unwrap();
    data
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_and_a_kill_reach_flag_clients() {
    let stage = stage().await;
    let daemon = stage.daemon().await;
    assert_eq!(evaluate(&stage).await["value"], true);
    let mut stream = TcpStream::connect(address(&stage)).await.unwrap();
    let request =
        format!("GET /ofrep/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {CLIENT}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let first = event(&mut stream, &mut text).await;

    let path = format!("/api/v1/flags/{FLAG}");
    let off = json!({ "on": false, "reason": "e2e" });
    assert_eq!(call(&stage, "PUT", &path, CLIENT, &off).await.0, 403);
    assert_eq!(call(&stage, "PUT", &path, WRITER, &off).await.0, 200);
    let switched = event(&mut stream, &mut text).await;
    assert_ne!(first["etag"], switched["etag"]);
    assert_eq!(evaluate(&stage).await["value"], false);
    let on = json!({ "on": true, "reason": "e2e" });
    assert_eq!(call(&stage, "PUT", &path, WRITER, &on).await.0, 200);
    event(&mut stream, &mut text).await;
    let audit = stage.ask(&[0], &["audit", "list"]).await.to_string();
    assert!(audit.contains("rollout.flag") && audit.contains("key writer"), "{audit}");

    stage.say(&[0], &["kill", "--reason", "e2e"]).await;
    event(&mut stream, &mut text).await;
    let killed = evaluate(&stage).await;
    assert_eq!((&killed["value"], &killed["metadata"]["why"]), (&Value::Bool(false), &"killed".into()));
    // Killed it stays through a restart, and the switch of a flag does not change that.
    daemon.stop().await.unwrap();
    let daemon = stage.daemon().await;
    assert_eq!(call(&stage, "PUT", &path, WRITER, &off).await.0, 200);
    assert_eq!(evaluate(&stage).await["metadata"]["why"], "killed");
    for secret in [CLIENT, WRITER] {
        assert!(!stage.log().contains(secret), "a key is in the log");
    }
    daemon.stop().await.unwrap();
}

/// The clients of npm (server, web) and of PyPI, in the versions that `tests/ofrep-clients` pins.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs node, npm, python3 and their registries: cargo test -p cutover-tests --test e2e real_clients -- --ignored"]
async fn real_clients_of_npm_and_pypi() {
    let stage = stage().await;
    let _daemon = stage.daemon().await;
    let kill = stage.cli.command(&["kill", "--reason", "clients"]);
    let kill = kill.as_std();
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/ofrep-clients/run");
    let mut command = tokio::process::Command::new(run);
    command.arg(format!("http://{}", address(&stage))).args([CLIENT, WRITER]).arg("env");
    for (name, value) in kill.get_envs() {
        if let Some(value) = value {
            command.arg(format!("{}={}", name.display(), value.display()));
        }
    }
    command.arg(kill.get_program()).args(kill.get_args()).stdin(Stdio::null()).kill_on_drop(true);
    let output = Clock::system().timeout(Duration::from_secs(300), command.output()).await;
    let output = output.expect("the clients hang").unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    eprintln!("{said}");
    assert!(output.status.success() && said.contains("all clients are content"), "{said}");
}
