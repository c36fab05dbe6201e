//! Signed `push` payloads of the size that GitHub's have, the same for everything that is measured.

use bytes::Bytes;
use cutover_daemon::hex::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::load::mapping::LoadError;
use crate::world::rng::Rng;

/// Bytes of one payload, nearly.
const SIZE: usize = 9_000;

/// Payloads that take turns; each request has a delivery id of its own.
pub(crate) const KINDS: usize = 512;

/// Installations that the payloads are of.
const INSTALLATIONS: i64 = 50;

/// What every receiver here is set up with.
pub(crate) const SECRET: &str = "the-secret-of-the-load-tool";

/// The App that everything is delivered to.
pub(crate) const APP: i64 = 4_711;

/// A payload and the head that goes before it, up to the delivery id.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) body: Bytes,
    /// `X-Hub-Signature-256` without its `sha256=`.
    pub(crate) signature: String,
}

impl Signed {
    pub(crate) fn new(body: Bytes) -> Result<Self, LoadError> {
        let signature = sign(&body)?;
        Ok(Self { body, signature })
    }
}

/// The HMAC of a body, in hex.
pub(crate) fn sign(body: &[u8]) -> Result<String, LoadError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())
        .map_err(|error| LoadError::Wrong(error.to_string()))?;
    mac.update(body);
    Ok(hex(&mac.finalize().into_bytes()))
}

/// [`KINDS`] different pushes.
pub(crate) fn pushes(seed: u64) -> Result<Vec<Signed>, LoadError> {
    let mut rng = Rng::of(&[seed, 0x9059]);
    (0..KINDS).map(|_| Signed::new(push(&mut rng).into())).collect()
}

/// A delivery id of GitHub's form, another for each number; in no order, as GitHub's are.
pub(crate) fn guid(run: u64, number: u64) -> String {
    let mut rng = Rng::of(&[run, number]);
    let (high, low) = (rng.next(), rng.next());
    format!(
        "{:08x}-{:04x}-11f0-{:04x}-{:012x}",
        high >> 32,
        high & 0xffff,
        low & 0xffff,
        number & 0xffff_ffff_ffff
    )
}

fn sha(rng: &mut Rng) -> String {
    format!("{:016x}{:016x}{:08x}", rng.next(), rng.next(), rng.next() >> 32)
}

fn push(rng: &mut Rng) -> Vec<u8> {
    let installation = rng.below_i64(INSTALLATIONS) + 1;
    let id = installation * 1_000 + rng.below_i64(20);
    let (owner, name) = (format!("org-{installation}"), format!("service-{id}"));
    let (before, after) = (sha(rng), sha(rng));
    let mut commits = Vec::new();
    let mut payload = json!({
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "repository": repository(id, &owner, &name),
        "pusher": { "name": "ana", "email": "ana@example.com" },
        "organization": account(installation, &owner, "orgs"),
        "sender": account(installation + 7, "ana", "users"),
        "installation": { "id": installation, "node_id": format!("MDIzOkludGVncmF0aW9u{installation}") },
        "created": false,
        "deleted": false,
        "forced": false,
        "base_ref": null,
        "compare": format!("https://github.com/{owner}/{name}/compare/{}...{}", &before[..12], &after[..12]),
        "commits": [],
        "head_commit": commit(rng, &owner, &name),
    });
    let empty = payload.to_string().len();
    let mut size = empty;
    while size < SIZE {
        let next = commit(rng, &owner, &name);
        size += next.to_string().len() + 1;
        commits.push(next);
    }
    payload["commits"] = Value::Array(commits);
    payload.to_string().into_bytes()
}

fn commit(rng: &mut Rng, owner: &str, name: &str) -> Value {
    let (id, tree) = (sha(rng), sha(rng));
    let changed = format!("services/{}/src/{}.rs", rng.alphanumeric(6), rng.alphanumeric(8));
    json!({
        "id": id,
        "tree_id": tree,
        "distinct": true,
        "message": format!("Change {} and {}", rng.alphanumeric(10), rng.alphanumeric(14)),
        "timestamp": format!("2026-11-21T10:{:02}:{:02}+01:00", rng.below(60), rng.below(60)),
        "url": format!("https://github.com/{owner}/{name}/commit/{id}"),
        "author": { "name": "Ana", "email": "ana@example.com", "username": "ana" },
        "committer": { "name": "GitHub", "email": "noreply@github.com", "username": "web-flow" },
        "added": [],
        "removed": [],
        "modified": [changed, "Cargo.lock"],
    })
}

fn account(id: i64, login: &str, kind: &str) -> Value {
    let api = format!("https://api.github.com/{kind}/{login}");
    json!({
        "login": login,
        "id": id,
        "node_id": format!("MDQ6VXNlcj{id}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}?v=4"),
        "url": api,
        "html_url": format!("https://github.com/{login}"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": "User",
        "site_admin": false,
    })
}

/// With the addresses that make up most of a payload.
fn repository(id: i64, owner: &str, name: &str) -> Value {
    const LINKS: [&str; 36] = [
        "forks",
        "keys{/key_id}",
        "collaborators{/collaborator}",
        "teams",
        "hooks",
        "issues/events{/number}",
        "events",
        "assignees{/user}",
        "branches{/branch}",
        "tags",
        "git/blobs{/sha}",
        "git/tags{/sha}",
        "git/refs{/sha}",
        "git/trees{/sha}",
        "statuses/{sha}",
        "languages",
        "stargazers",
        "contributors",
        "subscribers",
        "subscription",
        "commits{/sha}",
        "git/commits{/sha}",
        "comments{/number}",
        "issues/comments{/number}",
        "contents/{+path}",
        "compare/{base}...{head}",
        "merges",
        "{archive_format}{/ref}",
        "downloads",
        "issues{/number}",
        "pulls{/number}",
        "milestones{/number}",
        "notifications{?since,all,participating}",
        "labels{/name}",
        "releases{/id}",
        "deployments",
    ];
    let mut repository = json!({
        "id": id,
        "node_id": format!("MDEwOlJlcG9zaXRvcnk{id}"),
        "name": name,
        "full_name": format!("{owner}/{name}"),
        "private": true,
        "owner": account(id, owner, "users"),
        "fork": false,
        "created_at": 1_700_000_000 + id,
        "updated_at": "2026-11-20T10:00:00Z",
        "pushed_at": 1_763_000_000 + id,
        "default_branch": "main",
    });
    for link in LINKS {
        let key = link.split(['{', '/']).next().unwrap_or_default();
        repository[format!("{key}_url")] =
            format!("https://api.github.com/repos/{owner}/{name}/{link}").into();
    }
    repository
}

#[cfg(test)]
mod tests {
    use cutover_daemon::gateway::envelope::Envelope;

    use super::*;

    #[test]
    fn payloads_are_of_one_size_and_all_different() {
        let pushes = pushes(1).unwrap();
        let different: std::collections::BTreeSet<_> = pushes.iter().map(|push| &push.signature).collect();
        assert_eq!(different.len(), KINDS);
        for push in &pushes {
            assert!((SIZE..SIZE + 1_000).contains(&push.body.len()), "{}", push.body.len());
            let envelope = Envelope::read(&push.body).unwrap();
            assert!(envelope.installation.is_some() && envelope.repository.is_some(), "{envelope:?}");
        }
    }

    #[test]
    fn delivery_ids_are_all_different() {
        let all: std::collections::BTreeSet<_> = (0..10_000).map(|number| guid(3, number)).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|guid| guid.len() == 36));
    }
}
