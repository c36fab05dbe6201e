//! `cutover import`.

use cutover_shared::import::{ImportAct, ImportView, Method, Wanted};
use cutover_shared::rpc::{Act, Receipt};

use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Style, Tone, number, time};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Whose repository
    project: String,
    /// Which, when the project has several: `owner/name`
    #[arg(long, value_name = "NAME")]
    repository: Option<String>,
    /// Branch, tag or commit; else the default branch
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// Less than mode and mapping allow; never more
    #[arg(long, value_parser = words::wanted(), default_value = "auto")]
    method: Wanted,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let act = ImportAct::Run {
        project: args.project.into(),
        repository: args.repository,
        reference: args.reference,
        method: args.method,
    };
    let Receipt::Import(view) = session.act(Act::Import(act)).await? else {
        return Err(Failure::unexpected("import"));
    };
    session.out.answer(&*view, |style| text(&view, style))?;
    Ok(Outcome::Done)
}

fn text(view: &ImportView, style: Style) -> String {
    let mut block = Block::new();
    block.line("Repository", format!("{} ({})", view.repository, view.repository_id));
    let by = match (view.method, view.installation_id) {
        (Method::Installation, Some(id)) => format!("installation {id}"),
        (Method::Installation, None) => "installation".to_owned(),
        (Method::Oauth, _) => "oauth, a user's token".to_owned(),
    };
    block.line("Served by", by);
    block.line("Why", &view.reason);
    if let Some(reason) = &view.fallback_reason {
        block.toned("Fell back", reason, Tone::Warn);
    }
    block.line("Ref", &view.reference);
    block.line("Commit", &view.commit_sha);
    block.line("Tree", &view.tree_sha);
    block.line("Content", format!("{} bytes in {} files", number(view.bytes), number(view.files)));
    block.line("Digest", &view.digest);
    block.line("Artifact", format!("{}, kept until {}", view.artifact, time(view.artifact_expires_at)));
    block.line("Took", format!("{} ms", number(view.duration_ms)));
    block.render(style)
}
