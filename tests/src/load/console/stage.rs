//! A daemon that holds the catalog, planned and applied, and how the console in front of it is started.

use std::process::Command;

use cutover_daemon::clock::Clock;
use cutover_shared::ids::RunId;
use serde_json::Value;

use super::ConsoleLoad;
use crate::harness::role::ROLE;
use crate::harness::{Cli, Daemon, Home};
use crate::load::mapping::{LoadError, MappingLoad};
use crate::load::stand_in::StandIn;
use crate::load::{Bar, Report};

/// The stage. Dropping it kills the processes and removes the folder.
pub(super) struct Stage {
    pub(super) home: Home,
    /// The run that mapped everything.
    pub(super) run: RunId,
    /// Rows of the catalog, as the daemon counts them.
    pub(super) repositories: u64,
    /// What plays the console, with the arguments that make it do so.
    console: (std::path::PathBuf, Vec<String>),
    _daemon: Daemon,
    _stand_in: StandIn,
    _folder: tempfile::TempDir,
}

impl Stage {
    pub(super) async fn build(
        load: &ConsoleLoad,
        clock: &Clock,
        report: &mut Report,
    ) -> Result<Self, LoadError> {
        let folder = tempfile::Builder::new().prefix("cutover-bars-").tempdir_in(&load.folder)?;
        let world = MappingLoad {
            projects: load.projects,
            installations: load.installations,
            tenants: load.installations,
            seed: load.seed,
            folder: load.folder.clone(),
            stand_in: load.stand_in.clone(),
        };
        let stand_in = StandIn::start(&load.stand_in, &world, folder.path()).await?;
        let home = Home::new(&folder.path().join("home"))?;
        let key = std::fs::read_to_string(&stand_in.key)?;
        let mapping = "[mapping]\ncanary_observation = \"0s\"\nprobe_budget = 1000000\n";
        home.configure(&stand_in.hello.api_base, stand_in.hello.app_id, &key, mapping)?;
        home.init(&load.roles).await?;
        let daemon = Daemon::start(&load.roles, &home, None).await?;
        let cli = Cli::new(&load.roles, &home);

        let start = clock.monotonic();
        let catalog = stand_in.catalog.display().to_string();
        let receipt = cli.json(&[0], &["catalog", "import", &catalog]).await?;
        let repositories = receipt["repositories"].as_u64().unwrap_or(0);
        let plan = cli.json(&[0], &["map", "plan", "--all", "--refresh"]).await?;
        let (id, digest) = (text(&plan, "id"), text(&plan, "digest"));
        let why = "nothing here is anybody's";
        cli.expect(&[0, 1], &["map", "apply", &id, "--approve", &digest, "--override", why]).await?;
        let took = (clock.monotonic() - start).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        report.add("repositories stored and mapped", repositories as f64, "", Bar::None);
        report.add("import, sweep, plan and apply by command line", took, "s", Bar::None);

        let console = match &load.cutover {
            Some(cutover) => (std::path::absolute(cutover)?, Vec::new()),
            None => (load.roles.clone(), vec![ROLE.to_owned(), "console".to_owned()]),
        };
        Ok(Self {
            home,
            run: RunId(id),
            repositories,
            console,
            _daemon: daemon,
            _stand_in: stand_in,
            _folder: folder,
        })
    }

    /// `cutover ARGS` for this daemon, not started yet. Nothing of the caller's environment reaches it.
    pub(super) fn cutover(&self, args: &[&str]) -> Command {
        let (program, role) = &self.console;
        let mut command = Command::new(program);
        command
            .args(role)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.dir())
            .env("LANG", "C.UTF-8")
            .env("CUTOVER_SOCKET", self.home.socket())
            .env("CUTOVER_STATE_DIR", self.home.state())
            .current_dir(self.home.dir());
        command
    }
}

fn text(run: &Value, field: &str) -> String {
    run[field].as_str().unwrap_or_default().to_owned()
}
