//! `cutover completions`.

use clap_complete::Shell;

use super::{Outcome, Verdict};
use crate::session::Session;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "For bash:  cutover completions bash > ~/.local/share/bash-completion/completions/cutover"
)]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: &Args, session: &mut Session<'_>) -> Verdict {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::grammar(), "cutover", &mut script);
    session.out.raw(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
