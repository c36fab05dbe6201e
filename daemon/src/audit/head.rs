//! Signed heads: one line a minute in a file beside the store.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::seal::Seal;

/// What the signature is made for.
const PURPOSE: &str = "audit.head";

/// Why the file of heads could not be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// The file can't be read or written.
    #[error("the file of audit heads {path} can't be used: {cause}")]
    File { path: PathBuf, cause: std::io::Error },
}

/// A head of the chain at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub seq: i64,
    pub hash: String,
    pub at: i64,
    sig: String,
}

/// The file of signed heads.
#[derive(Clone, Debug)]
pub struct HeadFile {
    path: PathBuf,
}

impl HeadFile {
    /// The file inside a state folder.
    pub fn of(state_dir: &Path) -> Self {
        Self { path: state_dir.join("audit.heads") }
    }

    /// Adds the head, unless it is the newest one already.
    pub fn append(&self, seal: &Seal, seq: i64, hash: &str, at: i64) -> Result<(), HeadError> {
        if self.newest(seal)?.is_some_and(|head| head.seq == seq) {
            return Ok(());
        }
        let head = Head { seq, hash: hash.to_owned(), at, sig: sign(seal, seq, hash, at) };
        let line = serde_json::to_string(&head).map_err(|e| self.failed(std::io::Error::other(e)))?;
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .map_err(|e| self.failed(e))?;
        writeln!(file, "{line}").and_then(|()| file.sync_data()).map_err(|e| self.failed(e))
    }

    /// The newest head whose signature is ours. A line that was torn by a crash is passed over.
    pub fn newest(&self, seal: &Seal) -> Result<Option<Head>, HeadError> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(error)),
        };
        Ok(text
            .lines()
            .rev()
            .filter_map(|line| serde_json::from_str::<Head>(line).ok())
            .find(|head| head.sig == sign(seal, head.seq, &head.hash, head.at)))
    }

    fn failed(&self, cause: std::io::Error) -> HeadError {
        HeadError::File { path: self.path.clone(), cause }
    }
}

fn sign(seal: &Seal, seq: i64, hash: &str, at: i64) -> String {
    seal.mac(PURPOSE, format!("{seq} {hash} {at}").as_bytes())
}
