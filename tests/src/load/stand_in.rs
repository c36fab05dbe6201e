//! The GitHub stand-in as a process of its own, so that its world is not counted as the daemon's memory.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::mapping::{LoadError, MappingLoad};

/// What the stand-in says once it listens.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) api_base: String,
    pub(super) app_id: i64,
}

/// Runs until it is dropped.
pub(super) struct StandIn {
    pub(super) hello: Hello,
    pub(super) catalog: PathBuf,
    pub(super) key: PathBuf,
    _child: Child,
}

impl StandIn {
    /// Starts `program` and waits until it listens; it writes its catalog and key to `folder`.
    pub(super) async fn start(program: &Path, load: &MappingLoad, folder: &Path) -> Result<Self, LoadError> {
        let (catalog, key) = (folder.join("catalog.csv"), folder.join("app.pem"));
        let mut child = Command::new(program)
            .args(["--repos", &load.projects.to_string()])
            .args(["--installations", &load.installations.to_string()])
            .args(["--tenants", &load.tenants.to_string()])
            .args(["--seed", &load.seed.to_string()])
            .arg("--catalog")
            .arg(&catalog)
            .arg("--key")
            .arg(&key)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().ok_or(LoadError::StandIn)?;
        let line = BufReader::new(out).lines().next_line().await?.ok_or(LoadError::StandIn)?;
        let hello = serde_json::from_str(&line).map_err(|_| LoadError::StandIn)?;
        Ok(Self { hello, catalog, key, _child: child })
    }
}
