//! The files of a commit: their listing, their digest, and the archive that they are kept in.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::GitError;
use crate::hex::hex;

/// What a digest begins with, so that another way to make one can't be mistaken for this.
const DIGEST_MARK: &[u8] = b"cutover-content-1\0";

/// The longest target of a symbolic link, in bytes.
const LONGEST_TARGET: u64 = 16 * 1024;

/// How hard the archive is compressed.
const LEVEL: i32 = 3;

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Executable,
    Link,
    /// Another repository; its commit is named, its files are not fetched.
    Submodule,
}

impl Mode {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "100644" | "100664" => Self::File,
            "100755" => Self::Executable,
            "120000" => Self::Link,
            "160000" => Self::Submodule,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Submodule => "160000",
        }
    }
}

/// One path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// From the root, as git has it.
    pub(super) path: Vec<u8>,
    pub(super) mode: Mode,
    pub(super) sha: String,
    /// Bytes; none for a submodule.
    pub(super) size: u64,
}

/// Reads `git ls-tree -r -z -l`, sorted by the bytes of the path.
pub(super) fn parse(listing: &[u8]) -> Result<Vec<Entry>, GitError> {
    let bad = || GitError::Damaged("git lists files in an unknown way".to_owned());
    let mut entries = Vec::new();
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(bad)?;
        let (head, path) = (std::str::from_utf8(&line[..tab]).map_err(|_| bad())?, &line[tab + 1..]);
        let words: Vec<&str> = head.split_ascii_whitespace().collect();
        let [mode, _, sha, size] = words[..] else { return Err(bad()) };
        let mode = Mode::of(mode).ok_or_else(bad)?;
        let size = if mode == Mode::Submodule { 0 } else { size.parse().map_err(|_| bad())? };
        if !stays_inside(path) {
            return Err(GitError::Damaged("a path leads out of the repository".to_owned()));
        }
        entries.push(Entry { path: path.to_owned(), mode, sha: sha.to_owned(), size });
    }
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    if entries.windows(2).any(|two| two[0].path == two[1].path) {
        return Err(GitError::Damaged("a path is there twice".to_owned()));
    }
    Ok(entries)
}

/// Whoever unpacks the archive must find everything below where it is unpacked.
fn stays_inside(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b".."))
}

/// Bytes of all files together.
pub(super) fn total(entries: &[Entry]) -> u64 {
    entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size))
}

/// What the files of a commit take once they are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) files: u64,
    /// Of all files together.
    pub(crate) bytes: u64,
    /// Folders that hold a file, at whatever depth.
    pub(crate) folders: u64,
    /// Folders around the deepest file.
    pub(crate) levels: usize,
}

/// Counts entries in the order of [`parse`]: what is in one folder stands together there.
pub(super) fn measured(entries: &[Entry]) -> Measured {
    let folders_of = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    let files = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let mut measured = Measured { files, bytes: total(entries), ..Measured::default() };
    let mut last: &[u8] = b"";
    for Entry { path, .. } in entries {
        let shared = path.iter().zip(last).take_while(|(one, other)| one == other).count();
        let levels = folders_of(path);
        let new = levels - folders_of(&path[..shared]);
        measured.folders = measured.folders.saturating_add(u64::try_from(new).unwrap_or(u64::MAX));
        measured.levels = measured.levels.max(levels);
        last = path;
    }
    measured
}

/// Asks `git cat-file --batch` for each file, digests it and puts it into a new archive; the digest in lower-case hex.
pub(super) fn pack(
    mut ask: impl Write,
    answers: impl Read,
    entries: &[Entry],
    time: u64,
    archive: &Path,
) -> Result<String, GitError> {
    let broken = |_: std::io::Error| GitError::Failed("git stopped handing out files".to_owned());
    let mut answers = BufReader::with_capacity(64 * 1024, answers);
    let mut encoder = zstd::stream::write::Encoder::new(BufWriter::new(File::create_new(archive)?), LEVEL)?;
    encoder.include_checksum(true)?;
    let mut tar = tar::Builder::new(encoder);
    let mut digest = Sha256::new_with_prefix(DIGEST_MARK);
    for entry in entries {
        digest.update(&entry.path);
        digest.update(format!("\0{} {} {}\0", entry.mode.word(), entry.sha, entry.size));
        let mut header = header(entry, time);
        let path = Path::new(std::ffi::OsStr::from_bytes(&entry.path));
        if entry.mode == Mode::Submodule {
            tar.append_data(&mut header, path, std::io::empty())?;
            continue;
        }
        writeln!(ask, "{}", entry.sha).and_then(|()| ask.flush()).map_err(broken)?;
        expect(&mut answers, entry)?;
        let mut file = Tee { from: answers.by_ref().take(entry.size), digest: &mut digest, left: entry.size };
        if entry.mode == Mode::Link {
            if entry.size > LONGEST_TARGET {
                return Err(GitError::Damaged("a symbolic link is too long".to_owned()));
            }
            let mut target = Vec::new();
            file.read_to_end(&mut target).map_err(broken)?;
            let left = file.left;
            whole(left)?;
            tar.append_link(&mut header, path, Path::new(std::ffi::OsStr::from_bytes(&target)))?;
        } else {
            tar.append_data(&mut header, path, &mut file)?;
            whole(file.left)?;
        }
        let mut end = [0];
        answers.read_exact(&mut end).map_err(broken)?;
    }
    let encoder = tar.into_inner()?;
    let mut written = encoder.finish()?;
    written.flush()?;
    Ok(hex(&digest.finalize()))
}

/// Equal for equal commits: neither owner nor this machine's time is in it.
fn header(entry: &Entry, time: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    let (kind, mode) = match entry.mode {
        Mode::File => (tar::EntryType::Regular, 0o644),
        Mode::Executable => (tar::EntryType::Regular, 0o755),
        Mode::Link => (tar::EntryType::Symlink, 0o777),
        Mode::Submodule => (tar::EntryType::Directory, 0o755),
    };
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(if kind == tar::EntryType::Regular { entry.size } else { 0 });
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// The line before a file: `SHA blob SIZE`.
fn expect(answers: &mut impl BufRead, entry: &Entry) -> Result<(), GitError> {
    let mut line = Vec::new();
    let most = 256;
    answers
        .take(most)
        .read_until(b'\n', &mut line)
        .map_err(|_| GitError::Failed("git stopped handing out files".to_owned()))?;
    if line == format!("{} blob {}\n", entry.sha, entry.size).as_bytes() {
        return Ok(());
    }
    Err(GitError::Damaged(format!("the object {} is missing or another than listed", entry.sha)))
}

fn whole(left: u64) -> Result<(), GitError> {
    if left == 0 { Ok(()) } else { Err(GitError::Failed("git stopped handing out files".to_owned())) }
}

/// What is read is digested.
struct Tee<'a, R> {
    from: R,
    digest: &'a mut Sha256,
    left: u64,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(into)?;
        self.digest.update(&into[..n]);
        self.left = self.left.saturating_sub(u64::try_from(n).unwrap_or(u64::MAX));
        Ok(n)
    }
}
