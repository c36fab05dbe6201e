//! `cutover watch`.

use super::follow::{Patience, follow};
use super::{Verdict, reference};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[arg(value_name = "RUN", help = reference::HELP)]
    id: String,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    session.purpose = "watch";
    let id = reference::resolve(session, &args.id).await?;
    follow(session, &id, Patience::Watch).await
}
