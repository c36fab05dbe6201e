//! The ladder: which row decides. Rows 1 to 4, 8 to 11 are here, the name's rows 5 to 7 in `named`.

use cutover_shared::catalog::Link;
use cutover_shared::ids::{AccountId, RepoId};
use cutover_shared::mapping::Reason;

use super::situation::Situation;
use super::token::{Read, TokenSays};
use crate::mapping::index::{IndexView, Installation, ListedRef, Sighting};
use crate::mapping::probe::{Answers, ProbeAsk};

/// What the ladder found, before it is put into words for people.
#[derive(Debug)]
pub(in crate::mapping) struct Finding<'a> {
    pub reason: Reason,
    pub rung: u8,
    /// In percent.
    pub confidence: u8,
    /// The installation that was looked at; the mapped one when the reason maps.
    pub considered: Option<&'a Installation>,
    /// The stored id, or one that was proven.
    pub repo_id: Option<RepoId>,
    /// A repository that has the name, but is not proven to be the imported one.
    pub candidate: Option<RepoId>,
    pub current_name: Option<String>,
    pub owner_id: Option<AccountId>,
    pub owner_login: Option<String>,
    pub facts: Vec<String>,
    pub situation: Situation<'a>,
    /// The question that would tell more.
    pub wanted: Option<ProbeAsk>,
}

/// Climbs the ladder for one repository of one project.
pub(in crate::mapping) fn climb<'a>(
    link: &'a Link,
    index: &'a IndexView,
    answers: &'a Answers,
) -> Finding<'a> {
    Case::new(link, index, answers, TokenSays::of(link, answers)).climb()
}

/// The same, as if the stored user token were dead.
pub(in crate::mapping) fn climb_without_token<'a>(
    link: &'a Link,
    index: &'a IndexView,
    answers: &'a Answers,
) -> Finding<'a> {
    let token = if link.token.is_some() { TokenSays::Dead } else { TokenSays::NoToken };
    Case::new(link, index, answers, token).climb()
}

/// One climb: the inputs, and the facts in the order in which they are looked at.
pub(super) struct Case<'a> {
    pub(super) link: &'a Link,
    pub(super) index: &'a IndexView,
    pub(super) answers: &'a Answers,
    pub(super) token: TokenSays<'a>,
    facts: Vec<String>,
}

impl<'a> Case<'a> {
    fn new(link: &'a Link, index: &'a IndexView, answers: &'a Answers, token: TokenSays<'a>) -> Self {
        Self { link, index, answers, token, facts: Vec::new() }
    }

