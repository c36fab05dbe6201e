//! Files that this program writes: whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A file that gets its name when it is whole and on disk; until then it has another, beside it.
pub(crate) struct NewFile {
    target: PathBuf,
    /// None when the target is a pipe or a device, which can't be replaced.
    partial: Option<PathBuf>,
    file: File,
}

impl NewFile {
    pub fn create(target: &Path) -> Result<Self, Failure> {
        Self::begin(target).map_err(|error| failed(target, &error))
    }

    pub fn begin(target: &Path) -> std::io::Result<Self> {
        let replaceable = std::fs::metadata(target).map_or(true, |found| found.is_file());
        if !replaceable {
            let file = OpenOptions::new().write(true).open(target)?;
            return Ok(Self { target: target.to_owned(), partial: None, file });
        }
        let Some(name) = target.file_name() else {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it has no file name"));
        };
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = target.with_file_name(partial);
        let _left_behind = std::fs::remove_file(&partial);
        let file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
        Ok(Self { target: target.to_owned(), partial: Some(partial), file })
    }

    pub fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.write_bytes(text.as_bytes())
    }

    pub fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| failed(&self.target, &error))
    }

    pub fn append(&mut self, text: &str) -> std::io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Whatever the umask says, everybody may read it.
    pub fn show_to_all(&self) -> std::io::Result<()> {
        self.file.set_permissions(std::fs::Permissions::from_mode(0o644))
    }

    pub fn finish(self) -> Result<(), Failure> {
        let target = self.target.clone();
        self.commit().map_err(|error| failed(&target, &error))
    }

    /// Content on disk, then the name, then the folder that holds the name: a power cut leaves all or nothing.
    pub fn commit(mut self) -> std::io::Result<()> {
        let Some(partial) = &self.partial else { return self.file.flush() };
        self.file.sync_all()?;
        std::fs::rename(partial, &self.target)?;
        self.partial = None;
        let folder = self.target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if let Some(partial) = &self.partial {
            let _gone = std::fs::remove_file(partial);
        }
    }
}

fn failed(target: &Path, error: &std::io::Error) -> Failure {
    Failure::outside(
        format!("can't write {}: {error}", target.display()),
        "name a file in a folder that this user may write, with room on its disk",
    )
}
