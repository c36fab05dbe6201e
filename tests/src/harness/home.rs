//! A folder with everything that one daemon needs.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{HarnessError, failed};

/// The folder, its configuration file and its socket.
#[derive(Clone, Debug)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// A home in `dir`, which is made when missing.
    pub fn new(dir: &Path) -> Result<Self, HarnessError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(failed(format!("making {}", dir.display())))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The daemon's configuration file.
    pub fn config(&self) -> PathBuf {
        self.dir.join("cutover.toml")
    }

    /// The daemon's state folder.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("cutoverd.sock")
    }

    /// Writes a file that only its owner can read.
    pub fn write(&self, name: &str, text: &[u8]) -> Result<PathBuf, HarnessError> {
        let path = self.dir.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text))
            .map_err(failed(format!("writing {}", path.display())))?;
        Ok(path)
    }

    /// Writes a configuration for a GitHub at `api_base`. `more` goes on in `[github]`; other sections may start there.
    pub fn configure(
        &self,
        api_base: &str,
        app_id: i64,
        key_pem: &str,
        more: &str,
    ) -> Result<(), HarnessError> {
        let key = self.write("app.pem", key_pem.as_bytes())?;
        // Tenants of these tests are on installations; what is about rollouts says itself where they begin.
        let rollout = if more.contains("[rollout]") { "" } else { "[rollout]\ngithub_auth = \"live\"\n" };
        let text = format!(
            "environment = \"demo\"\nstate_dir = {state:?}\n\n[rpc]\nsocket = {socket:?}\n\n[log]\nstderr = \"off\"\n\n\
             [github]\napi_base_url = {api_base:?}\napp_id = {app_id}\nprivate_key_file = {key:?}\n\
             points_per_minute = 1000000\n{more}\n\n{rollout}",
            state = self.state(),
            socket = self.socket(),
        );
        self.write("cutover.toml", text.as_bytes()).map(drop)
    }
}
