//! What is asked of git for a tenant. What can't be asked can't be made: names, references and paths are checked here.

use std::fmt;

use cutover_shared::ids::TenantId;
use secrecy::SecretString;

use super::quota::Quota;

/// Letters of a name, a reference or an operation's id.
const LONGEST_NAME: usize = 200;

/// Files that one change may write.
pub const MOST_FILES: usize = 10_000;

/// Begins the last line of each commit that is made here.
pub(super) const OPERATION: &str = "Cutover-Operation";

/// Letters of a path in a repository.
const LONGEST_PATH: usize = 4_096;

/// A repository on a host that speaks git over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// `https://github.com`; `http://` only on this machine. Without a slash at its end.
    host: String,
    owner: String,
    name: String,
}

impl Repository {
    /// `full_name` is `owner/name`. Nothing when it has another form.
    pub fn of(host: &str, full_name: &str) -> Option<Self> {
        let (owner, name) = full_name.split_once('/')?;
        let plain = |part: &str| {
            (1..=LONGEST_NAME).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
                && !matches!(part, "." | "..")
        };
        (plain(owner) && plain(name)).then(|| Self {
            host: host.trim_end_matches('/').to_owned(),
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Where git finds it. It never holds a credential.
    pub fn url(&self) -> String {
        format!("{}/{}/{}.git", self.host, self.owner, self.name)
    }

    /// `owner/name`, as it was given.
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The same for every way to write the name.
    pub(super) fn key(&self) -> String {
        self.url().to_ascii_lowercase()
    }
}

/// Which commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reference {
    /// What the remote's `HEAD` names.
    Head,
    /// A branch, without `refs/heads/`.
    Branch(Branch),
    /// A full commit sha, lower-case hex.
    Commit(String),
}

impl Reference {
    /// `HEAD`, 40 hex digits, or a branch with or without `refs/heads/`. Nothing for what git would not take.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "HEAD" {
            return Some(Self::Head);
        }
        match commit(text) {
            Some(sha) => Some(Self::Commit(sha)),
            None => Branch::parse(text).map(Self::Branch),
        }
    }
}

/// A branch's name, without `refs/heads/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Branch(String);

