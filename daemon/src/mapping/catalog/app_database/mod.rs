//! The application's own PostgreSQL (B1): read in pages, and written in two columns only, by compare-and-set. Copies, where they
//! are switched on, have tables of their own.

mod columns;
mod error;
mod layout;
mod mirror;
mod names;
mod page;
mod workflows;

use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

pub use self::columns::CompareAndSet;
pub use self::error::{AppDatabaseError, Unfit};
pub use self::layout::STATUS_MOST;
pub use self::mirror::{Copies, Put, Refusal};
pub use self::page::{AppRow, PageAfter};
pub use self::workflows::{Changes, TRIGGER_MOST, TriggerRow};
pub use crate::mapping::link::Held;

use self::error::{Meaning, meaning, scrub};
use self::layout::Layout;
use self::names::Names;
use self::workflows::Workflows;
use crate::clock::Clock;
use crate::config::PostgresCatalog;

/// Connections at once. The database belongs to somebody else, so we take few.
const CONNECTIONS: u32 = 4;

/// How long a connection is waited for.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The server breaks off a statement of ours after so long.
const STATEMENT_MS: &str = "30000";

/// The server breaks off our wait for a row that the application holds after so long.
const LOCK_MS: &str = "5000";

/// A server that has not even broken off by then has left us: the network keeps dead connections for hours.
const SILENCE: Duration = Duration::from_secs(40);

/// Whoever asks so soon after a connection was waited for in vain is answered at once: the effects of a chunk would
/// otherwise wait one after the other. Short, so that nobody who starts the database again meets it.
const AWAY: Duration = Duration::from_millis(250);

/// A connection pool to the application's database. Cheap to clone.
#[derive(Clone)]
pub struct AppDatabase(Arc<Inner>);

struct Inner {
    pool: PgPool,
    url: SecretString,
    /// Host and database, for people.
    place: String,
    names: Names,
    clock: Clock,
    options: PgConnectOptions,
    known: Mutex<Known>,
    mirror: mirror::Mirror,
    /// Until when (on the monotonic clock) it counts as away, and why.
    away: Mutex<Option<(Duration, String)>>,
    reading: tokio::sync::Mutex<()>,
}

/// The statements for the tables as they were seen last.
#[derive(Default)]
struct Known {
    layout: Option<Arc<Layout>>,
    workflows: Option<Arc<Workflows>>,
}

impl std::fmt::Debug for AppDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppDatabase({})", self.0.place)
    }
}

impl AppDatabase {
    /// Connects lazily: the daemon starts without it. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// `Address` and `Name`: what the configuration says can't be used.
    pub fn new(catalog: &PostgresCatalog) -> Result<Self, AppDatabaseError> {
        let names = Names::check(&catalog.names)?;
        let mirror = mirror::Mirror::new(&catalog.mirror)?;
        let options = PgConnectOptions::from_str(catalog.url.expose_secret())
            .map_err(|error| AppDatabaseError::Address(scrub(&catalog.url, &error.to_string())))?
            .application_name("cutover")
            .options([("statement_timeout", STATEMENT_MS), ("lock_timeout", LOCK_MS)])
            .disable_statement_logging();
        let host = options
            .get_socket()
            .map_or_else(|| options.get_host().to_owned(), |socket| socket.display().to_string());
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let place = scrub(&catalog.url, &format!("{host}:{}/{database}", options.get_port()));
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(options.clone());
        Ok(Self(Arc::new(Inner {
            pool,
            url: catalog.url.clone(),
            place,
            names,
            clock: Clock::system(),
            options,
            known: Mutex::default(),
            mirror,
            away: Mutex::new(None),
            reading: tokio::sync::Mutex::new(()),
        })))
    }

    /// Host and database, without user and password.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// Reads the tables again and proves that every column is there, of the right type, and readable.
    ///
    /// # Errors
    /// `Unfit` with everything that has to be mended.
    pub async fn check(&self) -> Result<(), AppDatabaseError> {
        self.forget();
        self.page(None, 1).await.map(|_| ())
    }

