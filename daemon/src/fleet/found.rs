//! What became of steps that a crash left as intents, from the tenants' own ledgers. A tenant is connected to once, however many steps of
//! it were begun: its lock has room for one of us.

use std::collections::BTreeMap;

use cutover_shared::fleet::{FleetItem, StepStatus};
use cutover_shared::ids::RunId;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::book;
use super::chain::{Now, now};
use super::driver::{Ledger, Session, StepAsk};
use super::item::{fleet_item, way};
use super::kind::Inner;
use super::limit;
use super::migration::{Migration, Step};
use super::observe::is_ours;
use super::runner::times;
use super::text::Texts;
use crate::run::{Direction, KindError, Resolved};
use crate::store::{InstanceRow, ReadError, StepRow, StoredItem};

type Answer = Result<Resolved, KindError>;

impl Inner {
    /// Finds out about all of them, in their order; so many tenants at once.
    pub(super) async fn found_out(
        &self,
        run: &RunId,
        direction: Direction,
        items: &[StoredItem],
        parallel: usize,
    ) -> Vec<Answer> {
        let migrations = match self.of_run(run, direction).await {
            Ok(migrations) => migrations,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let says: Vec<Result<FleetItem, KindError>> = items.iter().map(fleet_item).collect();
        // In the order of the plan a tenant's steps stand together.
        let tenants = says.chunk_by(|one, next| match (one, next) {
            (Ok(one), Ok(next)) => one.tenant == next.tenant,
            _ => false,
        });
        let questions: Vec<_> =
            tenants.map(|says| self.of_tenant(run, direction, says, &migrations)).collect();
        let answers: Vec<Vec<Answer>> =
            futures::stream::iter(questions).buffered(parallel.max(1)).collect().await;
        answers.into_iter().flatten().collect()
    }

    async fn of_run(&self, run: &RunId, direction: Direction) -> Result<Texts, KindError> {
        let row = self.db.run(run).await.map_err(|error| KindError::new("reading the run", error))?;
        match row {
            Some(row) => self.at_hand(&row, direction).await,
            None => self.recorded().await,
        }
    }

    /// One tenant's steps.
    async fn of_tenant(
        &self,
        run: &RunId,
        direction: Direction,
        says: &[Result<FleetItem, KindError>],
        migrations: &BTreeMap<u32, Migration>,
    ) -> Vec<Answer> {
        let all = |answer: Answer| says.iter().map(|_| answer.clone()).collect();
        // Nothing is ever run for one that is left out.
        let first = match says.iter().find(|one| !matches!(one, Ok(one) if one.left_out.is_some())) {
            Some(Ok(first)) => first,
            Some(Err(error)) => return all(Err(error.clone())),
            None => return all(Ok(Resolved::NotDone)),
        };
        let row = match self.instance(&first.tenant).await {
            Ok(Some(row)) => row,
            Ok(None) => return all(Ok(Resolved::Unknown("the instance was removed".to_owned()))),
            Err(error) => return all(Err(error)),
        };
        // Those that our own book can't answer for.
        let mut asked = Vec::with_capacity(says.len());
        for one in says {
            asked.push(match one {
                Ok(one) => self.by_book(run, direction, one, &row, migrations).await,
                Err(error) => Err(Err(error.clone())),
            });
        }
        if asked.iter().all(Result::is_err) {
            return asked.into_iter().filter_map(Result::err).collect();
        }
        let _place = self.limits.place(&row.host, limit::server(row.driver, &row.server)).await;
        // Where it opens, nothing of a dead daemon is under way there any more.
        let mut session = self.open_to_migrate(&row).await;
        let mut answers = Vec::with_capacity(says.len());
        for (one, known) in says.iter().zip(asked) {
            answers.push(match (one, known, &mut session) {
                (_, Err(known), _) => known,
                (Err(error), ..) => Err(error.clone()),
                (Ok(one), Ok(why), Ok(session)) => {
                    Ok(self.of_step(run, direction, one, why, &row, migrations, session.as_mut()).await)
                }
                (Ok(one), Ok(_), Err(error)) => Ok(unasked(one, direction, migrations, &error.text)),
            });
        }
        if let Ok(session) = session {
            session.close().await;
        }
        // The last that is done says where the tenant is.
        let mut done = says.iter().zip(&answers).filter(|(_, answer)| matches!(answer, Ok(Resolved::Done)));
        if let Some((Ok(last), _)) = done.next_back() {
            self.tell_version(&row, last.from.max(last.to), book::version_after(last, way(last, direction)))
                .await;
        }
        answers
    }

    /// What is known of a step without asking the tenant: the answer, as an error. Else what our book has of its end.
    async fn by_book(
        &self,
        run: &RunId,
        direction: Direction,
        says: &FleetItem,
        row: &InstanceRow,
        migrations: &BTreeMap<u32, Migration>,
    ) -> Result<Option<String>, Answer> {
        if says.left_out.is_some() {
            return Err(Ok(Resolved::NotDone));
        }
        let way = way(says, direction);
        match migrations.get(&says.version).and_then(|known| known.step(way, says.driver)) {
            None => {
                return Err(Ok(Resolved::Unknown(format!("{} is not recorded any more", says.migration))));
            }
            Some(Step::Sql(_)) => return Ok(None),
            Some(Step::Http(_)) => {}
        }
        // It was written down before the first call.
        let begun = self.begun(run, says).await;
        let begun = begun.map_err(|error| Err(KindError::new("reading the steps", error)))?;
        let Some(step) = begun else { return Err(Ok(Resolved::NotDone)) };
        // Of a deployment our own record is written with the last answer.
        if is_ours(row) && now(says, way, &Ledger::of_version(row.version)) == Now::Already {
            return Err(Ok(Resolved::Done));
        }
        Ok(step.error)
    }

    #[expect(clippy::too_many_arguments, reason = "a step, and what it is held against")]
    async fn of_step(
        &self,
        run: &RunId,
        direction: Direction,
        says: &FleetItem,
        why: Option<String>,
        row: &InstanceRow,
        migrations: &BTreeMap<u32, Migration>,
        session: &mut dyn Session,
    ) -> Resolved {
        let way = way(says, direction);
        let known = migrations.get(&says.version);
        let Some((migration, step)) = known.and_then(|m| Some((m, m.step(way, says.driver)?))) else {
            return Resolved::Unknown(format!("{} is not recorded any more", says.migration));
        };
        let (timeout, lock_timeout) = times(step, &self.settings);
        let stop = CancellationToken::new();
        let ask = StepAsk {
            tenant: &says.tenant,
            external_user: row.external_user.as_deref(),
            run,
            migration,
            step,
            way,
            timeout,
            lock_timeout,
            stop: &stop,
            faults: &self.faults,
        };
        match session.is_done(&ask).await {
            Ok(Some(true)) => Resolved::Done,
            Ok(Some(false)) => Resolved::NotDone,
            Ok(None) => {
                let why = why.map(|why| format!("{why}; ")).unwrap_or_default();
                let text = "the tenant can't tell whether it happened: look there, then `cutover run settle`";
                Resolved::Unknown(why + text)
            }
            Err(error) => Resolved::Unknown(error.text),
        }
    }

    /// This run's step over HTTP as our book has it begun: it was written before the first call.
    async fn begun(&self, run: &RunId, says: &FleetItem) -> Result<Option<StepRow>, ReadError> {
        let mut steps = self.db.fleet_steps(&says.tenant).await?.into_iter();
        let is_it = |step: &StepRow| step.version == says.version && step.run == *run;
        Ok(steps.find(|step| is_it(step) && step.status == StepStatus::Running))
    }
}

/// Of a tenant that can't be asked now. SQL is run again without harm, whatever became of it: each step begins by reading the ledger under
/// the tenant's lock. What was begun over HTTP leaves no such mark.
fn unasked(
    says: &FleetItem,
    direction: Direction,
    migrations: &BTreeMap<u32, Migration>,
    error: &str,
) -> Resolved {
    let known = migrations.get(&says.version);
    match known.and_then(|known| known.step(way(says, direction), says.driver)) {
        Some(Step::Sql(_)) => Resolved::NotDone,
        _ => Resolved::Unknown(format!("unreachable: {error}")),
    }
}
