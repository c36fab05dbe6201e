//! What a rule can ask of an event, read leniently out of its payload: what is missing or of another type is not there. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

/// GitHub puts no more commits than these into a push's payload.
const MOST_COMMITS: usize = 2_048;

/// The facts of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `push`, as `X-GitHub-Event` says.
    pub name: String,
    pub action: Option<String>,
    /// `owner/name`.
    pub repository: Option<String>,
    pub installation: Option<i64>,
    pub sender: Option<Sender>,
    /// The branches that it is about; a tag is none.
    pub branches: Vec<String>,
    pub labels: Vec<String>,
    pub paths: Paths,
    /// The pull request's number.
    pub pull_request: Option<i64>,
    /// Shas of a push's commits, the oldest first.
    pub commits: Vec<String>,
}

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    pub login: String,
    /// Of type `Bot`, or with a login that ends with `[bot]`.
    pub is_bot: bool,
}

/// The files that an event changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Paths {
    /// The event is about no files.
    #[default]
    None,
    Known(Vec<String>),
    /// Not all of them can be known; says why.
    Partly {
        known: Vec<String>,
        why: String,
    },
    /// GitHub has to be asked for the pull request's.
    AtGitHub,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    action: Value,
    #[serde(rename = "ref")]
    reference: Value,
    ref_type: Value,
    repository: Value,
    installation: Value,
    sender: Value,
    pull_request: Value,
    issue: Value,
    label: Value,
    commits: Value,
    size: Value,
    branches: Value,
    workflow_run: Value,
    workflow_job: Value,
    check_suite: Value,
    check_run: Value,
    release: Value,
    deployment: Value,
}

impl Event {
    /// Reads the payload of an event.
    ///
    /// # Errors
    /// The body is no JSON object; in words.
    pub fn read(name: &str, body: &[u8]) -> Result<Self, String> {
        let payload: Payload = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let commits = payload.commits.as_array().map(Vec::as_slice).unwrap_or_default();
        let pull_request = payload.pull_request.get("number").and_then(Value::as_i64);
        Ok(Self {
            name: name.to_owned(),
            action: text(Some(&payload.action)),
            repository: text(payload.repository.get("full_name")),
            installation: payload.installation.get("id").and_then(Value::as_i64),
            sender: sender(&payload.sender),
            branches: branches(name, &payload),
            labels: labels(&payload),
            paths: match (name, pull_request) {
                ("push", _) => pushed(commits, payload.size.as_u64()),
                (name, Some(_)) if name.starts_with("pull_request") => Paths::AtGitHub,
                _ => Paths::None,
            },
            pull_request,
            commits: commits.iter().filter_map(|commit| text(commit.get("id"))).collect(),
        })
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}

fn sender(value: &Value) -> Option<Sender> {
    let login = text(value.get("login"))?;
    let is_bot = value.get("type").and_then(Value::as_str) == Some("Bot")
        || login.to_ascii_lowercase().ends_with("[bot]");
    Some(Sender { login, is_bot })
}

/// The branch that is pushed to, made or deleted; of a pull request its base; of what runs, the branch that it runs for; of a
/// release what it is made from, which GitHub may also give as a sha; of a deployment its ref.
fn branches(name: &str, payload: &Payload) -> Vec<String> {
    let reference = payload.reference.as_str();
    let one = match name {
        "push" => reference.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned),
        "create" | "delete" if payload.ref_type == "branch" => reference.map(str::to_owned),
        "workflow_run" => text(payload.workflow_run.get("head_branch")),
        "workflow_job" => text(payload.workflow_job.get("head_branch")),
        "check_suite" => text(payload.check_suite.get("head_branch")),
        "check_run" => text(payload.check_run.pointer("/check_suite/head_branch")),
        "release" => text(payload.release.get("target_commitish")),
        "deployment" | "deployment_status" => text(payload.deployment.get("ref")),
        "status" => {
            let all = payload.branches.as_array().map(Vec::as_slice).unwrap_or_default();
            return all.iter().filter_map(|branch| text(branch.get("name"))).collect();
        }
        _ if name.starts_with("pull_request") => text(payload.pull_request.pointer("/base/ref")),
        _ => None,
    };
    one.into_iter().collect()
}

fn labels(payload: &Payload) -> Vec<String> {
    let lists = [&payload.pull_request, &payload.issue].map(|holder| holder.get("labels"));
    let listed = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
    let all = listed.chain([&payload.label]).filter_map(|label| text(label.get("name")));
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

fn pushed(commits: &[Value], size: Option<u64>) -> Paths {
    let files = commits.iter().flat_map(|commit| {
        let lists = ["added", "modified", "removed"].map(|list| commit.get(list));
        lists.into_iter().flatten().filter_map(Value::as_array).flatten()
    });
    let known: BTreeSet<&str> = files.filter_map(Value::as_str).collect();
    let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
    let listed = u64::try_from(commits.len()).unwrap_or(u64::MAX);
    if commits.len() >= MOST_COMMITS || size.is_some_and(|size| size > listed) {
        return Paths::Partly { known, why: format!("unknown: the push has more than {listed} commits") };
    }
    Paths::Known(known)
}
