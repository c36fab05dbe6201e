//! The files of a folder, for [`super::read`].

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

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

/// The files that are, or are meant to be, migrations: (name, bytes), by name.
pub fn read_folder(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, FolderError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Io { path, source }
    };
    let home = folder.canonicalize().map_err(failed(folder))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&home).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        if names.len() == MOST_FILES {
            return Err(FolderError::TooMany { path: folder.to_owned() });
        }
        names.push(entry.file_name());
    }
    names.sort();
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
