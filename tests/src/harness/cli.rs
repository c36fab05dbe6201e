//! The command line as a process.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use cutover_daemon::clock::Clock;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::role::ROLE;
use super::{HarnessError, Home, daemon, failed};

/// A call that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// Calls `cutover` against the daemon of a home.
#[derive(Clone, Debug)]
pub struct Cli {
    exe: PathBuf,
    home: Home,
}

/// What a call printed, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Cli {
    /// Calls go through `exe`, which plays the role.
    pub fn new(exe: impl Into<PathBuf>, home: &Home) -> Self {
        Self { exe: exe.into(), home: home.clone() }
    }

    /// The command `cutover ARGS`, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        daemon::clean(&mut command, self.home.dir());
        command
            .args([ROLE, "cli"])
            .args(args)
            .env("CUTOVER_SOCKET", self.home.socket())
            .env("CUTOVER_STATE_DIR", self.home.state())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Calls `cutover ARGS`, whatever comes of it.
    pub async fn call(&self, args: &[&str]) -> Result<Said, HarnessError> {
        Self::heard(self.command(args), &[]).await
    }

    /// The same with `input` as its standard input.
    pub async fn fed(&self, args: &[&str], input: &[u8]) -> Result<Said, HarnessError> {
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        Self::heard(command, input).await
    }

    /// Runs a command to its end; `input` goes to its standard input where that is a pipe.
    pub async fn heard(mut command: Command, input: &[u8]) -> Result<Said, HarnessError> {
        let mut child = command.spawn().map_err(failed("calling `cutover`"))?;
        let stdin = child.stdin.take();
        let feeding = async {
            if let Some(mut stdin) = stdin {
                // A program that has said no closes its end first.
                let _ = stdin.write_all(input).await;
            }
        };
        let work = async { tokio::join!(feeding, child.wait_with_output()).1 };
        let output = Clock::system().timeout(PATIENCE, work).await;
        let output = output
            .map_err(|_| HarnessError::TooLong("a call of `cutover`"))?
            .map_err(failed("calling `cutover`"))?;
        Ok(Said {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Calls and demands one of these exit codes.
    pub async fn expect(&self, codes: &[i32], args: &[&str]) -> Result<Said, HarnessError> {
        let said = self.call(args).await?;
        if codes.contains(&said.code) {
            return Ok(said);
        }
        Err(HarnessError::Command { args: args.join(" "), code: said.code, stderr: said.stderr })
    }

    /// Calls with `--json`, demands one of these exit codes, and reads what was printed.
    pub async fn json(&self, codes: &[i32], args: &[&str]) -> Result<Value, HarnessError> {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = self.expect(codes, &args).await?;
        serde_json::from_str(&said.stdout)
            .map_err(|error| HarnessError::Unreadable { args: args.join(" "), cause: error.to_string() })
    }
}
