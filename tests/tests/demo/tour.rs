//! What the tour asks for happens to the daemon, and is told to whoever listens.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Parser as _;
use cutover_tests::demo::console::{Front, play};
use cutover_tests::demo::{DemoError, Options};
use cutover_tests::harness::{Cli, Home};
use cutover_tui::conn::{Conn, Introduction};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;

use super::{EXE, Guide, in_time};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// A demo whose console is a script that ends with 3 when its input does.
struct Show {
    home: Home,
    /// What the console was told: its environment and arguments.
    told: String,
    /// Closed, it ends the console.
    input: std::io::PipeWriter,
    play: JoinHandle<Result<(String, u8), DemoError>>,
    dir: TempDir,
}

impl Show {
    async fn open(darkness: Duration) -> Self {
        let dir = TempDir::with_prefix("cutover-tour-").unwrap();
        let place = dir.path().join("home").display().to_string();
        let options = ["cutover-demo", "--tenants", "6", "--repos", "120", "--keep", &place];
        let options = Options::try_parse_from(options).unwrap();
        let (stdin, input) = std::io::pipe().unwrap();
        let (output, stdout) = std::io::pipe().unwrap();
        let mut console = Command::new("/bin/sh");
        console.args(["-c", "echo \"$CUTOVER_SOCKET $CUTOVER_STATE_DIR $*\"; cat; exit 3", "console"]);
        console.stdin(stdin).stdout(stdout).stderr(Stdio::null());
        let front = Front { exe: EXE.into(), console, darkness };
        let play = tokio::spawn(async move { play(&options, front).await });
        let output = pipe::Receiver::from_owned_fd(output.into()).unwrap();
        let mut told = String::new();
        in_time("the console", BufReader::new(output).read_line(&mut told)).await.unwrap();
        Self { home: Home::new(Path::new(&place)).unwrap(), told, input, play, dir }
    }

    fn tour(&self) -> PathBuf {
        self.home.dir().join("tour.sock")
    }

    async fn conn(&self) -> Option<Conn> {
        Conn::open(&self.home.socket(), &Introduction { purpose: "e2e", role: None }).await.ok()
    }

    /// Rows that the daemon knows.
    async fn rows(&self) -> usize {
        let said = Cli::new(EXE, &self.home).expect(&[0], &["catalog", "list", "--all-rows", "--json"]).await;
        let rows: serde_json::Value = serde_json::from_str(&said.unwrap().stdout).unwrap();
        rows["rows"].as_array().or(rows.as_array()).unwrap().len()
    }

