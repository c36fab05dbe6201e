//! A SQLite driver whose connections break when they are told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cutover_shared::fleet::ErrorClass;

use crate::fleet::driver::{Driver, Ledger, Purpose, Schema, Session, StepAsk, StepEnd, StepError, Target};

/// What goes wrong next. Steps go one by one, each takes one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The step goes well.
    Fine,
    /// The step is committed, and the answer is lost.
    Unanswered,
    /// The step is not run, and nobody can tell.
    Unheard,
    /// The connection broke before the step.
    Broken,
    /// It can't be connected to for a change.
    Away,
    /// The schema can't be read.
    Unreadable,
}

/// Cheap to clone; the clones have the same troubles.
#[derive(Clone)]
pub(super) struct Flaky {
    driver: Arc<dyn Driver>,
    troubles: Arc<Mutex<VecDeque<Trouble>>>,
}

impl Flaky {
    pub(super) fn over(driver: Arc<dyn Driver>) -> Self {
        Self { driver, troubles: Arc::default() }
    }

    pub(super) fn next(&self, troubles: &[Trouble]) {
        self.troubles().extend(troubles);
    }

    fn troubles(&self) -> MutexGuard<'_, VecDeque<Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_next(&self, trouble: Trouble) -> bool {
        let mut troubles = self.troubles();
        let is_it = troubles.front() == Some(&trouble);
        if is_it {
            troubles.pop_front();
        }
        is_it
    }
}

fn lost() -> StepError {
    StepError::new(ErrorClass::Connection, "the connection broke")
}

#[async_trait]
impl Driver for Flaky {
    async fn open(&self, target: &Target, purpose: Purpose) -> Result<Box<dyn Session>, StepError> {
        if purpose == Purpose::Migrate && self.is_next(Trouble::Away) {
            return Err(lost());
        }
        let session = self.driver.open(target, purpose).await?;
        Ok(Box::new(FlakySession { session, flaky: self.clone() }))
    }
}

struct FlakySession {
    session: Box<dyn Session>,
    flaky: Flaky,
}

#[async_trait]
impl Session for FlakySession {
    fn ledger(&self) -> &Ledger {
        self.session.ledger()
    }

    async fn schema(&mut self) -> Result<Schema, StepError> {
        if self.flaky.is_next(Trouble::Unreadable) {
            return Err(StepError::new(ErrorClass::TimeOut, "reading the schema took too long"));
        }
        self.session.schema().await
    }

    async fn step(&mut self, ask: &StepAsk<'_>) -> Result<StepEnd, StepError> {
        let trouble = self.flaky.troubles().pop_front().unwrap_or(Trouble::Fine);
        match trouble {
            Trouble::Broken => Err(lost()),
            Trouble::Unheard => Err(lost().unclear()),
            Trouble::Unanswered => {
                self.session.step(ask).await?;
                Err(lost().unclear())
            }
            Trouble::Fine | Trouble::Away | Trouble::Unreadable => self.session.step(ask).await,
        }
    }

    async fn is_done(&mut self, ask: &StepAsk<'_>) -> Result<Option<bool>, StepError> {
        self.session.is_done(ask).await
    }

    async fn number(&mut self, query: &str) -> Result<f64, StepError> {
        self.session.number(query).await
    }

    async fn close(self: Box<Self>) {
        self.session.close().await;
    }
}
