//! What can go wrong with a fetch, told apart as far as a caller can act on it.

use std::time::Duration;

use nix::sys::signal::Signal;

/// Letters of git's words that are kept.
const LONGEST: usize = 300;

/// Why there is no fetched commit. No text holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// There is no git that runs.
    #[error("git can't be run: {0}")]
    Missing(String),
    /// The caller's own input can't be asked for.
    #[error("not a valid {what}")]
    BadInput { what: &'static str },
    /// No such repository, or this credential may not know of it.
    #[error("the repository is not there")]
    NotFound,
    /// The credential is refused as such (401).
    #[error("the credential is refused")]
    Denied,
    /// The credential is good, but not for this (403).
    #[error("the credential may not read this repository")]
    Forbidden,
    /// 429.
    #[error("GitHub asks for a pause")]
    RateLimited,
    /// Redirects are not followed: a credential is meant for one address.
    #[error("the repository has moved")]
    Moved,
    /// The commit is not there (any more).
    #[error("the commit is not there")]
    NoSuchCommit,
    /// GitHub does not answer, answers 5xx, or the connection broke.
    #[error("GitHub is unavailable: {0}")]
    Unavailable(String),
    /// More than allowed.
    #[error("more than {limit} {what}")]
    TooLarge { what: &'static str, limit: u64 },
    /// Not done in time.
    #[error("not done within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// Too many fetches are under way.
    #[error("too many fetches are under way")]
    Busy,
    /// What came is not what it says it is.
    #[error("what GitHub sent is damaged or forbidden: {0}")]
    Damaged(String),
    /// The state folder can't be written.
    #[error("the disk does not take it: {0}")]
    Disk(String),
    /// The other side does not take a push.
    #[error("the push is refused: {0}")]
    Rejected(String),
    /// A process may use no more of the machine.
    #[error("git may use no more {0}")]
    Exhausted(Resource),
    /// Anything else.
    #[error("git failed: {0}")]
    Failed(String),
}

/// What a process uses of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    Cpu,
    Memory,
    /// Of one file.
    Disk,
    Processes,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "processor time",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Processes => "processes",
        })
    }
}

impl Resource {
    /// The bound that a signal of the kernel's tells of.
    pub(super) fn of_signal(signal: i32) -> Option<Self> {
        match Signal::try_from(signal) {
            Ok(Signal::SIGXCPU) => Some(Self::Cpu),
            Ok(Signal::SIGXFSZ) => Some(Self::Disk),
            // Who is killed here is not listened to any more: it was the kernel, for want of memory.
            Ok(Signal::SIGKILL) => Some(Self::Memory),
            _ => None,
        }
    }

    /// As git, its loader or its libraries say it.
    fn of_words(own: &str) -> Option<Self> {
        for line in own.lines().filter(|line| !line.contains("remote error:")) {
            if let Some((_, number)) = line.split_once("died of signal ") {
                let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
                return digits.parse().ok().and_then(Self::of_signal);
            }
            if line.contains("File too large") {
                return Some(Self::Disk);
            }
            const MEMORY: [&str; 5] = [
                "ut of memory",
                "annot allocate memory",
                "failed to map segment",
                "mmap failed",
                "unable to create thread",
            ];
            if MEMORY.iter().any(|words| line.contains(words)) {
                return Some(Self::Memory);
            }
        }
        None
    }
}

impl From<std::io::Error> for GitError {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl GitError {
    /// Reads what git printed (in the C locale) before it gave up.
    pub(super) fn of_words(stderr: &str) -> Self {
        // What the other side says is shown by git behind this mark; it must not choose the error.
        let own: Vec<&str> =
            stderr.lines().filter(|line| !line.trim_start().starts_with("remote:")).collect();
        let own = own.join("\n");
        let says = |words: &[&str]| words.iter().any(|word| own.contains(word));
        // Before the status: what a remote gives as its reason stands in the same line.
        if says(&["[rejected]", "[remote rejected]"]) {
            return Self::Rejected(clean(&own));
        }
        if let Some(resource) = Resource::of_words(&own) {
            return Self::Exhausted(resource);
        }
        match status(&own) {
            Some(401) => return Self::Denied,
            Some(403) => return Self::Forbidden,
            Some(404 | 410) => return Self::NotFound,
            Some(429) => return Self::RateLimited,
            Some(300..=399) => return Self::Moved,
            Some(status @ 500..) => return Self::Unavailable(format!("status {status}")),
            _ => {}
        }
        if says(&["No space left", "Disk quota"]) {
            Self::Disk(clean(&own))
        } else if says(&[
            "Authentication failed",
            "could not read Username",
            "could not read Password",
            "unable to get password",
        ]) {
            Self::Denied
        } else if says(&["not our ref", "couldn't find remote ref", "no such remote ref"]) {
            Self::NoSuchCommit
        } else if says(&["unable to update url base from redirection"]) {
            Self::Moved
        } else if own.contains("repository '") && own.contains("' not found") {
            Self::NotFound
        } else if says(&[
            "fsck error",
            "error in object",
            "pack has bad object",
            "pack is corrupted",
            "SHA1 COLLISION",
        ]) {
            Self::Damaged(clean(&own))
        } else if says(&[
            "Could not resolve host",
            "Failed to connect",
            "Couldn't connect",
            "Connection",
            "early EOF",
            "RPC failed",
            "unexpected disconnect",
            "hung up",
            "expected flush",
            "curl ",
            "SSL",
            "TLS",
            "timed out",
            "Operation too slow",
        ]) {
            Self::Unavailable(clean(&own))
        } else {
            Self::Failed(clean(&own))
        }
    }
}

/// As in `The requested URL returned error: 503`.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("returned error: ")?;
    rest.get(..3)?.parse().ok()
}

/// Short, on one line, without anything that looks like a credential.
fn clean(text: &str) -> String {
    let one_line: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    cutover_shared::redact::redact(&one_line.join(" ")).chars().take(LONGEST).collect()
}
