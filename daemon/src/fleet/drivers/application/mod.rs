//! The application's list of its tenants' databases (`userDatabaseConfig`): read in pages, and written in two columns only:
//! `schemaVersion`, where it is not above what we know, and `updatedAt` where there is one.

mod envelope;

use std::str::FromStr as _;
use std::time::Duration;

use cutover_shared::fleet::{DriverKind, Hidden, NewInstance};
use cutover_shared::ids::TenantId;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};

pub use self::envelope::KeyError;

use self::envelope::Opener;
use super::super::settings::{Application, ApplicationColumns};
use crate::sql_name::{NameError, Sql, SqlName, Statement};

/// Connections at once. The database belongs to somebody else, so we take few.
const CONNECTIONS: u32 = 2;

/// How long a connection is waited for.
const ACQUIRE: Duration = Duration::from_secs(5);

/// The server breaks off a statement of ours after so many milliseconds, and its wait for a row that the application holds.
const STATEMENT_MS: &str = "30000";
const LOCK_MS: &str = "5000";

/// Only these are taken.
const CONNECTED: &str = "connected";

/// Why the list can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    #[error(
        "the address of the application's database can't be read: write it as postgres://USER:PASSWORD@HOST/NAME"
    )]
    Address,
    #[error("fleet.application: {0}")]
    Name(#[from] NameError),
    #[error("fleet.application: {0}")]
    Key(#[from] KeyError),
    /// No answer: a write that was under way may have happened, and may be done again.
    #[error("the application's database does not answer")]
    Unavailable,
    /// It answered no; nothing was written. The server's own words.
    #[error("the application's database refuses: {0}")]
    Refused(String),
}

/// One page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationPage {
    pub rows: Vec<NewInstance>,
    /// Tenants that could not be taken, and why.
    pub left_out: Vec<(TenantId, String)>,
    /// What the next page begins after; none: this was the last.
    pub after: Option<String>,
}

/// The application's list. Cheap to clone.
#[derive(Clone)]
pub struct ApplicationList {
    pool: PgPool,
    opener: Opener,
    page: Statement,
    write: Statement,
}

impl ApplicationList {
    /// Connects lazily. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// `Address`, `Name` and `Key`: what the configuration says can't be used.
    pub fn new(settings: &Application) -> Result<Self, ApplicationError> {
        let scheme = settings.database.expose_secret().split_once("://").map(|(scheme, _)| scheme);
        if !matches!(scheme, Some("postgres" | "postgresql")) {
            return Err(ApplicationError::Address);
        }
        let options = PgConnectOptions::from_str(settings.database.expose_secret())
            // The cause may hold the password.
            .map_err(|_| ApplicationError::Address)?
            .application_name("cutover")
            .options([("statement_timeout", STATEMENT_MS), ("lock_timeout", LOCK_MS)])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(Duration::from_secs(60))
            .connect_lazy_with(options);
        let table = table(&settings.table)?;
        Ok(Self {
            pool,
            opener: Opener::new(&settings.key)?,
            page: page(&table, &settings.columns)?,
            write: write(&table, &settings.columns)?,
        })
    }

    /// Up to `limit` tenants with a row that is connected, in their order, after `after`. Of one that has several none is taken: which
    /// is its database can't be told.
    ///
    /// # Errors
    /// `Unavailable` and `Refused`.
    pub async fn page(&self, after: Option<&str>, limit: u32) -> Result<ApplicationPage, ApplicationError> {
        let rows = sqlx::query(self.page.safe())
            .persistent(false)
            .bind(CONNECTED)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| refused(&error))?;
        let mut page = ApplicationPage::default();
        for row in &rows {
            let tenant: String = row.try_get(0).map_err(|error| refused(&error))?;
            let times: i64 = row.try_get(6).map_err(|error| refused(&error))?;
            let taken = match times {
                1 => self.taken(&tenant, row),
                _ => Err(format!("{times} rows that are connected have this tenant; leave one")),
            };
            match taken {
                Ok(taken) => page.rows.push(taken),
                Err(reason) => page.left_out.push((TenantId(tenant.clone()), reason)),
            }
            page.after = Some(tenant);
        }
        if u32::try_from(rows.len()).is_ok_and(|rows| rows < limit) {
            page.after = None;
        }
        Ok(page)
    }

    /// Writes a tenant's version over one that is none or at most `most`: a write may have been lost before. A higher one is somebody
    /// else's and stays. Whether it was written.
    ///
    /// # Errors
    /// `Unavailable` and `Refused`.
    pub async fn write_version(
        &self,
        tenant: &TenantId,
        most: u32,
        new: u32,
    ) -> Result<bool, ApplicationError> {
        let done = sqlx::query(self.write.safe())
            .persistent(false)
            .bind(i64::from(new))
            .bind(&tenant.0)
            .bind(i64::from(most))
            .execute(&self.pool)
            .await
            .map_err(|error| refused(&error))?;
        Ok(done.rows_affected() > 0)
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A row with its values opened, or why not.
    fn taken(&self, tenant: &str, row: &PgRow) -> Result<NewInstance, String> {
        let text = |column: usize| {
            row.try_get::<Option<String>, _>(column).map_err(|_| "a column is not text".to_owned())
        };
        let needed = |column: usize, what: &str| {
            text(column)?.filter(|text| !text.is_empty()).ok_or_else(|| format!("it has no {what}"))
        };
        let (iv, tags) = (needed(4, "iv")?, needed(5, "tag")?);
        let (url_iv, key_iv) = iv.split_once(':').unwrap_or((&iv, ""));
        let (url_tag, key_tag) = tags.split_once(':').unwrap_or((&tags, ""));
        let opened = |sealed: &str, iv: &str, tag: &str, what: &str| {
            self.opener.open(sealed, iv, tag).map_err(|error| format!("its {what}: {error}"))
        };
        let url = opened(&needed(2, "sealed address")?, url_iv, url_tag, "address")?;
        let driver = driver(url.expose_secret()).ok_or("its address is of no kind that is known")?;
        let key = match text(3)?.filter(|sealed| !sealed.is_empty()) {
            Some(sealed) => Some(opened(&sealed, key_iv, key_tag, "deploy key")?),
            None if driver == DriverKind::Http => return Err("it has no deploy key".to_owned()),
            None => None,
        };
        let hidden = |secret: &SecretString| Hidden(secret.expose_secret().to_owned());
        Ok(NewInstance {
            tenant: TenantId(tenant.to_owned()),
            external_user: text(1)?,
            driver,
            url: hidden(&url),
            key: key.as_ref().map(hidden),
        })
    }
}

