//! Fetching from GitHub by the system's git: shallow, bounded in time and bytes, and with nothing of this machine's.
//!
//! A credential is handed to git through the child's environment only. It is never in an argument, on the disk, in the log or in
//! an error.

mod artifact;
mod command;
mod content;
mod error;
mod process;
mod scratch;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Semaphore;

pub use artifact::{Artifact, ArtifactId, Artifacts};
pub(crate) use command::{Ceilings, Hardened, protocol};
pub(crate) use content::Measured;
pub use error::{GitError, Resource};
pub(crate) use process::{Bounds, run, run_fed, size};

use self::content::Entry;
use self::scratch::Scratch;
use crate::clock::Clock;

/// Bytes of a listing of files that are read.
pub(crate) const LONGEST_LISTING: usize = 128 * 1024 * 1024;

/// Bytes of a short answer that are read.
pub(crate) const SHORT: usize = 64 * 1024;

/// How git is used here.
#[derive(Clone, Debug)]
pub struct GitSettings {
    /// `git`, or where it is.
    pub program: PathBuf,
    /// A folder of its own, for what is under way; emptied at the start.
    pub folder: PathBuf,
    /// Fetches under way at once; others wait.
    pub parallel: usize,
}

/// How far a fetch may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For all of it, the wait for its turn included.
    pub time: Duration,
    /// Of what comes over the wire, and of all files together.
    pub bytes: u64,
    pub files: usize,
}

/// A commit that was fetched. Its files stand in an archive that goes when this does, unless [`Artifacts::keep`] takes it.
#[derive(Debug)]
pub struct Fetched {
    /// Full sha.
    pub commit_sha: String,
    pub tree_sha: String,
    /// Of all files together.
    pub bytes: u64,
    pub files: u64,
    /// SHA-256 over the content, lower-case hex; `docs/import.md` says of what.
    pub digest: String,
    scratch: Scratch,
}

/// The system's git. Cheap to clone; clones share its bounds.
#[derive(Clone)]
pub struct Git(Arc<Inner>);

struct Inner {
    settings: GitSettings,
    clock: Clock,
    slots: Semaphore,
    /// Microseconds and one more; 0: nobody asked for a turn since it was taken.
    longest_wait: AtomicU64,
}

impl Git {
    /// Makes the folder, and removes what a process that was killed has left in it.
    ///
    /// # Errors
    /// [`GitError::Disk`].
    pub fn new(settings: GitSettings, clock: Clock) -> Result<Self, GitError> {
        scratch::clear(&settings.folder)?;
        let slots = Semaphore::new(settings.parallel.max(1));
        Ok(Self(Arc::new(Inner { settings, clock, slots, longest_wait: AtomicU64::new(0) })))
    }

    /// The longest wait of a fetch for its turn since this was asked last, given up ones among them; none: there was no fetch.
    pub fn take_longest_wait(&self) -> Option<Duration> {
        self.0.longest_wait.swap(0, Ordering::Relaxed).checked_sub(1).map(Duration::from_micros)
    }

    /// What the system's git calls itself.
    ///
    /// # Errors
    /// [`GitError::Missing`] when there is none.
    pub async fn version(&self) -> Result<String, GitError> {
        let bounds = self.bounds(Duration::from_secs(10), None);
        let mut command = Hardened::new(&self.0.settings.program, &self.0.settings.folder).command();
        command.arg("version");
        let said = run(command, &self.0.clock, bounds, SHORT).await?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }

    /// Fetches one commit of `url` with a token, without history, submodules, hooks or filters, and packs its files.
    ///
    /// `commit` is a full sha. The address begins with `https://`, or with `http://` when the host is this machine.
    ///
    /// # Errors
    /// All of [`GitError`]. Nothing is left behind after one, neither a process nor a file.
    pub async fn fetch(
        &self,
        url: &str,
        token: &SecretString,
        commit: &str,
        limits: Limits,
    ) -> Result<Fetched, GitError> {
        let protocol = protocol(url)?;
        if !is_sha(commit) {
            return Err(GitError::BadInput { what: "full commit sha" });
        }
        let clock = &self.0.clock;
        let began = clock.monotonic();
        let deadline = began.saturating_add(limits.time);
        let waiting = clock.timeout(limits.time, self.0.slots.acquire()).await;
        let waited = clock.monotonic().saturating_sub(began);
        let us = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX - 1);
        self.0.longest_wait.fetch_max(us.saturating_add(1), Ordering::Relaxed);
        let Ok(Ok(_slot)) = waiting else { return Err(GitError::Busy) };
        let scratch = Scratch::new(&self.0.settings.folder)?;
        let bounds = Bounds {
            deadline,
            time: limits.time,
            grown: Some((scratch.packs(), limits.bytes)),
            processes: None,
        };
        let git = Hardened::new(&self.0.settings.program, scratch.path()).repository(scratch.repository());

