//! A world of realistic shares, the same for the same [`WorldSpec`].

use std::collections::BTreeMap;
use std::sync::Arc;

use cutover_daemon::clock::Millis;

use super::cases;
use super::rng::Rng;
use super::{AccountKind, Catalog, Selection, World, WorldError};

/// How big a world is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorldSpec {
    /// Decides everything else.
    pub seed: u64,
    /// The application's tenants.
    pub tenants: usize,
    /// Rows of the catalog; the world has a few per cent more repositories.
    pub repos: usize,
    /// Installations, suspended ones included; by default as many as tenants or one for 50 rows, whichever is more.
    pub installations: Option<usize>,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self { seed: 7, tenants: 50, repos: 2_000, installations: None }
    }
}

/// A world and the catalog of an application that lives on it.
#[derive(Debug, Clone)]
pub struct Generated {
    /// What GitHub knows.
    pub world: World,
    /// What the application knows, and the truth.
    pub catalog: Catalog,
}

/// 2023-01-01T00:00:00Z; nothing in a generated world is older.
const BEGIN: Millis = 1_672_531_200_000;
pub(super) const DAY: Millis = 86_400_000;

/// A tenant's user, with one token that lives and one that died.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) live: String,
    pub(super) dead: String,
}

/// Account ids.
pub(super) type Pool = Arc<[i64]>;

/// Accounts by what the App is on them.
#[derive(Debug, Clone, Default)]
pub(super) struct Pools {
    pub(super) all: Pool,
    pub(super) selected: Pool,
    pub(super) suspended: Pool,
    pub(super) requested: Pool,
    pub(super) without: Pool,
    /// Installed on all repositories, and renamed once everything stands.
    pub(super) renamed: Pool,
}

/// What the makers of rows share.
pub(super) struct Draft {
    pub(super) world: World,
    pub(super) rng: Rng,
    pub(super) catalog: Catalog,
    pub(super) pools: Pools,
    pub(super) tenant_of: BTreeMap<i64, usize>,
    pub(super) people: Vec<Vec<Person>>,
    pub(super) last_project: BTreeMap<usize, (usize, usize)>,
    pub(super) projects: usize,
    named: usize,
}

impl World {
    /// Makes a world and its catalog. Errors only if generation itself is wrong.
    pub fn generate(spec: &WorldSpec) -> Result<Generated, WorldError> {
        let mut draft = Draft::new(spec)?;
        for case in cases::deal(spec.repos, &mut draft.rng) {
            cases::add(&mut draft, case)?;
        }
        draft.add_unknown_repos(spec.repos / 33)?;
        for &id in draft.pools.renamed.clone().iter() {
            let login = draft.login();
            draft.world.rename_account(id, &login)?;
        }
        Ok(Generated { world: draft.world, catalog: draft.catalog })
    }
}

impl Draft {
    fn new(spec: &WorldSpec) -> Result<Self, WorldError> {
        let mut draft = Self {
            world: World::empty(spec.seed),
            rng: Rng::of(&[spec.seed, 0x0CA7_A106]),
            catalog: Catalog::default(),
            pools: Pools::default(),
            tenant_of: BTreeMap::new(),
            people: Vec::new(),
            last_project: BTreeMap::new(),
            projects: 0,
            named: 0,
        };
        let tenants = spec.tenants.max(1);
        draft.add_people(tenants)?;
        draft.add_accounts(spec, tenants)?;
        Ok(draft)
    }

    fn add_people(&mut self, tenants: usize) -> Result<(), WorldError> {
        for _ in 0..tenants {
            let mut people = Vec::new();
            for _ in 0..=self.rng.below(3) {
                let login = self.login();
                let id = self.world.add_account(&login, AccountKind::User)?;
                let dead = self.world.add_user_token(id, BEGIN)?;
                let live = self.world.add_user_token(id, BEGIN + DAY)?;
                self.world.revoke_user_token(&dead)?;
                people.push(Person { id, live, dead });
            }
            self.people.push(people);
        }
        Ok(())
    }

