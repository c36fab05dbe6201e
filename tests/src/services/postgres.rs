//! A private PostgreSQL cluster from the programs that are installed. A small shell script keeps it: when the test
//! process ends, also by a panic or SIGKILL, the script's input closes and it ends the cluster and removes the folder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Why there is no cluster.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PostgresError {
    #[error(
        "PostgreSQL is not installed: `apt-get install postgresql` (initdb, pg_ctl, postgres and psql are needed), then again"
    )]
    NotInstalled,
    #[error("PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it as")]
    NoUser,
    #[error("{doing}: {cause}")]
    Failed { doing: &'static str, cause: String },
}

/// A cluster. It ends with this value, or with the process.
pub struct Postgres {
    dir: PathBuf,
    bin: PathBuf,
    line: Mutex<Line>,
    databases: AtomicU32,
}

/// The line to the script.
struct Line {
    script: Child,
    /// Closing it ends the cluster.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// A fresh database.
#[derive(Clone, Debug)]
pub struct Database {
    /// With a user and a password (which the cluster does not ask for), so that tests can look for it.
    pub url: String,
    bin: PathBuf,
}

/// The password in every [`Database::url`].
pub const PASSWORD: &str = "planted-database-password";

impl Postgres {
    /// The cluster that all tests of a process share.
    ///
    /// # Errors
    /// PostgreSQL is missing, or does not start.
    pub async fn shared() -> Result<&'static Self, PostgresError> {
        static SHARED: OnceLock<Result<Postgres, PostgresError>> = OnceLock::new();
        blocking(|| SHARED.get_or_init(Self::start_now).as_ref().map_err(Clone::clone)).await?
    }

    /// A cluster of one's own, to be stopped and started.
    ///
    /// # Errors
    /// PostgreSQL is missing, or does not start.
    pub async fn start() -> Result<Self, PostgresError> {
        blocking(Self::start_now).await?
    }

    fn start_now() -> Result<Self, PostgresError> {
        let bin = programs().ok_or(PostgresError::NotInstalled)?;
        let dir = tempfile::Builder::new()
            .prefix("cutover-pg-")
            .tempdir()
            .map_err(failed("making a folder for PostgreSQL"))?
            .keep();
        let mut script = Command::new("/bin/sh");
        script.arg("-c").arg(include_str!("postgres.sh")).arg("postgres.sh").arg(&bin).arg(&dir);
        if nix::unistd::geteuid().is_root() {
            let user = ["postgres", "nobody"]
                .into_iter()
                .find_map(|name| nix::unistd::User::from_name(name).ok().flatten())
                .ok_or(PostgresError::NoUser)?;
            nix::unistd::chown(&dir, Some(user.uid), Some(user.gid))
                .map_err(failed("giving the folder to PostgreSQL's user"))?;
            script.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o700))
            .map_err(failed("closing the folder"))?;
        let mut script = script
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C meant for the tests must not reach the server before the script has ended it in order.
            .process_group(0)
            .spawn()
            .map_err(failed("starting the script that keeps PostgreSQL"))?;
        let input = script.stdin.take();
        let output = script.stdout.take().ok_or(PostgresError::Failed {
            doing: "starting the script that keeps PostgreSQL",
            cause: "it has no output".to_owned(),
        })?;
        let line = Line { script, input, output: BufReader::new(output) };
        let cluster = Self { dir, bin, line: Mutex::new(line), databases: AtomicU32::new(0) };
        cluster.answer("making a cluster")?;
        cluster.step("start", "starting PostgreSQL")?;
        Ok(cluster)
    }

    /// Stops the server as a crash would. Needs a multi-threaded runtime.
    ///
    /// # Errors
    /// It does not stop.
    pub async fn crash(&self) -> Result<(), PostgresError> {
        tokio::task::block_in_place(|| self.step("stop", "stopping PostgreSQL"))
    }

    /// Starts the server again after [`Postgres::crash`].
    ///
    /// # Errors
    /// It does not start.
    pub async fn start_again(&self) -> Result<(), PostgresError> {
        tokio::task::block_in_place(|| self.step("start", "starting PostgreSQL"))
    }

    /// Makes an empty database.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn database(&self) -> Result<Database, PostgresError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let doing = failed("making a database");
        let make = async {
            let mut connection = PgConnection::connect(&self.url("postgres")).await?;
            // The name is ours and holds no quote.
            connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await?;
            connection.close().await
        };
        make.await.map_err(doing)?;
        Ok(Database { url: self.url(&name), bin: self.bin.clone() })
    }

    /// The log of the server, for a test that fails.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    /// The folder with the server's socket and data.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://postgres:{PASSWORD}@localhost/{name}?host={}", self.dir.display())
    }

    fn step(&self, word: &str, doing: &'static str) -> Result<(), PostgresError> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = &mut line.input {
            writeln!(input, "{word}").map_err(failed(doing))?;
        }
        drop(line);
        self.answer(doing)
    }

    fn answer(&self, doing: &'static str) -> Result<(), PostgresError> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer = String::new();
        line.output.read_line(&mut answer).map_err(failed(doing))?;
        if answer.trim() == "ok" {
            return Ok(());
        }
        let steps = std::fs::read_to_string(self.dir.join("steps.log")).unwrap_or_default();
        Err(PostgresError::Failed { doing, cause: format!("{steps}{}", self.log()) })
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let line = self.line.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(line.input.take());
        let _ = line.script.wait();
        // The folder's parent may not belong to PostgreSQL's user.
        let _ = std::fs::remove_dir(&self.dir);
    }
}