        let mut init = git.command();
        init.args(["init", "--quiet", "--bare", "--template="]).arg(scratch.repository());
        run(init, clock, bounds.clone(), SHORT).await?;
        let mut fetch = git.with_credential(url, token, protocol).command();
        fetch.args([
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
        ]);
        fetch
            .args(["--no-auto-maintenance", "--end-of-options"])
            .arg(url)
            .arg(format!("{commit}:refs/heads/fetched"));
        run(fetch, clock, bounds.clone(), SHORT).await?;

        let mut show = git.command();
        show.args([
            "log",
            "-1",
            "--no-decorate",
            "--no-show-signature",
            "--format=%H %T %ct",
            "refs/heads/fetched",
        ]);
        let said = run(show, clock, bounds.clone(), SHORT).await?;
        let [commit_sha, tree_sha, time] = words(&said)?;
        if commit_sha != commit.to_ascii_lowercase() {
            return Err(GitError::Damaged("another commit came than was asked for".to_owned()));
        }
        let mut list = git.command();
        list.args(["ls-tree", "-r", "-z", "-l", "--full-tree", &commit_sha]);
        let listing = run(list, clock, bounds.clone(), LONGEST_LISTING).await?;
        let entries = content::parse(&listing)?;
        let bytes = content::total(&entries);
        if bytes > limits.bytes {
            return Err(GitError::TooLarge { what: "bytes in files", limit: limits.bytes });
        }
        if entries.len() > limits.files {
            let limit = u64::try_from(limits.files).unwrap_or(u64::MAX);
            return Err(GitError::TooLarge { what: "files", limit });
        }
        let files = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        let digest =
            self.pack(&git, &scratch, entries, time.parse().unwrap_or(0), deadline, limits.time).await?;
        // The archive is all that is needed from here on.
        scratch.drop_repository();
        Ok(Fetched { commit_sha, tree_sha, bytes, files, digest, scratch })
    }

    /// Reads every file once: into the digest and into the archive.
    async fn pack(
        &self,
        git: &Hardened,
        scratch: &Scratch,
        entries: Vec<Entry>,
        time: u64,
        deadline: Duration,
        length: Duration,
    ) -> Result<String, GitError> {
        let mut cat = git.command();
        cat.args(["cat-file", "--batch"]);
        let mut cat = process::Talk::start(cat)?;
        let (input, output) = cat.pipes()?;
        let archive = scratch.archive();
        let packing =
            tokio::task::spawn_blocking(move || content::pack(input, output, &entries, time, &archive));
        tokio::select! {
            biased;
            packed = packing => {
                let packed = packed.map_err(|_| GitError::Failed("packing the files broke off".to_owned()))?;
                cat.end(&self.0.clock).await;
                packed
            }
            () = self.0.clock.sleep_until(deadline) => {
                // Its pipes close with it, so that the packing ends, too.
                cat.end(&self.0.clock).await;
                Err(GitError::TimedOut(length))
            }
        }
    }

    fn bounds(&self, time: Duration, grown: Option<(PathBuf, u64)>) -> Bounds {
        Bounds { deadline: self.0.clock.monotonic().saturating_add(time), time, grown, processes: None }
    }
}

/// What the files of a commit take, from what `git ls-tree -r -z -l` lists.
///
/// # Errors
/// [`GitError::Damaged`]: a path that leads out, or one that is there twice.
pub(crate) fn measure(listing: &[u8]) -> Result<Measured, GitError> {
    Ok(content::measured(&content::parse(listing)?))
}

pub(crate) fn is_sha(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn words(said: &[u8]) -> Result<[String; 3], GitError> {
    let said = String::from_utf8_lossy(said);
    let words: Vec<String> = said.split_ascii_whitespace().map(str::to_owned).collect();
    words.try_into().map_err(|_| GitError::Failed("git describes a commit in an unknown way".to_owned()))
}

#[cfg(test)]
mod tests;
