//! What callers write in the bodies of the git routes, understood field by field. Both spellings of a field are taken.

use std::collections::HashSet;
use std::fmt;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_shared::ids::{ProjectId, TenantId};
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::super::answer::Refusal;
use crate::flows::gits::{CloneAsk, Place, PullAsk, PushAsk};
use crate::sandbox::{Author, Branch, Change, FileChange, MOST_FILES, OperationId, Reference};

/// Where callers may name a push, too; a name in quotes, as drafts of the header want it, is the same name.
const OPERATION_HEADER: &str = "idempotency-key";

/// Bytes of a commit's message.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// The end of the year 9999. Beyond it somebody counts in milliseconds, and git hosts refuse the commit.
const LAST_SECOND: i64 = 253_402_300_799;

/// Letters of a refusal that repeat what a caller wrote.
const LONGEST_REPEAT: usize = 300;

/// What is to be cloned.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GitClone)]
pub(super) struct CloneBody {
    /// The project whose repository it is.
    #[serde(default, alias = "projectId")]
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// Instead of a project, with `repository`.
    #[serde(default, alias = "tenantId")]
    #[schema(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// `owner/name`; needed where the project has several.
    #[serde(default, alias = "repoFullName")]
    repository: Option<String>,
    /// `HEAD`, a branch or a full commit sha; without it `HEAD`.
    #[serde(default, rename = "ref")]
    reference: Option<String>,
}

/// Which sandbox is to be brought up to date.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GitPull)]
pub(super) struct PullBody {
    /// The `sandbox` of a clone.
    sandbox: String,
    /// `HEAD`, a branch or a full commit sha; without it what it was cloned at.
    #[serde(default, rename = "ref")]
    reference: Option<String>,
}

/// One commit that is to be put on a branch.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GitPush)]
pub(super) struct PushBody {
    /// The project whose repository it is.
    #[serde(default, alias = "projectId")]
    #[schema(value_type = Option<String>)]
    project_id: Option<ProjectId>,
    /// Instead of a project, with `repository`.
    #[serde(default, alias = "tenantId")]
    #[schema(value_type = Option<String>)]
    tenant_id: Option<TenantId>,
    /// `owner/name`; needed where the project has several.
    #[serde(default, alias = "repoFullName")]
    repository: Option<String>,
    /// With or without `refs/heads/`. It has to be there.
    branch: String,
    /// The full sha of where the branch has to be: the new commit's parent.
    expected: String,
    /// Overwrites what the branch has become since `expected`.
    #[serde(default)]
    force: bool,
    /// At most 64 KiB. A line with the operation's name is put below it.
    message: String,
    author: AuthorBody,
    /// Author's and committer's time, seconds since the epoch, UTC. It is needed: the commit's sha is made of it, and a repeat
    /// that brought another would be another commit.
    time: Option<i64>,
    /// Names the push: letters, digits, `-`, `_`, `.` and `:`, 200 at most. Also as header `Idempotency-Key`.
    #[serde(default)]
    operation: Option<String>,
    /// 1 to 10,000.
    #[serde(deserialize_with = "few")]
    files: Vec<FileBody>,
}

/// Who a commit names as author and committer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GitAuthor)]
struct AuthorBody {
    name: String,
    email: String,
}

/// A file that is written whole, or removed: exactly one of `content`, `content_base64` and `remove`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GitFile)]
struct FileBody {
    /// From the repository's root, with `/`.
    path: String,
    /// Text, written as UTF-8.
    #[serde(default)]
    content: Option<String>,
    /// Any bytes, in base64 (standard letters, padded, one line).
    #[serde(default, alias = "contentBase64")]
    content_base64: Option<String>,
    /// Only of a file that is written.
    #[serde(default)]
    executable: Option<bool>,
    /// Removes the file, or the folder with all below it.
    #[serde(default)]
    remove: Option<bool>,
}

/// Stops at the first file too many: a body of commas must not become a hundred times its size.
fn few<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<FileBody>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<FileBody>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of files")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut files = Vec::new();
            while let Some(file) = seq.next_element()? {
                if files.len() == MOST_FILES {
                    return Err(A::Error::custom(format!("more than {MOST_FILES} files")));
                }
                files.push(file);
            }
            Ok(files)
        }
    }
    from.deserialize_seq(Few)
}

/// The body, whole, with no field that is not known.
///
/// # Errors
/// 400 that names the field.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // A list would be taken as the fields in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad("the body is no JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let (at, why) = (error.path().to_string(), error.inner().to_string());
        let text = if at == "." { why } else { format!("{at}: {why}") };
        bad(text.chars().take(LONGEST_REPEAT).collect::<String>())
    })?;
    reader.end().map_err(|error| bad(format!("the body has more than one value: {error}")))?;
    Ok(body)
}

impl CloneBody {
    /// `within`: the caller's own tenant; none: of every tenant.
    pub(super) fn ask(self, within: Option<TenantId>) -> Result<CloneAsk, Refusal> {
        let place =
            Place { project: self.project_id, tenant: self.tenant_id, repository: self.repository, within };
        Ok(CloneAsk { place, reference: reference(self.reference)? })
    }
}

