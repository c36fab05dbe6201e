//! The kill marker: the way to kill without the daemon's answer. It obeys a marker at once when it runs, and before anything
//! else when it starts.

use std::path::{Path, PathBuf};

use cutover_shared::error::ErrorCode;
use cutover_shared::paths;
use serde_json::Value;

use crate::failure::Failure;
use crate::file::NewFile;

/// A marker that is on disk.
pub(crate) struct Marker {
    pub path: PathBuf,
    /// It was there before: somebody else killed first.
    pub already: bool,
    /// What would have been, or was, written.
    pub content: Value,
}

/// Writes the marker. One that is there stays: it says who killed first, and it counts as it is.
pub(crate) fn write(folder: &Path, reason: &str, origin: &str, now: i64) -> Result<Marker, Failure> {
    let path = paths::kill_marker(folder);
    let failed = |error: &std::io::Error| not_written(&path, error);
    // A folder that we made up would not be the daemon's, and the kill would be a false comfort.
    if !folder.is_dir() {
        return Err(Failure::new(
            ErrorCode::NotFound,
            format!("NOTHING WAS KILLED: there is no state folder {}", folder.display()),
            "say where the daemon's is, with --state-dir or CUTOVER_STATE_DIR (its configuration names it)",
        ));
    }
    let already = path.try_exists().map_err(|error| failed(&error))?;
    let content = serde_json::json!({ "at": now, "by": user(), "reason": reason, "origin": origin });
    if !already {
        NewFile::begin(&path)
            .and_then(|mut file| {
                // The daemon may run as somebody else than who kills.
                file.show_to_all()?;
                file.append(&format!("{content}\n"))?;
                file.commit()
            })
            .map_err(|error| failed(&error))?;
    }
    Ok(Marker { path, already, content })
}

fn not_written(marker: &Path, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::PermissionDenied => "do it as the user that the daemon runs as, or as root",
        _ => "make room or mend the disk, or stop the daemon: a stopped daemon decides nothing",
    };
    let what =
        if marker.exists() { "the kill marker may not outlive a power cut" } else { "NOTHING WAS KILLED" };
    Failure::outside(format!("{what}: can't write {}: {error}", marker.display()), hint)
}

/// Who runs this program: `name (uid)`.
fn user() -> String {
    let uid = nix::unistd::getuid();
    let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
    format!("{} ({uid})", name.as_deref().unwrap_or("unknown"))
}
