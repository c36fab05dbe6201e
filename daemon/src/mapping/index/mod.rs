//! What the App can see at one GitHub host: installations, the repositories that they list, and pending requests.
//! Held in memory, sorted, and small: about 100 bytes a repository.

use std::cmp::Ordering;
use std::collections::HashMap;

use cutover_shared::ids::{AccountId, InstallationId, RepoId};

#[cfg(test)]
mod tests;

/// The kind of account that an installation is on. It decides where its settings page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountType {
    User,
    Organization,
}

/// Which repositories of its account an installation covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Selection {
    All,
    Selected,
}

/// One live installation. A deleted one does not belong into the index; a suspended one does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installation {
    pub id: InstallationId,
    pub account_id: AccountId,
    pub account_login: String,
    pub account_type: AccountType,
    pub selection: Selection,
    pub suspended: bool,
}

/// One repository as an installation lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    pub repo_id: RepoId,
    pub installation: InstallationId,
    pub full_name: String,
    pub owner_id: AccountId,
    pub owner_login: String,
    /// Milliseconds since the epoch, UTC.
    pub created_at: Option<i64>,
    pub private: bool,
    pub fork: bool,
}

/// Somebody asked the owner of this account to install the App.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requested {
    pub account_id: AccountId,
    pub login: String,
}

/// A listed repository with its installation, borrowed from the index.
#[derive(Clone, Copy, Debug)]
pub struct ListedRef<'a> {
    pub repo_id: RepoId,
    pub full_name: &'a str,
    pub owner_id: AccountId,
    pub owner_login: &'a str,
    pub installation: &'a Installation,
    /// Milliseconds since the epoch, UTC.
    pub created_at: Option<i64>,
    pub private: bool,
    pub fork: bool,
}

impl ListedRef<'_> {
    /// The repository belongs to the account that the installation is on, as GitHub promises.
    pub fn owner_agrees(&self) -> bool {
        self.owner_id == self.installation.account_id
    }
}

