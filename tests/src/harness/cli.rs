//! The command line as a process.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::role::ROLE;
use super::{HarnessError, Home, daemon, failed};

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

    /// Calls `cutover ARGS`, whatever comes of it.
    pub async fn call(&self, args: &[&str]) -> Result<Said, HarnessError> {
        let mut command = Command::new(&self.exe);
        daemon::clean(&mut command, self.home.dir());
        command
            .args([ROLE, "cli"])
            .args(args)
            .env("CUTOVER_SOCKET", self.home.socket())
            .env("CUTOVER_STATE_DIR", self.home.state())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.map_err(failed("calling `cutover`"))?;
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
