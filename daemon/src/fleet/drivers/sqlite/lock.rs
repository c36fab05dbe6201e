//! The file beside a database that says who migrates it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cutover_shared::fleet::ErrorClass;

use super::super::super::driver::StepError;

/// How often it is tried again because the file was removed by the one who had it.
const TRIES: usize = 16;

/// A lock that is held. The system lets go of it when the process ends.
pub(super) struct Lock {
    path: PathBuf,
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
            let text = format!("the lock beside the file can't be taken: {}", error.kind());
            StepError::new(ErrorClass::Connection, text)
        };
        if !database.is_file() {
            return Err(StepError::new(ErrorClass::Connection, "there is no such file"));
        }
        let mut path = database.as_os_str().to_owned();
        path.push(".cutover-lock");
        let path = PathBuf::from(path);
        for _ in 0..TRIES {
            let file =
                OpenOptions::new().create(true).write(true).truncate(false).open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(StepError::taken()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Whoever had it may have removed it after we opened it: then this is the lock of nothing.
            let ours = file.metadata().map_err(failed)?.ino();
            if std::fs::metadata(&path).is_ok_and(|there| there.ino() == ours) {
                return Ok(Self { path, _file: file });
            }
        }
        Err(StepError::taken())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still held. One that stays is only untidy.
        let _ = std::fs::remove_file(&self.path);
    }
}
