//! Git over HTTP, beside the API: real bare repositories, made of the world's objects when somebody asks, served by the
//! system's `git http-backend`. Their ids are those that the API answers.
//!
//! Who may write contents may push. What was pushed is seen by git alone: the API goes on with the world's commits.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use axum::response::Response;
use http::{Method, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::answer::Answer;
use super::auth::Credential;
use super::calls::Flight;
use super::faults::{Effect, Suffered};
use super::finish::{Finish, text};
use super::repos::sees;
use super::route::RouteKind;
use super::server::{Asked, Shared};
use crate::world::objects::Object;
use crate::world::{Named, Repo, World};

/// What a client of git wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    owner: String,
    name: String,
    /// What follows the repository in the path.
    rest: &'static str,
    /// The client wants to push.
    writes: bool,
}

const REFS: &str = "/info/refs";
const PACK: &str = "/git-upload-pack";
const PUSH: &str = "/git-receive-pack";
const PUSH_SERVICE: &str = "service=git-receive-pack";

/// Git's own server, spoken to as a web server does.
const BACKEND: &str = "http-backend";

impl Wanted {
    /// Nothing for a path that is none of git's.
    pub(super) fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let path = uri.path();
        let (at, rest) = match *method {
            Method::GET => (path.strip_suffix(REFS)?, REFS),
            Method::POST => match path.strip_suffix(PACK) {
                Some(at) => (at, PACK),
                None => (path.strip_suffix(PUSH)?, PUSH),
            },
            _ => return None,
        };
        let (owner, name) = at.strip_prefix('/')?.split_once('/')?;
        let name = name.strip_suffix(".git").filter(|name| !name.contains('/'))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let writes =
            rest == PUSH || (rest == REFS && uri.query().is_some_and(|query| query.contains(PUSH_SERVICE)));
        Some(Self { owner: decoded(owner), name: decoded(name), rest, writes })
    }

    pub(super) fn kind(&self) -> RouteKind {
        match self.rest {
            REFS => RouteKind::GitRefs,
            PUSH => RouteKind::GitPush,
            _ => RouteKind::GitPack,
        }
    }
}

/// The repositories on disk, named by id and newest commit. The folder goes with the stand-in.
#[derive(Default)]
pub(super) struct Folder(Mutex<Option<Made>>);

struct Made {
    dir: TempDir,
    ready: HashSet<String>,
    /// Repositories that have a life of their own, by id: pushed to, or brought by a test.
    own: HashMap<i64, PathBuf>,
}

