//! What can happen to the App's installations.

use std::collections::BTreeSet;

use cutover_daemon::clock::Millis;

use super::{InstallRequest, Installation, Level, Permissions, Selection, World, WorldError};

impl World {
    /// Installs the App with read permissions; a request for it is done with. The installation's id.
    pub fn install(&mut self, account: i64, selection: Selection, at: Millis) -> Result<i64, WorldError> {
        if !self.accounts.contains_key(&account) {
            return Err(WorldError::NoAccount(account));
        }
        if self.installed_on.contains_key(&account) {
            return Err(WorldError::Installed(account));
        }
        let id = self.next_id();
        self.requests.retain(|request| request.account != account);
        self.installed_on.insert(account, id);
        self.installations.insert(
            id,
            Installation {
                id,
                account,
                selection,
                suspended_at: None,
                created_at: at,
                updated_at: at,
                permissions: read_permissions(),
                token_epoch: 0,
            },
        );
        Ok(id)
    }

    /// Removes an installation; its tokens die.
    pub fn uninstall(&mut self, id: i64) -> Result<(), WorldError> {
        let gone = self.installations.remove(&id).ok_or(WorldError::NoInstallation(id))?;
        self.installed_on.remove(&gone.account);
        Ok(())
    }

    fn on(&mut self, id: i64) -> Result<&mut Installation, WorldError> {
        self.installations.get_mut(&id).ok_or(WorldError::NoInstallation(id))
    }

    /// Suspends an installation; its tokens die, for good.
    pub fn suspend(&mut self, id: i64, at: Millis) -> Result<(), WorldError> {
        let installation = self.on(id)?;
        installation.suspended_at = Some(at);
        installation.updated_at = at;
        installation.token_epoch += 1;
        Ok(())
    }

    /// Ends a suspension.
    pub fn unsuspend(&mut self, id: i64, at: Millis) -> Result<(), WorldError> {
        let installation = self.on(id)?;
        installation.suspended_at = None;
        installation.updated_at = at;
        Ok(())
    }

    /// Grants a repository to an installation on selected repositories.
    pub fn grant(&mut self, id: i64, repo: i64) -> Result<(), WorldError> {
        match &mut self.on(id)?.selection {
            Selection::Selected(ids) => ids.insert(repo),
            Selection::All => return Err(WorldError::NotSelected(id)),
        };
        Ok(())
    }

    /// Takes a repository from an installation on selected repositories.
    pub fn revoke_grant(&mut self, id: i64, repo: i64) -> Result<(), WorldError> {
        match &mut self.on(id)?.selection {
            Selection::Selected(ids) => ids.remove(&repo),
            Selection::All => return Err(WorldError::NotSelected(id)),
        };
        Ok(())
    }

    /// Changes what an installation may do; tokens minted before keep what they had.
    pub fn set_permissions(&mut self, id: i64, permissions: Permissions) -> Result<(), WorldError> {
        self.on(id)?.permissions = permissions;
        Ok(())
    }

    /// Records that `requester` asked the owner of `account` to install the App. The request's id.
    pub fn request_install(&mut self, account: i64, requester: i64, at: Millis) -> Result<i64, WorldError> {
        for needed in [account, requester] {
            if !self.accounts.contains_key(&needed) {
                return Err(WorldError::NoAccount(needed));
            }
        }
        let id = self.next_id();
        self.requests.push(InstallRequest { id, account, requester, created_at: at });
        Ok(id)
    }
}

/// What the App asks for when it only reads.
fn read_permissions() -> Permissions {
    ["metadata", "contents", "pull_requests", "issues"].map(|name| (name.to_owned(), Level::Read)).into()
}

impl Selection {
    /// These repositories.
    pub fn of(repos: impl IntoIterator<Item = i64>) -> Self {
        Self::Selected(repos.into_iter().collect::<BTreeSet<i64>>())
    }
}