    fn add_accounts(&mut self, spec: &WorldSpec, tenants: usize) -> Result<(), WorldError> {
        let total = spec.installations.unwrap_or_else(|| tenants.max(spec.repos / 50).max(4));
        let few = |share: usize| if total < 3 { 0 } else { (total / share).max(1) };
        let (suspended, selected) = (few(50), few(10));
        let renamed = if total < 6 { 0 } else { (total / 50).max(1) };
        let all = total - suspended - selected - renamed;
        let (requested, without) = ((total / 40).max(1), (total / 8).max(2));

        self.pools.all = self.accounts(all, tenants)?;
        self.pools.selected = self.accounts(selected, tenants)?;
        self.pools.suspended = self.accounts(suspended, tenants)?;
        self.pools.renamed = self.accounts(renamed, tenants)?;
        self.pools.requested = self.accounts(requested, tenants)?;
        self.pools.without = self.accounts(without, tenants)?;

        let pools = self.pools.clone();
        let mut wanted: Vec<(i64, Selection, bool)> = Vec::new();
        let on_all = pools.all.iter().chain(pools.renamed.iter());
        wanted.extend(on_all.map(|id| (*id, Selection::All, false)));
        wanted.extend(pools.selected.iter().map(|id| (*id, Selection::of([]), false)));
        wanted.extend(pools.suspended.iter().map(|id| (*id, Selection::All, true)));
        // Ids of installations say nothing about what is on them.
        self.rng.shuffle(&mut wanted);
        for (account, selection, suspend) in wanted {
            let at = BEGIN + self.rng.below_i64(900) * DAY;
            let id = self.world.install(account, selection, at)?;
            if suspend {
                self.world.suspend(id, at + 30 * DAY)?;
            }
        }
        for &account in pools.requested.iter() {
            let requester = self.person(account).id;
            self.world.request_install(account, requester, BEGIN + 900 * DAY)?;
        }
        Ok(())
    }

    fn accounts(&mut self, count: usize, tenants: usize) -> Result<Pool, WorldError> {
        let mut out = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = if self.rng.permille(250) { AccountKind::User } else { AccountKind::Organization };
            let login = self.login();
            let id = self.world.add_account(&login, kind)?;
            let tenant = self.tenant_of.len() % tenants;
            self.tenant_of.insert(id, tenant);
            for person in self.people[tenant].clone() {
                self.world.add_member(id, person.id)?;
            }
            out.push(id);
        }
        Ok(out.into())
    }

    /// Repositories that an installation sees and no project uses.
    fn add_unknown_repos(&mut self, count: usize) -> Result<(), WorldError> {
        for _ in 0..count {
            if let Some(owner) = self.rng.pick(&self.pools.all).copied() {
                self.repo(owner)?;
            }
        }
        Ok(())
    }

    /// A new repository of an account, with a name that none has.
    pub(super) fn repo(&mut self, owner: i64) -> Result<i64, WorldError> {
        let name = self.repo_name();
        let created_at = BEGIN + self.rng.below_i64(690) * DAY + self.rng.below_i64(DAY);
        self.repo_at(owner, name, created_at)
    }

    pub(super) fn repo_at(
        &mut self,
        owner: i64,
        name: String,
        created_at: Millis,
    ) -> Result<i64, WorldError> {
        let private = !self.rng.permille(150);
        let commits = 1 + u32::try_from(self.rng.below(3)).unwrap_or(0);
        self.world.add_repo(super::NewRepo { owner, name, private, created_at, commits })
    }

    /// When a project was imported: after every ordinary repository was made.
    pub(super) fn import_time(&mut self) -> Millis {
        BEGIN + 700 * DAY + self.rng.below_i64(200) * DAY + self.rng.below_i64(DAY / 1_000) * 1_000
    }

    /// One of the users who see an account's repositories.
    pub(super) fn person(&mut self, account: i64) -> Person {
        let tenant = self.tenant_of.get(&account).copied().unwrap_or(0);
        let people = &self.people[tenant % self.people.len().max(1)];
        people[self.rng.below(people.len())].clone()
    }

    /// An account of a pool: mostly any, sometimes one of the big ones, so that lists have several pages.
    pub(super) fn account(&mut self, pool: &[i64]) -> Option<i64> {
        let mut at = self.rng.below(pool.len());
        if self.rng.permille(200) {
            for _ in 0..2 {
                at = at * self.rng.below(1_000) / 1_000;
            }
        }
        pool.get(at).copied()
    }

    pub(super) fn login(&mut self) -> String {
        const FIRST: [&str; 10] =
            ["amber", "Blue", "cedar", "delta", "ember", "Fjord", "granite", "harbor", "iris", "Juno"];
        const SECOND: [&str; 8] = ["labs", "works", "systems", "Data", "studio", "cloud", "tools", "Group"];
        self.name(&FIRST, &SECOND)
    }

    pub(super) fn repo_name(&mut self) -> String {
        const FIRST: [&str; 10] =
            ["payment", "web", "mobile", "search", "billing", "report", "ingest", "mail", "Auth", "media"];
        const SECOND: [&str; 8] = ["service", "api", "app", "worker", "site.js", "core", "infra", "SDK"];
        self.name(&FIRST, &SECOND)
    }

    fn name(&mut self, first: &[&str], second: &[&str]) -> String {
        self.named += 1;
        let a = self.rng.pick(first).copied().unwrap_or("a");
        let b = self.rng.pick(second).copied().unwrap_or("b");
        format!("{a}-{b}-{}", self.named)
    }
}
