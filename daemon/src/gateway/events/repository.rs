//! Events of one repository.

use super::payload::{Account, moment};
use super::{Effects, Told, Unreadable};
use crate::store::{Learned, RepositoryRow};

pub(super) fn effects(told: &Told<'_>, action: &str) -> Result<Effects, Unreadable> {
    let known = matches!(
        action,
        "renamed" | "transferred" | "deleted" | "archived" | "unarchived" | "privatized" | "publicized"
    );
    // Without an installation it is a repository's own webhook: the App's index does not hang on it.
    let (true, Some(installation)) = (known, &told.payload.installation) else {
        return Ok(Effects::default());
    };
    let repository = told.payload.repository.as_ref().ok_or_else(|| told.lacks("repository"))?;
    let (id, name) = (repository.id, &repository.full_name);
    let version = told.version(&repository.updated_at);
    if action == "deleted" {
        return Ok(Effects {
            ops: vec![told.op(Learned::Deleted { repository: id, version })],
            forget_token: None,
            note: Some(format!("repository {id} {name} deleted")),
        });
    }
    let owner = repository.owner.as_ref().ok_or_else(|| told.lacks("account id"))?;
    let login = owner.name().or(name.split_once('/').map(|(login, _)| login)).unwrap_or_default();
    let row = RepositoryRow {
        installation: installation.id,
        id,
        full_name: name.clone(),
        owner_id: owner.id,
        owner_login: login.to_owned(),
        created_at: moment(&repository.created_at),
        private: repository.private,
        fork: repository.fork,
    };
    let changes = &told.payload.changes;
    let (fact, what) = match action {
        "transferred" => {
            let from = ["user", "organization"].into_iter().find_map(|kind| {
                serde_json::from_value::<Account>(changes["owner"]["from"][kind].clone()).ok()
            });
            let from = from.as_ref().and_then(Account::name).unwrap_or("another owner");
            (Learned::Moved { row, version }, format!("transferred from {from} to {name}"))
        }
        "renamed" => {
            let what = match changes["repository"]["name"]["from"].as_str() {
                Some(from) => format!("renamed from {login}/{from} to {name}"),
                None => format!("renamed to {name}"),
            };
            (Learned::Described { row, version }, what)
        }
        _ => (Learned::Described { row, version }, format!("{name} {action}")),
    };
    Ok(Effects {
        ops: vec![told.op(fact)],
        forget_token: None,
        note: Some(format!("repository {id} {what}")),
    })
}