impl Database {
    /// Runs SQL as people do, by psql: each statement by itself, stopping at the first that fails.
    ///
    /// # Errors
    /// What psql says of the statement that fails.
    pub async fn psql(&self, sql: &str) -> Result<(), PostgresError> {
        let doing = "running psql";
        let mut psql = tokio::process::Command::new(self.bin.join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url, "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed(doing))?;
        if let Some(mut input) = psql.stdin.take() {
            // A psql that stopped early closes its input; its exit status tells.
            let _ = tokio::io::AsyncWriteExt::write_all(&mut input, sql.as_bytes()).await;
        }
        let output = psql.wait_with_output().await.map_err(failed(doing))?;
        if output.status.success() {
            return Ok(());
        }
        Err(PostgresError::Failed { doing, cause: String::from_utf8_lossy(&output.stderr).into_owned() })
    }

    /// A connection.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn connect(&self) -> Result<PgConnection, PostgresError> {
        PgConnection::connect(&self.url).await.map_err(failed("connecting to a database"))
    }
}

/// The folder of the newest installation that is complete: Debian keeps one for each version.
fn programs() -> Option<PathBuf> {
    let complete =
        |bin: &Path| ["initdb", "pg_ctl", "postgres", "psql"].iter().all(|name| bin.join(name).is_file());
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let share = Path::new("/usr/share/postgresql").join(version.to_string()).join("postgres.bki");
            let bin = entry.path().join("bin");
            (share.is_file() && complete(&bin)).then_some((version, bin))
        });
    debian.max_by_key(|(version, _)| *version).map(|(_, bin)| bin).or_else(|| {
        let found = Command::new("/bin/sh").args(["-c", "command -v initdb"]).output().ok()?;
        let initdb = PathBuf::from(String::from_utf8(found.stdout).ok()?.trim()).canonicalize().ok()?;
        initdb.parent().map(Path::to_owned).filter(|bin| complete(bin))
    })
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PostgresError> {
    tokio::task::spawn_blocking(work).await.map_err(failed("starting PostgreSQL"))
}

fn failed<E: std::fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> PostgresError {
    move |error| PostgresError::Failed { doing, cause: error.to_string() }
}
