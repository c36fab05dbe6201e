//! `cutover man`.

use std::path::PathBuf;

use clap_mangen::Man;

use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::session::Session;

#[derive(Debug, clap::Args)]
#[command(after_help = "To read it:  cutover man | man -l -")]
pub(super) struct Args {
    /// Write one page for each verb into this folder instead
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args, session: &mut Session<'_>) -> Verdict {
    let grammar = super::grammar();
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Man::new(grammar).render(&mut page).map_err(|error| {
            Failure::outside(format!("can't write the manual page: {error}"), "try again")
        })?;
        session.out.raw(&String::from_utf8_lossy(&page))?;
        return Ok(Outcome::Done);
    };
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(grammar, folder));
    written.map_err(|error| {
        Failure::outside(
            format!("can't write manual pages to {}: {error}", folder.display()),
            "name a folder that this user may write",
        )
    })?;
    session.out.note(&format!("manual pages are in {}", folder.display()));
    Ok(Outcome::Done)
}
