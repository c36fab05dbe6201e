//! Git for tenants over HTTP, whichever arm and credential: a clone's files are the commit's, a pull brings the new ones, a push
//! is done once, nobody sees another's sandbox, and no credential stands anywhere.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover_daemon::client::{Answered, Client, ClientError};
use cutover_daemon::clock::Clock;
use cutover_shared::run::RunState;
use cutover_tests::world::objects::Object;
use cutover_tests::world::{CatalogRow, Level, Named};
use http::Method;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::api::{SECRET, header, parsed};
use super::fetch::project;
use super::stage::{REPOS, Stage, plan, set_going, until_state};

const SERVICE: &str = "planted-service-token-of-the-git-api";
const TEXT: &str = "planted text of a push\n";

struct Calls {
    client: Client,
    base: String,
}

impl Calls {
    fn new(stage: &Stage) -> Self {
        let address = std::fs::read_to_string(stage.home.state().join("http.addr")).unwrap();
        Self { client: Client::new().unwrap(), base: format!("http://{}/api/v1/git", address.trim()) }
    }

    async fn sent(
        &self,
        method: Method,
        path: &str,
        bearer: &str,
        body: &Value,
    ) -> Result<Answered, ClientError> {
        let url = format!("{}/{path}", self.base).parse().unwrap();
        let mut request = self.client.request(method, url).bearer_auth(bearer);
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        self.client.send(request, Duration::from_secs(120)).await
    }

    async fn post(&self, path: &str, bearer: &str, body: &Value) -> (u16, Value) {
        parsed(&self.sent(Method::POST, path, bearer, body).await.unwrap())
    }

    /// A call that has to be answered.
    async fn done(&self, path: &str, bearer: &str, body: &Value) -> Value {
        let (status, view) = self.post(path, bearer, body).await;
        assert_eq!(status, 200, "{path} {body}: {view}");
        view
    }

    /// A call that has to be refused: its status and code.
    async fn refused(&self, path: &str, bearer: &str, body: &Value) -> (u16, String) {
        let (status, answer) = self.post(path, bearer, body).await;
        (status, answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{path}: {answer}")).to_owned())
    }

    /// The commit and the files of a sandbox.
    async fn archive(&self, sandbox: &str, bearer: &str) -> (String, Files) {
        let path = format!("sandboxes/{sandbox}/archive");
        let answer = self.sent(Method::GET, &path, bearer, &Value::Null).await.unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(header(&answer, "content-type"), "application/x-tar");
        (header(&answer, "x-commit-sha").to_owned(), unpacked(&answer.body))
    }

    async fn status(&self, method: Method, path: &str, bearer: &str) -> u16 {
        self.sent(method, path, bearer, &Value::Null).await.unwrap().status
    }
}

/// Each file's bytes, and whether it can be run.
type Files = BTreeMap<String, (Vec<u8>, bool)>;

fn unpacked(archive: &[u8]) -> Files {
    let mut tar = tar::Archive::new(archive);
    tar.entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let runs = entry.header().mode().unwrap() & 0o100 != 0;
            (entry.path().unwrap().to_str().unwrap().to_owned(), (bytes, runs))
        })
        .collect()
}

/// The newest commit of a repository as the API has it: commit, tree, files.
fn newest(stage: &Stage, repo: i64) -> (String, String, Files) {
    let snapshot = stage.sim.world().read(|world| {
        let repo = world.repo(repo).unwrap();
        world.snapshot(repo, u32::try_from(world.commits(repo).len()).unwrap() - 1).unwrap()
    });
    let files = snapshot.entries.into_iter().filter_map(|entry| match entry.object {
        Object::Blob(bytes) => Some((entry.path, (bytes, entry.mode == "100755"))),
        Object::Tree => None,
    });
    (snapshot.commit.sha.to_string(), snapshot.commit.tree.to_string(), files.collect())
}

/// The token of a user of this tenant.
fn user_of(tenant: &str) -> String {
    let claims = json!({ "sub": "u", "org_id": tenant, "exp": Clock::system().now() / 1000 + 3_600 });
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

/// Every file below a folder; what goes away meanwhile is none.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => files.push(entry.path()),
            }
        }
    }
    files
}

/// No user's token, and nothing that looks like an installation's.
fn no_credential_in(bytes: &[u8], token: &str, place: &str) {
    let user = bytes.windows(token.len()).any(|part| part == token.as_bytes());
    assert!(!user, "a user's token stands in {place}");
    let installation = bytes
        .windows(24)
        .any(|part| part.starts_with(b"ghs_") && part[4..].iter().all(u8::is_ascii_alphanumeric));
    assert!(!installation, "an installation's token stands in {place}");
}

