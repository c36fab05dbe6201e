//! The supervisor in a real terminal: it leaves the keys to the console, stops and goes on with it, and leaves nothing
//! behind when it is told to end.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Parser as _;
use cutover_tests::demo::Options;
use cutover_tests::demo::console::{Front, play};
use cutover_tests::harness::{Ended, Terminal};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::net::UnixStream;

use super::{EXE, Guide};

/// A file that says: this program is to be the supervisor.
const MARK: &str = "supervise";

/// Stands where the console will be: it takes the keys, and does what it is told.
const CONSOLE: &str = r#"stty -icanon -echo -isig
trap 'echo "told to end"; stty sane; exit 9' TERM
echo "open $2"
while :; do
  line=; read -r line
  case $line in
    "") ;;
    stop) kill -STOP $$; echo "went on" ;;
    stop-all) kill -TSTP 0; echo "went on" ;;
    quit) stty sane; exit 0 ;;
    *) echo "heard $line" ;;
  esac
done"#;

/// Not a test of its own: the others start this program with it, because signals need a process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the supervisor that the tests beside it start"]
async fn supervisor() {
    if !Path::new(MARK).exists() {
        return;
    }
    let options = Options::try_parse_from(["cutover-demo", "--tenants", "3", "--repos", "12"]).unwrap();
    let mut console = Command::new("/bin/sh");
    console.args(["-c", CONSOLE, "console"]);
    let front = Front { exe: EXE.into(), console, darkness: Duration::ZERO };
    let (text, code) = play(&options, front).await.unwrap();
    println!("{text}\ncode {code}");
}

/// The folder that temporary folders are made in, and the supervisor in a terminal.
struct Show {
    terminal: Terminal,
    dir: TempDir,
}

impl Show {
    fn begin(in_shell: bool) -> Self {
        let dir = TempDir::with_prefix("cutover-signals-").unwrap();
        std::fs::write(dir.path().join(MARK), "").unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "signals::supervisor", "--ignored", "--nocapture"]);
        command.current_dir(dir.path()).env("TMPDIR", dir.path());
        let start = if in_shell { Terminal::start_in_shell } else { Terminal::start };
        Self { terminal: start(&command, 160, 50, &[]).unwrap(), dir }
    }

    async fn open(in_shell: bool) -> Self {
        let show = Self::begin(in_shell);
        show.terminal.wait_text("open /").await.unwrap();
        show
    }

    async fn says(&self, text: &str) {
        self.terminal.wait_text(text).await.unwrap();
    }

    async fn says_times(&self, text: &str, times: usize) {
        self.terminal.wait_for(|screen| screen.contents().matches(text).count() == times).await.unwrap();
    }

    async fn line(&self, text: &str) {
        self.terminal.send(format!("{text}\n").as_bytes()).await.unwrap();
    }

    fn home(&self) -> PathBuf {
        let text = self.terminal.screen_text();
        let line = text.lines().find_map(|line| line.strip_prefix("open ")).unwrap();
        Path::new(line).parent().unwrap().to_owned()
    }

    /// The temporary folders that are still there.
    fn left(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_is_a_line_before_the_console_opens() {
    let show = Show::open(false).await;
    let text = show.terminal.screen_text();
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    let places =
        ["1. A made-up world: 3 tenants, 12 ", "2. ", "3. ", "4. ", "CUTOVER_SOCKET=", "open /"].map(at);
    assert!(places.is_sorted(), "{text}");
    show.line("quit").await;
    show.says("code 0").await;
    assert_eq!(show.terminal.wait_exit().await.unwrap(), Ended::Code(0));
    let text = show.terminal.screen_text();
    assert!(text.contains("ended with 0") && text.contains(", and is gone."), "{text}");
    assert_eq!(show.left(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_is_the_consoles_and_a_termination_ends_all() {
    let show = Show::open(false).await;
    let mut guide = Guide::at(&show.home().join("tour.sock")).await;
    let daemon = show.home().join("cutoverd.sock");
    for _ in 0..3 {
        show.terminal.signal(Signal::SIGINT).unwrap();
        assert!(guide.ask("hello").await.starts_with("ready "));
    }
    show.line("x").await;
    show.says("heard x").await;
    UnixStream::connect(&daemon).await.unwrap();

    show.terminal.signal(Signal::SIGTERM).unwrap();
    show.says("told to end").await;
    show.says("code 9").await;
    assert_eq!(show.terminal.wait_exit().await.unwrap(), Ended::Code(0));
    assert_eq!(show.left(), Vec::<PathBuf>::new());
    assert!(UnixStream::connect(&daemon).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_before_the_console_opens_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let show = Show::begin(false);
        show.says("2. A home").await;
        show.terminal.signal(signal).unwrap();
        show.terminal.wait_exit().await.unwrap();
        let text = show.terminal.screen_text();
        // Signals that come just when the console opens end it, too.
        assert!(text.contains(&format!("code {}", 128 + signal as i32)) || text.contains("code 9"), "{text}");
        assert_eq!(show.left(), Vec::<PathBuf>::new(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_supervisor_stops_with_the_console_and_goes_on_with_it() {
    let show = Show::open(true).await;
    for (word, times) in [("stop", 1), ("stop-all", 2), ("stop", 3)] {
        show.line(word).await;
        show.says_times("[stopped]", times).await;
        show.terminal.go_on().await.unwrap();
        show.says_times("went on", times).await;
        let mut guide = Guide::at(&show.home().join("tour.sock")).await;
        assert!(guide.ask("hello").await.starts_with("ready "));
    }
    show.line("quit").await;
    show.says("code 0").await;
    show.says("[ended 0]").await;
    show.terminal.go_on().await.unwrap();
    assert_eq!(show.terminal.wait_exit().await.unwrap(), Ended::Code(0));
}

#[tokio::test]
async fn without_a_terminal_it_says_how_to_go_without() {
    let output = tokio::process::Command::new(EXE).stdin(std::process::Stdio::null()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--headless") && output.stdout.is_empty(), "{said}");
}
