//! What the runner asks of a tenant's database, whatever it is.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use cutover_shared::fleet::{ErrorClass, Way};
use cutover_shared::ids::{RunId, TenantId};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use super::migration::{Migration, Step};

/// Where a tenant's database is and how to get in.
#[derive(Clone, Debug)]
pub struct Target {
    pub tenant: TenantId,
    pub external_user: Option<String>,
    /// Address with user and password; a file's path; a deployment's address.
    pub url: SecretString,
    /// The deploy key.
    pub key: Option<SecretString>,
}

/// One row of the tenant's own ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    pub version: u32,
    pub id: String,
    pub checksum: String,
    /// Some: it was begun outside a transaction, or goes in chunks, and is not at its end.
    pub part: Option<Part>,
}

impl LedgerRow {
    /// Of a migration that is there whole.
    pub fn of(migration: &Migration) -> Self {
        let Migration { version, id, checksum, .. } = migration;
        Self { version: *version, id: id.clone(), checksum: checksum.clone(), part: None }
    }
}

/// How far a step is that has no single transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub way: Way,
    /// Statements that are done; the next one may have been begun.
    pub statements: u32,
    /// Of a step in chunks.
    pub cursor: Option<String>,
}

/// The ledger, by version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub rows: BTreeMap<u32, LedgerRow>,
}

impl Ledger {
    /// Of a tenant that only tells its version: every version up to it is there, without id and checksum.
    pub fn of_version(version: u32) -> Self {
        let row = |version| LedgerRow { version, id: String::new(), checksum: String::new(), part: None };
        Self { rows: (1..=version).map(|version| (version, row(version))).collect() }
    }

    /// As it is after a step.
    pub fn follow(&mut self, migration: &Migration, way: Way) {
        match way {
            Way::Up => self.rows.insert(migration.version, LedgerRow::of(migration)),
            Way::Down => self.rows.remove(&migration.version),
        };
    }

    /// The newest version that is there whole.
    pub fn version(&self) -> u32 {
        self.rows.values().rev().find(|row| row.part.is_none()).map_or(0, |row| row.version)
    }

    /// Whether a step was begun outside a transaction and is not at its end.
    pub fn is_half(&self) -> bool {
        self.rows.values().any(|row| row.part.is_some())
    }

    /// Whether this version is there whole.
    pub fn has(&self, version: u32) -> bool {
        self.rows.get(&version).is_some_and(|row| row.part.is_none())
    }
}

/// A schema as lines in order: what differs between two schemas shows as lines that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    pub lines: Vec<String>,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct StepError {
    pub class: ErrorClass,
    /// What every tenant with the same cause has in common: no address, no row's values. With file and line where they are known.
    pub text: String,
    /// SQLSTATE, HTTP status.
    pub code: Option<String>,
    /// A lock was not got in time: worth another try soon.
    pub is_lock: bool,
    /// Another daemon holds this tenant, or another run of this one.
    pub is_taken: bool,
    /// It may have happened: ask before trying again.
    pub is_unclear: bool,
}

impl StepError {
    /// An error whose cause is known for certain.
    pub fn new(class: ErrorClass, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { class, text, code: None, is_lock: false, is_taken: false, is_unclear: false }
    }

    /// With the code that the other side gave.
    #[must_use]
    pub fn coded(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    /// It may have happened.
    #[must_use]
    pub fn unclear(self) -> Self {
        Self { is_unclear: true, ..self }
    }

    /// Somebody else is at work here.
    pub fn taken() -> Self {
        let text = "another daemon or run is migrating this tenant's database";
        Self { is_taken: true, ..Self::new(ErrorClass::Connection, text) }
    }
}

/// One step for one tenant.
pub struct StepAsk<'a> {
    pub tenant: &'a TenantId,
    pub external_user: Option<&'a str>,
    pub run: &'a RunId,
    pub migration: &'a Migration,
    pub step: Step<'a>,
    pub way: Way,
    pub timeout: Duration,
    pub lock_timeout: Duration,
    /// Between statements and chunks: end where the ledger says how far.
    pub stop: &'a CancellationToken,
    /// Crash points.
    pub faults: &'a crate::faults::Faults,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepEnd {
    Done,
    /// It was told to stop on its way; the ledger knows how far.
    Stopped,
    /// The ledger has it already (up), or has it no more (down): nothing was run.
    Already,
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reads only; takes no lock and makes no ledger.
    Look,
    /// Takes the tenant's lock, so that no other daemon migrates it meanwhile.
    Migrate,
}

/// Opens sessions of one kind of database.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Connects, and reads the ledger in the same go where it can.
    async fn open(&self, target: &Target, purpose: Purpose) -> Result<Box<dyn Session>, StepError>;

    /// How long an opening may take where the configuration gives a connection so long.
    fn patience(&self, connect: Duration) -> Duration {
        connect
    }
}

/// An open connection to one tenant's database.
#[async_trait]
pub trait Session: Send {
    /// The ledger as it is known: read at the opening, kept true by the steps.
    fn ledger(&self) -> &Ledger;

    /// Reads the schema, without the ledger's own table.
    async fn schema(&mut self) -> Result<Schema, StepError>;

    /// Runs one step, with its ledger row in the same transaction where that is possible.
    async fn step(&mut self, ask: &StepAsk<'_>) -> Result<StepEnd, StepError>;

    /// Runs steps in order and answers for each that was tried; after an error or a stop the rest is not tried. A driver may take
    /// several in one go, but answers only once all that it says is durable.
    async fn steps(&mut self, asks: &[StepAsk<'_>]) -> Vec<Result<StepEnd, StepError>> {
        let mut ends = Vec::with_capacity(asks.len());
        for ask in asks {
            let end = self.step(ask).await;
            let goes_on = matches!(end, Ok(StepEnd::Done | StepEnd::Already));
            ends.push(end);
            if !goes_on {
                break;
            }
        }
        ends
    }

    /// Whether a step is done, asked after a crash; false: it may be run (again). None: it can't be told, so a person must look.
    async fn is_done(&mut self, ask: &StepAsk<'_>) -> Result<Option<bool>, StepError>;

    /// The single number that a query of load answers; SQL databases only.
    async fn number(&mut self, query: &str) -> Result<f64, StepError>;

    /// Ends the connection in good order.
    async fn close(self: Box<Self>);
}
