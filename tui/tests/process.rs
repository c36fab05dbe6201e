//! The program itself: `main`, its streams and a reader that leaves.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use cutover_shared::catalog::CatalogReceipt;
use cutover_shared::rpc::Receipt;
use support::{Daemon, Reply};

fn cutover() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.env("CUTOVER_SOCKET", "/nowhere/cutoverd.sock");
    command
}

#[test]
fn a_reader_that_leaves_is_no_panic() {
    let mut child =
        cutover().args(["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    // The script is longer than a pipe holds, so the program still writes when this end closes.
    let mut stdout = BufReader::with_capacity(64, child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
    assert!(first.starts_with("#compdef cutover"), "{first}");
}

#[test]
fn the_environment_names_the_socket_and_the_state_folder() {
    let output = cutover().args(["status"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/cutoverd.sock"), "{output:?}");

    let folder = tempfile::tempdir().unwrap();
    let output =
        cutover().args(["kill", "--local"]).env("CUTOVER_STATE_DIR", folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let marker = std::fs::read(folder.path().join("kill.marker")).unwrap();
    let content: serde_json::Value = serde_json::from_slice(&marker).unwrap();
    assert!(content["at"].as_i64().unwrap() > 1_700_000_000_000, "{content}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_stdin_does_not_outlast_the_time_out() {
    let daemon = Daemon::start()
        .obeys(|_| Reply::Say(Receipt::Catalog(CatalogReceipt::Opened { upload: "up-1".into() })));
    let mut child = cutover()
        .env("CUTOVER_SOCKET", daemon.socket())
        .args(["catalog", "import", "-", "--format", "csv", "--timeout", "200ms"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    drop(stdin);
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}
