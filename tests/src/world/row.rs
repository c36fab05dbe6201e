//! One catalog row in the making: what the import kept, and the verdict.

use chrono::{DateTime, SecondsFormat};
use cutover_daemon::clock::Millis;

use super::generate::Draft;
use super::{Case, CatalogRow, Status, Truth};

/// What a row keeps from the import.
pub(super) struct Evidence {
    pub(super) id: bool,
    pub(super) owner: bool,
    pub(super) token: Token,
    pub(super) commit: Commit,
}

pub(super) enum Token {
    Live,
    Dead,
    Any,
}

pub(super) enum Commit {
    Sometimes,
    Known,
    Foreign,
    None,
}

pub(super) const STORED: Evidence =
    Evidence { id: true, owner: true, token: Token::Any, commit: Commit::Sometimes };
pub(super) const BY_TOKEN: Evidence =
    Evidence { id: false, owner: false, token: Token::Live, commit: Commit::Sometimes };
pub(super) const BY_NAME: Evidence =
    Evidence { id: false, owner: false, token: Token::Dead, commit: Commit::Sometimes };

pub(super) fn with_commit(evidence: Evidence, commit: Commit) -> Evidence {
    Evidence { commit, ..evidence }
}

/// A row in the making.
pub(super) struct Row {
    pub(super) row: CatalogRow,
    pub(super) name: String,
    pub(super) repo: Option<i64>,
    pub(super) account: i64,
    pub(super) person: i64,
    pub(super) imported_at: Millis,
}

impl Row {
    pub(super) fn blank(d: &mut Draft, account: i64) -> Self {
        Self {
            row: CatalogRow::default(),
            name: String::new(),
            repo: None,
            account,
            person: 0,
            imported_at: d.import_time(),
        }
    }

    /// A row about a repository as it stands now, which is as it was at the import.
    pub(super) fn of(d: &mut Draft, id: i64) -> Self {
        let repo = d.world.repo(id).cloned();
        let mut row = Self::blank(d, repo.as_ref().map_or(0, |repo| repo.owner));
        if let Some(repo) = repo {
            row.row.repo_full_name = d.world.full_name(&repo);
            row.name = repo.name;
            row.repo = Some(id);
        }
        row
    }

    /// Fills in what the import kept.
    pub(super) fn keep(&mut self, d: &mut Draft, evidence: &Evidence) {
        let row = &mut self.row;
        row.repo_id = self.repo.filter(|_| evidence.id);
        if evidence.owner {
            row.owner_id = Some(self.account);
            row.owner_login = d.world.account(self.account).map(|a| a.login.clone());
        }
        let person = d.person(self.account);
        self.person = person.id;
        row.github_access_token = match evidence.token {
            Token::Live => Some(person.live),
            Token::Dead => Some(person.dead),
            Token::Any => match d.rng.below(20) {
                0..14 => Some(person.live),
                14..17 => Some(person.dead),
                _ => None,
            },
        };
        let repo = self.repo.and_then(|id| d.world.repo(id));
        let commit = match evidence.commit {
            Commit::Known => true,
            Commit::Sometimes => d.rng.permille(700),
            Commit::Foreign | Commit::None => false,
        };
        if let Some(found) = repo.filter(|_| commit).and_then(|repo| d.world.snapshot(repo, 0)) {
            row.imported_commit_sha = Some(found.commit.sha.to_string());
            row.imported_tree_sha = Some(found.commit.tree.to_string()).filter(|_| d.rng.permille(700));
        }
        if matches!(evidence.commit, Commit::Foreign) {
            let gone = super::objects::object_id("commit", self.name.as_bytes());
            row.imported_commit_sha = Some(gone.to_string());
        }
        row.imported_at = DateTime::from_timestamp_millis(self.imported_at)
            .map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        row.import_method = Some("oauth".to_owned());
    }

    /// Mapped to the installation on the repository's present owner.
    pub(super) fn mapped(self, d: &mut Draft, case: Case, rung: u8) {
        let repo = self.repo;
        self.done(d, case, rung, Status::Mapped, repo);
    }

    pub(super) fn done(mut self, d: &mut Draft, case: Case, rung: u8, status: Status, repo_id: Option<i64>) {
        let installation_id = repo_id
            .filter(|_| status == Status::Mapped)
            .and_then(|id| d.world.installation_on(d.world.repo(id)?.owner))
            .map(|found| found.id);
        let tenant = d.tenant_of.get(&self.account).copied().unwrap_or(0);
        self.row.tenant_id = format!("tenant-{tenant:04}");
        self.row.project_id = format!("prj-{:06}", project(d, tenant));
        d.catalog.rows.push(self.row);
        d.catalog.cases.push(case);
        d.catalog.truths.push(Truth { rung, status, installation_id, repo_id });
    }
}

/// Mostly a new project; sometimes the tenant's last one gets a second or third repository.
fn project(d: &mut Draft, tenant: usize) -> usize {
    let joins = d.rng.permille(40);
    if let Some((project, repos)) = d.last_project.get_mut(&tenant)
        && joins
        && *repos < 3
    {
        *repos += 1;
        return *project;
    }
    d.projects += 1;
    d.last_project.insert(tenant, (d.projects, 1));
    d.projects
}
