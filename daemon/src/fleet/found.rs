//! What became of steps that a crash left as intents, from the tenants' own ledgers. A tenant is connected to once, however many steps of
//! it were begun: its lock has room for one of us.

use std::collections::BTreeMap;

use cutover_shared::fleet::{FleetItem, StepStatus};
use cutover_shared::ids::RunId;
use futures::StreamExt as _;
use tokio_util::sync::CancellationToken;

use super::driver::{Session, StepAsk};
use super::item::{fleet_item, way};
use super::kind::Inner;
use super::migration::{Migration, Step};
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
        // The lock is free only once nothing of a dead daemon is under way there.
        let mut session = match self.open_to_migrate(&row).await {
            Ok(session) => session,
            Err(error) => return all(Ok(Resolved::Unknown(format!("unreachable: {}", error.text)))),
        };
        let mut answers = Vec::with_capacity(says.len());
        for one in says {
            answers.push(match one {
                Ok(one) if one.left_out.is_some() => Ok(Resolved::NotDone),
                Ok(one) => Ok(self.of_step(run, direction, one, &row, migrations, session.as_mut()).await),
                Err(error) => Err(error.clone()),
            });
        }
        session.close().await;
        answers
    }

    async fn of_step(
        &self,
        run: &RunId,
        direction: Direction,
        says: &FleetItem,
        row: &InstanceRow,
        migrations: &BTreeMap<u32, Migration>,
        session: &mut dyn Session,
    ) -> Resolved {
        let way = way(says, direction);
        let known = migrations.get(&says.version);
        let Some((migration, step)) = known.and_then(|m| Some((m, m.step(way, says.driver)?))) else {
            return Resolved::Unknown(format!("{} is not recorded any more", says.migration));
        };
        if matches!(step, Step::Http(_)) {
            match self.was_begun(run, says).await {
                Ok(true) => {}
                Ok(false) => return Resolved::NotDone,
                Err(error) => return Resolved::Unknown(error.to_string()),
            }
        }
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
            Ok(None) => Resolved::Unknown(
                "the tenant can't tell whether it happened: look there, then `cutover run settle`".to_owned(),
            ),
            Err(error) => Resolved::Unknown(error.text),
        }
    }

    /// Whether our book has this run's step over HTTP as begun: it was written before the first call.
    async fn was_begun(&self, run: &RunId, says: &FleetItem) -> Result<bool, ReadError> {
        let steps = self.db.fleet_steps(&says.tenant).await?;
        let is_it = |step: &StepRow| step.version == says.version && step.run == *run;
        Ok(steps.iter().any(|step| is_it(step) && step.status == StepStatus::Running))
    }
}