    fn climb(mut self) -> Finding<'a> {
        if let Some(id) = self.link.repo_id {
            self.fact(format!("stored repository id {id}"));
            return self.by_id(id);
        }
        self.fact(format!("no stored repository id; imported as {}", self.link.repo_full_name));
        if let TokenSays::Read(read) = self.token {
            return self.by_token(&read);
        }
        self.fact(self.token.fact());
        match self.token {
            TokenSays::Unasked | TokenSays::Silent => self.owed(3),
            _ => self.by_name(),
        }
    }

    /// Rows 1 and 2, and what hinders them.
    fn by_id(mut self, id: RepoId) -> Finding<'a> {
        match self.index.repository(id) {
            Sighting::Several(found) => self.ambiguous(&found),
            Sighting::Suspended(listed) => self.suspended(&listed),
            Sighting::Nowhere => self.id_nowhere(id),
            Sighting::One(listed) if !listed.owner_agrees() => self.owner_mismatch(&listed),
            Sighting::One(listed) => {
                self.fact(listed_fact(&listed));
                let same = listed.full_name.eq_ignore_ascii_case(&self.link.repo_full_name);
                if !same {
                    self.fact(format!("imported as {}, now {}", self.link.repo_full_name, listed.full_name));
                }
                if let Some(before) = self.link.owner_id.filter(|owner| *owner != listed.owner_id) {
                    self.fact(format!("the owner was account {before}, now {}", listed.owner_id));
                }
                let (reason, rung) = if same { (Reason::IdListed, 1) } else { (Reason::IdListedRenamed, 2) };
                self.listed(reason, rung, 100, &listed)
            }
        }
    }

    /// Rows 4 and 8 to 11 for a stored id.
    fn id_nowhere(mut self, id: RepoId) -> Finding<'a> {
        self.fact("no installation lists that id");
        if let TokenSays::Read(read) = self.token {
            self.read_facts(&read);
            if read.repo_id != id {
                let situation = Situation::of_link(self.link, self.index);
                return self.end(Reason::NameReused, 7, 0, situation);
            }
            let situation = Situation::of_account(read.owner_id, Some(read.owner_login), self.index);
            self.fact(situation.fact());
            let mut finding = if read.moved {
                self.end(Reason::RedirectNotListed, 4, 0, situation)
            } else {
                self.by_situation(situation)
            };
            finding.current_name = Some(read.full_name.to_owned());
            return finding;
        }
        if let Sighting::One(other) = self.index.name(&self.link.repo_full_name) {
            self.fact(format!("the name is now repository {}", other.repo_id));
            let mut finding =
                self.end(Reason::NameReused, 7, 0, Situation::of_installation(other.installation));
            finding.candidate = Some(other.repo_id);
            return finding;
        }
        self.fact(self.token.fact());
        self.by_owner(4)
    }

    /// Rows 8 to 11 by what the catalog says of the owner. `rung`: the row that a question would serve.
    pub(super) fn by_owner(mut self, rung: u8) -> Finding<'a> {
        let situation = Situation::of_link(self.link, self.index);
        match (&situation, &self.token) {
            (Situation::Unknown, TokenSays::Unasked | TokenSays::Silent) => self.owed(rung),
            (Situation::Unknown, TokenSays::Dead) => {
                self.fact(situation.fact());
                self.end(Reason::OwnerUnknown, 11, 0, situation)
            }
            (Situation::All(_), TokenSays::NotFound) => {
                self.fact(situation.fact());
                self.end(Reason::Gone, 11, 0, situation)
            }
            _ => {
                self.fact(situation.fact());
                self.by_situation(situation)
            }
        }
    }

    /// Rows 8 to 10, for an owner whose installation does not list the repository.
    fn by_situation(self, situation: Situation<'a>) -> Finding<'a> {
        let (reason, rung) = match &situation {
            Situation::Selected(_) => (Reason::NotGranted, 8),
            Situation::All(_) => (Reason::NotListed, 8),
            Situation::Suspended(_) => (Reason::Suspended, 9),
            Situation::Requested(_) => (Reason::RequestPending, 9),
            Situation::NotInstalled { .. } | Situation::Unknown => (Reason::NotInstalled, 10),
            Situation::Several(_) => (Reason::Ambiguous, 1),
        };
        let wanted = self.read_ask();
        let mut finding = self.end(reason, rung, 0, situation);
        finding.wanted = wanted;
        finding
    }

    /// Row 3: the old user token tells the id, the index decides.
    fn by_token(mut self, read: &Read<'a>) -> Finding<'a> {
        self.read_facts(read);
        let owner = Situation::of_account(read.owner_id, Some(read.owner_login), self.index);
        if self.link.owner_id.is_some_and(|owner| owner != read.owner_id) && !read.moved {
            // A login that changed hands: any live token reads a public repository under it.
            self.fact(format!("the name belongs to account {} now", read.owner_id));
            return self.reused(0, read.repo_id, owner);
        }
        if self.made_after_import(read.created_at) {
            return self.reused(10, read.repo_id, owner);
        }
        let mut finding = match self.index.repository(read.repo_id) {
            Sighting::Several(found) => self.ambiguous(&found),
            Sighting::Suspended(listed) => self.suspended(&listed),
            Sighting::One(listed) if self.made_after_import(listed.created_at) => {
                return self.reused(10, read.repo_id, owner);
            }
            Sighting::One(listed) if !listed.owner_agrees() => self.owner_mismatch(&listed),
            Sighting::One(listed) => {
                self.fact(listed_fact(&listed));
                self.listed(Reason::TokenRead, 3, 98, &listed)
            }
            Sighting::Nowhere => {
                self.fact("no installation lists that id");
                self.fact(owner.fact());
                let mut finding = self.by_situation(owner);
                finding.current_name = Some(read.full_name.to_owned());
                finding
            }
        };
        finding.repo_id = Some(read.repo_id);
        finding
    }

    /// Row 4: the list has another owner than its installation; only a fresh read can settle whose it is.
    fn owner_mismatch(mut self, listed: &ListedRef<'a>) -> Finding<'a> {
        self.fact(listed_fact(listed));
        self.fact(format!("the list says that its owner is {} ({})", listed.owner_login, listed.owner_id));
        if let TokenSays::Read(read) = self.token
            && read.repo_id == listed.repo_id
            && read.owner_id == listed.installation.account_id
        {
            let stored = self.link.repo_id.is_some();
            if stored {
                self.read_facts(&read);
            }
            self.fact(format!("read by the token, its owner is {}", read.owner_login));
            let (reason, rung, confidence) = match (stored, read.moved) {
                (true, true) => (Reason::Redirected, 4, 95),
                _ => (Reason::TokenRead, 3, 98),
            };
            return self.listed(reason, rung, confidence, listed);
        }
        let wanted = self.link.repo_id.and_then(|_| self.read_ask());
        let mut finding =
            self.end(Reason::OwnerMismatch, 1, 0, Situation::of_installation(listed.installation));
        finding.wanted = wanted;
        finding
    }

    /// Two live installations claim one repository, or one name.
    pub(super) fn ambiguous(mut self, found: &[ListedRef<'a>]) -> Finding<'a> {
        for listed in found {
            self.fact(listed_fact(listed));
        }
        let ids = found.iter().map(|listed| listed.installation.id).collect();
        self.end(Reason::Ambiguous, 1, 0, Situation::Several(ids))
    }

    /// Row 9 for a repository that only a suspended installation lists.
    pub(super) fn suspended(mut self, listed: &ListedRef<'a>) -> Finding<'a> {
        self.fact(listed_fact(listed));
        let situation = Situation::Suspended(listed.installation);
        self.fact(situation.fact());
        self.end(Reason::Suspended, 9, 0, situation)
    }

    /// Row 7: the name is there, the repository is not the imported one, or nothing says that it is.
    pub(super) fn reused(self, confidence: u8, candidate: RepoId, situation: Situation<'a>) -> Finding<'a> {
        let mut finding = self.end(Reason::NameReused, 7, confidence, situation);
        finding.candidate = Some(candidate);
        finding
    }

    /// Whether the repository was made after the import; a fact when it was.
    pub(super) fn made_after_import(&mut self, created_at: Option<i64>) -> bool {
        match (created_at, self.link.imported_at) {
            (Some(created), Some(imported)) if created > imported => {
                self.fact("the repository of that name was made after the import");
                true
            }
            _ => false,
        }
    }

    /// A check is owed: nothing can be said until it is made.
    fn owed(self, rung: u8) -> Finding<'a> {
        let wanted = self.read_ask();
        let situation = Situation::of_link(self.link, self.index);
        let mut finding = self.end(Reason::ProbeOwed, rung, 0, situation);
        finding.wanted = wanted;
        finding
    }

    fn read_ask(&self) -> Option<ProbeAsk> {
        match (&self.token, self.link.token.as_deref()) {
            (TokenSays::Unasked | TokenSays::Silent, Some(token)) => {
                Some(ProbeAsk::read_repo(token, &self.link.repo_full_name))
            }
            _ => None,
        }
    }

    pub(super) fn fact(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }

    fn read_facts(&mut self, read: &Read<'a>) {
        let verb = if read.moved { "follows the name's redirect to" } else { "reads the name as" };
        self.fact(format!("the stored user token {verb} repository {}, {}", read.repo_id, read.full_name));
    }

    /// Ends at a repository that an installation lists.
    pub(super) fn listed(
        self,
        reason: Reason,
        rung: u8,
        confidence: u8,
        listed: &ListedRef<'a>,
    ) -> Finding<'a> {
        let mut finding = self.end(reason, rung, confidence, Situation::of_installation(listed.installation));
        finding.repo_id = Some(listed.repo_id);
        finding.current_name = Some(listed.full_name.to_owned());
        finding
    }

    /// Ends the climb.
    pub(super) fn end(
        self,
        reason: Reason,
        rung: u8,
        confidence: u8,
        situation: Situation<'a>,
    ) -> Finding<'a> {
        let (owner_id, owner_login) = situation.owner();
        Finding {
            reason,
            rung,
            confidence,
            considered: situation.installation(),
            repo_id: self.link.repo_id,
            candidate: None,
            current_name: None,
            owner_id,
            owner_login,
            facts: self.facts,
            situation,
            wanted: None,
        }
    }
}

pub(super) fn listed_fact(listed: &ListedRef<'_>) -> String {
    let fork = if listed.fork { ", a fork" } else { "" };
    format!(
        "installation {} of {} lists repository {}, {}{fork}",
        listed.installation.id, listed.installation.account_login, listed.repo_id, listed.full_name
    )
}
