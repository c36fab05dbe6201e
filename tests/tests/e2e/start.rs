//! Starting: mistakes are named and nothing is made; `init` keeps what is there; the socket is its owner's alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_shared::rpc::Query;
use cutover_tests::harness::{Daemon, Ended, Home};
use nix::sys::signal::Signal;

use super::stage::{EXE, Stage};

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn three_mistakes_in_a_configuration_are_three_clear_errors_and_nothing_is_made() {
    let dir = tempfile::TempDir::with_prefix("cutover-e2e-").unwrap();
    let home = Home::new(dir.path()).unwrap();
    home.configure("http://127.0.0.1:9", 1, cutover_tests::github_sim::TestKey::First.private_pem(), "")
        .unwrap();
    let text = std::fs::read_to_string(home.config()).unwrap();
    let text = text
        .replace("app_id = 1\n", "app_id = \"one\"\n")
        .replace("[log]\nstderr = \"off\"", "[log]\nstder = \"off\"")
        + "[run]\nchunk = 1000\n";
    home.write("cutover.toml", text.as_bytes()).unwrap();
    let line = |what: &str| text.lines().position(|line| line.starts_with(what)).unwrap() + 1;
    let config = home.config().display().to_string();
    let listed = |home: &Home| {
        let mut names: Vec<_> =
            std::fs::read_dir(home.dir()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = listed(&home);
    for args in [&["check", "--config", &config][..], &["--config", &config], &["run", "--config", &config]] {
        let said = Daemon::call(Path::new(EXE), &home, args).await.unwrap();
        assert_eq!(said.code, 2, "{args:?}: {}", said.stderr);
        assert_eq!(said.stderr.matches("error: ").count(), 3, "{}", said.stderr);
        assert_eq!(said.stderr.matches("= mend: ").count(), 3, "{}", said.stderr);
        for (key, what) in [("github.app_id", "app_id"), ("log.stder", "stder"), ("run.chunk", "chunk")] {
            assert!(said.stderr.contains(&format!("error: {key}: ")), "{key}: {}", said.stderr);
            let place = format!("--> {config}:{}:", line(what));
            assert!(said.stderr.contains(&place), "{place}: {}", said.stderr);
        }
        assert!(said.stderr.contains("did you mean `log.stderr`"), "{}", said.stderr);
        assert!(said.stderr.trim_end().ends_with("3 mistakes in the configuration"), "{}", said.stderr);
        assert_eq!(listed(&home), before, "nothing was made on disk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_init_keeps_the_key() {
    let stage = Stage::of(20, None, "").await;
    let key = stage.home.state().join("keys").join("seal.key");
    let first = std::fs::read(&key).unwrap();
    assert_eq!(
        (mode_of(&key), mode_of(key.parent().unwrap()), mode_of(&stage.home.state())),
        (0o600, 0o700, 0o700)
    );
    let commented = stage.home.dir().join("commented.toml").display().to_string();
    let state = stage.home.state().display().to_string();
    let written = std::fs::read(&commented).unwrap();
    let args = ["init", "--config", &commented, "--state-dir", &state, "--environment", "other"];
    let said = Daemon::call(Path::new(EXE), &stage.home, &args).await.unwrap();
    assert_eq!(said.code, 1, "a configuration is never overwritten by itself: {}", said.stderr);
    assert!(said.stderr.contains("--force"), "{}", said.stderr);
    assert_eq!(std::fs::read(&commented).unwrap(), written);
    let args: Vec<&str> = args.into_iter().chain(["--force"]).collect();
    let said = Daemon::call(Path::new(EXE), &stage.home, &args).await.unwrap();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_ne!(std::fs::read(&commented).unwrap(), written);
    assert_eq!(std::fs::read(&key).unwrap(), first, "a key is never overwritten");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners_alone() {
    let stage = Stage::of(20, None, "").await;
    let socket = stage.home.dir().join("run").join("deep").join("cutoverd.sock");
    let old = stage.home.socket().display().to_string();
    stage.reconfigure(&old, &socket.display().to_string());
    // What a crash left over is no obstacle.
    let daemon = stage.daemon().await;
    assert_eq!(daemon.kill().await.unwrap(), Ended::Signal(9));
    assert!(socket.exists());
    let daemon = stage.daemon().await;
    assert_eq!(mode_of(&socket), 0o600);
    assert_eq!(mode_of(socket.parent().unwrap()) & 0o027, 0, "nobody but the group may look into its folder");
    for file in ["cutover.db", "daemon.lock"] {
        assert_eq!(mode_of(&stage.home.state().join(file)) & 0o022, 0, "{file}");
    }
    stage.say(&[0], &["--socket", &socket.display().to_string(), "status"]).await;
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
    assert!(!socket.exists());
    let said = stage.say(&[4], &["--socket", &socket.display().to_string(), "status"]).await;
    assert!(said.stderr.contains("is cutoverd running?"), "{}", said.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_level_of_the_log_again_and_a_mistake_changes_nothing() {
    let stage = Stage::of(20, None, "").await;
    let daemon = stage.daemon().await;
    let conn = stage.connect().await;
    // Each question takes a moment of the daemon's, in which its log is written.
    let logged = async |text: &str| {
        let seen = async {
            while !stage.log().contains(text) {
                conn.query(Query::Status).await.unwrap();
            }
        };
        Clock::system().timeout(Duration::from_secs(20), seen).await.unwrap_or_else(|_| panic!("no {text}"));
    };
    stage.reconfigure("[log]\n", "[log]\nlevel = \"trace\"\n");
    assert!(!stage.log().contains("\"TRACE\""));
    daemon.signal(Signal::SIGHUP).unwrap();
    logged("the level of the log was set").await;
    logged("\"TRACE\"").await;

    stage.reconfigure("level = \"trace\"", "level = 5");
    daemon.signal(Signal::SIGHUP).unwrap();
    logged("nothing was reloaded").await;
    conn.query(Query::Status).await.unwrap();
    assert_eq!(daemon.stop().await.unwrap(), Ended::Code(0));
}

/// Whoever waits for changes names what it was told of: a topic that is left out would wake nobody at its first commit.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_answer_after_a_start_names_every_topic() {
    let stage = Stage::of(20, None, "").await;
    let _daemon = stage.daemon().await;
    let conn = stage.connect().await;
    let changes = conn.changes(0, Vec::new()).await.unwrap();
    let topics: Vec<_> = changes.versions.iter().map(|(topic, _)| *topic).collect();
    assert_eq!(topics, cutover_shared::rpc::Topic::ALL);
}
