//! The other credential, beside the one that served: the same read once more, compared.

use std::collections::BTreeMap;

use cutover_shared::import::{Method, RepositoryView};
use cutover_shared::rollout::Side;

use super::arm::Mapping;
use super::error::ArmError;
use super::fetch::{Done, Turn};
use super::{ImportError, Imports, Situation};
use crate::github::{PageOf, Repository};
use crate::rollout::compare::Content;
use crate::rollout::shadow::{Asked, Beside, Leash};
use crate::rollout::tally::Outcome;

/// Pages of one list that are read for a comparison: 2,000 repositories. A longer one is not compared.
const PAGES_MOST: usize = 20;

/// The rollout's arm that a credential is.
pub(super) fn side(method: Method) -> Side {
    match method {
        Method::Oauth => Side::Legacy,
        Method::Installation => Side::Target,
    }
}

/// What is said of a repository in a list, by its number.
type Rows = BTreeMap<i64, Row>;

#[derive(Clone, PartialEq, Eq)]
struct Row {
    full_name: String,
    owner: String,
    owner_id: i64,
}

/// A list that was read to its end; none: it is too long.
type Whole = Result<Option<Rows>, ArmError>;

impl Imports {
    /// Imports the very commit by the other credential, where the rollout wants it compared and there is one.
    pub(super) fn import_beside(&self, found: &Situation, served: Method, done: &Done) {
        let Some(asked) = Self::due(found, served) else { return };
        let (imports, found, answered) = (self.clone(), found.clone(), content(done));
        // The branch may be moved between the two reads; a commit stays what it is.
        let commit = done.fetched.commit_sha.clone();
        self.0.shadow.start(asked, move |leash| async move {
            let turn = Turn::Beside(&leash);
            let other = match (side(served), found.mapped) {
                (Side::Legacy, Mapping::Mapped(id)) => {
                    imports.by_installation(&found, id, Some(&commit), turn).await
                }
                _ => imports.by_oauth(&found, Some(&commit), turn).await,
            };
            match other {
                Ok(other) => Beside::Both { answered, other: content(&other) },
                Err(error) => failed(&error),
            }
        });
    }

    /// Reads the whole list by the other credential. A page alone says nothing: each credential has pages of its own.
    pub(super) fn list_beside(
        &self,
        found: &Situation,
        served: Method,
        first: &[RepositoryView],
        more: bool,
    ) {
        let Some(asked) = Self::due(found, served) else { return };
        let (imports, found) = (self.clone(), found.clone());
        let answered = (!more).then(|| first.iter().map(viewed).collect::<Rows>());
        self.0.shadow.start(asked, move |leash| async move {
            imports.lists(&found, side(served), answered, &leash).await.unwrap_or_else(|end| end)
        });
    }

    /// The comparison that is due, and possible.
    fn due(found: &Situation, served: Method) -> Option<Asked> {
        let decision = &found.decision;
        let other_is_there = match side(served) {
            Side::Legacy => matches!(found.mapped, Mapping::Mapped(_)),
            Side::Target => found.token.is_some(),
        };
        // Where another arm served than the rollout's (grace period, fallback, asked for) there is nothing to learn of the rollout.
        let due = decision.shadow && decision.side == side(served) && other_is_there;
        due.then(|| Asked {
            operation: found.operation,
            tenant: found.link.tenant.clone(),
            answered: side(served),
            version: decision.version,
        })
    }

    /// Both lists, as far as they are about the same account. Where they differ, that which was read first is read again: only what
    /// stood still in between is a difference.
    async fn lists(
        &self,
        found: &Situation,
        served: Side,
        answered: Option<Rows>,
        leash: &Leash,
    ) -> Result<Beside, Beside> {
        let other = whole(self.walk(found, served.other(), leash).await, true)?;
        let (ours, again) = match answered {
            Some(ours) => (ours, served),
            None => (whole(self.walk(found, served, leash).await, false)?, served.other()),
        };
        let both = |ours: &Rows, other: &Rows| {
            let account = account(found, if served == Side::Target { ours } else { other });
            (account.set(ours), account.set(other))
        };
        let (mut answered, mut beside) = both(&ours, &other);
        if answered != beside {
            let still = whole(self.walk(found, again, leash).await, false)?;
            let before = if again == served { &ours } else { &other };
            if *before != still {
                return Ok(Beside::Left);
            }
            (answered, beside) = both(&ours, &other);
        }
        Ok(Beside::Both { answered, other: beside })
    }

    async fn walk(&self, found: &Situation, side: Side, leash: &Leash) -> Whole {
        let turn = Turn::Beside(leash);
        let (mut rows, mut cursor) = (Rows::new(), None::<String>);
        for _ in 0..PAGES_MOST {
            turn.go()?;
            let page = match (side, found.mapped) {
                (Side::Target, Mapping::Mapped(id)) => {
                    self.installation_page(id, cursor.as_deref(), turn).await?
                }
                _ => self.user_page(found, cursor.as_deref(), turn).await?,
            };
            leash.mark();
            let PageOf { rows: more, next, .. } = page;
            rows.extend(more.into_iter().map(seen));
            match next {
                None => return Ok(Some(rows)),
                next => cursor = next,
            }
        }
        Ok(None)
    }
}

/// The rows, or how the comparison ends without them. `theirs`: they are of the arm beside, which answers for its failure.
fn whole(read: Whole, theirs: bool) -> Result<Rows, Beside> {
    match read {
        Ok(Some(rows)) => Ok(rows),
        Ok(None) => Err(Beside::Left),
        Err(error) => Err(match failed(&error) {
            Beside::Failed(_) if !theirs => Beside::Left,
            ended => ended,
        }),
    }
}

/// What an error of the arm beside means. Limits that it met are met because nobody waits for it.
fn failed(error: &ArmError) -> Beside {
    match (&error.error, error.outcome()) {
        (ImportError::RateLimited { .. }, _) => Beside::Unaffordable,
        (ImportError::Busy, _) | (_, Outcome::Ok) => Beside::Left,
        (_, outcome) => Beside::Failed(outcome),
    }
}

fn content(done: &Done) -> Content {
    let of = &done.fetched;
    Content::import(&of.digest, &of.tree_sha, &of.commit_sha, of.files, of.bytes)
}

fn seen(repository: Repository) -> (i64, Row) {
    let owner = (repository.owner.login.to_lowercase(), repository.owner.id);
    (repository.id, Row { full_name: repository.full_name, owner: owner.0, owner_id: owner.1 })
}

fn viewed(row: &RepositoryView) -> (i64, Row) {
    let owner = row.owner.to_lowercase();
    (row.id, Row { full_name: row.full_name.clone(), owner, owner_id: row.owner_id })
}

/// The account that an installation is on. A user sees those of others, too, which no installation here is about.
enum Account {
    Number(i64),
    Login(String),
}

fn account(found: &Situation, of_installation: &Rows) -> Account {
    let login = || found.link.repo_full_name.split('/').next().unwrap_or_default().to_lowercase();
    of_installation
        .values()
        .next()
        .map_or_else(|| Account::Login(login()), |row| Account::Number(row.owner_id))
}

impl Account {
    fn set(&self, rows: &Rows) -> Content {
        let of = |row: &Row| match self {
            Self::Number(id) => row.owner_id == *id,
            Self::Login(login) => row.owner == *login,
        };
        let named = rows.iter().filter(|(_, row)| of(row)).map(|(id, row)| (*id, row.full_name.clone()));
        Content::Set(named.collect())
    }
}