/// Why git can't be served; a mistake of the machine's or ours.
#[derive(Debug, thiserror::Error)]
enum GitFailure {
    #[error("git can't be run")]
    Io(#[from] std::io::Error),
    #[error("git {what} failed: {said}")]
    Git { what: &'static str, said: String },
}

pub(super) async fn respond(
    shared: &Arc<Shared>,
    asked: &Asked,
    wanted: &Wanted,
    suffered: Suffered,
    flight: Flight,
) -> Response {
    let answer = match suffered.effect {
        Some(Effect::Status { status, retry_after }) => Answer::fault(status, retry_after),
        _ => match admit(shared, asked, wanted) {
            Err(refused) => refused,
            Ok(source) => match serve(shared, asked, wanted, source).await {
                Ok(answer) => answer,
                Err(failure) => {
                    tracing::error!(%failure, "git could not be served");
                    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "git could not be served")
                }
            },
        },
    };
    Finish::new(shared, &asked.parts, &asked.credential, flight).respond(answer, suffered.effect)
}

/// What a repository is made of.
struct Source {
    id: i64,
    head: String,
    /// For `git fast-import`.
    stream: Vec<u8>,
}

/// The same rules as the API's, with git's answers.
fn admit(shared: &Shared, asked: &Asked, wanted: &Wanted) -> Result<Source, Answer> {
    let world = shared.world();
    let refused = |status, message| Err(Answer::error(status, message));
    match &asked.credential {
        Credential::Invalid(_) | Credential::App | Credential::Client => {
            return refused(StatusCode::UNAUTHORIZED, "Invalid username or token.");
        }
        _ => {}
    }
    let (repo, moved) = match world.find(&wanted.owner, &wanted.name) {
        Some(Named::Here(repo)) if sees(&world, &asked.credential, repo) => (repo, false),
        Some(Named::Moved(repo)) if sees(&world, &asked.credential, repo) => (repo, true),
        // Who has not said who they are is asked to.
        _ if matches!(asked.credential, Credential::Anonymous) => {
            return refused(StatusCode::UNAUTHORIZED, "Authentication required.");
        }
        _ => return refused(StatusCode::NOT_FOUND, "Repository not found."),
    };
    if moved {
        let host = shared.base.strip_suffix(shared.settings.prefix.as_str()).unwrap_or(&shared.base);
        let query = asked.parts.uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let name = world.full_name(repo);
        return Err(Answer::moved(format!("{host}/{name}.git{}{query}", wanted.rest)));
    }
    if (repo.private && !asked.credential.may_read("contents"))
        || (wanted.writes && !asked.credential.may_write("contents"))
    {
        return refused(StatusCode::FORBIDDEN, "Resource not accessible by integration");
    }
    Ok(source(&world, repo))
}

fn source(world: &World, repo: &Repo) -> Source {
    let commits = world.commits(repo);
    let mut out = Vec::new();
    for (index, commit) in commits.iter().enumerate() {
        let Some(found) = u32::try_from(index).ok().and_then(|index| world.snapshot(repo, index)) else {
            continue;
        };
        let who = format!(
            "{} <{}> {} +0000",
            crate::world::objects::AUTHOR_NAME,
            crate::world::objects::AUTHOR_EMAIL,
            commit.time
        );
        let message = format!("{}\n", commit.message);
        let mark = index + 1;
        out.extend_from_slice(
            format!(
                "commit refs/heads/main\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata {}\n{message}",
                message.len()
            )
            .as_bytes(),
        );
        if index > 0 {
            out.extend_from_slice(format!("from :{index}\n").as_bytes());
        }
        out.extend_from_slice(b"deleteall\n");
        for entry in &found.entries {
            if let Object::Blob(bytes) = &entry.object {
                out.extend_from_slice(
                    format!("M {} inline {}\ndata {}\n", entry.mode, entry.path, bytes.len()).as_bytes(),
                );
                out.extend_from_slice(bytes);
                out.push(b'\n');
            }
        }
        out.push(b'\n');
        if mark + 1 == commits.len() {
            out.extend_from_slice(format!("reset refs/heads/release\nfrom :{mark}\n\n").as_bytes());
        }
    }
    let head = commits.last().map_or_else(String::new, |commit| commit.sha.to_string());
    Source { id: repo.id, head, stream: out }
}

async fn serve(
    shared: &Shared,
    asked: &Asked,
    wanted: &Wanted,
    source: Source,
) -> Result<Answer, GitFailure> {
    let repository = shared.git.repository(source, wanted.rest == PUSH).await?;
    let headers = &asked.parts.headers;
    let (root, name) =
        (repository.parent().unwrap_or(&repository), repository.file_name().unwrap_or_default());
    let mut backend = git(root);
    backend
        .arg(BACKEND)
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{}{}", name.display(), wanted.rest))
        .env("REQUEST_METHOD", asked.parts.method.as_str())
        .env("QUERY_STRING", asked.parts.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", text(headers, &header::CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", text(headers, &header::CONTENT_ENCODING))
        .env("CONTENT_LENGTH", asked.body.len().to_string());
    if let Some(protocol) = headers.get("git-protocol").and_then(|value| value.to_str().ok()) {
        backend.env("GIT_PROTOCOL", protocol);
    }
    let said = fed(backend, &asked.body, BACKEND).await?;
    Ok(read_cgi(&said, wanted))
}

/// Headers, an empty line, the body.
fn read_cgi(said: &[u8], wanted: &Wanted) -> Answer {
    let end = said.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(said.len());
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")?.split(' ').next()?.parse().ok());
    let media = match (wanted.rest, wanted.writes) {
        (REFS, false) => "application/x-git-upload-pack-advertisement",
        (REFS, true) => "application/x-git-receive-pack-advertisement",
        (_, false) => "application/x-git-upload-pack-result",
        (_, true) => "application/x-git-receive-pack-result",
    };
    let body = said.get(end + 4..).unwrap_or_default().to_vec();
    let status = status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    Answer { status, ..Answer::bytes(media, body) }
}

impl Folder {
    /// Where a repository is. One that is pushed to has a life of its own from then on.
    async fn repository(&self, source: Source, push: bool) -> Result<PathBuf, GitFailure> {
        let mut made = self.0.lock().await;
        let made = ready(&mut made)?;
        if let Some(own) = made.own.get(&source.id) {
            return Ok(own.clone());
        }
        let root = made.dir.path();
        let name = format!("{}-{}.git", source.id, source.head);
        let path = root.join(&name);
        if !made.ready.contains(&name) {
            make(root, &path, &source).await?;
            made.ready.insert(name);
        }
        if push {
            made.own.insert(source.id, path.clone());
        }
        Ok(path)
    }

