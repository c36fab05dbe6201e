//! The daemon as a process.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cutover_daemon::clock::Clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};

use super::role::ROLE;
use super::{HarnessError, Home, failed};

/// A start that takes longer has failed; a cold disk and two busy cores included.
const START: Duration = Duration::from_secs(60);

/// A stop that takes longer has failed.
const STOP: Duration = Duration::from_secs(60);

/// A running daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    clock: Clock,
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
}

impl Daemon {
    /// Starts `exe` in the daemon's role and waits until it serves. `crash_at` is `POINT:N`.
    pub async fn start(exe: &Path, home: &Home, crash_at: Option<&str>) -> Result<Self, HarnessError> {
        let clock = Clock::system();
        let notify = home.dir().join("notify.sock");
        let _ = std::fs::remove_file(&notify);
        let ready = UnixDatagram::bind(&notify).map_err(failed("binding the socket of readiness"))?;
        let mut command = command(exe, home);
        if let Some(at) = crash_at {
            command.args(["--crash-at", at]);
        }
        command.arg("--config").arg(home.config()).env("NOTIFY_SOCKET", &notify);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(failed("starting the daemon"))?;
        let mut message = [0; 256];
        let waiting = async {
            loop {
                tokio::select! {
                    received = ready.recv(&mut message) => {
                        let length = received.map_err(failed("hearing of readiness"))?;
                        if message[..length].starts_with(b"READY=1") {
                            return Ok(());
                        }
                    }
                    status = child.wait() => {
                        let status = status.map_err(failed("waiting for the daemon"))?;
                        let mut said = String::new();
                        if let Some(mut stderr) = child.stderr.take() {
                            let _ = stderr.read_to_string(&mut said).await;
                        }
                        return Err(HarnessError::NotStarted { code: status.code(), said });
                    }
                }
            }
        };
        clock
            .timeout(START, waiting)
            .await
            .map_err(|_| HarnessError::TooLong("the start of the daemon"))??;
        Ok(Self { child, clock })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or(0)
    }

    /// Calls `cutoverd ARGS` to its end, whatever comes of it: `check`, `init`, or a start that must fail.
    pub async fn call(exe: &Path, home: &Home, args: &[&str]) -> Result<super::Said, HarnessError> {
        let mut command = command(exe, home);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        super::Cli::heard(command, &[]).await
    }

    /// SIGKILL, and the end of the process.
    pub async fn kill(mut self) -> Result<Ended, HarnessError> {
        self.child.start_kill().map_err(failed("killing the daemon"))?;
        self.end().await
    }

    /// SIGTERM, and the end of the process.
    pub async fn stop(mut self) -> Result<Ended, HarnessError> {
        self.signal(Signal::SIGTERM)?;
        self.end().await
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<(), HarnessError> {
        let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap_or(i32::MAX));
        kill(pid, signal).map_err(|error| failed("signalling the daemon")(error.into()))
    }

    /// Waits until it ends by itself.
    pub async fn end(&mut self) -> Result<Ended, HarnessError> {
        let status = self
            .clock
            .clone()
            .timeout(STOP, self.child.wait())
            .await
            .map_err(|_| HarnessError::TooLong("the end of the daemon"))?
            .map_err(failed("waiting for the daemon"))?;
        Ok(ended(status))
    }
}

fn ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, signal) => Ended::Signal(signal.unwrap_or(0)),
    }
}

/// A command in the daemon's role, with an environment of its own.
pub(super) fn command(exe: &Path, home: &Home) -> Command {
    let mut command = Command::new(exe);
    clean(&mut command, home.dir());
    command.args([ROLE, "daemon"]).kill_on_drop(true);
    command
}

/// Nothing of the caller's settings reaches the process.
pub(super) fn clean(command: &mut Command, dir: &Path) {
    let path: PathBuf = "/usr/local/bin:/usr/bin:/bin".into();
    command.env_clear().env("PATH", path).env("HOME", dir).env("LANG", "C.UTF-8");
}

/// Makes the seal key, as `cutoverd init` does.
pub(super) async fn init(exe: &Path, home: &Home) -> Result<(), HarnessError> {
    let mut command = command(exe, home);
    command.arg("init").arg("--config").arg(home.dir().join("commented.toml"));
    command.arg("--state-dir").arg(home.state()).args(["--environment", "demo"]);
    let output = command.output().await.map_err(failed("running `cutoverd init`"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(HarnessError::NotStarted {
        code: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Home {
    /// Runs `cutoverd init` for the state folder: a seal key, and a commented configuration that nobody reads.
    pub async fn init(&self, exe: &Path) -> Result<(), HarnessError> {
        init(exe, self).await
    }
}
