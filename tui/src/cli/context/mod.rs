//! `cutover context`.

mod fetch;
mod file;
mod text;

use std::path::PathBuf;

use clap::Subcommand;
use cutover_shared::context::{ContextAct, ContextAsk, ContextReceipt, Place};
use cutover_shared::error::ErrorCode;
use cutover_shared::ids::InstallationId;
use cutover_shared::rpc::{Act, Receipt};
use serde_json::Value;

use self::fetch::{Fetched, fetch};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Style, clean};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// A pull request: what it changes, and what is said about it
    Pr {
        #[command(flatten)]
        of: Of,
        /// Of the pull request
        #[arg(value_name = "N")]
        number: i64,
        /// Print its diff instead, and nothing else
        #[arg(long)]
        diff: bool,
    },
    /// A commit and the files that it changes
    Commit {
        #[command(flatten)]
        of: Of,
        /// Whole, or its beginning
        sha: String,
    },
    /// A file's content, of any size that GitHub keeps
    File {
        #[command(flatten)]
        of: Of,
        /// From the top of the repository
        path: String,
        /// Branch, tag or commit; else the default branch
        #[arg(long = "ref", value_name = "REF")]
        reference: Option<String>,
        /// Where to write it, byte for byte; `-` is standard output
        #[arg(short, long, value_name = "FILE", conflicts_with = "json")]
        out: Option<PathBuf>,
    },
    /// What leads from one branch, tag or commit to another
    Compare {
        #[command(flatten)]
        of: Of,
        /// Where it begins
        base: String,
        /// Where it ends
        head: String,
    },
    /// Branches, a hundred at a time
    Branches {
        #[command(flatten)]
        of: Of,
        /// Go on where the page before ended
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
    },
    /// An issue and what is said about it
    Issue {
        #[command(flatten)]
        of: Of,
        /// Of the issue
        #[arg(value_name = "N")]
        number: i64,
    },
    /// Comments on an issue or a pull request, in the App's name
    Comment {
        #[command(flatten)]
        of: Of,
        /// Of the issue or pull request
        #[arg(value_name = "N")]
        number: i64,
        /// What to say; `-` is standard input
        #[arg(long, value_name = "FILE")]
        body_file: PathBuf,
    },
}

/// Which repository, and who asks.
#[derive(Debug, clap::Args)]
pub(super) struct Of {
    /// The repository
    #[arg(value_name = "OWNER/NAME")]
    repository: String,
    /// Ask as this one; else as the one that sees the repository
    #[arg(long, value_name = "N")]
    installation: Option<i64>,
}

impl Of {
    fn place(self) -> Place {
        Place { repository: self.repository, installation: self.installation.map(InstallationId) }
    }
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Pr { of, number, diff } => {
            let place = of.place();
            let found = fetch(session, &place, ContextAsk::PullRequest { number }).await?;
            if diff && !session.out.json {
                return print_diff(session, &place, number, &found.value);
            }
            show(session, &found, text::pull_request)
        }
        Verb::Commit { of, sha } => {
            let found = fetch(session, &of.place(), ContextAsk::Commit { sha }).await?;
            show(session, &found, text::commit)
        }
        Verb::File { of, path, reference, out } => {
            let place = of.place();
            let found = fetch(session, &place, ContextAsk::File { path: path.clone(), reference }).await?;
            if session.out.json {
                session.out.document(&found.value)?;
                return Ok(Outcome::Done);
            }
            file::hand_out(session, &path, out.as_deref(), &found.value)
        }
        Verb::Compare { of, base, head } => {
            let found = fetch(session, &of.place(), ContextAsk::Compare { base, head }).await?;
            show(session, &found, text::compare)
        }
        Verb::Branches { of, after } => {
            let found = fetch(session, &of.place(), ContextAsk::Branches { cursor: after }).await?;
            show(session, &found, text::branches)
        }
        Verb::Issue { of, number } => {
            let found = fetch(session, &of.place(), ContextAsk::Issue { number }).await?;
            show(session, &found, text::issue)
        }
        Verb::Comment { of, number, body_file } => {
            let text = file::body(session, &body_file).await?;
            comment(session, of.place(), number, text).await
        }
    }
}

fn show(session: &mut Session<'_>, found: &Fetched, text: fn(&Fetched, i64, Style) -> String) -> Verdict {
    let now = session.now();
    session.out.answer(&found.value, |style| text(found, now, style))?;
    Ok(Outcome::Done)
}

/// The diff alone, so that `git apply` can read it. A terminal gets no character that it would obey.
fn print_diff(session: &mut Session<'_>, place: &Place, number: i64, found: &Value) -> Verdict {
    let Some(diff) = found["diff"].as_str() else {
        return Err(Failure::new(
            ErrorCode::Outside,
            format!("GitHub makes no diff of {}#{number}: it is too large", clean(&place.repository)),
            "without --diff its files are listed, and --json has a patch of each; git makes the whole diff",
        ));
    };
    if session.out.style.columns.is_some() {
        session.out.raw(&text::harmless(diff))?;
    } else {
        session.out.raw(diff)?;
    }
    Ok(Outcome::Done)
}

async fn comment(session: &mut Session<'_>, place: Place, number: i64, text: String) -> Verdict {
    let subject = format!("{}#{number}", place.repository);
    let act = Act::Context(ContextAct::Comment { place, number, text });
    let Receipt::Context(receipt) = session.act(act).await? else {
        return Err(Failure::unexpected("context comment"));
    };
    let ContextReceipt::Commented { installation, comment } = *receipt;
    session.out.answer(&comment, |style| text::posted(&subject, installation, &comment, style))?;
    Ok(Outcome::Done)
}
