//! Whether the disk has room for anything new.

use std::path::Path;

use super::error::SandboxError;

/// A file system that has a fixed number of files usually has one for so many bytes.
const BYTES_A_FILE: u64 = 16 * 1_024;

/// What a disk has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Free {
    pub(super) bytes: u64,
    /// Files and folders; none where the file system does not bound them.
    pub(super) files: Option<u64>,
}

impl Free {
    pub(super) fn below(folder: &Path) -> Result<Self, SandboxError> {
        let told = nix::sys::statvfs::statvfs(folder).map_err(std::io::Error::from)?;
        let bytes = told.blocks_available().saturating_mul(told.fragment_size());
        Ok(Self { bytes, files: (told.files() > 0).then(|| told.files_available()) })
    }

    /// # Errors
    /// [`SandboxError::Unhealthy`]: less than `least` bytes, or fewer files than that many bytes usually have.
    pub(super) fn check(self, least: u64) -> Result<(), SandboxError> {
        let what = match self {
            Self { bytes, .. } if bytes < least => format!("{bytes} bytes"),
            Self { files: Some(files), .. } if files < least / BYTES_A_FILE => format!("{files} files"),
            _ => return Ok(()),
        };
        Err(SandboxError::Unhealthy(format!("only {what} are free on the disk")))
    }
}
