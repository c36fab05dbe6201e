//! The truth that the GitHub stand-in serves: accounts, repositories, installations, users and tokens, by numeric id.
//!
//! Everything a rename or a transfer leaves behind is kept as GitHub keeps it: ids stay, old names redirect until somebody claims them.

mod cases;
mod catalog;
mod change;
mod generate;
mod grants;
pub mod objects;
pub(crate) mod rng;
mod row;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cutover_daemon::clock::Millis;

pub use cases::Case;
pub use catalog::{Catalog, CatalogRow, Status, Truth};
pub use change::{NewRepo, WorldError};
pub use generate::{Generated, WorldSpec};
use objects::{Segment, Snapshot};

/// A user's or an organisation's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Never changes.
    pub id: i64,
    /// Its present name.
    pub login: String,
    /// What it is.
    pub kind: AccountKind,
}

/// What an account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountKind {
    /// A person.
    User,
    /// An organisation.
    Organization,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Never changes, through renames and transfers.
    pub id: i64,
    /// Account id of its present owner.
    pub owner: i64,
    /// Its present name, without the owner.
    pub name: String,
    /// Only those with a right to it see it.
    pub private: bool,
    /// The repository it was forked from.
    pub parent: Option<i64>,
    /// When it came to be.
    pub created_at: Millis,
    /// Last change of the repository itself.
    pub updated_at: Millis,
    /// Where its commits come from.
    pub history: Vec<Segment>,
}

/// Which repositories of its account an installation may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All, those to come too.
    All,
    /// These repository ids.
    Selected(BTreeSet<i64>),
}

/// A permission's level; a higher one contains the lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Look.
    Read,
    /// Look and change.
    Write,
    /// Everything.
    Admin,
}

/// Permissions by GitHub's name, such as `contents`.
pub type Permissions = BTreeMap<String, Level>;

/// The App on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// A new installation on the same account has a new id.
    pub id: i64,
    /// Account id.
    pub account: i64,
    /// Which repositories.
    pub selection: Selection,
    /// Since when it is suspended.
    pub suspended_at: Option<Millis>,
    /// When it was installed.
    pub created_at: Millis,
    /// Its last change.
    pub updated_at: Millis,
    /// What was granted.
    pub permissions: Permissions,
    /// Counts what kills every token minted before, such as a suspension.
    pub token_epoch: u32,
}

/// Somebody asked an account's owner to install the App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallRequest {
    /// The request's id.
    pub id: i64,
    /// Account id that it is for.
    pub account: i64,
    /// User's account id.
    pub requester: i64,
    /// When.
    pub created_at: Millis,
}

/// What a user can read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Accounts all of whose repositories the user sees, besides the user's own.
    pub member_of: BTreeSet<i64>,
    /// Repositories of other accounts that the user sees.
    pub collaborates: BTreeSet<i64>,
}

/// An OAuth token of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToken {
    /// User's account id.
    pub user: i64,
    /// GitHub knows it no more.
    pub revoked: bool,
    /// When it was made.
    pub created_at: Millis,
}

