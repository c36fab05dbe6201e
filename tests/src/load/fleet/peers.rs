//! `sqlx migrate run`, one process a tenant.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cutover_daemon::clock::Clock;

use super::{FleetLoadError, MIGRATIONS, up};

/// The program, if there is one.
pub(super) fn sqlx(given: Option<PathBuf>) -> Option<PathBuf> {
    let program = given.unwrap_or_else(|| PathBuf::from("sqlx"));
    let answer = Command::new(&program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    answer.is_ok_and(|status| status.success()).then_some(program)
}

/// The folder of migrations, as it wants them.
pub(super) fn source(folder: &Path) -> Result<tempfile::TempDir, FleetLoadError> {
    let failed = |error| FleetLoadError::File("writing migrations", error);
    let dir = tempfile::Builder::new().prefix("fleet-").tempdir_in(folder).map_err(failed)?;
    for number in 1..=MIGRATIONS {
        std::fs::write(dir.path().join(format!("{number:04}_m{number}.sql")), up(number)).map_err(failed)?;
    }
    Ok(dir)
}

/// Migrates all, so many at once; tenants a second.
pub(super) fn migrate(
    program: &Path,
    source: &Path,
    tenants: &[String],
    parallel: usize,
) -> Result<f64, FleetLoadError> {
    let failed = |error| FleetLoadError::File("running sqlx", error);
    let clock = Clock::system();
    let began = clock.monotonic();
    let mut xargs = Command::new("xargs")
        .args(["-P", &parallel.to_string(), "-n", "1"])
        .arg(program)
        .args(["migrate", "run", "--no-dotenv", "--source"])
        .arg(source)
        .arg("--database-url")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut input) = xargs.stdin.take() {
        input.write_all(tenants.join("\n").as_bytes()).map_err(failed)?;
    }
    let output = xargs.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).chars().take(500).collect();
        return Err(FleetLoadError::Arm(said));
    }
    Ok(tenants.len() as f64 / (clock.monotonic() - began).as_secs_f64())
}