    /// Serves a bare repository of the caller's in place of the world's.
    pub(super) async fn adopt(&self, repo: i64, bare: PathBuf) -> std::io::Result<()> {
        let mut made = self.0.lock().await;
        ready(&mut made)?.own.insert(repo, bare);
        Ok(())
    }
}

fn ready(made: &mut Option<Made>) -> std::io::Result<&mut Made> {
    if made.is_none() {
        let dir = TempDir::with_prefix("github-sim-git-")?;
        *made = Some(Made { dir, ready: HashSet::new(), own: HashMap::new() });
    }
    made.as_mut().ok_or_else(|| std::io::ErrorKind::NotFound.into())
}

async fn make(root: &Path, path: &Path, source: &Source) -> Result<(), GitFailure> {
    let mut init = git(root);
    init.args(["init", "--quiet", "--bare", "--initial-branch=main", "--template="]).arg(path);
    fed(init, b"", "init").await?;
    if source.stream.is_empty() {
        return Ok(());
    }
    let mut import = git(root);
    import.arg("--git-dir").arg(path).args(["fast-import", "--quiet"]);
    fed(import, &source.stream, "fast-import").await?;
    let mut head = git(root);
    head.arg("--git-dir").arg(path).args(["rev-parse", "main"]);
    let said = String::from_utf8_lossy(&fed(head, b"", "rev-parse").await?).trim().to_owned();
    if said == source.head {
        return Ok(());
    }
    Err(GitFailure::Git { what: "fast-import", said: format!("the API says {}, git {said}", source.head) })
}

/// Git that knows nothing of this machine.
fn git(home: &Path) -> Command {
    let mut git = Command::new("git");
    git.env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("HOME", home)
        .env("GIT_CONFIG_COUNT", "4")
        .env("GIT_CONFIG_KEY_0", "uploadpack.allowAnySHA1InWant")
        .env("GIT_CONFIG_VALUE_0", "true")
        .env("GIT_CONFIG_KEY_1", "safe.directory")
        .env("GIT_CONFIG_VALUE_1", "*")
        .env("GIT_CONFIG_KEY_2", "core.quotePath")
        .env("GIT_CONFIG_VALUE_2", "false")
        .env("GIT_CONFIG_KEY_3", "http.receivepack")
        .env("GIT_CONFIG_VALUE_3", "true")
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    git
}

/// Runs it with `input`, and answers what it printed.
async fn fed(mut command: Command, input: &[u8], what: &'static str) -> Result<Vec<u8>, GitFailure> {
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let feeding = async {
        if let Some(mut stdin) = stdin {
            // Who has heard enough closes; what it says then tells why.
            let _ = stdin.write_all(input).await;
        }
    };
    let ((), out) = tokio::join!(feeding, child.wait_with_output());
    let out = out?;
    // A backend that refuses says so in its answer, and with its exit code, too.
    if out.status.success() || (what == BACKEND && !out.stdout.is_empty()) {
        return Ok(out.stdout);
    }
    Err(GitFailure::Git { what, said: String::from_utf8_lossy(&out.stderr).trim().to_owned() })
}