/// Where a repository id or a name is listed. Suspended installations count only when no other lists it: their
/// lists can't be read again, so a row of theirs may be long out of date.
#[derive(Clone, Debug)]
pub enum Sighting<'a> {
    Nowhere,
    One(ListedRef<'a>),
    /// Only suspended installations list it; this is the one with the smallest id.
    Suspended(ListedRef<'a>),
    /// GitHub allows one; two are a stale read. Sorted by repository, then installation.
    Several(Vec<ListedRef<'a>>),
}

/// How an account stands to the App.
#[derive(Clone, Debug)]
pub enum Standing<'a> {
    /// It has one installation that is not suspended.
    Installed(&'a Installation),
    Suspended(&'a Installation),
    /// GitHub allows one; two are a stale read. Sorted.
    Several(Vec<InstallationId>),
    Requested(&'a Requested),
    Nothing,
}

struct Row {
    repo_id: RepoId,
    created_at: Option<i64>,
    full_name: Box<str>,
    installation: usize,
    owner: usize,
    private: bool,
    fork: bool,
}

struct Owner {
    id: AccountId,
    login: Box<str>,
}

/// The index of one host. Ids of two hosts collide, so each host has an index of its own.
#[derive(Default)]
pub struct IndexView {
    /// Sorted by id.
    installations: Vec<Installation>,
    /// Sorted by account.
    by_account: Vec<usize>,
    /// Lower-case logins of installations and requests.
    logins: HashMap<String, Vec<AccountId>>,
    /// Sorted by account.
    requests: Vec<Requested>,
    /// Sorted by repository id, then installation id.
    rows: Vec<Row>,
    /// Sorted by lower-case name, then as `rows`.
    by_name: Vec<usize>,
    owners: Vec<Owner>,
    orphans: usize,
}

impl IndexView {
    /// Builds the index. The order of the input does not matter. A repository of an installation that is not
    /// given is left out and counted; a repository that one installation lists twice (a page moved while it
    /// was read) is taken once.
    pub fn build(
        installations: impl IntoIterator<Item = Installation>,
        listed: impl IntoIterator<Item = Listed>,
        requests: impl IntoIterator<Item = Requested>,
    ) -> Self {
        let mut view = Self::default();
        view.installations.extend(installations);
        view.installations.sort();
        view.installations.dedup_by(|a, b| a.id == b.id);
        view.by_account = (0..view.installations.len()).collect();
        view.by_account.sort_by_key(|&at| view.installations[at].account_id);
        view.requests.extend(requests);
        view.requests.sort();
        view.requests.dedup_by(|a, b| a.account_id == b.account_id);
        view.take_rows(listed);
        view.by_name = (0..view.rows.len()).collect();
        view.by_name
            .sort_by(|&a, &b| lower_cmp(&view.rows[a].full_name, &view.rows[b].full_name).then(a.cmp(&b)));
        view.take_logins();
        view
    }

    fn take_rows(&mut self, listed: impl IntoIterator<Item = Listed>) {
        let mut interned: HashMap<(AccountId, String), usize> = HashMap::new();
        for listed in listed {
            let Some(installation) = self.position(listed.installation) else {
                self.orphans += 1;
                continue;
            };
            let owners = &mut self.owners;
            let owner = *interned.entry((listed.owner_id, listed.owner_login)).or_insert_with_key(|key| {
                owners.push(Owner { id: key.0, login: key.1.as_str().into() });
                owners.len() - 1
            });
            self.rows.push(Row {
                repo_id: listed.repo_id,
                created_at: listed.created_at,
                full_name: listed.full_name.into_boxed_str(),
                installation,
                owner,
                private: listed.private,
                fork: listed.fork,
            });
        }
        // Positions in `installations` are in the order of their ids, so they sort like the ids.
        let owners = &self.owners;
        self.rows.sort_by(|a, b| {
            (a.repo_id, a.installation, &a.full_name, a.created_at, a.private, a.fork)
                .cmp(&(b.repo_id, b.installation, &b.full_name, b.created_at, b.private, b.fork))
                .then_with(|| owners[a.owner].id.cmp(&owners[b.owner].id))
                .then_with(|| owners[a.owner].login.cmp(&owners[b.owner].login))
        });
        self.rows.dedup_by(|a, b| a.repo_id == b.repo_id && a.installation == b.installation);
        self.rows.shrink_to_fit();
    }

    fn take_logins(&mut self) {
        let installed = self.installations.iter().map(|i| (&i.account_login, i.account_id));
        let requested = self.requests.iter().map(|r| (&r.login, r.account_id));
        for (login, account) in installed.chain(requested) {
            self.logins.entry(login.to_ascii_lowercase()).or_default().push(account);
        }
        for accounts in self.logins.values_mut() {
            accounts.sort_unstable();
            accounts.dedup();
        }
    }

    fn position(&self, id: InstallationId) -> Option<usize> {
        self.installations.binary_search_by_key(&id, |installation| installation.id).ok()
    }

    fn listed<'a>(&'a self, row: &'a Row) -> ListedRef<'a> {
        let owner = &self.owners[row.owner];
        ListedRef {
            repo_id: row.repo_id,
            full_name: &row.full_name,
            owner_id: owner.id,
            owner_login: &owner.login,
            installation: &self.installations[row.installation],
            created_at: row.created_at,
            private: row.private,
            fork: row.fork,
        }
    }

    fn sighting<'a>(&'a self, rows: impl Iterator<Item = &'a Row>) -> Sighting<'a> {
        let (suspended, mut live): (Vec<_>, Vec<_>) =
            rows.map(|row| self.listed(row)).partition(|listed| listed.installation.suspended);
        match (live.len(), suspended.first()) {
            (0, None) => Sighting::Nowhere,
            (0, Some(first)) => Sighting::Suspended(*first),
            (1, _) => Sighting::One(live.swap_remove(0)),
            _ => Sighting::Several(live),
        }
    }

    /// Where this repository id is listed.
    pub fn repository(&self, id: RepoId) -> Sighting<'_> {
        let start = self.rows.partition_point(|row| row.repo_id < id);
        self.sighting(self.rows[start..].iter().take_while(|row| row.repo_id == id))
    }

    /// Where this `owner/name` is listed, whatever the case of its letters.
    pub fn name(&self, full_name: &str) -> Sighting<'_> {
        let start = self
            .by_name
            .partition_point(|&at| lower_cmp(&self.rows[at].full_name, full_name) == Ordering::Less);
        let rows = self.by_name[start..].iter().map(|&at| &self.rows[at]);
        self.sighting(rows.take_while(|row| row.full_name.eq_ignore_ascii_case(full_name)))
    }

    /// The one live installation that lists this name; none when none or several do.
    pub fn only_installation_with(&self, full_name: &str) -> Option<InstallationId> {
        match self.name(full_name) {
            Sighting::One(listed) => Some(listed.installation.id),
            _ => None,
        }
    }

    /// The installation with this id.
    pub fn installation(&self, id: InstallationId) -> Option<&Installation> {
        self.position(id).map(|at| &self.installations[at])
    }

    /// How this account stands to the App. An installation counts more than a request.
    pub fn account(&self, id: AccountId) -> Standing<'_> {
        let start = self.by_account.partition_point(|&at| self.installations[at].account_id < id);
        let mine = self.by_account[start..].iter().map(|&at| &self.installations[at]);
        let (suspended, live): (Vec<_>, Vec<_>) =
            mine.take_while(|installation| installation.account_id == id).partition(|i| i.suspended);
        match (live.as_slice(), suspended.first()) {
            ([only], _) => Standing::Installed(only),
            ([], Some(first)) => Standing::Suspended(first),
            ([], None) => self.request(id).map_or(Standing::Nothing, Standing::Requested),
            (several, _) => Standing::Several(several.iter().map(|i| i.id).collect()),
        }
    }

    fn request(&self, id: AccountId) -> Option<&Requested> {
        self.requests
            .binary_search_by_key(&id, |request| request.account_id)
            .ok()
            .map(|at| &self.requests[at])
    }

    /// The accounts with an installation or a request that have this login, whatever the case of its letters.
    /// More than one only when a login changed hands while the index was read. Sorted.
    pub fn accounts_named(&self, login: &str) -> &[AccountId] {
        self.logins.get(&login.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Every installation, by id.
    pub fn installations(&self) -> &[Installation] {
        &self.installations
    }

    /// How many (repository, installation) pairs are listed.
    pub fn repositories(&self) -> usize {
        self.rows.len()
    }

    /// How many listed repositories were left out, because their installation is not in the index.
    pub fn orphans(&self) -> usize {
        self.orphans
    }

    /// Bytes on the heap, without what the allocator adds.
    pub fn heap_bytes(&self) -> usize {
        let text = |texts: &mut dyn Iterator<Item = usize>| texts.sum::<usize>();
        size_of::<Row>() * self.rows.capacity()
            + text(&mut self.rows.iter().map(|row| row.full_name.len()))
            + size_of::<usize>() * (self.by_name.capacity() + self.by_account.capacity())
            + size_of::<Owner>() * self.owners.capacity()
            + text(&mut self.owners.iter().map(|owner| owner.login.len()))
            + size_of::<Installation>() * self.installations.capacity()
            + text(&mut self.installations.iter().map(|i| i.account_login.len()))
            + text(&mut self.requests.iter().map(|r| r.login.len() + size_of::<Requested>()))
            + text(&mut self.logins.iter().map(|(login, ids)| login.len() + 64 + 8 * ids.len()))
    }
}

impl std::fmt::Debug for IndexView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexView")
            .field("installations", &self.installations.len())
            .field("repositories", &self.rows.len())
            .field("requests", &self.requests.len())
            .finish_non_exhaustive()
    }
}

/// Compares as if both were in lower case. Names at GitHub are ASCII; other letters compare as they are.
fn lower_cmp(a: &str, b: &str) -> Ordering {
    a.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}
