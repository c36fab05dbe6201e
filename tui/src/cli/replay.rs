//! `cutover replay`: a recorded session, played again by the same rules.

use std::path::PathBuf;

use super::{Outcome, Verdict};
use crate::app::replay;
use crate::failure::Failure;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Args {
    /// What `--record` wrote, or what a crash left
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// So many times as fast
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: u32,
    /// Print the last frame as text instead
    #[arg(long)]
    pub print: bool,
}

/// Without a terminal, or with `--print`.
pub(super) fn run(args: &Args, session: &mut Session<'_>) -> Verdict {
    if !args.print {
        return Err(Failure::usage(
            "there is no terminal to play it in",
            "--print prints the last frame as text",
        ));
    }
    let text = replay::last_frame(&args.file).map_err(|error| {
        Failure::usage(format!("can't play {}: {error}", args.file.display()), "a file of --record is wanted")
    })?;
    session.out.raw(&text)?;
    Ok(Outcome::Done)
}
