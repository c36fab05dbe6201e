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
            let is_void = matches!(&answer, ProbeAnswer::Repo { repo_id, .. }
                if self.reread.iter().any(|(id, told)| *id == repo_id.0 && at < *told));
            if !is_void {
                self.answers.insert(ask, answer);
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

    /// The answer that proved this mapping and counts no more, since its repository became private after it was given.
    pub(super) fn void(&self, link: &LinkRow, held: &Mapping) -> Option<(String, i64)> {
        if !matches!(held.reason, Reason::TokenRead | Reason::Redirected | Reason::ReadyToMap) {
            return None;
        }
        let id = held.repo_id?.0;
        let told = self.reread.iter().filter(|(reread, _)| *reread == id).map(|(_, at)| *at).max()?;
        let ask = ProbeAsk::read_repo(link.token.as_deref()?, &link.repo_full_name);
        // Asked again since: that answer stands.
        self.answers.get(&ask).is_none().then(|| (ask.key(), told))
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
