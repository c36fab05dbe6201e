//! An open connection to a tenant's PostgreSQL.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::{ErrorClass, Way};

use super::super::super::driver::{Ledger, Purpose, Schema, Session, StepAsk, StepEnd, StepError, Target};
use super::super::super::migration::{HttpStep, Script, Step};
use super::super::group::{allowance, group};
use super::super::http::Caller;
use super::super::script::{Dialect, leaves_marks, no_transactions};
use super::super::standing::{Standing, standing};
use super::error::failed;
use super::ledger::{Place, mark};
use super::line::{Span, at};
use super::wire::{Wire, silent, text};
use super::{LOOK, schema};
use crate::sql_name::Sql;

/// Puts back what a step before may have set for the session.
const CLEAN: &str = "RESET ALL; RESET SESSION AUTHORIZATION; RESET ROLE; DISCARD TEMP;\n";

/// An open connection.
pub(super) struct PostgresSession {
    pub(super) wire: Wire,
    pub(super) purpose: Purpose,
    pub(super) ledger: Ledger,
    pub(super) begun: BTreeSet<u32>,
    /// None: the search path names no schema that is there.
    pub(super) place: Option<Place>,
    pub(super) has_table: bool,
    /// A step before may have set something for the session.
    pub(super) is_marked: bool,
    /// The address names the schemas that are this tenant's; others of the database may be other tenants'.
    pub(super) has_own_schemas: bool,
    pub(super) target: Target,
    pub(super) caller: Caller,
}

#[async_trait]
impl Session for PostgresSession {
    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    async fn schema(&mut self) -> Result<Schema, StepError> {
        if self.has_own_schemas && self.is_marked {
            // The search path tells which schemas.
            let said = self.wire.say(self.clean(), LOOK, |_, _| {}).await;
            said.map_err(|broken| broken.plain())?;
            self.is_marked = false;
        }
        schema::read(&mut self.wire, self.has_own_schemas).await
    }

    async fn step(&mut self, ask: &StepAsk<'_>) -> Result<StepEnd, StepError> {
        let place = self.place()?;
        let begun = match standing(&self.ledger, ask)? {
            Standing::Already => return Ok(StepEnd::Already),
            Standing::Fresh => None,
            Standing::Begun(part) => Some(part),
        };
        if ask.stop.is_cancelled() {
            return Ok(StepEnd::Stopped);
        }
        match ask.step {
            Step::Http(step) => self.called(&place, ask, step).await,
            Step::Sql(script) if script.chunk.is_some() => self.in_chunks(&place, ask, script, begun).await,
            Step::Sql(script) if !script.transaction => self.alone(&place, ask, script, begun).await,
            Step::Sql(script) => {
                no_transactions(script, Dialect::Postgres)?;
                if script.verify.is_some() {
                    self.verified(&place, ask, script).await
                } else {
                    let ends = self.at_once(&place, &[(ask, script)]).await;
                    ends.into_iter().next().unwrap_or_else(|| Err(silent()))
                }
            }
        }
    }

    async fn steps(&mut self, asks: &[StepAsk<'_>]) -> Vec<Result<StepEnd, StepError>> {
        let mut ends = Vec::with_capacity(asks.len());
        while let Some(rest) = asks.get(ends.len()..).filter(|rest| !rest.is_empty()) {
            let group = group(&self.ledger, rest, Dialect::Postgres);
            match (self.place(), group.len()) {
                (Ok(place), 2..) => ends.extend(self.at_once(&place, &group).await),
                _ => {
                    let Some(ask) = rest.first() else { break };
                    ends.push(self.step(ask).await);
                }
            }
            if !matches!(ends.last(), Some(Ok(StepEnd::Done | StepEnd::Already))) {
                break;
            }
        }
        ends
    }

    async fn is_done(&mut self, ask: &StepAsk<'_>) -> Result<Option<bool>, StepError> {
        let done = !matches!(standing(&self.ledger, ask)?, Standing::Fresh | Standing::Begun(_));
        match ask.step {
            Step::Http(step) if !done => self.caller.is_done(&self.target, ask, step, None).await,
            _ => Ok(Some(done)),
        }
    }

    async fn number(&mut self, query: &str) -> Result<f64, StepError> {
        let mut number = None;
        let message = Sql::fill(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = '5s';\n{}\n;ROLLBACK;",
            &[&Sql::written(query.trim().trim_end_matches(';'))],
        );
        let said = self.wire.say(message, LOOK, |done, row| {
            if done == 2 {
                number = text(row, 0).and_then(|text| text.parse::<f64>().ok());
            }
        });
        match said.await {
            Ok(_) => number.filter(|number| number.is_finite()).ok_or_else(|| {
                StepError::new(ErrorClass::MigrationBug, "the query of load does not answer with one number")
            }),
            Err(broken) => {
                let error = broken.plain();
                if !broken.is_lost() {
                    self.rollback().await?;
                }
                Err(error)
            }
        }
    }

    async fn close(self: Box<Self>) {
        self.wire.close().await;
    }
}

impl PostgresSession {
    fn place(&self) -> Result<Place, StepError> {
        if self.purpose == Purpose::Look {
            return Err(StepError::new(ErrorClass::MigrationBug, "the session was opened to look only"));
        }
        self.place.clone().ok_or_else(|| {
            StepError::new(ErrorClass::SchemaMismatch, "the search path names no schema that is there")
        })
    }

    /// What comes before a script, in its transaction.
    pub(super) fn opening(&self, ask: &StepAsk<'_>, script: &Script) -> Sql {
        self.clean().then(&Sql::fill(
            "BEGIN; SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = {};\n",
            &times(ask, script).each_ref(),
        ))
    }

