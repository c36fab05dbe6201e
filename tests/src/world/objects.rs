//! Git objects of a repository, made when they are asked for: real SHA-1 ids over git's own encoding, and nothing kept.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha1::{Digest, Sha1};

use super::rng::Rng;

/// A git object id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha([u8; 20]);

/// The text is not 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a git object id")]
pub struct NotASha;

/// Commits that share one source of content; a fork begins with the segments of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// What the content is made from: the id of the repository in which the commits were made.
    pub key: i64,
    /// How many commits.
    pub commits: u32,
}

/// One commit, as git stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub sha: Sha,
    /// The tree of its root folder.
    pub tree: Sha,
    /// The commit before it; none for the first.
    pub parent: Option<Sha>,
    /// Author and committer time, seconds since the epoch, UTC.
    pub time: i64,
    /// The message without the final newline.
    pub message: String,
}

/// What a tree entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A file's bytes.
    Blob(Vec<u8>),
    /// A folder.
    Tree,
}

/// One path of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// From the root, with `/`.
    pub path: String,
    /// `100644`, `100755` or `040000`.
    pub mode: &'static str,
    /// The id.
    pub sha: Sha,
    /// What it is.
    pub object: Object,
}

/// A commit with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The commit.
    pub commit: Commit,
    /// Every folder and file, in git's order, a folder before what it holds.
    pub entries: Vec<Entry>,
}

struct File {
    path: String,
    mode: &'static str,
    sha: Sha,
    bytes: Vec<u8>,
}

/// Who wrote every commit.
pub const AUTHOR_NAME: &str = "Robin Doe";
/// The author's address.
pub const AUTHOR_EMAIL: &str = "robin@example.com";

impl fmt::Display for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha {
    type Err = NotASha;

    fn from_str(text: &str) -> Result<Self, NotASha> {
        let digits = text.as_bytes();
        let mut out = [0; 20];
        if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(NotASha);
        }
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotASha)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotASha)?;
        }
        Ok(Self(out))
    }
}

/// The id that git gives to `body` as an object of type `kind` (`blob`, `tree`, `commit`).
pub fn object_id(kind: &str, body: &[u8]) -> Sha {
    let mut hash = Sha1::new();
    hash.update(kind.as_bytes());
    hash.update(b" ");
    hash.update(body.len().to_string().as_bytes());
    hash.update(b"\0");
    hash.update(body);
    Sha(hash.finalize().into())
}

/// How many commits a history has.
pub fn length(history: &[Segment]) -> u32 {
    history.iter().map(|segment| segment.commits).sum()
}

/// The commits of a history, the oldest first, up to and with number `last`.
pub fn commits(seed: u64, history: &[Segment], last: u32) -> Vec<Commit> {
    walk(seed, history, last).0
}

/// Commit number `index` with its tree; `None` past the end.
pub fn snapshot(seed: u64, history: &[Segment], index: u32) -> Option<Snapshot> {
    if index >= length(history) {
        return None;
    }
    let (mut commits, files) = walk(seed, history, index);
    let (_, entries) = tree(&files);
    Some(Snapshot { commit: commits.pop()?, entries })
}

fn walk(seed: u64, history: &[Segment], last: u32) -> (Vec<Commit>, Vec<File>) {
    let mut out: Vec<Commit> = Vec::new();
    let Some(first) = history.first() else {
        return (out, Vec::new());
    };
    let mut files = first_files(seed, first.key);
    let mut log = String::from("# Changes\n");
    let steps = history.iter().flat_map(|segment| (0..segment.commits).map(|n| (segment.key, n)));
    for ((key, n), _) in steps.zip(0..=last) {
        let mut rng = Rng::of(&[seed, key.unsigned_abs(), u64::from(n), 0xC0]);
        let message = format!("{} {}", word(&mut rng), word(&mut rng));
        log.push_str(&format!("- {message} ({key}.{n})\n"));
        files.retain(|file| file.path != "CHANGELOG.md");
        files.push(file("CHANGELOG.md", "100644", log.clone().into_bytes()));
        let (root, _) = tree(&files);
        let time = out
            .last()
            .map_or(1_600_000_000 + Rng::of(&[seed, key.unsigned_abs()]).below_i64(80_000_000), |before| {
                before.time + 3_600
            });
        out.push(commit(root, out.last().map(|c| c.sha), time, message));
    }
    (out, files)
}

