//! Events of installations, their lists and their accounts.

use serde_json::Value;

use super::payload::{Account, Installation, Named, moment};
use super::{Effects, Told, Unreadable, count};
use crate::store::{InstallationRow, Learned, Op, RepositoryRow, UNIT_ROWS, Version};

pub(super) fn effects(told: &Told<'_>, action: &str) -> Result<Effects, Unreadable> {
    let known = match told.event {
        "installation" => {
            matches!(action, "created" | "deleted" | "suspend" | "unsuspend" | "new_permissions_accepted")
        }
        "installation_repositories" => matches!(action, "added" | "removed"),
        _ => action == "renamed",
    };
    if !known {
        return Ok(Effects::default());
    }
    let installation = told.payload.installation.as_ref().ok_or_else(|| told.lacks("installation id"))?;
    let id = installation.id;
    let version = told.version(&installation.updated_at);
    match action {
        "renamed" => return renamed(told, id, version),
        "deleted" => {
            let whose = installation.account.as_ref().and_then(Account::name);
            return Ok(Effects {
                ops: vec![told.op(Learned::Uninstalled { installation: id, version })],
                forget_token: Some(id),
                note: Some(format!("installation {id} of {} deleted", whose.unwrap_or("an unnamed account"))),
            });
        }
        _ => {}
    }
    let row = row(told, installation, action)?;
    let login = row.account_login.clone();
    let suspension = matches!(action, "suspend" | "unsuspend") || installation.suspended_at.is_some();
    let mut ops = vec![told.op(Learned::Seen { row: row.clone(), suspension, version })];
    let of = |list: &Option<Vec<Named>>| list.as_ref().map_or(0, Vec::len);
    let payload = told.payload;
    let what = match (told.event, action) {
        ("installation", "created") => {
            ops.extend(granted(told, &row, &payload.repositories, version));
            format!("created with {}", count(of(&payload.repositories)))
        }
        ("installation", "suspend") => "suspended".to_owned(),
        ("installation", "unsuspend") => "unsuspended".to_owned(),
        ("installation", _) => "has new permissions".to_owned(),
        _ => {
            ops.extend(withdrawn(told, id, &payload.repositories_removed, version));
            ops.extend(granted(told, &row, &payload.repositories_added, version));
            let (gained, lost) = (of(&payload.repositories_added), of(&payload.repositories_removed));
            match (gained, lost) {
                (gained, 0) => format!("was granted {}", count(gained)),
                (0, lost) => format!("lost {}", count(lost)),
                (gained, lost) => format!("was granted {} and lost {}", count(gained), count(lost)),
            }
        }
    };
    let forget_token = (action != "created").then_some(id);
    Ok(Effects { ops, forget_token, note: Some(format!("installation {id} of {login} {what}")) })
}

fn renamed(told: &Told<'_>, installation: i64, version: Version) -> Result<Effects, Unreadable> {
    let account = told.payload.account.as_ref().ok_or_else(|| told.lacks("account id"))?;
    let login = account.name().ok_or_else(|| told.lacks("login"))?.to_owned();
    let changes = &told.payload.changes;
    let from =
        changes["login"]["from"].as_str().or(changes["slug"]["from"].as_str()).unwrap_or("another name");
    Ok(Effects {
        note: Some(format!(
            "account {} of installation {installation} renamed from {from} to {login}",
            account.id
        )),
        ops: vec![told.op(Learned::Renamed { installation, login, version })],
        forget_token: None,
    })
}

fn row(told: &Told<'_>, installation: &Installation, action: &str) -> Result<InstallationRow, Unreadable> {
    let account = installation.account.as_ref();
    let account_id = account
        .map(|account| account.id)
        .or(installation.target_id)
        .ok_or_else(|| told.lacks("account id"))?;
    let selection = told.payload.repository_selection.as_ref().or(installation.repository_selection.as_ref());
    let suspended = installation.suspended_at.as_ref().and_then(moment);
    Ok(InstallationRow {
        id: installation.id,
        account_id,
        account_login: account.and_then(Account::name).unwrap_or_default().to_owned(),
        account_type: account
            .and_then(|account| account.kind.clone())
            .or(installation.target_type.clone())
            .unwrap_or_default(),
        // What GitHub may call it one day is not `all`: nothing is taken for granted then.
        selection: if selection.is_some_and(|told| told == "all") { "all" } else { "selected" }.to_owned(),
        suspended_at: match action {
            "suspend" => suspended.or(Some(told.received_at)),
            "unsuspend" => None,
            _ => suspended,
        },
        permissions: match &installation.permissions {
            object @ Value::Object(_) => object.to_string(),
            _ => "{}".to_owned(),
        },
    })
}

fn granted(told: &Told<'_>, owner: &InstallationRow, list: &Option<Vec<Named>>, version: Version) -> Vec<Op> {
    let rows: Vec<_> = list.iter().flatten().map(|named| repository_row(owner, named)).collect();
    rows.chunks(UNIT_ROWS)
        .map(|rows| told.op(Learned::Granted { installation: owner.id, rows: rows.to_vec(), version }))
        .collect()
}

fn withdrawn(told: &Told<'_>, installation: i64, list: &Option<Vec<Named>>, version: Version) -> Vec<Op> {
    let ids: Vec<_> = list.iter().flatten().map(|named| named.id).collect();
    ids.chunks(UNIT_ROWS)
        .map(|ids| told.op(Learned::Withdrawn { installation, repositories: ids.to_vec(), version }))
        .collect()
}

fn repository_row(owner: &InstallationRow, named: &Named) -> RepositoryRow {
    RepositoryRow {
        installation: owner.id,
        id: named.id,
        full_name: named.full_name.clone(),
        owner_id: owner.account_id,
        owner_login: owner.account_login.clone(),
        created_at: None,
        private: named.private,
        // Not told. A fork's commits prove nothing of a name, so that unknown counts as one until GitHub says more.
        fork: true,
    }
}
