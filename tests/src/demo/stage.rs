//! What a scenario plays on: a world with its GitHub, a home, a command line.

use std::path::PathBuf;

use cutover_daemon::clock::Clock;
use cutover_tui::conn::{Conn, Introduction};
use serde_json::Value;

use super::{DemoError, Options, say};
use crate::github_sim::{Sim, SimSettings};
use crate::harness::{Cli, Daemon, Home, Said};
use crate::world::{Catalog, World, WorldSpec};

/// The stage. The folder goes away with it, unless it was asked to be kept.
pub(super) struct Stage {
    pub(super) exe: PathBuf,
    pub(super) home: Home,
    pub(super) cli: Cli,
    pub(super) sim: Sim,
    pub(super) catalog: Catalog,
    pub(super) catalog_file: PathBuf,
    /// Everything that commands printed, to be searched for secrets.
    pub(super) printed: String,
    step: u32,
    _temporary: Option<tempfile::TempDir>,
}

impl Stage {
    /// Builds it; `exe` plays the roles of the daemon and the command line. `more`: settings, beginning in `[github]`.
    pub(super) async fn build(
        options: &Options,
        exe: PathBuf,
        more: impl FnOnce(&Sim) -> String,
    ) -> Result<Self, DemoError> {
        let made = World::generate(&WorldSpec {
            seed: options.seed,
            tenants: options.tenants as usize,
            repos: options.repos as usize,
            installations: None,
        })?;
        Self::of(options, exe, made.world, made.catalog, SimSettings::default(), more).await
    }

    /// The same with a world of one's own.
    pub(super) async fn of(
        options: &Options,
        exe: PathBuf,
        world: World,
        catalog: Catalog,
        github: SimSettings,
        more: impl FnOnce(&Sim) -> String,
    ) -> Result<Self, DemoError> {
        let sim = Sim::start(world, Clock::system(), github).await?;
        let (dir, temporary) = match &options.keep {
            Some(dir) => (dir.clone(), None),
            None => {
                let temporary = tempfile::Builder::new().prefix("cutover-demo-").tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let home = Home::new(&std::path::absolute(&dir)?)?;
        home.configure(&sim.api_base(), sim.app_id(), sim.private_key_pem(), &more(&sim))?;
        home.init(&exe).await?;
        let catalog_file = home.write("catalog.csv", catalog.csv()?.as_bytes())?;
        Ok(Self {
            cli: Cli::new(exe.clone(), &home),
            exe,
            home,
            sim,
            catalog,
            catalog_file,
            printed: String::new(),
            step: 0,
            _temporary: temporary,
        })
    }

    /// Announces a step.
    pub(super) fn step(&mut self, text: &str) {
        self.step += 1;
        say(&format!("\n{:2}. {text}", self.step));
    }

    /// Says what came of it.
    pub(super) fn tell(&self, text: &str) {
        say(&format!("    {text}"));
    }

    pub(super) async fn start_daemon(&self) -> Result<Daemon, DemoError> {
        Ok(Daemon::start(&self.exe, &self.home, None).await?)
    }

    pub(super) async fn connect(&self) -> Result<Conn, DemoError> {
        Ok(Conn::open(&self.home.socket(), &Introduction { purpose: "demo", role: None }).await?)
    }

    /// Shows a command, calls it, and demands one of these exit codes.
    pub(super) async fn run(&mut self, codes: &[i32], args: &[&str]) -> Result<Said, DemoError> {
        say(&format!("    $ cutover {}", args.join(" ")));
        let said = self.cli.expect(codes, args).await?;
        self.printed.push_str(&said.stdout);
        self.printed.push_str(&said.stderr);
        Ok(said)
    }

    /// The same, and what it answered, as an operator sees it.
    pub(super) async fn show(&mut self, codes: &[i32], args: &[&str]) -> Result<Said, DemoError> {
        let said = self.run(codes, args).await?;
        for line in said.stdout.lines().chain(said.stderr.lines()) {
            say(format!("      {line}").trim_end());
        }
        if said.code != 0 {
            say(&format!("      (exit {})", said.code));
        }
        Ok(said)
    }

    /// The same with `--json`, and what it printed.
    pub(super) async fn ask(&mut self, codes: &[i32], args: &[&str]) -> Result<Value, DemoError> {
        let all: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let said = self.run(codes, &all).await?;
        serde_json::from_str(&said.stdout).map_err(|error| {
            DemoError::Check(format!("`cutover {}` printed no JSON: {error}", all.join(" ")))
        })
    }

    /// The whole catalog with its mappings, as the daemon tells it: the world that undo must bring back.
    pub(super) async fn world(&mut self) -> Result<String, DemoError> {
        let said = self.cli.expect(&[0], &["catalog", "list", "--all-rows", "--json"]).await?;
        self.printed.push_str(&said.stdout);
        Ok(said.stdout)
    }
}

/// Fails the demo unless `holds`.
pub(super) fn check(holds: bool, what: impl Into<String>) -> Result<(), DemoError> {
    if holds { Ok(()) } else { Err(DemoError::Check(format!("check failed: {}", what.into()))) }
}
