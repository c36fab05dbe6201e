//! Rows 5 to 7: no id, and no token that could tell it. A name alone never maps; the imported commit may.

use cutover_shared::mapping::Reason;

use super::ladder::{Case, Finding, listed_fact};
use super::situation::Situation;
use super::token::TokenSays;
use crate::mapping::index::{ListedRef, Sighting};
use crate::mapping::probe::{ProbeAnswer, ProbeAsk};

/// What the installation says of the imported commit.
enum CommitSays {
    Found,
    OtherTree,
    Missing,
    Forbidden,
    /// Not asked yet, or without an answer.
    Owed(ProbeAsk),
}

impl<'a> Case<'a> {
    pub(super) fn by_name(mut self) -> Finding<'a> {
        match self.index.name(&self.link.repo_full_name) {
            Sighting::Several(found) => self.ambiguous(&found),
            Sighting::Suspended(listed) => self.suspended(&listed),
            Sighting::One(listed) => match self.index.repository(listed.repo_id) {
                // Under its older name another installation may still list it: whose it is now, nobody can say.
                Sighting::Several(found) => self.ambiguous(&found),
                _ => self.by_listed_name(&listed),
            },
            Sighting::Nowhere => {
                self.fact("no installation lists that name");
                self.by_owner(3)
            }
        }
    }

    fn by_listed_name(mut self, listed: &ListedRef<'a>) -> Finding<'a> {
        self.fact(listed_fact(listed));
        if !listed.owner_agrees() {
            self.fact(format!("the list says that its owner is {}", listed.owner_login));
            return self.end(Reason::OwnerMismatch, 1, 0, Situation::of_installation(listed.installation));
        }
        if self.link.owner_id.is_some_and(|owner| owner != listed.owner_id) {
            self.fact(format!("the name belongs to account {} now", listed.owner_id));
            return self.reused(0, listed.repo_id, Situation::of_installation(listed.installation));
        }
        if self.made_after_import(listed.created_at) {
            return self.reused(10, listed.repo_id, Situation::of_installation(listed.installation));
        }
        let older = matches!((listed.created_at, self.link.imported_at), (Some(_), Some(_)));
        // A live token that sees nothing contradicts the name. And a fork resolves every commit of its parent, so
        // that a commit ties it to the import only when it is known to be older than that.
        let commit_tells = !matches!(self.token, TokenSays::NotFound) && (older || !listed.fork);
        let Some(sha) =
            self.link.imported_commit_sha.as_deref().filter(|sha| commit_tells && is_full_sha(sha))
        else {
            return self.name_only(listed, older);
        };
        match self.commit(listed, sha) {
            CommitSays::Found => {
                self.fact(format!("it holds the imported commit {sha}"));
                self.listed(Reason::CommitFound, 5, 90, listed)
            }
            CommitSays::OtherTree => {
                self.fact(format!("commit {sha} has another tree there than was imported"));
                self.reused(20, listed.repo_id, Situation::of_installation(listed.installation))
            }
            CommitSays::Missing => {
                self.fact(format!("it does not hold the imported commit {sha}"));
                self.reused(20, listed.repo_id, Situation::of_installation(listed.installation))
            }
            CommitSays::Forbidden => {
                self.fact("the installation may not read commits");
                self.name_only(listed, older)
            }
            CommitSays::Owed(ask) => {
                self.fact(format!("the imported commit {sha} was not looked for yet"));
                let situation = Situation::of_installation(listed.installation);
                let mut finding = self.end(Reason::ProbeOwed, 5, 0, situation);
                finding.candidate = Some(listed.repo_id);
                finding.wanted = Some(ask);
                finding
            }
        }
    }

    /// Rows 6 and 7: a person must look.
    fn name_only(mut self, listed: &ListedRef<'a>, older: bool) -> Finding<'a> {
        if !older {
            self.fact("nothing but the name ties it to the import");
            return self.reused(20, listed.repo_id, Situation::of_installation(listed.installation));
        }
        self.fact("the repository of that name was made before the import");
        let mut finding = self.end(Reason::NameOnly, 6, 60, Situation::of_installation(listed.installation));
        finding.candidate = Some(listed.repo_id);
        finding
    }

    fn commit(&self, listed: &ListedRef<'a>, sha: &str) -> CommitSays {
        let ask = ProbeAsk::resolve_commit(listed.installation.id, &self.link.repo_full_name, sha);
        match self.answers.get(&ask) {
            Some(ProbeAnswer::Commit { tree_sha }) => match self.link.imported_tree_sha.as_deref() {
                Some(tree) if is_full_sha(tree) && !tree.eq_ignore_ascii_case(tree_sha) => {
                    CommitSays::OtherTree
                }
                _ => CommitSays::Found,
            },
            Some(ProbeAnswer::NotFound) => CommitSays::Missing,
            Some(ProbeAnswer::Forbidden) => CommitSays::Forbidden,
            Some(ProbeAnswer::Unreachable(_) | ProbeAnswer::CredentialDead | ProbeAnswer::Repo { .. })
            | None => CommitSays::Owed(ask),
        }
    }
}

/// A whole commit or tree id. A shorter text could be a branch's name or another commit's beginning at GitHub.
fn is_full_sha(sha: &str) -> bool {
    matches!(sha.len(), 40 | 64) && sha.bytes().all(|byte| byte.is_ascii_hexdigit())
}
