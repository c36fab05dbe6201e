//! As much of the world as judging needs: the whole index for everything, a part of it for a few repositories.

use cutover_shared::mapping::{Mapping, Reason};

use crate::mapping::index::IndexView;
use crate::mapping::load;
use crate::mapping::probe::{Answers, ProbeAnswer, ProbeAsk};
use crate::store::{Db, LinkRow, MappingRow, OwedRow, ReadError, Scope};

/// The world, learned page by page.
pub(super) struct World {
    db: Db,
    host: String,
    /// Read once when everything is judged.
    whole: bool,
    index: IndexView,
    answers: Answers,
    /// What became private, and when that was told; answers given before say nothing.
    reread: Vec<(i64, i64)>,
    /// Keys of such answers that were met, and the moment before which they were given.
    void: Vec<(String, i64)>,
}

impl World {
    pub(super) async fn of(db: &Db, host: &str, owed: &[OwedRow], scope: &Scope) -> Result<Self, ReadError> {
        let index = match scope.all {
            true => load::index(db, host).await?,
            false => load::index_of(db, host, &[], &[]).await?,
        };
        let reread = owed.iter().flat_map(|debt| debt.scope.reread.iter().map(|id| (*id, debt.at))).collect();
        Ok(Self {
            db: db.clone(),
            host: host.to_owned(),
            whole: scope.all,
            index,
            answers: Answers::default(),
            reread,
            void: Vec::new(),
        })
    }

    pub(super) fn index(&self) -> &IndexView {
        &self.index
    }

    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Reads what these links need.
    pub(super) async fn learn(&mut self, links: &[LinkRow], held: &[MappingRow]) -> Result<(), ReadError> {
        self.answers = Answers::default();
        let mut tokens: Vec<&str> = links.iter().filter_map(|link| link.token.as_deref()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        // Whether a token is dead, any of its answers may tell.
        let ranges: Vec<_> = tokens.into_iter().map(of_token).collect();
        self.take(&ranges).await?;
        if !self.whole {
            let read = self.answers.repositories();
            let stored = links.iter().filter_map(|link| link.repo_id);
            let proven = held.iter().filter_map(|row| row.repo_id.map(|id| id.0));
            let ids: Vec<i64> = stored.chain(proven).chain(read).collect();
            let names: Vec<String> =
                links.iter().map(|link| link.repo_full_name.to_ascii_lowercase()).collect();
            self.index = load::index_of(&self.db, &self.host, &ids, &names).await?;
        }
        let commits: Vec<_> = links.iter().filter_map(|link| self.of_commit(link)).collect();
        self.take(&commits).await
    }

    async fn take(&mut self, ranges: &[(String, String)]) -> Result<(), ReadError> {
        for (key, answer, at) in self.db.probes_between(ranges).await? {
            let (Some(ask), Ok(answer)) =
                (ProbeAsk::from_key(&key), serde_json::from_str::<ProbeAnswer>(&answer))
            else {
                continue;
            };
            let told = match &answer {
                ProbeAnswer::Repo { repo_id, .. } => self.told(repo_id.0).filter(|told| at < *told),
                _ => None,
            };
            match told {
                Some(told) => self.void.push((key, told)),
                None => self.answers.insert(ask, answer),
            }
        }
        Ok(())
    }

    /// The one answer about the imported commit that may count.
    fn of_commit(&self, link: &LinkRow) -> Option<(String, String)> {
        let sha = link.imported_commit_sha.as_deref()?;
        let installation = self.index.only_installation_with(&link.repo_full_name)?;
        let key = ProbeAsk::resolve_commit(installation, &link.repo_full_name, sha).key();
        let end = format!("{key} ");
        Some((key, end))
    }

    /// When it was last told that this repository became private.
    fn told(&self, repository: i64) -> Option<i64> {
        self.reread.iter().filter(|(id, _)| *id == repository).map(|(_, at)| *at).max()
    }

    /// Answers that count no more, to be forgotten.
    pub(super) fn take_void(&mut self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.void)
    }

    /// Whether what proved this mapping counts no more, since its repository became private after it was read.
    pub(super) fn is_void(&self, link: &LinkRow, held: &Mapping) -> bool {
        let by_read = matches!(held.reason, Reason::TokenRead | Reason::Redirected);
        let (Some(id), Some(token), true) = (held.repo_id, link.token.as_deref(), by_read) else {
            return false;
        };
        // Read again since: that answer stands.
        let ask = ProbeAsk::read_repo(token, &link.repo_full_name);
        self.told(id.0).is_some() && self.answers.get(&ask).is_none()
    }
}

/// All answers to questions with this token.
fn of_token(fingerprint: &str) -> (String, String) {
    let begin = ProbeAsk::read_repo(fingerprint, "").key();
    let mut end = begin.clone();
    end.pop();
    // The sign after the space that ends the prefix.
    end.push('!');
    (begin, end)
}

/// Whether the scope touches this mapping, as the store's own search says it.
pub(super) fn touches(scope: &Scope, link: &LinkRow, held: &Mapping) -> bool {
    let repository = |id: Option<i64>| id.is_some_and(|id| scope.repositories.contains(&id));
    let account = |id: Option<i64>| id.is_some_and(|id| scope.accounts.contains(&id));
    let installation = |id: Option<i64>| id.is_some_and(|id| scope.installations.contains(&id));
    let login = |login: Option<&str>| login.is_some_and(|login| scope.logins.contains(login));
    let named = link.repo_lname.split_once('/').map(|(owner, _)| owner);
    scope.all
        || repository(link.repo_id)
        || repository(held.repo_id.map(|id| id.0))
        || account(link.owner_id)
        || account(held.evidence.owner_id.map(|id| id.0))
        || installation(held.installation.map(|id| id.0))
        || installation(held.evidence.considered.map(|id| id.0))
        || login(named)
        || login(link.owner_login.as_deref().map(str::to_ascii_lowercase).as_deref())
}
