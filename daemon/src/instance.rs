//! One daemon for a state folder: an exclusive lock on `daemon.lock` in it, for as long as the [`Instance`] lives.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::clock::Clock;

pub mod notify;

/// The right to use a state folder. The kernel takes it back when the process ends, however that happens.
#[derive(Debug)]
pub struct Instance {
    file: File,
    state_dir: PathBuf,
}

/// Why a state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Another daemon has it.
    #[error(
        "the state folder {} is in use by {holder}; stop that one first, or give this one another `state_dir`",
        state_dir.display()
    )]
    Taken { state_dir: PathBuf, holder: Holder },
    /// Others could change what the daemon trusts.
    #[error("others may write to the state folder {0}; mend: chmod 700 {0}", state_dir.display())]
    Exposed { state_dir: PathBuf },
    #[error("can't use the state folder {}: {source}; it must be a folder that this user may write to", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The daemon that has the lock, as far as it has said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// None in the moment between its lock and its note.
    pub pid: Option<u32>,
    /// When it started, RFC 3339.
    pub since: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.pid, &self.since) {
            (Some(pid), Some(since)) => write!(f, "process {pid}, started {since}"),
            (Some(pid), None) => write!(f, "process {pid}"),
            (None, _) => f.write_str("another daemon"),
        }
    }
}

impl Instance {
    /// Makes the folder (mode 0700) when it isn't there, and takes it.
    ///
    /// # Errors
    /// When another daemon has it, when others may write to it, or when it can't be used at all.
    pub fn take(state_dir: &Path, clock: &Clock) -> Result<Self, InstanceError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| InstanceError::Io { path, source }
        };
        private_dir(state_dir).map_err(failed(state_dir))?;
        let mode = fs::metadata(state_dir).map_err(failed(state_dir))?.permissions().mode();
        if mode & 0o022 != 0 {
            return Err(InstanceError::Exposed { state_dir: state_dir.to_owned() });
        }
        let path = state_dir.join("daemon.lock");
        // Not truncated on opening: until the lock is ours, the note in it belongs to somebody else.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(InstanceError::Taken {
                    state_dir: state_dir.to_owned(),
                    holder: read_note(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(&path)(source)),
        }
        write_note(&mut file, clock).map_err(failed(&path))?;
        Ok(Self { file, state_dir: state_dir.to_owned() })
    }

    /// The folder that is ours.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The file stays: removing it would let two daemons lock two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn write_note(file: &mut File, clock: &Clock) -> io::Result<()> {
    let since = chrono::DateTime::from_timestamp_millis(clock.now())
        .map_or_else(String::new, |at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "{}\n{since}\n", std::process::id())?;
    file.flush()
}

fn read_note(file: &mut File) -> Holder {
    let mut note = String::new();
    // Bounded: anybody who owns the folder may have written anything.
    let _ = file.take(200).read_to_string(&mut note);
    let mut lines = note.lines();
    let pid = lines.next().and_then(|pid| pid.parse().ok());
    let since = lines.next().filter(|since| chrono::DateTime::parse_from_rfc3339(since).is_ok());
    Holder { pid, since: since.map(str::to_owned) }
}

/// Makes a folder that only this user can enter, parents included; leaves one that exists as it is.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests;
