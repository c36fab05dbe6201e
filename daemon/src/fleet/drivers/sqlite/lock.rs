//! Who migrates a file: a lock on one byte of a file that all databases of a folder share. A lock file for each would have to be made and
//! removed each time, which costs a file system more than a small migration costs SQLite.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cutover_shared::fleet::ErrorClass;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::super::super::driver::StepError;

/// The name of the shared file. It stays: it is empty, and its locks go with those who hold them.
const NAME: &str = ".cutover-locks";

/// Bytes that can be locked: more than a file system has inodes.
const BYTES: u64 = 0x3fff_ffff_ffff_ffff;

/// A lock that is held. The system lets go of it when the file is closed, so also when the process ends.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a database.
    pub(super) async fn take(database: PathBuf) -> Result<Self, StepError> {
        let taken = tokio::task::spawn_blocking(move || Self::take_now(&database)).await;
        taken.unwrap_or_else(|_| Err(StepError::new(ErrorClass::Connection, "the lock can't be taken")))
    }

    fn take_now(database: &Path) -> Result<Self, StepError> {
        let failed = |error: std::io::Error| {
            let text = format!("the lock `{NAME}` in the file's folder can't be taken: {}", error.kind());
            StepError::new(ErrorClass::Connection, text)
        };
        // By whatever name the file is reached, the byte is that of its inode.
        let there = || StepError::new(ErrorClass::Connection, "there is no such file");
        let database = database.canonicalize().map_err(|_| there())?;
        let found = database.metadata().ok().filter(std::fs::Metadata::is_file).ok_or_else(there)?;
        let folder = database.parent().ok_or_else(there)?;
        let mut options = OpenOptions::new();
        let file =
            options.create(true).write(true).truncate(false).open(folder.join(NAME)).map_err(failed)?;
        let word = |number: libc::c_int| {
            libc::c_short::try_from(number).map_err(|error| failed(std::io::Error::other(error)))
        };
        // Of the open file and not of the process, so that two sessions of one daemon keep each other out too.
        let byte = libc::flock {
            l_type: word(libc::F_WRLCK)?,
            l_whence: word(libc::SEEK_SET)?,
            l_start: i64::try_from(found.ino() & BYTES).unwrap_or_default(),
            l_len: 1,
            l_pid: 0,
        };
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&byte)) {
            Ok(_) => Ok(Self { _file: file }),
            Err(Errno::EAGAIN | Errno::EACCES) => Err(StepError::taken()),
            Err(error) => Err(failed(error.into())),
        }
    }
}
