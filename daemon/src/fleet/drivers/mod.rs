//! The three kinds of tenants' databases.

pub mod application;
mod group;
pub mod http;
pub mod postgres;
mod script;
pub mod sqlite;
mod standing;

use std::sync::Arc;

use cutover_shared::fleet::DriverKind;

use self::http::{Caller, HttpDriver};
use self::postgres::PostgresDriver;
use self::sqlite::SqliteDriver;
use super::driver::{Driver, Purpose, Session, StepError, Target};
use super::settings::Http;
use crate::client::Client;
use crate::clock::Clock;

/// All drivers. Cheap to clone.
#[derive(Clone)]
pub struct Drivers {
    postgres: PostgresDriver,
    pub(super) sqlite: Arc<dyn Driver>,
    http: HttpDriver,
}

impl Drivers {
    /// `http`: how deployments are spoken to; `client`: for deployments and for steps that call services.
    pub fn new(http: Http, client: Client, clock: Clock) -> Self {
        let caller = Caller::new(client, clock.clone(), http);
        Self {
            postgres: PostgresDriver::new(clock.clone(), caller.clone()),
            sqlite: Arc::new(SqliteDriver::new(clock, caller.clone())),
            http: HttpDriver::new(caller),
        }
    }

    /// The driver of one kind.
    pub fn of(&self, kind: DriverKind) -> &dyn Driver {
        match kind {
            DriverKind::Postgres => &self.postgres,
            DriverKind::Sqlite => self.sqlite.as_ref(),
            DriverKind::Http => &self.http,
        }
    }

    /// Opens a session with a tenant's database.
    ///
    /// # Errors
    /// It can't be reached, or does not answer as it must.
    pub async fn open(
        &self,
        kind: DriverKind,
        target: &Target,
        purpose: Purpose,
    ) -> Result<Box<dyn Session>, StepError> {
        self.of(kind).open(target, purpose).await
    }
}