impl Branch {
    /// By the rules of `git check-ref-format`; nothing for what breaks them.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("refs/heads/").unwrap_or(text);
        let part_fits = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.to_ascii_lowercase().ends_with(".lock")
                && !part.ends_with('.')
        };
        let fits = (1..=LONGEST_NAME).contains(&name.len())
            && !name.starts_with('-')
            && name != "HEAD"
            && name != "@"
            && name.split('/').all(part_fits)
            && !name.contains("..")
            && !name.contains("@{")
            && !name.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c));
        fits.then(|| Self(name.to_owned()))
    }

    /// `refs/heads/NAME`.
    pub fn full(&self) -> String {
        format!("refs/heads/{}", self.0)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A full commit sha in lower case.
pub(super) fn commit(text: &str) -> Option<String> {
    (text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

/// Names one operation; a repeat has the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(String);

impl OperationId {
    /// Letters, digits, `-`, `_`, `.` and `:`, 200 at most; nothing for another text.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_NAME).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
        fits.then(|| Self(text.to_owned()))
    }

    /// For what no caller has named.
    pub fn numbered(number: u128) -> Self {
        Self(format!("cutover-{number:032x}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One operation on a repository for a tenant. Its credential is not shown by `Debug`.
#[derive(Clone, Debug)]
pub struct GitAsk {
    /// Whose sandbox it is. Nothing is ever shared with another tenant.
    pub tenant: TenantId,
    pub repository: Repository,
    /// A token of an installation or a user.
    pub credential: SecretString,
    /// What to clone or pull.
    pub reference: Reference,
    pub operation: OperationId,
    pub quota: Quota,
}

/// One file of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    path: String,
    content: Option<Vec<u8>>,
    executable: bool,
}

impl FileChange {
    /// Writes a file whole. Nothing for a path that leads out of the repository or into git's own files.
    pub fn write(path: &str, content: Vec<u8>, executable: bool) -> Option<Self> {
        stays_inside(path).then(|| Self { path: path.to_owned(), content: Some(content), executable })
    }

    /// Removes a file, or a folder with all below it.
    pub fn remove(path: &str) -> Option<Self> {
        stays_inside(path).then(|| Self { path: path.to_owned(), content: None, executable: false })
    }
}

fn stays_inside(path: &str) -> bool {
    // Git's own folder, also as file systems of other machines would read the name.
    let of_git = |part: &str| {
        let seen: String =
            part.chars().filter(char::is_ascii_graphic).collect::<String>().to_ascii_lowercase();
        let seen = seen.split(':').next().unwrap_or_default().trim_end_matches('.').to_owned();
        matches!(seen.as_str(), ".git" | "git~1")
    };
    (1..=LONGEST_PATH).contains(&path.len())
        && !path.contains(['\0', '\\'])
        && path.split('/').all(|part| !matches!(part, "" | "." | "..") && !of_git(part))
}

/// Who a commit names as author and committer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    name: String,
    email: String,
}

impl Author {
    /// Nothing for what can't stand in a commit's head line.
    pub fn new(name: &str, email: &str) -> Option<Self> {
        let fits = |text: &str| {
            (1..=LONGEST_NAME).contains(&text.trim().len())
                && !text.chars().any(|c| c.is_control() || matches!(c, '<' | '>'))
        };
        (fits(name) && fits(email))
            .then(|| Self { name: name.trim().to_owned(), email: email.trim().to_owned() })
    }
}

/// What a push changes: one commit on top of `expected`.
///
/// The same change with the same operation id is the same commit, to the sha: a repeat finds it at the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub branch: Branch,
    /// Where the branch has to be, and the new commit's parent: a full sha.
    pub expected: String,
    /// At most [`MOST_FILES`].
    pub files: Vec<FileChange>,
    pub message: String,
    pub author: Author,
    /// Author's and committer's time, seconds since the epoch, UTC; kept by whoever repeats.
    pub time: i64,
    /// Overwrites what the branch has become since `expected`. Otherwise that is refused.
    pub force: bool,
}

impl Change {
    /// What is wrong with it, for people; nothing when it can be made.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        if commit(&self.expected).is_none() {
            return Some("full commit sha");
        }
        if self.files.is_empty() || self.files.len() > MOST_FILES {
            return Some("number of files in a change");
        }
        if self.message.contains('\0') || self.message.len() > 64 * 1_024 {
            return Some("commit message");
        }
        (self.time < 0).then_some("time of a commit")
    }

    /// For `git fast-import`: the commit, on a reference of our own.
    pub(super) fn stream(&self, operation: &OperationId, onto: &str) -> Vec<u8> {
        let who = format!("{} <{}> {} +0000", self.author.name, self.author.email, self.time);
        let message = format!("{}\n\n{OPERATION}: {operation}\n", self.message.trim_end());
        let mut out = format!(
            "commit {onto}\nauthor {who}\ncommitter {who}\ndata {}\n{message}\nfrom {}\n",
            message.len(),
            self.expected.to_ascii_lowercase()
        )
        .into_bytes();
        for file in &self.files {
            let path = quoted(&file.path);
            match &file.content {
                None => out.extend_from_slice(format!("D {path}\n").as_bytes()),
                Some(content) => {
                    let mode = if file.executable { "100755" } else { "100644" };
                    out.extend_from_slice(
                        format!("M {mode} inline {path}\ndata {}\n", content.len()).as_bytes(),
                    );
                    out.extend_from_slice(content);
                    out.push(b'\n');
                }
            }
        }
        out.extend_from_slice(b"\ndone\n");
        out
    }
}

/// As C quotes: whatever stands in a path, it ends where it ends.
fn quoted(path: &str) -> String {
    let mut out = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\{byte:03o}")),
        }
    }
    out.push('"');
    out
}