/// What a name led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// The repository bears this name.
    Here(&'a Repo),
    /// It bore this name, and nobody has claimed it since.
    Moved(&'a Repo),
}

/// Everything GitHub would know. Changes are in [`WorldError`]'s module; none of them panics.
#[derive(Debug, Clone, Default)]
pub struct World {
    seed: u64,
    accounts: BTreeMap<i64, Account>,
    logins: HashMap<String, i64>,
    old_logins: HashMap<String, i64>,
    repos: HashMap<i64, Repo>,
    names: HashMap<(i64, String), i64>,
    old_names: HashMap<(i64, String), i64>,
    owned: HashMap<i64, BTreeSet<i64>>,
    installations: BTreeMap<i64, Installation>,
    installed_on: HashMap<i64, i64>,
    requests: Vec<InstallRequest>,
    users: BTreeMap<i64, User>,
    user_tokens: HashMap<String, UserToken>,
    last_id: i64,
    hooks: Vec<String>,
}

impl World {
    /// A world with nothing in it. `seed` decides the content of its git objects.
    pub fn empty(seed: u64) -> Self {
        Self {
            seed,
            // Beyond 32 bits, so that a column or field that is too narrow shows.
            last_id: 3_000_000_000,
            // Where this stand-in's own deliveries come from.
            hooks: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()],
            ..Self::default()
        }
    }

    /// An account by id.
    pub fn account(&self, id: i64) -> Option<&Account> {
        self.accounts.get(&id)
    }

    /// An account by its present login, in any case.
    pub fn account_by_login(&self, login: &str) -> Option<&Account> {
        self.account(*self.logins.get(&login.to_lowercase())?)
    }

    /// A repository by id.
    pub fn repo(&self, id: i64) -> Option<&Repo> {
        self.repos.get(&id)
    }

    /// All repositories, in no order.
    pub fn repos(&self) -> impl Iterator<Item = &Repo> {
        self.repos.values()
    }

    /// A repository by present or former name, in any case.
    pub fn find(&self, login: &str, name: &str) -> Option<Named<'_>> {
        let login = login.to_lowercase();
        let (owner, present) = match self.logins.get(&login) {
            Some(owner) => (*owner, true),
            None => (*self.old_logins.get(&login)?, false),
        };
        let key = (owner, name.to_lowercase());
        match self.names.get(&key) {
            Some(id) if present => self.repo(*id).map(Named::Here),
            Some(id) => self.repo(*id).map(Named::Moved),
            None => self.repo(*self.old_names.get(&key)?).map(Named::Moved),
        }
    }

    /// `owner/name` as it is now.
    pub fn full_name(&self, repo: &Repo) -> String {
        let owner = self.account(repo.owner).map_or("", |a| a.login.as_str());
        format!("{owner}/{}", repo.name)
    }

    /// Ids of an account's repositories, ascending.
    pub fn owned_by(&self, account: i64) -> impl Iterator<Item = i64> {
        self.owned.get(&account).into_iter().flatten().copied()
    }

    /// An installation by id.
    pub fn installation(&self, id: i64) -> Option<&Installation> {
        self.installations.get(&id)
    }

    /// The installation of an account.
    pub fn installation_on(&self, account: i64) -> Option<&Installation> {
        self.installation(*self.installed_on.get(&account)?)
    }

    /// All installations by id, suspended ones too.
    pub fn installations(&self) -> impl Iterator<Item = &Installation> {
        self.installations.values()
    }

    /// How many installations there are.
    pub fn installation_count(&self) -> usize {
        self.installations.len()
    }

    /// How many repositories there are.
    pub fn repo_count(&self) -> usize {
        self.repos.len()
    }

    /// Networks that webhooks are said to come from.
    pub fn hook_networks(&self) -> &[String] {
        &self.hooks
    }

    /// Says that webhooks come from other networks.
    pub fn set_hook_networks(&mut self, networks: &[&str]) {
        self.hooks = networks.iter().map(|network| (*network).to_owned()).collect();
    }

    /// Open requests to install the App.
    pub fn requests(&self) -> &[InstallRequest] {
        &self.requests
    }

    /// Whether an installation's grant contains a repository. Suspension is not looked at.
    pub fn grants(&self, installation: &Installation, repo: &Repo) -> bool {
        repo.owner == installation.account
            && match &installation.selection {
                Selection::All => true,
                Selection::Selected(ids) => ids.contains(&repo.id),
            }
    }

    /// The repositories of an installation's grant, by id.
    pub fn granted(&self, installation: &Installation) -> Vec<&Repo> {
        self.owned_by(installation.account)
            .filter_map(|id| self.repo(id))
            .filter(|repo| self.grants(installation, repo))
            .collect()
    }

    /// What a user can read, by account id.
    pub fn user(&self, id: i64) -> Option<&User> {
        self.users.get(&id)
    }

    /// Whether a user can read a repository.
    pub fn user_sees(&self, user: i64, repo: &Repo) -> bool {
        !repo.private
            || repo.owner == user
            || self
                .user(user)
                .is_some_and(|u| u.member_of.contains(&repo.owner) || u.collaborates.contains(&repo.id))
    }

    /// A user token that lives.
    pub fn user_token(&self, token: &str) -> Option<&UserToken> {
        self.user_tokens.get(token).filter(|found| !found.revoked)
    }

    /// Commit number `index` of a repository with its tree, the oldest being 0.
    pub fn snapshot(&self, repo: &Repo, index: u32) -> Option<Snapshot> {
        objects::snapshot(self.seed, &repo.history, index)
    }

    /// The commits of a repository's default branch, the oldest first.
    pub fn commits(&self, repo: &Repo) -> Vec<objects::Commit> {
        match objects::length(&repo.history).checked_sub(1) {
            Some(last) => objects::commits(self.seed, &repo.history, last),
            None => Vec::new(),
        }
    }
}

impl Level {
    /// GitHub's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// From GitHub's word.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

impl AccountKind {
    /// GitHub's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Organization => "Organization",
        }
    }
}

#[cfg(test)]
mod tests;