/// A daemon with the project's catalog, on one arm of git-sandbox.
async fn stage_on(rollout: &str) -> (Stage, CatalogRow, i64) {
    let more = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n\n[api]\nservice_token = {SERVICE:?}\njwt_secret = {SECRET:?}\n\n{rollout}"
    );
    let stage = Stage::of(REPOS, None, &more).await;
    stage.reconfigure("app_id = ", "webhook_secret = \"planted-webhook-secret-of-git\"\napp_id = ");
    stage.reconfigure("[log]\n", "[log]\nlevel = \"debug\"\n");
    let row = project(&stage);
    let (repo, installation) = stage.sim.world().read(|world| {
        let (owner, name) = row.repo_full_name.split_once('/').unwrap();
        let Some(Named::Here(repo)) = world.find(owner, name) else { panic!("it is not there") };
        (repo.id, world.installation_on(repo.owner).unwrap().id)
    });
    stage.sim.world().permit(installation, "contents", Level::Write).unwrap();
    (stage, row, repo)
}

async fn the_whole_way(stage: &Stage, row: &CatalogRow, repo: i64, arm: &str, method: &str) {
    let calls = Calls::new(stage);
    let (project, tenant) = (row.project_id.as_str(), row.tenant_id.as_str());
    let own = user_of(tenant);
    let mut told = String::new();

    // A clone, by a service and by a user of the tenant.
    let (commit, tree, expected) = newest(stage, repo);
    let by_service = calls.done("clone", SERVICE, &json!({ "project_id": project })).await;
    let cloned = calls.done("clone", &own, &json!({ "projectId": project, "ref": "main" })).await;
    for view in [&by_service, &cloned] {
        assert_eq!((&view["commit_sha"], &view["tree_sha"]), (&json!(commit), &json!(tree)), "{view}");
        assert_eq!((&view["arm"], &view["method"]), (&json!(arm), &json!(method)), "{view}");
        assert_eq!(view["files"], json!(expected.len()), "{view}");
        assert_eq!(view["bytes"], json!(expected.values().map(|(bytes, _)| bytes.len()).sum::<usize>()));
        assert!(
            view["expires_at"].as_i64().unwrap() > Clock::system().now() && view["fast_forward"].is_null()
        );
    }
    assert_eq!((&by_service["ref"], &cloned["ref"]), (&json!("HEAD"), &json!("main")));
    let sandbox = cloned["sandbox"].as_str().unwrap().to_owned();
    assert_eq!(calls.archive(&sandbox, &own).await, (commit.clone(), expected.clone()));

    // A commit arrives, and a pull brings it.
    stage.sim.world().push(repo).unwrap();
    let (next, _, expected) = newest(stage, repo);
    assert_ne!(next, commit);
    let pulled = calls.done("pull", &own, &json!({ "sandbox": sandbox })).await;
    assert_eq!((&pulled["commit_sha"], &pulled["fast_forward"]), (&json!(next), &json!(true)), "{pulled}");
    assert_eq!((&pulled["sandbox"], &pulled["ref"]), (&json!(sandbox), &json!("main")));
    assert_eq!(calls.archive(&sandbox, &own).await, (next.clone(), expected.clone()));

    // A push is one commit, however often it is sent.
    let gone = expected.keys().next().unwrap().clone();
    let push = json!({
        "project_id": project, "branch": "main", "expected": next, "message": "Planted\n", "time": 1_790_000_000,
        "author": { "name": "Ana", "email": "ana@example.com" }, "operation": "op-1",
        "files": [
            { "path": "planted/text", "content": TEXT },
            { "path": "planted/run", "content_base64": "AP8=", "executable": true },
            { "path": gone, "remove": true },
        ],
    });
    let pushed = calls.done("push", &own, &push).await;
    let made = pushed["commit_sha"].as_str().unwrap().to_owned();
    assert_eq!((&pushed["pushed"], &pushed["remote_sha"]), (&json!(true), &json!(made)), "{pushed}");
    assert_eq!((&pushed["arm"], &pushed["method"]), (&json!(arm), &json!(method)), "{pushed}");
    let again = calls.done("push", SERVICE, &push).await;
    assert_eq!((&again["pushed"], &again["commit_sha"]), (&json!(false), &json!(made)), "{again}");
    let mut other = push.clone();
    other["operation"] = json!("op-2");
    assert_eq!(calls.refused("push", &own, &other).await, (409, "remote_rejected".to_owned()));
    let pulled = calls.done("pull", &own, &json!({ "sandbox": sandbox })).await;
    assert_eq!((&pulled["commit_sha"], &pulled["fast_forward"]), (&json!(made), &json!(true)), "{pulled}");
    let mut expected = expected;
    expected.remove(&gone);
    expected.insert("planted/text".to_owned(), (TEXT.into(), false));
    expected.insert("planted/run".to_owned(), (vec![0, 255], true));
    assert_eq!(calls.archive(&sandbox, &own).await, (made, expected));

    // Another tenant sees nothing of it.
    let stranger = user_of("another-tenant");
    let not_there = || (404, "not_found".to_owned());
    assert_eq!(calls.refused("clone", &stranger, &json!({ "project_id": project })).await, not_there());
    assert_eq!(calls.refused("pull", &stranger, &json!({ "sandbox": sandbox })).await, not_there());
    assert_eq!(calls.refused("push", &stranger, &push).await, not_there());
    let (path, archive) = (format!("sandboxes/{sandbox}"), format!("sandboxes/{sandbox}/archive"));
    assert_eq!(calls.status(Method::GET, &archive, &stranger).await, 404);
    assert_eq!(calls.status(Method::DELETE, &path, &stranger).await, 404);
    assert_eq!(calls.status(Method::GET, &archive, &own).await, 200, "a stranger released it");
    assert_eq!(calls.status(Method::GET, &archive, "guess").await, 401);
    assert_eq!(
        calls.refused("clone", &own, &json!({ "project_id": project, "ref": "no-such" })).await,
        not_there()
    );

    // While sandboxes are full, no credential is on the disk.
    told.push_str(&format!("{by_service}{cloned}{pulled}{pushed}{again}"));
    let token = row.github_access_token.as_deref().unwrap();
    no_credential_in(told.as_bytes(), token, "an answer");
    let all = files(&stage.home.state());
    assert!(
        all.iter().any(|file| std::fs::read(file).is_ok_and(|bytes| bytes == TEXT.as_bytes())),
        "what was looked through does not have the sandbox: {all:?}"
    );
    for file in all {
        no_credential_in(&std::fs::read(&file).unwrap_or_default(), token, &file.display().to_string());
    }

    // What is released is gone, for good.
    for sandbox in [&sandbox, by_service["sandbox"].as_str().unwrap()] {
        let path = format!("sandboxes/{sandbox}");
        assert_eq!(calls.status(Method::DELETE, &path, &own).await, 204);
        assert_eq!(calls.status(Method::DELETE, &path, &own).await, 204);
        assert_eq!(calls.status(Method::GET, &format!("{path}/archive"), &own).await, 404);
        assert_eq!(calls.refused("pull", &own, &json!({ "sandbox": sandbox })).await, not_there());
    }
    let gone = || {
        !files(&stage.home.state())
            .iter()
            .any(|file| std::fs::read(file).is_ok_and(|bytes| bytes == TEXT.as_bytes()))
    };
    let clock = Clock::system();
    let waiting = async {
        while !gone() {
            tokio::task::yield_now().await;
        }
    };
    clock
        .timeout(Duration::from_secs(60), waiting)
        .await
        .expect("a sandbox that was released is on the disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_git_on_the_legacy_arm_with_a_users_token() {
    let (stage, row, repo) = stage_on("").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    the_whole_way(&stage, &row, repo, "legacy", "oauth").await;
    daemon.stop().await.unwrap();
    no_credential_in(stage.log().as_bytes(), row.github_access_token.as_deref().unwrap(), "the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_git_on_the_target_with_an_installation() {
    let (stage, row, repo) = stage_on("[rollout]\ngithub_auth = \"live\"\ngit_sandbox = \"live\"\n").await;
    let daemon = stage.daemon().await;
    stage.import().await;
    let conn = stage.connect().await;
    let planned = plan(&conn).await;
    set_going(&conn, &planned, None).await;
    until_state(&conn, &planned.id, RunState::Done).await;
    stage.ask(&[0], &["mode", "set", "on"]).await;
    the_whole_way(&stage, &row, repo, "target", "installation").await;
    drop(conn);
    daemon.stop().await.unwrap();
    no_credential_in(stage.log().as_bytes(), row.github_access_token.as_deref().unwrap(), "the log");
}