/// What an address leads to.
fn driver(url: &str) -> Option<DriverKind> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("postgres" | "postgresql") => Some(DriverKind::Postgres),
        Some("https" | "http") => Some(DriverKind::Http),
        Some("sqlite") => Some(DriverKind::Sqlite),
        _ if url.starts_with('/') => Some(DriverKind::Sqlite),
        _ => None,
    }
}

/// `table`, or `schema.table`.
fn table(name: &str) -> Result<Sql, NameError> {
    match name.split_once('.') {
        Some((schema, table)) => {
            let (schema, table) = (SqlName::new("schema", schema)?, SqlName::new("table", table)?);
            Ok(Sql::fill("{}.{}", &[&schema.sql(), &table.sql()]))
        }
        None => Ok(SqlName::new("table", name)?.sql()),
    }
}

fn page(table: &Sql, columns: &ApplicationColumns) -> Result<Statement, NameError> {
    let name = |what, name: &str| SqlName::new(what, name).map(|name| Sql::fill("{}::text", &[&name.sql()]));
    let optional = |what, given: &Option<String>| match given {
        Some(given) => name(what, given),
        None => Ok(Sql::text("NULL::text")),
    };
    let tenant = name("tenant column", &columns.tenant)?;
    let selected = [
        tenant.clone(),
        optional("column of external users", &columns.external_user)?,
        name("column of addresses", &columns.url)?,
        optional("column of deploy keys", &columns.deploy_key)?,
        name("column of ivs", &columns.iv)?,
        name("column of tags", &columns.tags)?,
    ];
    let status = name("status column", &columns.status)?;
    // One order whatever the column's collation, so that no tenant falls between two pages.
    let sql = Sql::fill(
        "SELECT DISTINCT ON ({} COLLATE \"C\") {}, count(*) OVER (PARTITION BY {} COLLATE \"C\") FROM {} \
         WHERE {} = $1 AND {} IS NOT NULL AND ($2::text IS NULL OR {} COLLATE \"C\" > $2) \
         ORDER BY {} COLLATE \"C\" LIMIT $3",
        &[&tenant, &Sql::list(&selected), &tenant, table, &status, &tenant, &tenant, &tenant],
    );
    Ok(sql.statement())
}

fn write(table: &Sql, columns: &ApplicationColumns) -> Result<Statement, NameError> {
    let tenant = SqlName::new("tenant column", &columns.tenant)?.sql();
    let version = SqlName::new("column of schema versions", &columns.schema_version)?.sql();
    let stamp = match &columns.updated_at {
        None => Sql::text(""),
        // Whatever the column is: a time, or milliseconds as JavaScript counts them.
        Some(column) => {
            let column = SqlName::new("column of the last change", column)?.sql();
            Sql::fill(
                ", {} = (jsonb_populate_record(t, jsonb_build_object({}, \
                 CASE WHEN pg_typeof(t.{})::text LIKE 'timestamp%' OR pg_typeof(t.{})::text = 'date' THEN to_jsonb(now()) \
                 ELSE to_jsonb(floor(extract(epoch FROM now()) * 1000)::bigint) END))).{}",
                &[
                    &column,
                    &Sql::literal(columns.updated_at.as_deref().unwrap_or_default()),
                    &column,
                    &column,
                    &column,
                ],
            )
        }
    };
    let sql = Sql::fill(
        "UPDATE {} AS t SET {} = $1{} WHERE t.{}::text = $2 AND (t.{} IS NULL OR t.{} <= $3)",
        &[table, &version, &stamp, &tenant, &version, &version],
    );
    Ok(sql.statement())
}

/// What an error of the server means; never with a row's values or the address.
fn refused(error: &sqlx::Error) -> ApplicationError {
    match error {
        sqlx::Error::Database(answer) => {
            let code = answer.code().unwrap_or_default().into_owned();
            if ["08", "28", "53", "57P", "3D"].iter().any(|class| code.starts_with(class)) {
                return ApplicationError::Unavailable;
            }
            let message = cutover_shared::redact::redact(answer.message());
            ApplicationError::Refused(message.chars().take(300).collect())
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            ApplicationError::Refused("a column is of another type than it must be".to_owned())
        }
        _ => ApplicationError::Unavailable,
    }
}
