//! The file with the keys that seal secrets at rest: one line `ID:BASE64` for each, the current one last.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng;
use secrecy::SecretBox;
use secrecy::zeroize::Zeroizing;

use crate::instance::private_dir;

/// Far more than rotation ever leaves behind.
const LARGEST: u64 = 64 * 1024;

/// One key: its id (`k1`) and 32 secret bytes.
pub type SealKey = (String, SecretBox<[u8; 32]>);

/// Whether the key file was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFile {
    Made,
    Kept,
}

/// Why there are no keys. No variant holds any of their text.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("there is no seal key at {}; make one with `cutoverd init`, or bring back the one from the backup", path.display())]
    Missing { path: PathBuf },
    #[error("the seal key {0} has mode {mode:04o}: others on this machine can reach it; mend: chmod 600 {0}", path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{}:{line}: {why}; each line is ID:BASE64 of 32 bytes, such as k1:...", path.display())]
    Line { path: PathBuf, line: usize, why: &'static str },
    #[error("{} holds no key; bring back the one from the backup", path.display())]
    Empty { path: PathBuf },
    #[error("{} can hold no further key; remove keys that nothing is sealed with any more", path.display())]
    Full { path: PathBuf },
    #[error("the system gave no random bytes for a new key")]
    Random,
    #[error("can't use the seal key {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// Where the keys of a state folder are.
pub fn seal_key_file(state_dir: &Path) -> PathBuf {
    state_dir.join("keys").join("seal.key")
}

/// Makes the file with one fresh key, unless it is there.
pub(super) fn make(path: &Path) -> Result<KeyFile, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    if path.symlink_metadata().is_ok() {
        return Ok(KeyFile::Kept);
    }
    if let Some(folder) = path.parent() {
        private_dir(folder).map_err(failed)?;
    }
    let line = fresh("k1")?;
    match super::place_file(path, line.as_bytes(), false) {
        Ok(()) => Ok(KeyFile::Made),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(KeyFile::Kept),
        Err(source) => Err(failed(source)),
    }
}

/// A line with a new key.
fn fresh(id: &str) -> Result<Zeroizing<String>, KeyError> {
    let mut key = Zeroizing::new([0_u8; 32]);
    rand::rngs::SysRng.try_fill_bytes(key.as_mut_slice()).map_err(|_| KeyError::Random)?;
    let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
    Ok(Zeroizing::new(format!("{id}:{}\n", encoded.as_str())))
}

/// Adds a new key, which is the current one from then on, and answers with it once it is durable. All others stay: they open what
/// they sealed. Nobody else may write the file meanwhile.
///
/// # Errors
/// As [`read_keyring`]; the file is as it was then.
pub fn add_key(path: &Path) -> Result<SealKey, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    if path.symlink_metadata().map_err(failed)?.is_symlink() {
        // Writing would put a file in the place of the link.
        return Err(failed(io::Error::other("it is a link; add the key where it leads")));
    }
    let known = read_keyring(path)?;
    let number = (known.len() + 1..).find(|number| known.iter().all(|(id, _)| *id != format!("k{number}")));
    let id = format!("k{}", number.unwrap_or(1));
    let line = fresh(&id)?;
    // Room for all of it at once: bytes that are moved would leave a copy behind.
    let mut bytes =
        Zeroizing::new(Vec::with_capacity(usize::try_from(LARGEST).unwrap_or(0) + line.len() + 1));
    fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(failed)?;
    if !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    if bytes.len() as u64 > LARGEST {
        return Err(KeyError::Full { path: path.to_owned() });
    }
    super::place_file(path, &bytes, true).map_err(failed)?;
    let mut ring = read_keyring(path)?;
    ring.pop().filter(|(last, _)| *last == id).ok_or_else(|| KeyError::Empty { path: path.to_owned() })
}

/// All keys of a file, the current one last.
///
/// # Errors
/// When the file is missing, can be reached by others, or has a line that is not a key.
pub fn read_keyring(path: &Path) -> Result<Vec<SealKey>, KeyError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyError::Missing { path: path.to_owned() },
        _ => KeyError::Io { path: path.to_owned(), source },
    };
    let about = fs::metadata(path).map_err(failed)?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned(), mode });
    }
    if !about.is_file() || about.len() > LARGEST {
        return Err(failed(io::Error::other("it is not a key file")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut bytes)).map_err(failed)?;
    let mut keys: Vec<SealKey> = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let wrong = |why| KeyError::Line { path: path.to_owned(), line: at + 1, why };
        let (id, key) = parse(line).map_err(wrong)?;
        if keys.iter().any(|(known, _)| *known == id) {
            return Err(wrong("this id stands there twice"));
        }
        keys.push((id, key));
    }
    if keys.is_empty() { Err(KeyError::Empty { path: path.to_owned() }) } else { Ok(keys) }
}

fn parse(line: &[u8]) -> Result<SealKey, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "this is not text")?;
    let (id, encoded) = line.split_once(':').ok_or("there is no colon after the id")?;
    if !(1..=16).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        return Err("the id is not 1 to 16 of a to z and 0 to 9");
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| "this is not Base64")?);
    let mut key = Box::new([0_u8; 32]);
    if decoded.len() != key.len() {
        return Err("the key has not 32 bytes");
    }
    key.copy_from_slice(&decoded);
    Ok((id.to_owned(), SecretBox::new(key)))
}
