//! `cutoverd init`: a commented configuration and the key that seals secrets at rest.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::config::document::commented_file;
use crate::config::{self, Env};
use crate::instance::private_dir;

pub mod keyring;

pub use keyring::{KeyError, KeyFile, add_key, read_keyring, seal_key_file};

/// What to make, and where.
#[derive(Clone, Debug, Default)]
pub struct InitOptions {
    /// The configuration; else `$CUTOVER_CONFIG`, else the XDG place.
    pub config: Option<PathBuf>,
    /// The state folder; else the one that the daemon would use. Written into the configuration when given.
    pub state_dir: Option<PathBuf>,
    /// Written into the configuration when given.
    pub environment: Option<String>,
    /// Overwrites an existing configuration. Never overwrites a key.
    pub force: bool,
}

/// What was made. `Display` says it to people, with the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitReport {
    pub config: PathBuf,
    pub key: PathBuf,
    pub key_file: KeyFile,
}

/// Why nothing was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{} exists already; look at it, or overwrite it with --force", path.display())]
    Exists { path: PathBuf },
    #[error("\"{given}\" can't name an environment; write 1 to 39 of a to z, 0 to 9 and -, such as staging")]
    Environment { given: String },
    #[error("the state folder {} can't be written into a configuration; name one in UTF-8", path.display())]
    NotText { path: PathBuf },
    #[error("can't write {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Writes the configuration (mode 0600) and, where there is none, the seal key (mode 0600, its folder 0700).
///
/// # Errors
/// Nothing is overwritten then; a key that was made just before stays, since it harms nobody.
pub fn run_init(options: &InitOptions, env: &Env) -> Result<InitReport, InitError> {
    let path = options.config.clone().unwrap_or_else(|| config::usual_file(env));
    if !options.force && path.symlink_metadata().is_ok() {
        return Err(InitError::Exists { path });
    }
    let mut assignments = Vec::new();
    if let Some(given) = &options.environment {
        if !config::is_label(given) {
            return Err(InitError::Environment { given: given.chars().take(80).collect() });
        }
        assignments.push(("environment", format!("\"{given}\"")));
    }
    let state_dir = match &options.state_dir {
        Some(dir) => {
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
            let text = dir.to_str().ok_or_else(|| InitError::NotText { path: dir.clone() })?;
            assignments.push(("state_dir", toml::Value::String(text.to_owned()).to_string()));
            dir
        }
        None => config::usual_state_dir(env),
    };
    let key = seal_key_file(&state_dir);
    let key_file = keyring::make(&key)?;
    write(&path, &commented_file(&assignments), options.force)?;
    Ok(InitReport { config: path, key, key_file })
}

/// In one step, so that nobody ever reads half a file.
fn write(path: &Path, text: &str, force: bool) -> Result<(), InitError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists { path: path.to_owned() },
        _ => InitError::Io { path: path.to_owned(), source },
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_dir(folder).map_err(failed)?;
    }
    place_file(path, text.as_bytes(), force).map_err(failed)
}

/// Writes a file of mode 0600 beside its place and then puts it there whole; without `force` only where nothing is.
fn place_file(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let draft = path.with_file_name(name);
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let placed = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| {
        // A hard link fails where a file is; a rename would replace it.
        if force { fs::rename(&draft, path) } else { fs::hard_link(&draft, path) }
    });
    let _ = fs::remove_file(&draft);
    placed?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

impl std::fmt::Display for InitReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "wrote {}", self.config.display())?;
        match self.key_file {
            KeyFile::Made => writeln!(
                f,
                "wrote {} (back it up apart from the store: without it no sealed secret can be read)",
                self.key.display()
            )?,
            KeyFile::Kept => writeln!(f, "kept  {}", self.key.display())?,
        }
        write!(f, "next: fill in what is required, then `cutoverd check --config {}`", self.config.display())
    }
}

#[cfg(test)]
mod tests;