    /// Proves that the two columns can be written now.
    ///
    /// # Errors
    /// `Unfit` with the grant that is missing, or because the server is a standby.
    pub async fn may_write(&self) -> Result<(), AppDatabaseError> {
        let doing = "asking whether it can be written";
        let layout = self.layout().await?;
        let names = &self.0.names;
        let asked = sqlx::query_as::<_, (Option<bool>, Option<bool>, bool)>(
            "SELECT has_column_privilege($1::bigint::oid, $2, 'UPDATE'), has_column_privilege($1::bigint::oid, $3, 'UPDATE'),
                    current_setting('transaction_read_only') = 'on'",
        )
        .bind(layout.table)
        .bind(names.installation.as_str())
        .bind(names.status.as_str())
        .fetch_one(&self.0.pool);
        let (installation, status, read_only) = self.answer(doing, asked).await?;
        let mut unfit = Vec::new();
        for (may, column) in [(installation, &names.installation), (status, &names.status)] {
            // NULL: the table that we knew is gone.
            if may != Some(true) {
                let (table, column) = (names.project.as_str().to_owned(), column.as_str().to_owned());
                unfit.push(Unfit::NotWritable { table, column });
            }
        }
        if read_only {
            unfit.push(Unfit::ReadOnly);
        }
        if unfit.is_empty() {
            return Ok(());
        }
        self.forget();
        Err(AppDatabaseError::Unfit(unfit))
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.0.pool.close().await;
    }

    /// Whoever reads all pages holds this, so that two readings never undo each other's.
    pub(super) async fn reading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.reading.lock().await
    }

    /// The statements for the tables as they were seen last.
    async fn layout(&self) -> Result<Arc<Layout>, AppDatabaseError> {
        if let Some(layout) = self.known().layout.clone() {
            return Ok(layout);
        }
        let inspected =
            self.answer("reading its tables", layout::inspect(&self.0.pool, &self.0.names)).await?;
        let layout = Arc::new(inspected.map_err(AppDatabaseError::Unfit)?);
        self.known().layout = Some(layout.clone());
        Ok(layout)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        *self.known() = Known::default();
        self.0.mirror.forget();
    }

    /// The answer to a question, or what its failure means.
    async fn answer<T>(
        &self,
        doing: &'static str,
        question: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, AppDatabaseError> {
        let unavailable = |cause| AppDatabaseError::Unavailable { doing, place: self.0.place.clone(), cause };
        let away = self.0.away.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, cause)) = away
            && self.0.clock.monotonic() < until
        {
            return Err(unavailable(cause));
        }
        match self.0.clock.timeout(SILENCE, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                let failure = self.failure(doing, &error);
                if let AppDatabaseError::Unavailable { cause, .. } = &failure
                    && matches!(error, sqlx::Error::PoolTimedOut)
                {
                    let until = self.0.clock.monotonic() + AWAY;
                    *self.0.away.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some((until, cause.clone()));
                }
                Err(failure)
            }
            Err(_) => Err(unavailable(format!("no answer in {} seconds", SILENCE.as_secs()))),
        }
    }

    fn failure(&self, doing: &'static str, error: &sqlx::Error) -> AppDatabaseError {
        let text = match error {
            sqlx::Error::PoolTimedOut => format!(
                "no connection in {} seconds: it is down, or has no connection left for us",
                ACQUIRE.as_secs()
            ),
            sqlx::Error::Database(answer) => answer.message().to_owned(),
            other => other.to_string(),
        };
        let cause = scrub(&self.0.url, &text);
        match meaning(error) {
            Meaning::Lost => AppDatabaseError::Unavailable { doing, place: self.0.place.clone(), cause },
            Meaning::Moved => {
                self.forget();
                AppDatabaseError::Refused { doing, cause }
            }
            Meaning::InTheWay | Meaning::No => AppDatabaseError::Refused { doing, cause },
        }
    }
}
