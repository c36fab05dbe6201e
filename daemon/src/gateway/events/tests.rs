use serde_json::{Value, json};

use super::*;
use crate::store::{InstallationRow, RepositoryRow};

const RECEIVED: i64 = 1_700_000_000_500;

fn told(event: &str, body: &Value) -> Result<Effects, Unreadable> {
    effects("github.com", event, body.to_string().as_bytes(), RECEIVED)
}

fn facts(effects: Effects) -> Vec<Learned> {
    let fact = |op| match op {
        Op::Index(IndexOp::Learned { host, fact, .. }) if host == "github.com" => Some(*fact),
        _ => None,
    };
    effects.ops.into_iter().map(|op| fact(op).unwrap()).collect()
}

/// As GitHub sends it: seconds in one place, text in another.
fn installation() -> Value {
    json!({"id": 7, "account": {"id": 9, "login": "acme", "type": "Organization"}, "target_id": 9,
        "repository_selection": "selected", "permissions": {"contents": "read"}, "updated_at": 1_557_933_591,
        "suspended_at": null})
}

fn row() -> InstallationRow {
    InstallationRow {
        id: 7,
        account_id: 9,
        account_login: "acme".into(),
        account_type: "Organization".into(),
        selection: "selected".into(),
        suspended_at: None,
        permissions: r#"{"contents":"read"}"#.into(),
    }
}

const VERSION: Version = Version { at: 1_557_933_591_000, received: RECEIVED };

fn named(id: i64) -> Value {
    json!({"id": id, "node_id": "x", "name": format!("r{id}"), "full_name": format!("acme/r{id}"), "private": true})
}

fn named_row(id: i64) -> RepositoryRow {
    RepositoryRow {
        installation: 7,
        id,
        full_name: format!("acme/r{id}"),
        owner_id: 9,
        owner_login: "acme".into(),
        created_at: None,
        private: true,
        fork: true,
    }
}

fn seen(row: InstallationRow) -> Learned {
    Learned::Seen { row, suspension: true, version: VERSION }
}

#[test]
fn events_of_installations() {
    let granted = |ids: &[i64]| Learned::Granted {
        installation: 7,
        rows: ids.iter().copied().map(named_row).collect(),
        version: VERSION,
    };
    let suspended = InstallationRow { suspended_at: Some(1_619_663_570_000), ..row() };
    let mut away = installation();
    away["suspended_at"] = json!("2021-04-29T02:32:50Z");
    let all = InstallationRow { selection: "all".into(), ..row() };
    let withdrawn = Learned::Withdrawn { installation: 7, repositories: vec![3], version: VERSION };
    let gone = Learned::Uninstalled { installation: 7, version: VERSION };
    let repositories = json!([named(1), named(2)]);
    for (event, body, expected, forget, note) in [
        (
            "installation",
            json!({"action": "created", "installation": installation(), "repositories": repositories}),
            vec![seen(row()), granted(&[1, 2])],
            false,
            "installation 7 of acme created with 2 repositories",
        ),
        (
            "installation",
            json!({"action": "deleted", "installation": installation(), "repositories": repositories}),
            vec![gone],
            true,
            "installation 7 of acme deleted",
        ),
        (
            "installation",
            json!({"action": "suspend", "installation": away}),
            vec![seen(suspended)],
            true,
            "installation 7 of acme suspended",
        ),
        (
            "installation",
            json!({"action": "unsuspend", "installation": installation()}),
            vec![seen(row())],
            true,
            "installation 7 of acme unsuspended",
        ),
        (
            "installation",
            json!({"action": "new_permissions_accepted", "installation": installation()}),
            vec![seen(row())],
            true,
            "installation 7 of acme has new permissions",
        ),
        (
            "installation_repositories",
            json!({"action": "added", "installation": installation(), "repository_selection": "all",
                "repositories_added": [named(1)], "repositories_removed": []}),
            vec![seen(all), granted(&[1])],
            true,
            "installation 7 of acme was granted 1 repository",
        ),
        (
            "installation_repositories",
            json!({"action": "removed", "installation": installation(), "repositories_removed": [named(3)]}),
            vec![seen(row()), withdrawn],
            true,
            "installation 7 of acme lost 1 repository",
        ),
    ] {
        let effects = told(event, &body).unwrap();
        assert_eq!(effects.note.as_deref(), Some(note));
        assert_eq!(effects.forget_token, forget.then_some(7), "{note}");
        assert_eq!(facts(effects), expected, "{note}");
    }
}

#[test]
fn an_account_gets_another_login() {
    let body = json!({"action": "renamed", "account": {"id": 9, "login": "apex"}, "installation": {"id": 7},
        "changes": {"login": {"from": "acme"}}, "target_type": "Organization"});
    let effects = told("installation_target", &body).unwrap();
    assert_eq!(effects.note.as_deref(), Some("account 9 of installation 7 renamed from acme to apex"));
    let version = Version { at: RECEIVED, received: RECEIVED };
    assert_eq!(facts(effects), [Learned::Renamed { installation: 7, login: "apex".into(), version }]);
}

