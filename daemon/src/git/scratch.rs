//! A folder for one fetch, gone when its owner is.

use std::path::{Path, PathBuf};

use super::error::GitError;

/// The folder. Removing it can't fail a caller; what is left is removed at the next start.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

/// Makes an empty folder for scratch folders, for this user only.
pub(super) fn clear(folder: &Path) -> Result<(), GitError> {
    use std::os::unix::fs::DirBuilderExt as _;
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?)
}

impl Scratch {
    pub(super) fn new(folder: &Path) -> Result<Self, GitError> {
        let path = folder.join(uuid::Uuid::now_v7().to_string());
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.0.join("repository.git")
    }

    /// Where packs come to be.
    pub(super) fn packs(&self) -> PathBuf {
        self.repository().join("objects/pack")
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.0.join("archive.tar.zst")
    }

    pub(super) fn drop_repository(&self) {
        let _ = std::fs::remove_dir_all(self.repository());
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "a folder of a fetch stays until the next start");
        }
    }
}
