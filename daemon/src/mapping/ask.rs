//! Asks GitHub the questions of a probe plan, inside the budget. Answers are stored as they come: the next plan finds
//! them, and they are part of the world that this one stands on.

use cutover_shared::catalog::Link;
use cutover_shared::ids::InstallationId;
use futures::StreamExt as _;
use secrecy::SecretString;

use super::index::IndexView;
use super::probe::{Answers, CredentialRef, ProbeAnswer, ProbeAsk, ProbePlan, ProbeTally, Question};
use crate::clock::Clock;
use crate::github::{CommitProbe, Credential, GitHubError, MintError, Reader, RepoProbe};
use crate::seal::Seal;
use crate::store::{Db, Lane, ProbeOp, ReadError, UNIT_ROWS, Unit};

/// Questions under way at once.
const PARALLEL: usize = 16;

/// Asks with the credentials that the store holds sealed.
pub(crate) struct Asker<'a> {
    pub(crate) db: &'a Db,
    pub(crate) seal: &'a Seal,
    pub(crate) clock: &'a Clock,
    pub(crate) reader: &'a Reader,
}

impl Asker<'_> {
    /// Asks what is wanted, at most `budget` questions; at most one for each repository of a project.
    pub(crate) async fn ask_all(
        &self,
        links: &[Link],
        index: &IndexView,
        stored: Answers,
        budget: usize,
    ) -> Result<(Answers, ProbeTally), super::planner::PlanError> {
        let mut plan = ProbePlan::new(links, index, stored);
        let mut left = budget;
        loop {
            let round = plan.next_round(left);
            if round.is_empty() {
                return Ok(plan.finish());
            }
            left -= round.len();
            let asked: Vec<_> = round
                .into_iter()
                .map(|questioned| async move {
                    let answer = self.ask(&questioned.ask).await?;
                    Ok::<_, ReadError>((questioned.ask, answer))
                })
                .collect();
            let answers: Vec<_> = futures::stream::iter(asked).buffered(PARALLEL).collect().await;
            let mut rows = Vec::with_capacity(answers.len());
            for answered in answers {
                let (ask, answer) = answered?;
                // Silence is not an answer: it is not part of the world and is asked again.
                if !matches!(answer, ProbeAnswer::Unreachable(_)) {
                    rows.push((ask.key(), answer.canonical()));
                }
                plan.answer(ask, answer);
            }
            for rows in rows.chunks(UNIT_ROWS) {
                let op = ProbeOp::Put { rows: rows.to_vec(), at: self.clock.now() };
                self.db.write(Lane::Run, Unit::new().with(op)).await?;
            }
        }
    }

    async fn ask(&self, ask: &ProbeAsk) -> Result<ProbeAnswer, ReadError> {
        match (&ask.credential, &ask.question) {
            (CredentialRef::User(fingerprint), question) => {
                let Some(token) = self.token(fingerprint).await? else {
                    return Ok(ProbeAnswer::Unreachable("the stored token can't be opened".to_owned()));
                };
                Ok(self.read(question, &Credential::User(token)).await)
            }
            (CredentialRef::Installation(InstallationId(id)), question) => {
                Ok(self.read(question, &Credential::Installation(*id)).await)
            }
        }
    }

    async fn token(&self, fingerprint: &str) -> Result<Option<SecretString>, ReadError> {
        let envelope = self.db.user_token(fingerprint).await?;
        Ok(envelope.and_then(|envelope| self.seal.open_text(&token_owner(fingerprint), &envelope).ok()))
    }

    async fn read(&self, question: &Question, credential: &Credential) -> ProbeAnswer {
        match question {
            Question::ReadRepo { full_name } => {
                let read = match credential {
                    Credential::User(token) => self.reader.repository_as_user(token, full_name).await,
                    Credential::Installation(id) => {
                        self.reader.repository_as_installation(*id, full_name).await
                    }
                    Credential::App => {
                        return ProbeAnswer::Unreachable("the App itself reads nothing".to_owned());
                    }
                };
                match read {
                    Ok(RepoProbe::Found { repository, moved }) => ProbeAnswer::Repo {
                        repo_id: cutover_shared::ids::RepoId(repository.id),
                        full_name: repository.full_name,
                        owner_id: cutover_shared::ids::AccountId(repository.owner.id),
                        owner_login: repository.owner.login,
                        moved,
                        created_at: repository.created_at,
                    },
                    Ok(RepoProbe::NotFound) => ProbeAnswer::NotFound,
                    Ok(RepoProbe::CredentialDead) => ProbeAnswer::CredentialDead,
                    Ok(RepoProbe::Forbidden { .. }) => ProbeAnswer::Forbidden,
                    Err(error) => silent(&error),
                }
            }
            Question::ResolveCommit { full_name, sha } => {
                match self.reader.commit(credential, full_name, sha).await {
                    Ok(CommitProbe::Found(commit)) => ProbeAnswer::Commit { tree_sha: commit.tree_sha },
                    Ok(CommitProbe::NotFound) => ProbeAnswer::NotFound,
                    Err(error) => silent(&error),
                }
            }
        }
    }
}

fn silent(error: &GitHubError) -> ProbeAnswer {
    match error {
        GitHubError::Mint(MintError::Gone | MintError::Suspended) => ProbeAnswer::Forbidden,
        error => ProbeAnswer::Unreachable(error.to_string()),
    }
}

/// The owner that a user token is sealed for.
pub(crate) fn token_owner(fingerprint: &str) -> String {
    format!("user-token:{fingerprint}")
}
