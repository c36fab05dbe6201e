//! One sandbox: a home, a repository of its own and a work tree. It serves one tenant once, and is removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::error::SandboxError;
use super::house::{House, discard, private};

/// The folder. Dropping it removes it.
pub(super) struct Room {
    id: Uuid,
    path: PathBuf,
    house: Arc<House>,
    /// The repository's configuration and head as git has made them.
    made: Vec<(&'static str, Vec<u8>)>,
    gone: bool,
}

impl Room {
    /// Makes the folders; the repository comes from `git init`.
    pub(super) fn begin(house: &Arc<House>) -> Result<Self, SandboxError> {
        let id = Uuid::now_v7();
        house.known().insert(id);
        let room = Self { id, path: house.room(id), house: Arc::clone(house), made: Vec::new(), gone: false };
        private(&room.path, false)?;
        private(&room.home(), false)?;
        private(&room.work(), false)?;
        Ok(room)
    }

    /// Remembers what the repository is like before anybody has used it.
    pub(super) fn made(mut self) -> Result<Self, SandboxError> {
        for name in ["HEAD", "config"] {
            self.made.push((name, std::fs::read(self.repository().join(name))?));
        }
        Ok(self)
    }

    pub(super) fn id(&self) -> Uuid {
        self.id
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    pub(super) fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.path.join("repository.git")
    }

    /// Whether it is as it was made: nothing in it, nothing changed.
    pub(super) fn is_fresh(&self) -> bool {
        let repository = self.repository();
        let empty = |folder: PathBuf| std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none());
        !self.made.is_empty()
            && self
                .made
                .iter()
                .all(|(name, bytes)| std::fs::read(repository.join(name)).is_ok_and(|now| now == *bytes))
            && empty(self.home())
            && empty(self.work())
            && empty(repository.join("objects/pack"))
            && empty(repository.join("objects/info"))
            && empty(repository.join("refs/heads"))
    }

    /// Removes it, and lets go of `held` when it is gone.
    pub(super) fn discard(mut self, held: impl Send + 'static) {
        self.leave(held);
    }

    fn leave(&mut self, held: impl Send + 'static) {
        if !self.gone {
            self.gone = true;
            let known = Known { house: Arc::clone(&self.house), id: self.id };
            discard(self.path.clone(), (known, held));
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.leave(());
    }
}

/// A room is known until it is gone: what is on its way out was not leaked.
struct Known {
    house: Arc<House>,
    id: Uuid,
}

impl Drop for Known {
    fn drop(&mut self) {
        self.house.known().remove(&self.id);
    }
}

/// Lets a repository read another's objects.
pub(super) fn borrow(repository: &Path, from: &Path) -> Result<(), SandboxError> {
    let line = format!("{}\n", from.join("objects").display());
    Ok(std::fs::write(repository.join("objects/info/alternates"), line)?)
}
