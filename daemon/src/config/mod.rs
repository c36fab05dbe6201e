//! Configuration: one TOML file and the environment, checked as a whole. Every mistake is reported at once, with
//! its key, its place and its mend. `table` names every key; loading, `cutoverd init` and
//! `docs/configuration.md` follow from it.

mod address;
mod alertmanager;
mod application;
mod assemble;
mod check;
mod crosscheck;
mod database;
mod derive;
pub mod document;
mod env;
mod file;
mod fleet;
mod gather;
pub mod key;
mod locks;
mod mirror;
mod mistake;
mod ofrep;
mod probe;
mod rollout;
mod sandbox;
mod secret;
mod section;
mod settings;
mod suggest;
pub mod table;
mod value;
mod worth;

use std::path::{Path, PathBuf};

pub use alertmanager::{Alertmanager, DefaultRollout};
pub use check::{CheckReport, Setting, run_check};
pub(crate) use derive::{config_place as usual_file, state_dir as usual_state_dir};
pub use env::Env;
pub use fleet::{Fleet, FleetApplication, FleetDeploy, FleetLoad};
pub use gather::Origin;
pub use mistake::{Mistake, MistakeKind, Mistakes, Place};
pub use ofrep::{KeyScope, OfrepKey};
pub use rollout::{ArmQueries, Prometheus, Rollout};
pub use sandbox::Sandbox;
pub use settings::{
    Api, AppWorkflows, Catalog, Config, GitHub, Http, InstallationCopy, IntegrationCopy, LockBackend,
    LockPhase, Locks, Log, Mapping, Migration, MirrorNames, OauthApp, OnPartition, Operator, Post,
    PostgresCatalog, PostgresNames, Probe, RepoNames, RepoPlace, Rpc, Run, SocketAccess, StderrLog, Store,
    TokenCopy, UserTokenNames, WorkflowNames,
};
pub use worth::Worth;

use file::{Contents, Text};
use gather::Sources;

/// A configuration without mistakes, and where each value comes from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// The file that was read; none when the environment says everything.
    pub file: Option<PathBuf>,
    /// Every effective value in the table's order, secrets as `[set]`.
    pub settings: Vec<Setting>,
}

impl Config {
    /// Reads the file at `path` (else `$CUTOVER_CONFIG`, else the XDG place, else no file) and lets `env` override it.
    ///
    /// # Errors
    /// Every mistake there is, at most a hundred of them listed.
    pub fn load(path: Option<&Path>, env: &Env) -> Result<Loaded, Mistakes> {
        let path = path.map(Path::to_owned).or_else(|| derive::config_file(env));
        let mut mistakes = Mistakes::default();
        let text = match path.as_deref().map(Text::read).transpose() {
            Ok(text) => text,
            Err(mistake) => {
                mistakes.push(mistake);
                return Err(mistakes);
            }
        };
        interpret(text.as_ref(), env, mistakes).map(|(config, settings)| Loaded {
            config,
            file: path,
            settings,
        })
    }

    /// As [`Config::load`], of bytes that are already here; `path` is only named in places and gives relative paths
    /// their folder.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn of_bytes(path: &Path, bytes: &[u8], env: &Env) -> Result<Loaded, Mistakes> {
        let mut mistakes = Mistakes::default();
        match Text::from_bytes(path, bytes, false) {
            Ok(text) => interpret(Some(&text), env, mistakes).map(|(config, settings)| Loaded {
                config,
                file: Some(path.to_owned()),
                settings,
            }),
            Err(mistake) => {
                mistakes.push(mistake);
                Err(mistakes)
            }
        }
    }
}

/// It may name an environment.
pub(crate) fn is_label(text: &str) -> bool {
    value::from_text(&key::Kind::Label, text).is_ok() && text == text.trim()
}

fn interpret(
    text: Option<&Text>,
    env: &Env,
    mut mistakes: Mistakes,
) -> Result<(Config, Vec<Setting>), Mistakes> {
    let contents = text.map_or_else(Contents::default, |text| text.contents(&mut mistakes));
    let mut values = gather::gather(&Sources { text, contents, env }, &mut mistakes);
    derive::fill(&mut values, env);
    let config = assemble::assemble(&values, &mut mistakes);
    mistakes.settle();
    match config {
        Some(config) if mistakes.is_empty() => {
            let settings = check::settings(&values, &config);
            Ok((config, settings))
        }
        _ => {
            if mistakes.is_empty() {
                // A key that the table lacks; a test keeps this from happening.
                mistakes.push(Mistake::new(
                    MistakeKind::Missing,
                    "",
                    values.whole,
                    "the configuration is incomplete",
                    "please report this: it is a fault of cutoverd",
                ));
            }
            Err(mistakes)
        }
    }
}

#[cfg(test)]
mod tests;