fn commit(tree: Sha, parent: Option<Sha>, time: i64, message: String) -> Commit {
    let parent_line = parent.map_or_else(String::new, |sha| format!("parent {sha}\n"));
    let who = format!("{AUTHOR_NAME} <{AUTHOR_EMAIL}> {time} +0000");
    let body = format!("tree {tree}\n{parent_line}author {who}\ncommitter {who}\n\n{message}\n");
    Commit { sha: object_id("commit", body.as_bytes()), tree, parent, time, message }
}

fn file(path: &str, mode: &'static str, bytes: Vec<u8>) -> File {
    File { path: path.to_owned(), mode, sha: object_id("blob", &bytes), bytes }
}

fn word(rng: &mut Rng) -> &'static str {
    const WORDS: [&str; 12] = [
        "parser", "cache", "retry", "index", "docs", "build", "schema", "queue", "socket", "test", "layout",
        "session",
    ];
    rng.pick(&WORDS).copied().unwrap_or("change")
}

fn prose(rng: &mut Rng, lines: usize) -> String {
    let mut out = String::new();
    for _ in 0..lines {
        for _ in 0..6 {
            out.push_str(word(rng));
            out.push(' ');
        }
        out.push('\n');
    }
    out
}

fn first_files(seed: u64, key: i64) -> Vec<File> {
    let mut rng = Rng::of(&[seed, key.unsigned_abs(), 0xF11E]);
    let lines = 3 + rng.below(6);
    let readme = format!("# Repository {key}\n\n{}", prose(&mut rng, lines));
    let binary = (0..180).map(|_| u8::try_from(rng.below(256)).unwrap_or(0)).collect();
    vec![
        file("README.md", "100644", readme.into_bytes()),
        file("assets/logo.bin", "100644", binary),
        file("docs/\u{fc}bersicht.md", "100644", prose(&mut rng, 2).into()),
        file("run.sh", "100755", b"#!/bin/sh\nexec true\n".to_vec()),
        // Sorts before the folder `src`, which a plain sort of names would not do.
        file("src.toml", "100644", b"[package]\n".to_vec()),
        file("src/lib.rs", "100644", format!("// {}", prose(&mut rng, 1)).into()),
        file("src/net/mod.rs", "100644", format!("// {}", prose(&mut rng, 1)).into()),
    ]
}

enum Node<'a> {
    File(&'a File),
    Folder(BTreeMap<&'a str, Node<'a>>),
}

fn nest(files: &[File]) -> BTreeMap<&str, Node<'_>> {
    let mut root = BTreeMap::new();
    for file in files {
        hang(&mut root, &file.path, file);
    }
    root
}

fn hang<'a>(folder: &mut BTreeMap<&'a str, Node<'a>>, path: &'a str, file: &'a File) {
    let Some((name, below)) = path.split_once('/') else {
        folder.insert(path, Node::File(file));
        return;
    };
    let inner = folder.entry(name).or_insert_with(|| Node::Folder(BTreeMap::new()));
    if let Node::Folder(inner) = inner {
        hang(inner, below, file);
    }
}

fn tree(files: &[File]) -> (Sha, Vec<Entry>) {
    let mut entries = Vec::new();
    let root = encode(&nest(files), "", &mut entries);
    (root, entries)
}

fn encode(folder: &BTreeMap<&str, Node<'_>>, prefix: &str, out: &mut Vec<Entry>) -> Sha {
    // Git sorts a folder as if its name ended with a slash.
    let mut names: Vec<(String, &str, &Node<'_>)> = folder
        .iter()
        .map(|(name, node)| match node {
            Node::File(_) => ((*name).to_owned(), *name, node),
            Node::Folder(_) => (format!("{name}/"), *name, node),
        })
        .collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    let mut body = Vec::new();
    for (_, name, node) in names {
        let path = format!("{prefix}{name}");
        let (mode, sha) = match node {
            Node::File(file) => {
                out.push(Entry {
                    path,
                    mode: file.mode,
                    sha: file.sha,
                    object: Object::Blob(file.bytes.clone()),
                });
                (file.mode, file.sha)
            }
            Node::Folder(inner) => {
                let below = format!("{path}/");
                let mut inside = Vec::new();
                let sha = encode(inner, &below, &mut inside);
                out.push(Entry { path, mode: "040000", sha, object: Object::Tree });
                out.append(&mut inside);
                ("40000", sha)
            }
        };
        body.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        body.extend_from_slice(&sha.0);
    }
    object_id("tree", &body)
}
