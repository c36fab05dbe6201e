//! What can happen to a world, with GitHub's consequences.

use cutover_daemon::clock::Millis;

use super::objects::{self, Segment};
use super::rng::Rng;
use super::{Account, AccountKind, Installation, Repo, Selection, User, UserToken, World};

/// The change can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// There is no such account.
    #[error("no account {0}")]
    NoAccount(i64),
    /// There is no such repository.
    #[error("no repository {0}")]
    NoRepo(i64),
    /// There is no such installation.
    #[error("no installation {0}")]
    NoInstallation(i64),
    /// No such user token, or it is revoked.
    #[error("no live user token of that text")]
    NoUserToken,
    /// Somebody bears the name.
    #[error("the name {0} is taken")]
    NameTaken(String),
    /// An App has at most one installation on an account.
    #[error("account {0} has an installation")]
    Installed(i64),
    /// Only an installation on selected repositories has grants.
    #[error("installation {0} is on all repositories")]
    NotSelected(i64),
}

/// A repository to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRepo {
    /// Account id.
    pub owner: i64,
    /// Name without the owner.
    pub name: String,
    /// Only those with a right to it see it.
    pub private: bool,
    /// When.
    pub created_at: Millis,
    /// Commits on its default branch; with 0 it is empty.
    pub commits: u32,
}

impl World {
    pub(super) fn next_id(&mut self) -> i64 {
        // Gaps as real ids have them: nothing may count on neighbours.
        self.last_id += 1 + Rng::of(&[self.seed, self.last_id.unsigned_abs()]).below_i64(97);
        self.last_id
    }

    /// Adds an account. Its id.
    pub fn add_account(&mut self, login: &str, kind: AccountKind) -> Result<i64, WorldError> {
        let key = login.to_lowercase();
        if self.logins.contains_key(&key) {
            return Err(WorldError::NameTaken(login.to_owned()));
        }
        let id = self.next_id();
        self.old_logins.remove(&key);
        self.logins.insert(key, id);
        let login = login.to_owned();
        self.accounts.insert(id, Account { id, login, kind });
        if kind == AccountKind::User {
            self.users.insert(id, User::default());
        }
        Ok(id)
    }

    /// Gives an account another login; its repositories' old names redirect.
    pub fn rename_account(&mut self, id: i64, login: &str) -> Result<(), WorldError> {
        let key = login.to_lowercase();
        if self.logins.get(&key).is_some_and(|taken| *taken != id) {
            return Err(WorldError::NameTaken(login.to_owned()));
        }
        let account = self.accounts.get_mut(&id).ok_or(WorldError::NoAccount(id))?;
        let old = std::mem::replace(&mut account.login, login.to_owned()).to_lowercase();
        self.logins.remove(&old);
        self.old_logins.insert(old, id);
        self.old_logins.remove(&key);
        self.logins.insert(key, id);
        Ok(())
    }

    /// Adds a repository; a redirect from its name ends. Its id.
    pub fn add_repo(&mut self, new: NewRepo) -> Result<i64, WorldError> {
        let id = self.free_name(new.owner, &new.name)?;
        let history = vec![Segment { key: id, commits: new.commits }];
        self.insert(Repo {
            id,
            owner: new.owner,
            name: new.name,
            private: new.private,
            parent: None,
            created_at: new.created_at,
            updated_at: new.created_at,
            history,
        });
        Ok(id)
    }

    /// Forks a repository to an account: an id of its own, the history shared. The fork's id.
    pub fn fork(&mut self, parent: i64, owner: i64, at: Millis) -> Result<i64, WorldError> {
        let source = self.repo(parent).ok_or(WorldError::NoRepo(parent))?.clone();
        let id = self.free_name(owner, &source.name)?;
        self.insert(Repo { id, owner, parent: Some(parent), created_at: at, updated_at: at, ..source });
        Ok(id)
    }

    fn free_name(&mut self, owner: i64, name: &str) -> Result<i64, WorldError> {
        if !self.accounts.contains_key(&owner) {
            return Err(WorldError::NoAccount(owner));
        }
        if self.names.contains_key(&(owner, name.to_lowercase())) {
            return Err(WorldError::NameTaken(name.to_owned()));
        }
        Ok(self.next_id())
    }

    fn insert(&mut self, repo: Repo) {
        let key = (repo.owner, repo.name.to_lowercase());
        self.old_names.remove(&key);
        self.names.insert(key, repo.id);
        self.owned.entry(repo.owner).or_default().insert(repo.id);
        self.repos.insert(repo.id, repo);
    }

    fn take(&mut self, id: i64) -> Result<Repo, WorldError> {
        let repo = self.repos.remove(&id).ok_or(WorldError::NoRepo(id))?;
        self.names.remove(&(repo.owner, repo.name.to_lowercase()));
        if let Some(owned) = self.owned.get_mut(&repo.owner) {
            owned.remove(&id);
        }
        Ok(repo)
    }

