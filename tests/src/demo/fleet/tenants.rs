//! Tenants' databases: SQLite files, and real PostgreSQL where it was asked for.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::super::DemoError;
use crate::services::{Database, Postgres};

/// What a tenant of the application wrote.
const NOTES: &str = "INSERT INTO notes (id, title) VALUES (1, 'shopping'), (2, 'ideas'), (3, 'travel')";

/// What the tenants with doubles wrote, too.
const DOUBLES: &str = "INSERT INTO notes (id, title) VALUES (4, 'ideas'), (5, 'ideas')";

/// One tenant.
pub(super) struct Tenant {
    pub(super) name: String,
    place: Place,
}

enum Place {
    File(PathBuf),
    Server(Database),
}

/// Makes so many empty databases, the first `on_server` of them on a server.
pub(super) async fn make(
    names: impl IntoIterator<Item = String>,
    dir: &Path,
    server: Option<&Postgres>,
    on_server: usize,
) -> Result<Vec<Tenant>, DemoError> {
    let mut tenants = Vec::new();
    for (n, name) in names.into_iter().enumerate() {
        let place = match server.filter(|_| n < on_server) {
            Some(server) => Place::Server(server.database().await?),
            None => Place::File(dir.join(format!("{name}.db"))),
        };
        let tenant = Tenant { name, place };
        if let Place::File(path) = &tenant.place {
            SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .connect()
                .await?
                .close()
                .await?;
        }
        tenants.push(tenant);
    }
    Ok(tenants)
}

/// The file of all of them, as `cutover fleet instance add --file` takes it.
pub(super) fn csv(tenants: &[Tenant]) -> String {
    let mut text = "tenant,driver,url\n".to_owned();
    for tenant in tenants {
        let (driver, url) = match &tenant.place {
            Place::File(path) => ("sqlite", path.display().to_string()),
            Place::Server(database) => ("postgres", database.url.clone()),
        };
        text += &format!("{},{driver},{url}\n", tenant.name);
    }
    text
}

impl Tenant {
    /// Writes what the application would; with `doubles` some of it twice.
    pub(super) async fn write(&self, doubles: bool) -> Result<(), DemoError> {
        self.run(NOTES).await?;
        if doubles { self.run(DOUBLES).await } else { Ok(()) }
    }

    async fn run(&self, sql: &'static str) -> Result<(), DemoError> {
        match &self.place {
            Place::File(path) => {
                let mut file = SqliteConnectOptions::new().filename(path).connect().await?;
                file.execute(sql).await?;
                file.close().await?;
            }
            Place::Server(database) => {
                let mut server = database.connect().await?;
                server.execute(sql).await?;
                server.close().await?;
            }
        }
        Ok(())
    }

    /// Titles that stand there more than once, and whether the index on them is there: asked of the database itself, and not of
    /// the daemon.
    pub(super) async fn titles(&self) -> Result<Titles, DemoError> {
        const DOUBLE: &str =
            "SELECT count(*) FROM (SELECT 1 FROM notes GROUP BY title HAVING count(*) > 1) AS doubles";
        let (doubles, indexes): (i64, i64) = match &self.place {
            Place::File(path) => {
                const INDEX: &str = "SELECT count(*) FROM sqlite_master WHERE name = 'notes_title'";
                let mut file = SqliteConnectOptions::new().filename(path).connect().await?;
                let doubles = sqlx::query_scalar(DOUBLE).fetch_one(&mut file).await?;
                let indexes = sqlx::query_scalar(INDEX).fetch_one(&mut file).await?;
                file.close().await?;
                (doubles, indexes)
            }
            Place::Server(database) => {
                const INDEX: &str = "SELECT count(*) FROM pg_indexes WHERE indexname = 'notes_title'";
                let mut server = database.connect().await?;
                let doubles = sqlx::query_scalar(DOUBLE).fetch_one(&mut server).await?;
                let indexes = sqlx::query_scalar(INDEX).fetch_one(&mut server).await?;
                server.close().await?;
                (doubles, indexes)
            }
        };
        Ok(Titles { doubles, indexed: indexes == 1 })
    }
}

/// How the titles of a tenant's notes stand.
pub(super) struct Titles {
    pub(super) doubles: i64,
    pub(super) indexed: bool,
}
