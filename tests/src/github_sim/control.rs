//! The hand that changes the world behind the API while clients use it.

use std::sync::Arc;

pub use super::pulls::NewPull;
pub use super::repo_hooks::RepoHook;
use super::server::Shared;
use crate::world::objects::Sha;
use crate::world::{AccountKind, Level, NewRepo, Selection, World, WorldError};

/// Changes the world; each change is in force when the call returns.
#[derive(Clone)]
pub struct WorldHandle(pub(super) Arc<Shared>);

impl WorldHandle {
    /// Looks at the world. Don't call the handle from inside.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.0.world())
    }

    /// Any change; the named ones below stamp it with the clock.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.world_mut())
    }

    fn now(&self) -> i64 {
        self.0.clock.now()
    }

    /// A new account. Its id.
    pub fn add_account(&self, login: &str, kind: AccountKind) -> Result<i64, WorldError> {
        self.change(|world| world.add_account(login, kind))
    }

    /// Gives an account another login.
    pub fn rename_account(&self, id: i64, login: &str) -> Result<(), WorldError> {
        self.change(|world| world.rename_account(id, login))
    }

    /// A new private repository with two commits; under an old name it ends the redirect. Its id.
    pub fn add_repo(&self, owner: i64, name: &str) -> Result<i64, WorldError> {
        let created_at = self.now();
        self.change(|world| {
            world.add_repo(NewRepo { owner, name: name.to_owned(), private: true, created_at, commits: 2 })
        })
    }

    /// Deletes a repository and makes another of the same name. The new id.
    pub fn recreate_repo(&self, id: i64) -> Result<i64, WorldError> {
        let created_at = self.now();
        self.change(|world| {
            let old = world.repo(id).ok_or(WorldError::NoRepo(id))?.clone();
            world.delete_repo(id)?;
            world.add_repo(NewRepo {
                owner: old.owner,
                name: old.name,
                private: old.private,
                created_at,
                commits: 2,
            })
        })
    }

    /// Renames a repository.
    pub fn rename_repo(&self, id: i64, name: &str) -> Result<(), WorldError> {
        let now = self.now();
        self.change(|world| world.rename_repo(id, name, now))
    }

    /// Gives a repository to another account, by account id.
    pub fn transfer_repo(&self, id: i64, to: i64) -> Result<(), WorldError> {
        let now = self.now();
        self.change(|world| world.transfer_repo(id, to, now))
    }

    /// Deletes a repository.
    pub fn delete_repo(&self, id: i64) -> Result<(), WorldError> {
        self.change(|world| world.delete_repo(id))
    }

    /// Forks a repository to an account. The fork's id.
    pub fn fork(&self, parent: i64, owner: i64) -> Result<i64, WorldError> {
        let now = self.now();
        self.change(|world| world.fork(parent, owner, now))
    }

    /// Adds a commit. Its id.
    pub fn push(&self, id: i64) -> Result<Sha, WorldError> {
        self.change(|world| world.push(id))
    }

    /// Git is served from this bare repository instead of the world's commits; the API does not know of it.
    pub async fn serve_git(&self, repo: i64, bare: std::path::PathBuf) -> std::io::Result<()> {
        self.0.git.adopt(repo, bare).await
    }

    /// Installs the App on an account. The installation's id, new each time.
    pub fn install(&self, account: i64, selection: Selection) -> Result<i64, WorldError> {
        let now = self.now();
        self.change(|world| world.install(account, selection, now))
    }

    /// Removes an installation; its tokens die.
    pub fn uninstall(&self, id: i64) -> Result<(), WorldError> {
        self.change(|world| world.uninstall(id))
    }

    /// Suspends an installation; its tokens die.
    pub fn suspend(&self, id: i64) -> Result<(), WorldError> {
        let now = self.now();
        self.change(|world| world.suspend(id, now))
    }

    /// Ends a suspension.
    pub fn unsuspend(&self, id: i64) -> Result<(), WorldError> {
        let now = self.now();
        self.change(|world| world.unsuspend(id, now))
    }

    /// Grants a repository to an installation on selected repositories.
    pub fn grant(&self, installation: i64, repo: i64) -> Result<(), WorldError> {
        self.change(|world| world.grant(installation, repo))
    }

    /// Takes a repository from an installation on selected repositories.
    pub fn revoke_grant(&self, installation: i64, repo: i64) -> Result<(), WorldError> {
        self.change(|world| world.revoke_grant(installation, repo))
    }

    /// A new token of a user.
    pub fn add_user_token(&self, user: i64) -> Result<String, WorldError> {
        let now = self.now();
        self.change(|world| world.add_user_token(user, now))
    }

    /// Kills a user token.
    pub fn revoke_user_token(&self, token: &str) -> Result<(), WorldError> {
        self.change(|world| world.revoke_user_token(token))
    }

    /// Makes a webhook of a repository, as the old app's users did. Its id.
    pub fn add_hook(&self, repo: i64, hook: RepoHook) -> i64 {
        self.0.repo_hooks().add(repo, hook)
    }

    /// The webhooks of a repository with their ids, the oldest first.
    pub fn hooks(&self, repo: i64) -> Vec<(i64, RepoHook)> {
        self.0.repo_hooks().of(repo)
    }

    /// Changes a webhook; false when there is none.
    pub fn edit_hook(&self, repo: i64, id: i64, change: impl FnOnce(&mut RepoHook)) -> bool {
        self.0.repo_hooks().edit(repo, id, change)
    }

    /// Takes a webhook away; false when there is none.
    pub fn remove_hook(&self, repo: i64, id: i64) -> bool {
        self.0.repo_hooks().remove(repo, id)
    }

    /// Lets an installation do this, too; tokens minted before keep what they had.
    pub fn permit(&self, installation: i64, permission: &str, level: Level) -> Result<(), WorldError> {
        self.change(|world| {
            let on = world.installation(installation).ok_or(WorldError::NoInstallation(installation))?;
            let mut permissions = on.permissions.clone();
            permissions.insert(permission.to_owned(), level);
            world.set_permissions(installation, permissions)
        })
    }

    /// Opens a pull request. Its number.
    pub fn open_pull(&self, repo: i64, pull: NewPull) -> i64 {
        self.0.talk().open(repo, pull)
    }

    /// Opens an issue. Its number.
    pub fn open_issue(&self, repo: i64, title: &str) -> i64 {
        self.0.talk().ask(repo, title)
    }

    /// Comments on an issue or a pull request.
    pub fn comment(&self, repo: i64, number: i64, text: &str) {
        self.0.talk().comment(repo, number, text);
    }

    /// The comments of an issue or a pull request, the oldest first.
    pub fn comments(&self, repo: i64, number: i64) -> Vec<String> {
        self.0.talk().comments(repo, number)
    }
}