impl PullBody {
    pub(super) fn ask(self, within: Option<TenantId>) -> Result<PullAsk, Refusal> {
        Ok(PullAsk { sandbox: self.sandbox, reference: reference(self.reference)?, within })
    }
}

impl PushBody {
    pub(super) fn ask(self, headers: &HeaderMap, within: Option<TenantId>) -> Result<PushAsk, Refusal> {
        let operation = operation(headers, self.operation)?;
        let place =
            Place { project: self.project_id, tenant: self.tenant_id, repository: self.repository, within };
        let branch = Branch::parse(&self.branch).ok_or_else(|| wrong("branch", "git takes no such name"))?;
        let Some(Reference::Commit(expected)) = Reference::parse(&self.expected) else {
            return Err(wrong("expected", "the full sha of a commit is needed: 40 hex digits"));
        };
        if self.message.trim().is_empty()
            || self.message.contains('\0')
            || self.message.len() > LONGEST_MESSAGE
        {
            let what = format!("1 to {LONGEST_MESSAGE} bytes of text without NUL are needed");
            return Err(wrong("message", what));
        }
        let author = Author::new(&self.author.name, &self.author.email).ok_or_else(|| {
            wrong("author", "name and email have 1 to 200 letters, no line breaks, no `<` and no `>`")
        })?;
        let time = self.time.ok_or_else(|| {
            wrong("time", "needed, in seconds since the epoch: the commit's sha is made of it, and a repeat must have the same")
        })?;
        if !(0..=LAST_SECOND).contains(&time) {
            return Err(wrong(
                "time",
                "no second between the years 1970 and 9999; seconds, not milliseconds",
            ));
        }
        let change = Change {
            branch,
            expected,
            files: files(self.files)?,
            message: self.message,
            author,
            time,
            force: self.force,
        };
        Ok(PushAsk { place, change, operation })
    }
}

fn reference(text: Option<String>) -> Result<Option<String>, Refusal> {
    match &text {
        Some(text) if Reference::parse(text).is_none() => {
            Err(wrong("ref", "`HEAD`, a branch or a full commit sha is needed"))
        }
        _ => Ok(text),
    }
}

/// Names that differ are a mistake: nobody can tell which the repeat will have.
fn operation(headers: &HeaderMap, body: Option<String>) -> Result<OperationId, Refusal> {
    let mut named = body;
    for value in headers.get_all(OPERATION_HEADER) {
        let text = value.to_str().map_err(|_| wrong("Idempotency-Key", "it can't be read"))?.trim();
        let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        if named.get_or_insert_with(|| text.to_owned()) != text {
            return Err(wrong("operation", "the body and `Idempotency-Key` name two"));
        }
    }
    let named = named
        .ok_or_else(|| wrong("operation", "needed, here or as `Idempotency-Key`: a repeat has the same"))?;
    OperationId::parse(&named)
        .ok_or_else(|| wrong("operation", "1 to 200 letters, digits, `-`, `_`, `.` and `:` are needed"))
}

fn files(bodies: Vec<FileBody>) -> Result<Vec<FileChange>, Refusal> {
    if bodies.is_empty() {
        return Err(wrong("files", "at least one is needed"));
    }
    let mut seen = HashSet::with_capacity(bodies.len());
    if let Some(twice) = bodies.iter().position(|file| !seen.insert(file.path.as_str())) {
        return Err(wrong(&format!("files[{twice}].path"), "it stands above already"));
    }
    drop(seen);
    bodies.into_iter().enumerate().map(|(n, file)| change(n, file)).collect()
}

fn change(n: usize, file: FileBody) -> Result<FileChange, Refusal> {
    let at = |field: &str| format!("files[{n}].{field}");
    let remove = file.remove.unwrap_or(false);
    let bytes = match (file.content, file.content_base64) {
        (Some(text), None) if !remove => Some(text.into_bytes()),
        (None, Some(text)) if !remove => {
            Some(STANDARD.decode(text).map_err(|_| wrong(&at("content_base64"), "this is not base64"))?)
        }
        (None, None) if remove => None,
        _ => {
            let what = "exactly one of `content`, `content_base64` and `\"remove\": true` is needed";
            return Err(wrong(&format!("files[{n}]"), what));
        }
    };
    let made = match bytes {
        None if file.executable.is_some() => {
            return Err(wrong(&at("executable"), "a file that is removed has no mode"));
        }
        None => FileChange::remove(&file.path),
        Some(bytes) => FileChange::write(&file.path, bytes, file.executable.unwrap_or(false)),
    };
    made.ok_or_else(|| {
        wrong(&at("path"), "1 to 4,096 bytes are needed that lead to no place outside of the repository or in git's own files")
    })
}

fn wrong(field: &str, what: impl fmt::Display) -> Refusal {
    bad(format!("{field}: {what}"))
}

fn bad(what: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", what)
}
