//! The files of a folder, for [`super::read`].

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::name::{Named, named};

/// Far more than a fleet's history has.
const MOST_FILES: usize = 10_000;

/// Bytes of one file.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Why a folder can't be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("can't read the migrations in {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} holds more than {MOST_FILES} files; move what is no migration out of it", path.display())]
    TooMany { path: PathBuf },
    #[error("{} has more than {LARGEST} bytes; move data in chunks (`chunk`), not as text", path.display())]
    TooLarge { path: PathBuf },
    #[error("{} leads out of the folder of migrations, so that others could change what is run; put the file itself there", path.display())]
    Outside { path: PathBuf },
    #[error("{} is not a file; remove it or give it another name", path.display())]
    NotAFile { path: PathBuf },
    #[error("{} has a name that is not UTF-8; give it another", path.display())]
    Name { path: PathBuf },
}

/// What tells that a folder is as it was: names, when each was changed last, and how long it is.
pub type Listing = Vec<(OsString, Option<SystemTime>, u64)>;

/// The folder at a glance; nothing of a file is read.
pub fn listing(folder: &Path) -> Result<Listing, FolderError> {
    let (_, names) = names(folder)?;
    let seen = |name: OsString| {
        // Of where a link leads. One that leads nowhere is seen as it is read.
        let about = fs::metadata(folder.join(&name)).ok();
        let changed = about.as_ref().and_then(|about| about.modified().ok());
        (name, changed, about.map_or(0, |about| about.len()))
    };
    Ok(names.into_iter().map(seen).collect())
}

/// The folder itself, and what stands in it, in order.
fn names(folder: &Path) -> Result<(PathBuf, Vec<OsString>), FolderError> {
    let failed = |source| FolderError::Io { path: folder.to_owned(), source };
    let home = folder.canonicalize().map_err(failed)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&home).map_err(failed)? {
        if names.len() == MOST_FILES {
            return Err(FolderError::TooMany { path: folder.to_owned() });
        }
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    Ok((home, names))
}

/// The files that are, or are meant to be, migrations: (name, bytes), by name.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, FolderError> {
    let (home, names) = names(folder)?;
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(&name);
        let Some(name) = name.to_str() else { return Err(FolderError::Name { path }) };
        match named(name) {
            Named::Ignored => {}
            // Its name is what is wrong with it.
            Named::NearMiss { .. } => files.push((name.to_owned(), Vec::new())),
            Named::Migration(_) => files.push((name.to_owned(), bytes(&home, &path)?)),
        }
    }
    Ok(files)
}

fn bytes(home: &Path, path: &Path) -> Result<Vec<u8>, FolderError> {
    let failed = |source| FolderError::Io { path: path.to_owned(), source };
    // A link within the folder is how Kubernetes shows files of a ConfigMap.
    let real = path.canonicalize().map_err(failed)?;
    if !real.starts_with(home) {
        return Err(FolderError::Outside { path: path.to_owned() });
    }
    // Asked before it is opened: opening a pipe would wait for its other end.
    if !fs::metadata(&real).map_err(failed)?.is_file() {
        return Err(FolderError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(&real).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FolderError::TooLarge { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