    /// Ends the console, and hears the goodbye.
    async fn close(self) -> (String, u8, TempDir) {
        drop(self.input);
        let (text, code) = in_time("the end of the demo", self.play).await.unwrap().unwrap();
        (text, code, self.dir)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_told_where_everything_is() {
    let show = Show::open(FOR_EVER).await;
    let (socket, state, tour) = (show.home.socket(), show.home.state(), show.tour());
    let wanted = format!("{} {} --tour {} --rate 4\n", socket.display(), state.display(), tour.display());
    assert_eq!(show.told, wanted, "120 repositories take half a minute");
    assert_eq!(std::fs::metadata(&tour).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(show.rows().await, 120, "the catalog is there");

    let second = std::fs::read_to_string(show.home.dir().join("second-terminal.txt")).unwrap();
    let command = second.trim_end();
    assert!(command.starts_with(&format!("CUTOVER_SOCKET={} ", socket.display())), "{command}");
    assert!(command.ends_with(" --role viewer"), "{command}");
    let mut guide = Guide::at(&tour).await;
    assert_eq!(guide.ask("hello").await, format!("ready {command}"));
    let status = Command::new("/bin/sh").args(["-c", &format!("{command} status")]).output().unwrap();
    assert!(status.status.success(), "{status:?}");

    let (text, code, dir) = show.close().await;
    assert_eq!(code, 3, "the console's");
    for part in ["ended with 3", "--headless --tenants 6 --repos 120 --seed 7", "viewer", "is still in"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!socket.exists(), "the daemon stopped gracefully");
    assert!(dir.path().join("home/second-terminal.txt").exists(), "it was to be kept");
    assert!(UnixStream::connect(&tour).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_is_away_until_it_is_called_back() {
    let show = Show::open(FOR_EVER).await;
    let (mut guide, mut other) = (Guide::at(&show.tour()).await, Guide::at(&show.tour()).await);
    assert!(other.ask("hello").await.starts_with("ready "));
    assert_eq!(guide.ask("restart-daemon").await, "running");
    assert_eq!(guide.ask("kill-daemon").await, "killed");
    assert_eq!(other.hear().await.unwrap(), "killed", "everybody is told");
    assert!(show.conn().await.is_none(), "it is dark");
    assert!(guide.ask("hello").await.starts_with("ready "));
    assert_eq!(guide.hear().await.unwrap(), "killed", "who comes later is told, too");
    assert_eq!(guide.ask("kill-daemon").await, "killed", "and can't be more so");
    assert_eq!(other.hear().await.unwrap(), "killed");
    assert_eq!(guide.ask("restart-daemon").await, "restarted");
    assert_eq!(other.hear().await.unwrap(), "restarted");
    assert_eq!(show.rows().await, 120, "it has lost nothing");
    assert_eq!(guide.ask("restart-daemon").await, "running");
    assert_eq!(show.close().await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_daemon_comes_back_by_itself() {
    let show = Show::open(Duration::from_millis(100)).await;
    let mut guide = Guide::at(&show.tour()).await;
    assert_eq!(guide.ask("kill-daemon").await, "killed");
    assert_eq!(guide.hear().await.unwrap(), "restarted");
    assert!(show.conn().await.is_some());
    assert_eq!(show.close().await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_dies_by_itself_is_told_and_comes_back_on_request() {
    let show = Show::open(Duration::ZERO).await;
    let mut guide = Guide::at(&show.tour()).await;
    assert!(guide.ask("hello").await.starts_with("ready "));
    let daemon = UnixStream::connect(show.home.socket()).await.unwrap().peer_cred().unwrap().pid().unwrap();
    kill(Pid::from_raw(daemon), Signal::SIGKILL).unwrap();
    assert_eq!(guide.hear().await.unwrap(), "died signal 9");
    assert!(guide.ask("hello").await.starts_with("ready "));
    assert_eq!(guide.hear().await.unwrap(), "died signal 9", "it stays away");

    let config = std::fs::read(show.home.config()).unwrap();
    show.home.write("cutover.toml", b"environment = \"demo\"\nno_such_key = 1\n").unwrap();
    let failed = guide.ask("restart-daemon").await;
    assert!(failed.starts_with("failed ") && failed.contains("no_such_key"), "{failed}");
    show.home.write("cutover.toml", &config).unwrap();
    assert_eq!(guide.ask("restart-daemon").await, "restarted");
    assert_eq!(show.rows().await, 120);
    assert_eq!(show.close().await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_and_crowds_do_no_harm() {
    let show = Show::open(FOR_EVER).await;
    let mut guide = Guide::at(&show.tour()).await;
    for nonsense in ["", "Hello", "kill-daemon now", "\u{1b}[2J"] {
        assert_eq!(guide.ask(nonsense).await, "what", "{nonsense:?}");
    }
    guide.say(&"x".repeat(1_000)).await;
    assert_eq!(guide.hear().await, None, "a line that does not end is not listened to");

    let mut crowd = Vec::new();
    for _ in 0..4 {
        let mut guide = Guide::at(&show.tour()).await;
        assert!(guide.ask("hello").await.starts_with("ready "));
        crowd.push(guide);
    }
    let mut late = Guide::at(&show.tour()).await;
    late.say("hello").await;
    drop(crowd.pop());
    assert!(late.hear().await.unwrap().starts_with("ready "), "who waits gets the place of who goes");
    assert_eq!(show.close().await.1, 3);
}
