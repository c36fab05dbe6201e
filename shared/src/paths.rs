//! Where things are when nobody says otherwise: the XDG directories.

use std::path::PathBuf;

use directories::ProjectDirs;

fn dirs() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "cutover")
}

/// The configuration file that the daemon reads when none is named: `$XDG_CONFIG_HOME/cutover/cutover.toml`.
pub fn config_file() -> PathBuf {
    dirs().map_or_else(|| PathBuf::from("cutover.toml"), |d| d.config_dir().join("cutover.toml"))
}

/// Where the daemon keeps its store, keys, marker and logs: `$XDG_STATE_HOME/cutover`.
pub fn state_dir() -> PathBuf {
    dirs().map_or_else(
        || PathBuf::from("cutover-state"),
        |d| d.state_dir().unwrap_or_else(|| d.data_dir()).to_owned(),
    )
}

/// The folder of the daemon's socket: `$XDG_RUNTIME_DIR/cutover`, or `run` in the state folder.
pub fn runtime_dir() -> PathBuf {
    dirs()
        .and_then(|d| d.runtime_dir().map(std::path::Path::to_owned))
        .unwrap_or_else(|| state_dir().join("run"))
}

/// The daemon's socket when none is named.
pub fn socket() -> PathBuf {
    runtime_dir().join("cutoverd.sock")
}

/// The kill marker inside a state folder. Its presence means: everything on legacy, every run paused.
pub fn kill_marker(state_dir: &std::path::Path) -> PathBuf {
    state_dir.join("kill.marker")
}
