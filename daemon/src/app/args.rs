//! The arguments of `cutoverd`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::init::InitOptions;

/// The migration control plane's daemon.
#[derive(Debug, Parser)]
#[command(name = "cutoverd", version, about, max_term_width = 100)]
struct Cli {
    /// Configuration file [default: $CUTOVER_CONFIG, else the XDG place]
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM; the default. A second signal forces the stop
    Run,
    /// Check configuration and secrets, print every effective value, start nothing
    Check,
    /// Write a commented configuration and the key that seals secrets at rest
    Init(Init),
}

#[derive(Debug, Args)]
struct Init {
    /// Folder for store, keys and logs [default: the XDG state folder]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Name of the environment, shown everywhere: staging, production
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Overwrite an existing configuration; a key is never overwritten
    #[arg(long)]
    force: bool,
}

/// The whole grammar: what help is made of.
pub fn grammar() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// What to do.
pub(super) enum Command {
    Run,
    Check,
    Init(InitOptions),
}

/// The arguments, understood.
pub(super) struct Parsed {
    pub(super) config: Option<PathBuf>,
    pub(super) command: Command,
}

pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, clap::Error> {
    let cli = Cli::try_parse_from(args)?;
    let command = match cli.command {
        None | Some(Verb::Run) => Command::Run,
        Some(Verb::Check) => Command::Check,
        Some(Verb::Init(init)) => Command::Init(InitOptions {
            config: None,
            state_dir: init.state_dir,
            environment: init.environment,
            force: init.force,
        }),
    };
    Ok(Parsed { config: cli.config, command })
}
