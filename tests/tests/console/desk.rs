//! An operator's desk: a world with its GitHub, a daemon, and consoles in terminals.

use std::process::Command;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use cutover_tests::harness::role::ROLE;
use cutover_tests::harness::{Daemon, Ended, Terminal};
use serde_json::Value;

use super::stage::{EXE, Stage};

/// Repositories of the usual world.
const REPOS: usize = 40;

/// An answer that was not taken is typed again after so long: a question is deaf at first.
const AGAIN: Duration = Duration::from_millis(100);

pub struct Desk {
    pub stage: Stage,
    /// None while it is dead.
    pub daemon: Option<Daemon>,
}

impl Desk {
    pub async fn new() -> Self {
        Self::of(REPOS).await
    }

    /// A world of six tenants and so many repositories, imported.
    pub async fn of(repos: usize) -> Self {
        let stage = Stage::of(repos, None, "").await;
        let daemon = stage.daemon().await;
        stage.import().await;
        Self { stage, daemon: Some(daemon) }
    }

    pub async fn kill_daemon(&mut self) {
        self.daemon.take().unwrap().kill().await.unwrap();
    }

    pub async fn start_daemon(&mut self) {
        self.daemon = Some(self.stage.daemon().await);
    }

    /// `cutover ARGS` in this home, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        self.role("console", args)
    }

    pub fn role(&self, role: &str, args: &[&str]) -> Command {
        let home = &self.stage.home;
        let mut command = Command::new(EXE);
        command.args([ROLE, role]).args(args).current_dir(home.dir());
        command.env("HOME", home.dir()).env("LANG", "C.UTF-8");
        command.env("CUTOVER_SOCKET", home.socket()).env("CUTOVER_STATE_DIR", home.state());
        command
    }

    /// A console of 80x24 that has its first data.
    pub async fn console(&self, args: &[&str]) -> Console {
        let console = Console::start(&self.command(args), (80, 24), &[]);
        console.says("connected").await;
        console
    }

    /// Acts that the daemon did or refused.
    pub async fn acts(&self) -> usize {
        self.stage.ask(&[0], &["audit", "list", "--all-rows"]).await["rows"].as_array().unwrap().len()
    }

    /// The newest run.
    pub async fn run(&self) -> Value {
        self.stage.ask(&[0], &["run", "list"]).await["rows"][0].clone()
    }
}

/// A console in its terminal.
pub struct Console {
    pub terminal: Terminal,
}

impl Console {
    pub fn start(command: &Command, (columns, rows): (u16, u16), env: &[(&str, &str)]) -> Self {
        Self { terminal: Terminal::start(command, columns, rows, env).unwrap() }
    }

    pub async fn says(&self, text: &str) {
        self.terminal.wait_text(text).await.unwrap();
    }

    /// Waits until the text is gone.
    pub async fn hides(&self, text: &str) {
        self.terminal.wait_for(|screen| !screen.contents().contains(text)).await.unwrap();
    }

    pub async fn press(&self, keys: &[&str]) {
        for key in keys {
            self.terminal.key(key).await.unwrap();
        }
    }

    /// Answers the open question as a person does: types the phrase, Tab to the button, `y`.
    pub async fn answer(&self, phrase: &str) {
        self.says(&format!("type `{phrase}`")).await;
        self.typed(phrase).await;
        self.press(&["Tab", "y"]).await;
        self.hides(&format!("type `{phrase}`")).await;
    }

    /// Types into the open question until it says that this is what it asked for. The line is cleared each time, so that
    /// nothing stands there twice.
    pub async fn typed(&self, phrase: &str) {
        loop {
            self.terminal.send(format!("\x15{phrase}").as_bytes()).await.unwrap();
            if Clock::system().timeout(AGAIN, self.terminal.wait_text("✓ it is")).await.is_ok() {
                return;
            }
            assert!(self.terminal.alternate_screen(), "{}", self.terminal.picture());
        }
    }

    /// `q`, the exit code, and what is on the normal screen then.
    pub async fn quit(&self) -> (Ended, String) {
        self.press(&["q"]).await;
        self.end().await
    }

    pub async fn end(&self) -> (Ended, String) {
        let ended = self.terminal.wait_exit().await.unwrap();
        (ended, self.terminal.screen_text())
    }

    /// The row of the screen that the cursor stands on.
    pub fn selected(&self) -> (u16, String) {
        let text = self.terminal.screen_text();
        let at = text.lines().position(|line| line.contains('▌') || line.contains("|>")).unwrap();
        (u16::try_from(at).unwrap(), text.lines().nth(at).unwrap().to_owned())
    }
}
