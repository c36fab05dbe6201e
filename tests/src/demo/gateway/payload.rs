//! Payloads as GitHub makes them, with what is looked at.

use serde_json::{Value, json};

/// An account: its id and its login.
type Owner<'a> = (i64, &'a str);

fn installation(id: i64, (account, login): Owner<'_>, suspended: bool) -> Value {
    json!({
        "id": id,
        "account": { "id": account, "login": login, "type": "User" },
        "target_id": account,
        "repository_selection": "all",
        "permissions": { "actions": "read", "contents": "read", "deployments": "read", "issues": "read",
                         "metadata": "read", "pull_requests": "read" },
        "suspended_at": suspended.then_some("2026-11-21T10:00:00Z"),
    })
}

fn repository(id: i64, (account, login): Owner<'_>, name: &str) -> Value {
    json!({
        "id": id, "name": name, "full_name": format!("{login}/{name}"), "private": true, "fork": false,
        "owner": { "id": account, "login": login, "type": "User" },
    })
}

fn sender() -> Value {
    json!({ "id": 1, "login": "dana", "type": "User" })
}

pub(super) fn created(id: i64, account: i64, login: &str, repositories: &[(i64, &str)]) -> Value {
    let listed: Vec<Value> = repositories
        .iter()
        .map(|(repo, name)| {
            json!({ "id": repo, "name": name, "full_name": format!("{login}/{name}"), "private": true })
        })
        .collect();
    json!({
        "action": "created", "installation": installation(id, (account, login), false), "repositories": listed,
        "sender": sender(),
    })
}

pub(super) fn suspension(id: i64, account: i64, login: &str, suspended: bool) -> Value {
    json!({
        "action": if suspended { "suspend" } else { "unsuspend" },
        "installation": installation(id, (account, login), suspended),
        "sender": sender(),
    })
}

pub(super) fn renamed(id: i64, owner: Owner<'_>, repo: i64, from: &str, to: &str) -> Value {
    json!({
        "action": "renamed", "changes": { "repository": { "name": { "from": from } } },
        "repository": repository(repo, owner, to), "installation": { "id": id }, "sender": sender(),
    })
}

/// As the new owner's installation hears of it.
pub(super) fn transferred(id: i64, owner: Owner<'_>, repo: i64, name: &str, from: &str) -> Value {
    json!({
        "action": "transferred", "changes": { "owner": { "from": { "user": { "login": from } } } },
        "repository": repository(repo, owner, name), "installation": { "id": id }, "sender": sender(),
    })
}

pub(super) fn push(id: i64, owner: Owner<'_>, repo: i64, name: &str, branch: &str) -> Value {
    json!({
        "ref": format!("refs/heads/{branch}"), "commits": [], "repository": repository(repo, owner, name),
        "installation": { "id": id }, "sender": sender(),
    })
}
