//! One process under its bounds: when the time is up, when it has grown too large, or when nobody waits for it any more, its
//! whole group is killed.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::error::{GitError, Resource};
use crate::clock::Clock;

/// Bytes of standard error that are kept.
const STDERR: usize = 16 * 1024;

/// The kernel counts the size of a file in blocks.
const BLOCK: u64 = 512;

/// How often the size of what came is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(5);

/// How far one process may go.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// On the clock's monotonic scale.
    pub(crate) deadline: Duration,
    /// The time that was given, for the error.
    pub(crate) time: Duration,
    /// A folder whose files may have so many bytes together.
    pub(crate) grown: Option<(PathBuf, u64)>,
    /// Processes that it may be, itself and all below it; looked at from time to time, where the system tells.
    pub(crate) processes: Option<usize>,
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
pub(crate) async fn run(
    command: Command,
    clock: &Clock,
    bounds: Bounds,
    most: usize,
) -> Result<Vec<u8>, GitError> {
    run_fed(command, Vec::new(), clock, bounds, most).await
}

/// As [`run`], with something to read.
pub(crate) async fn run_fed(
    mut command: Command,
    input: Vec<u8>,
    clock: &Clock,
    bounds: Bounds,
    most: usize,
) -> Result<Vec<u8>, GitError> {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = spawn(&mut command)?;
    let mut group = Group::of(&child);
    let leader = child.id();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let working = async {
        let (out, words, (), status) = tokio::join!(
            kept(stdout, most, false),
            kept(stderr, STDERR, true),
            feed(stdin, input),
            child.wait()
        );
        (out, words, status)
    };
    let ended = tokio::select! {
        biased;
        (out, words, status) = working => Ok((out, words, status)),
        () = clock.sleep_until(bounds.deadline) => Err(GitError::TimedOut(bounds.time)),
        error = outgrown(clock, &bounds, leader) => Err(error),
    };
    match ended {
        Ok((out, words, status)) => {
            group.ended();
            let judged = judge(out, &words.0, status, most);
            // Who is killed by the kernel's own bound on a file can't say so.
            match (&judged, bounds.grown) {
                (Err(GitError::Failed(_)), Some((folder, limit)))
                    if size(&folder) >= limit.saturating_sub(BLOCK) =>
                {
                    Err(GitError::TooLarge { what: "bytes on the wire", limit })
                }
                _ => judged,
            }
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
    let status = status?;
    // First: who is not listened to any more may have ended badly for that reason.
    if !whole {
        return Err(GitError::TooLarge {
            what: "bytes of a listing",
            limit: u64::try_from(most).unwrap_or(u64::MAX),
        });
    }
    if let Some(resource) = status.signal().and_then(Resource::of_signal) {
        return Err(GitError::Exhausted(resource));
    }
    if !status.success() {
        return Err(GitError::of_words(&String::from_utf8_lossy(words)));
    }
    Ok(out)
}

/// Writes all of it, and closes.
async fn feed(to: Option<ChildStdin>, input: Vec<u8>) {
    if let Some(mut to) = to {
        // Who has heard enough closes, and says why.
        let _ = to.write_all(&input).await;
    }
}

/// Keeps the first bytes; whether these are all. What is more is read to the end, or not read, which ends who writes it.
async fn kept(from: Option<impl AsyncRead + Unpin>, most: usize, to_the_end: bool) -> (Vec<u8>, bool) {
    let Some(mut from) = from else { return (Vec::new(), true) };
    let (mut out, mut whole, mut part) = (Vec::new(), true, vec![0; 16 * 1024]);
    // A pipe that breaks has ended, whatever the reason.
    while (whole || to_the_end)
        && let Ok(n @ 1..) = from.read(&mut part).await
    {
        let room = most.saturating_sub(out.len()).min(n);
        out.extend_from_slice(&part[..room]);
        whole &= room == n;
    }
    (out, whole)
}

/// Comes back once the folder is larger, or the processes are more, than they may be.
async fn outgrown(clock: &Clock, bounds: &Bounds, leader: Option<u32>) -> GitError {
    if bounds.grown.is_none() && bounds.processes.is_none() {
        return std::future::pending().await;
    }
    loop {
        if let Some((folder, limit)) = &bounds.grown
            && size(folder) > *limit
        {
            return GitError::TooLarge { what: "bytes on the wire", limit: *limit };
        }
        if let (Some(most), Some(leader)) = (bounds.processes, leader)
            && processes(leader, most) > most
        {
            return GitError::Exhausted(Resource::Processes);
        }
        clock.sleep(LOOK).await;
    }
}

/// How many processes there are below this one and with it; counting ends above `most`.
fn processes(leader: u32, most: usize) -> usize {
    let mut found = vec![leader];
    let mut at = 0;
    while at < found.len() && found.len() <= most {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", found[at])) else {
            at += 1;
            continue;
        };
        for thread in threads.filter_map(Result::ok) {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_ascii_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        at += 1;
    }
    found.len()
}

/// Bytes of the files in a folder; one that is not there has none.
pub(crate) fn size(folder: &Path) -> u64 {
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
