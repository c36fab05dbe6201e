//! How the owner of a repository that no installation lists stands to the App: what decides the way forward.

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, InstallationId};

use crate::mapping::index::{IndexView, Installation, Requested, Selection, Standing};

/// The owner, as far as anything tells who that is.
#[derive(Clone, Debug)]
pub enum Situation<'a> {
    /// The owner's installation covers selected repositories.
    Selected(&'a Installation),
    /// The owner's installation covers everything, so it should list the repository.
    All(&'a Installation),
    Suspended(&'a Installation),
    Requested(&'a Requested),
    /// The owner's account is known; it has neither an installation nor a request.
    NotInstalled {
        account: AccountId,
        login: Option<String>,
    },
    /// Two installations of the account, or two accounts of that login: a stale read.
    Several(Vec<InstallationId>),
    /// Nothing ties the repository to an account.
    Unknown,
}

impl<'a> Situation<'a> {
    /// How this account stands. `login` is what it is called where the index does not know it.
    pub fn of_account(account: AccountId, login: Option<&str>, index: &'a IndexView) -> Self {
        match index.account(account) {
            Standing::Installed(installation) => Self::of_installation(installation),
            Standing::Suspended(installation) => Self::Suspended(installation),
            Standing::Several(ids) => Self::Several(ids),
            Standing::Requested(request) => Self::Requested(request),
            Standing::Nothing => Self::NotInstalled { account, login: login.map(str::to_owned) },
        }
    }

    /// How the account of an installation stands, by that installation alone.
    pub fn of_installation(installation: &'a Installation) -> Self {
        match (installation.suspended, installation.selection) {
            (true, _) => Self::Suspended(installation),
            (false, Selection::Selected) => Self::Selected(installation),
            (false, Selection::All) => Self::All(installation),
        }
    }

    /// What the catalog alone says: the owner's id first, else a login that an account in the index has now.
    pub fn of_link(link: &Link, index: &'a IndexView) -> Self {
        let from_name = link.repo_full_name.split('/').next().filter(|owner| !owner.is_empty());
        let login = link.owner_login.as_deref().or(from_name);
        if let Some(account) = link.owner_id {
            return Self::of_account(account, login, index);
        }
        for login in from_name.into_iter().chain(link.owner_login.as_deref()) {
            match index.accounts_named(login) {
                [] => {}
                [account] => return Self::of_account(*account, Some(login), index),
                several => {
                    let ids = index.installations().iter().filter(|i| several.contains(&i.account_id));
                    return Self::Several(ids.map(|i| i.id).collect());
                }
            }
        }
        Self::Unknown
    }

    /// The installation that was looked at.
    pub fn installation(&self) -> Option<&'a Installation> {
        match self {
            Self::Selected(installation) | Self::All(installation) | Self::Suspended(installation) => {
                Some(installation)
            }
            Self::Requested(_) | Self::NotInstalled { .. } | Self::Several(_) | Self::Unknown => None,
        }
    }

    /// The owner's id and login, where they are known.
    pub fn owner(&self) -> (Option<AccountId>, Option<String>) {
        match self {
            Self::Selected(i) | Self::All(i) | Self::Suspended(i) => {
                (Some(i.account_id), Some(i.account_login.clone()))
            }
            Self::Requested(request) => (Some(request.account_id), Some(request.login.clone())),
            Self::NotInstalled { account, login } => (Some(*account), login.clone()),
            Self::Several(_) | Self::Unknown => (None, None),
        }
    }

    /// The fact in words.
    pub fn fact(&self) -> String {
        match self {
            Self::Selected(i) => {
                format!("installation {} of {} covers selected repositories", i.id, i.account_login)
            }
            Self::All(i) => format!("installation {} of {} covers all repositories", i.id, i.account_login),
            Self::Suspended(i) => format!("installation {} of {} is suspended", i.id, i.account_login),
            Self::Requested(request) => format!("{} was asked to install the App", request.login),
            Self::NotInstalled { account, login: Some(login) } => {
                format!("account {account} ({login}) has no installation")
            }
            Self::NotInstalled { account, login: None } => format!("account {account} has no installation"),
            Self::Several(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                format!("several installations answer to the owner: {}", ids.join(", "))
            }
            Self::Unknown => "the owner is not known".to_owned(),
        }
    }
}