    /// Renames a repository; the old name redirects until it is claimed.
    pub fn rename_repo(&mut self, id: i64, name: &str, at: Millis) -> Result<(), WorldError> {
        let owner = self.repo(id).ok_or(WorldError::NoRepo(id))?.owner;
        self.relocate(id, owner, name, at)
    }

    /// Gives a repository to another account; the old name redirects, and a selected grant is lost.
    pub fn transfer_repo(&mut self, id: i64, to: i64, at: Millis) -> Result<(), WorldError> {
        let name = self.repo(id).ok_or(WorldError::NoRepo(id))?.name.clone();
        self.relocate(id, to, &name, at)
    }

    fn relocate(&mut self, id: i64, to: i64, name: &str, at: Millis) -> Result<(), WorldError> {
        if !self.accounts.contains_key(&to) {
            return Err(WorldError::NoAccount(to));
        }
        let key = (to, name.to_lowercase());
        if self.names.get(&key).is_some_and(|taken| *taken != id) {
            return Err(WorldError::NameTaken(name.to_owned()));
        }
        let mut repo = self.take(id)?;
        self.old_names.insert((repo.owner, repo.name.to_lowercase()), id);
        if repo.owner != to {
            self.forget_grant(repo.owner, id);
        }
        repo.owner = to;
        name.clone_into(&mut repo.name);
        repo.updated_at = at;
        self.insert(repo);
        Ok(())
    }

    fn forget_grant(&mut self, account: i64, repo: i64) {
        let installation = self.installed_on.get(&account).and_then(|id| self.installations.get_mut(id));
        if let Some(Installation { selection: Selection::Selected(ids), .. }) = installation {
            ids.remove(&repo);
        }
    }

    /// Deletes a repository; names that led to it lead nowhere.
    pub fn delete_repo(&mut self, id: i64) -> Result<(), WorldError> {
        let repo = self.take(id)?;
        self.forget_grant(repo.owner, id);
        Ok(())
    }

    /// Makes a repository public or private.
    pub fn set_private(&mut self, id: i64, private: bool) -> Result<(), WorldError> {
        self.repos.get_mut(&id).ok_or(WorldError::NoRepo(id))?.private = private;
        Ok(())
    }

    /// Adds one commit to the default branch. Its id.
    pub fn push(&mut self, id: i64) -> Result<objects::Sha, WorldError> {
        let repo = self.repos.get_mut(&id).ok_or(WorldError::NoRepo(id))?;
        match repo.history.last_mut() {
            Some(last) if last.key == id => last.commits += 1,
            _ => repo.history.push(Segment { key: id, commits: 1 }),
        }
        let repo = self.repo(id).ok_or(WorldError::NoRepo(id))?;
        let head = self.commits(repo).pop();
        head.map(|commit| commit.sha).ok_or(WorldError::NoRepo(id))
    }

    /// Lets a user read all repositories of an account.
    pub fn add_member(&mut self, account: i64, user: i64) -> Result<(), WorldError> {
        let found = self.users.get_mut(&user);
        let found = found.ok_or(WorldError::NoAccount(user))?;
        found.member_of.insert(account);
        Ok(())
    }

    /// Lets a user read one repository.
    pub fn add_collaborator(&mut self, repo: i64, user: i64) -> Result<(), WorldError> {
        let found = self.users.get_mut(&user);
        let found = found.ok_or(WorldError::NoAccount(user))?;
        found.collaborates.insert(repo);
        Ok(())
    }

    /// A new OAuth token of a user.
    pub fn add_user_token(&mut self, user: i64, at: Millis) -> Result<String, WorldError> {
        self.add_token("gho", user, at)
    }

    /// A new token that a user gave the App.
    pub fn add_app_user_token(&mut self, user: i64, at: Millis) -> Result<String, WorldError> {
        self.add_token("ghu", user, at)
    }

    fn add_token(&mut self, kind: &str, user: i64, at: Millis) -> Result<String, WorldError> {
        if !self.users.contains_key(&user) {
            return Err(WorldError::NoAccount(user));
        }
        let id = self.next_id().unsigned_abs();
        let token = format!("{kind}_{}", Rng::of(&[self.seed, id]).alphanumeric(36));
        self.user_tokens.insert(token.clone(), UserToken { user, revoked: false, created_at: at });
        Ok(token)
    }

    /// Kills a user token.
    pub fn revoke_user_token(&mut self, token: &str) -> Result<(), WorldError> {
        match self.user_tokens.get_mut(token) {
            Some(found) if !found.revoked => found.revoked = true,
            _ => return Err(WorldError::NoUserToken),
        }
        Ok(())
    }
}