    /// Takes back what steps before may have set.
    pub(super) fn clean(&self) -> Sql {
        Sql::text(if self.is_marked { CLEAN } else { "" })
    }

    /// Runs a step whose query must be true before the commit.
    async fn verified(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        script: &Script,
    ) -> Result<StepEnd, StepError> {
        let mut message = self.opening(ask, script).then(&Sql::text(WAITING));
        if !self.has_table {
            message = message.then(&place.create());
        }
        message = message.then(&match ask.way {
            Way::Up => place.add(ask, self.wire.now()),
            Way::Down => place.remove(ask),
        });
        self.is_marked |= leaves_marks(script);
        self.unverified(message, ask, script).await?;
        self.commit(ask, Sql::text("")).await?;
        self.has_table = true;
        self.keep(ask);
        Ok(StepEnd::Done)
    }

    /// Sends a transaction up to its `verify` query and sees that this is true; rolled back where not.
    async fn unverified(
        &mut self,
        opening: Sql,
        ask: &StepAsk<'_>,
        script: &Script,
    ) -> Result<(), StepError> {
        let from = opening.as_str().chars().count();
        let length = script.text.chars().count();
        let query = script.verify.as_deref().unwrap_or("SELECT true");
        let message = opening
            .then(&Sql::written(&script.text))
            .then(&Sql::text("\n;"))
            .then(&Sql::written(query))
            .then(&Sql::text("\n;"));
        let mut first = None;
        let mut last = (0, None);
        let sent = message.as_str().to_owned();
        let said = self.wire.say(message, allowance(ask, script), |done, row| {
            if first.is_none() && text(row, 0) == Some(mark(ask.migration.version)) {
                first = Some(done + 1);
            } else if last.0 != done || last.1.is_none() {
                last = (done, text(row, 0));
            }
        });
        match said.await {
            Ok(done) => {
                let value = last.1.filter(|_| last.0 + 1 == done);
                if matches!(value.as_deref(), Some("t" | "true" | "1")) {
                    return Ok(());
                }
                self.rollback().await?;
                Err(untrue(&script.file, query))
            }
            Err(broken) if broken.is_lost() => Err(broken.plain()),
            Err(broken) => {
                self.rollback().await?;
                let span = Span { from, length, statements: first.unwrap_or_default() };
                Err(broken.error.as_ref().map_or_else(silent, |error| {
                    failed(error, Some(&at(script, span, &sent, error, broken.done)))
                }))
            }
        }
    }

    /// Calls services, then writes the row.
    async fn called(
        &mut self,
        place: &Place,
        ask: &StepAsk<'_>,
        step: &HttpStep,
    ) -> Result<StepEnd, StepError> {
        if self.caller.run(&self.target, ask, step, None).await? == StepEnd::Stopped {
            return Ok(StepEnd::Stopped);
        }
        let mut message = Sql::text("BEGIN;\n");
        if !self.has_table {
            message = message.then(&place.create());
        }
        message = message.then(&match ask.way {
            Way::Up => place.add(ask, self.wire.now()),
            Way::Down => place.remove(ask),
        });
        // The calls were made: without the row they must not be made again unasked.
        let may_again = step.idempotent;
        self.commit(ask, message).await.map_err(|error| if may_again { error } else { error.unclear() })?;
        self.has_table = true;
        self.keep(ask);
        Ok(StepEnd::Done)
    }

    /// Ends a transaction that stands open or is in `message`.
    pub(super) async fn commit(&mut self, ask: &StepAsk<'_>, message: Sql) -> Result<(), StepError> {
        ask.faults.point("fleet.step.before").await;
        let message = message.then(&Sql::text("COMMIT;"));
        let said = self.wire.say(message, ask.timeout, |_, _| {}).await;
        ask.faults.point("fleet.step.committed").await;
        match said {
            Ok(_) => Ok(()),
            Err(broken) if broken.is_lost() => Err(broken.plain().unclear()),
            Err(broken) => {
                self.rollback().await?;
                Err(broken.plain())
            }
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<(), StepError> {
        self.wire
            .say(Sql::text("ROLLBACK;"), LOOK, |_, _| {})
            .await
            .map(|_| ())
            .map_err(|broken| broken.plain())
    }

    /// The ledger as the step left it.
    pub(super) fn keep(&mut self, ask: &StepAsk<'_>) {
        self.begun.remove(&ask.migration.version);
        self.ledger.follow(ask.migration, ask.way);
    }
}

/// Between two messages of a transaction: a daemon that is gone without a word must not hold locks.
pub(super) const WAITING: &str = "SET LOCAL idle_in_transaction_session_timeout = '60s';\n";

pub(super) fn untrue(file: &str, query: &str) -> StepError {
    let query: String = query.split_whitespace().collect::<Vec<_>>().join(" ");
    StepError::new(
        ErrorClass::MigrationBug,
        format!("{file}: the check `{query}` is not true, so nothing was kept"),
    )
}

/// How long a step waits for a lock, and what one of its statements may take.
pub(super) fn times(ask: &StepAsk<'_>, script: &Script) -> [Sql; 2] {
    [milliseconds(ask.lock_timeout), milliseconds(script.timeout.unwrap_or(ask.timeout))]
}

/// A time-out as PostgreSQL takes it; none at all would be 0.
pub(super) fn milliseconds(length: Duration) -> Sql {
    Sql::whole(length.as_millis().clamp(1, 2_147_483_647).try_into().unwrap_or(i64::from(i32::MAX)))
}
