//! One process under its bounds: when the time is up, when it has grown too large, or when nobody waits for it any more, its
//! whole group is killed.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use super::error::GitError;
use crate::clock::Clock;

/// Bytes of standard error that are kept.
const STDERR: usize = 16 * 1024;

/// How often the size of what came is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// How far one process may go.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// On the clock's monotonic scale.
    pub(super) deadline: Duration,
    /// The time that was given, for the error.
    pub(super) time: Duration,
    /// A folder whose files may have so many bytes together.
    pub(super) grown: Option<(PathBuf, u64)>,
}

/// Kills a process group when dropped, unless its leader is known to have ended.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn kill(&mut self) {
        // The leader is not waited for yet, so that its number can't belong to another group.
        if let Some(group) = self.0.take() {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }

    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &mut Command) -> Result<Child, GitError> {
    command.spawn().map_err(|error| GitError::Missing(error.to_string()))
}

/// Runs a command to its end, and answers what it printed; more than `most` bytes of it are [`GitError::TooLarge`].
pub(super) async fn run(
    mut command: Command,
    clock: &Clock,
    bounds: Bounds,
    most: usize,
) -> Result<Vec<u8>, GitError> {
    let mut child = spawn(&mut command)?;
    let mut group = Group::of(&child);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let working = async { tokio::join!(kept(stdout, most), kept(stderr, STDERR), child.wait()) };
    let ended = tokio::select! {
        biased;
        (out, words, status) = working => Ok((out, words, status)),
        () = clock.sleep_until(bounds.deadline) => Err(GitError::TimedOut(bounds.time)),
        limit = outgrown(clock, bounds.grown.as_ref()) => Err(GitError::TooLarge { what: "bytes on the wire", limit }),
    };
    match ended {
        Ok((out, words, status)) => {
            group.ended();
            judge(out, &words.0, status, most)
        }
        Err(error) => {
            group.kill();
            let _ = clock.timeout(GONE, child.wait()).await;
            Err(error)
        }
    }
}

fn judge(
    (out, whole): (Vec<u8>, bool),
    words: &[u8],
    status: std::io::Result<ExitStatus>,
    most: usize,
) -> Result<Vec<u8>, GitError> {
    if !status?.success() {
        return Err(GitError::of_words(&String::from_utf8_lossy(words)));
    }
    if !whole {
        return Err(GitError::TooLarge {
            what: "bytes of a listing",
            limit: u64::try_from(most).unwrap_or(u64::MAX),
        });
    }
    Ok(out)
}

/// Reads to the end, and keeps the first bytes; whether these are all.
async fn kept(from: Option<impl AsyncRead + Unpin>, most: usize) -> (Vec<u8>, bool) {
    let Some(mut from) = from else { return (Vec::new(), true) };
    let (mut out, mut whole, mut part) = (Vec::new(), true, vec![0; 16 * 1024]);
    // A pipe that breaks has ended, whatever the reason.
    while let Ok(n @ 1..) = from.read(&mut part).await {
        let room = most.saturating_sub(out.len()).min(n);
        out.extend_from_slice(&part[..room]);
        whole &= room == n;
    }
    (out, whole)
}

/// Comes back with the limit once the folder is larger.
async fn outgrown(clock: &Clock, grown: Option<&(PathBuf, u64)>) -> u64 {
    let Some((folder, limit)) = grown else { return std::future::pending().await };
    while size(folder) <= *limit {
        clock.sleep(LOOK).await;
    }
    *limit
}

/// Bytes of the files in a folder; one that is not there has none.
fn size(folder: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(folder) else { return 0 };
    files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
}

/// A process that is asked and answers, over its pipes.
pub(super) struct Talk {
    child: Child,
    group: Group,
}

impl Talk {
    pub(super) fn start(mut command: Command) -> Result<Self, GitError> {
        command.stdin(Stdio::piped()).stderr(Stdio::null());
        let child = spawn(&mut command)?;
        let group = Group::of(&child);
        Ok(Self { child, group })
    }

    /// Its two ends, for a thread that may block.
    pub(super) fn pipes(&mut self) -> Result<(std::fs::File, std::fs::File), GitError> {
        let (Some(input), Some(output)) = (self.child.stdin.take(), self.child.stdout.take()) else {
            return Err(GitError::Failed("git has no pipes".to_owned()));
        };
        Ok((input.into_owned_fd()?.into(), output.into_owned_fd()?.into()))
    }

    pub(super) async fn end(&mut self, clock: &Clock) {
        self.group.kill();
        let _ = clock.timeout(GONE, self.child.wait()).await;
    }
}