#[test]
fn events_of_repositories() {
    let body = |action: &str, changes: Value| {
        json!({"action": action, "installation": {"id": 7}, "changes": changes, "repository": {"id": 12,
            "full_name": "acme/b", "owner": {"id": 9, "login": "acme"}, "private": true, "fork": false,
            "created_at": "2019-05-15T15:19:25Z", "updated_at": "2019-05-15T15:21:03Z"}})
    };
    let version = Version { at: 1_557_933_663_000, received: RECEIVED };
    let row = || RepositoryRow {
        full_name: "acme/b".into(),
        created_at: Some(1_557_933_565_000),
        fork: false,
        ..named_row(12)
    };
    let described = || Learned::Described { row: row(), version };
    for (event, action, changes, expected, note) in [
        (
            "repository",
            "renamed",
            json!({"repository": {"name": {"from": "a"}}}),
            described(),
            "renamed from acme/a to acme/b",
        ),
        (
            "repository",
            "transferred",
            json!({"owner": {"from": {"user": {"id": 1, "login": "octocat"}}}}),
            Learned::Moved { row: row(), version },
            "transferred from octocat to acme/b",
        ),
        (
            "repository",
            "deleted",
            json!(null),
            Learned::Deleted { repository: 12, version },
            "acme/b deleted",
        ),
        ("repository", "archived", json!(null), described(), "acme/b archived"),
        ("repository", "unarchived", json!(null), described(), "acme/b unarchived"),
        ("repository", "privatized", json!(null), described(), "acme/b privatized"),
        ("repository", "publicized", json!(null), described(), "acme/b publicized"),
        ("public", "", json!(null), described(), "acme/b publicized"),
    ] {
        let effects = told(event, &body(action, changes)).unwrap();
        assert_eq!(effects.note, Some(format!("repository 12 {note}")));
        assert_eq!(effects.forget_token, None);
        assert_eq!(facts(effects), [expected], "{note}");
    }
}

#[test]
fn notes_only_and_nothing_at_all() {
    let revoked = json!({"action": "revoked", "sender": {"id": 1, "login": "octocat"}});
    for (event, body, note) in [
        ("ping", json!({"zen": "Keep it logically awesome.", "hook": {}}), Some("ping")),
        ("github_app_authorization", revoked, Some("user octocat revoked the App's authorization")),
        ("push", json!({"ref": "refs/heads/main", "installation": {"id": 7}}), None),
        ("star", json!([]), None),
        ("installation", json!({"action": "dreamt"}), None),
        ("repository", json!({"action": "edited", "installation": {"id": 7}}), None),
        ("repository", json!({"action": "renamed", "repository": {"id": 1, "full_name": "a/b"}}), None),
    ] {
        let effects = told(event, &body).unwrap();
        assert_eq!(
            (effects.note.as_deref(), effects.ops.len(), effects.forget_token),
            (note, 0, None),
            "{event}"
        );
    }
}

#[test]
fn what_is_missing_is_tolerated_unless_it_is_needed() {
    // No `suspended_at`: nothing is said of it. No account: the target is it. No `updated_at`: the receipt counts.
    let bare = json!({"action": "new_permissions_accepted", "installation": {"id": 7, "account": null, "target_id": 9}});
    let expected = InstallationRow {
        account_login: String::new(),
        account_type: String::new(),
        permissions: "{}".into(),
        ..row()
    };
    let version = Version { at: RECEIVED, received: RECEIVED };
    let fact = Learned::Seen { row: expected, suspension: false, version };
    assert_eq!(facts(told("installation", &bare).unwrap()), [fact]);
    // An enterprise has a slug.
    let enterprise =
        json!({"action": "created", "installation": {"id": 7, "account": {"id": 9, "slug": "corp"}}});
    let note = told("installation", &enterprise).unwrap().note;
    assert_eq!(note.as_deref(), Some("installation 7 of corp created with 0 repositories"));
    let deleted = json!({"action": "deleted", "installation": {"id": 7, "account": null}});
    assert_eq!(told("installation", &deleted).unwrap().ops.len(), 1);

    for (event, body, what) in [
        ("installation", json!({"action": "created"}), "has no installation id"),
        ("installation", json!({"action": "created", "installation": {"id": "7"}}), "has no installation id"),
        ("installation", json!({"action": "suspend", "installation": {"id": 7}}), "has no account id"),
        ("installation_target", json!({"action": "renamed", "installation": {"id": 7}}), "has no account id"),
        ("repository", json!({"action": "renamed", "installation": {"id": 7}}), "has no repository"),
    ] {
        assert_eq!(told(event, &body).unwrap_err().what, what);
    }
    assert!(effects("github.com", "installation", b"\xff{", 1).is_err());
}

#[test]
fn a_long_list_comes_in_parts_that_a_unit_takes() {
    let list: Vec<_> = (0..600).map(named).collect();
    let body = json!({"action": "created", "installation": installation(), "repositories": list});
    let sizes: Vec<_> = facts(told("installation", &body).unwrap())
        .into_iter()
        .filter_map(|fact| match fact {
            Learned::Granted { rows, .. } => Some(rows.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [256, 256, 88]);
}
