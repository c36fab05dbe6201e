//! `cutover import`.

use cutover_shared::import::{ImportAct, ImportView, Method, ProbeStep, ProbeView, RecordView, Wanted};
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
    /// What stands downstream: `record` its answers before the move (imports nothing), `compare` after this import
    #[arg(long, value_name = "STEP", value_parser = words::probe_step())]
    probe: Option<ProbeStep>,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let (project, repository) = (args.project.into(), args.repository);
    if args.probe == Some(ProbeStep::Record) {
        if args.reference.is_some() || args.method != Wanted::Auto {
            let hint = "leave them out: it only calls the probes";
            return Err(Failure::usage(
                "`--probe record` imports nothing, so --ref and --method mean nothing",
                hint,
            ));
        }
        let Receipt::Recorded(view) =
            session.act(Act::Import(ImportAct::Record { project, repository })).await?
        else {
            return Err(Failure::unexpected("import --probe record"));
        };
        session.out.answer(&*view, |style| recorded(&view, style))?;
        return Ok(outcome(&view.probes));
    }
    let (reference, method, probe) = (args.reference, args.method, args.probe.is_some());
    let act = ImportAct::Run { project, repository, reference, method, probe };
    let Receipt::Import(view) = session.act(Act::Import(act)).await? else {
        return Err(Failure::unexpected("import"));
    };
    session.out.answer(&*view, |style| text(&view, style))?;
    Ok(outcome(&view.probes))
}

fn outcome(probes: &[ProbeView]) -> Outcome {
    if probes.iter().all(|probe| probe.passed == Some(true)) { Outcome::Done } else { Outcome::Found }
}

fn recorded(view: &RecordView, style: Style) -> String {
    let mut block = Block::new();
    block.line("Repository", &view.repository);
    probes(&mut block, &view.probes, "recorded", "NOT RECORDED");
    block.render(style)
}

fn probes(block: &mut Block, probes: &[ProbeView], good: &str, bad: &str) {
    for probe in probes {
        let (word, tone) = match probe.passed {
            Some(true) => (good, Tone::Good),
            Some(false) => (bad, Tone::Bad),
            None => ("NOT COMPARED", Tone::Warn),
        };
        let mut said = format!("{word} in {} ms", number(probe.ms));
        for check in probe.checks.iter().filter(|check| !check.passed) {
            said += &format!("; {}: wanted {}, found {}", check.what, check.wanted, check.found);
        }
        if let Some(error) = &probe.error {
            said += &format!("; {error}");
        }
        block.toned(&format!("Probe {}", probe.name), said, tone);
    }
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
    probes(&mut block, &view.probes, "passed", "FAILED");
    block.render(style)
}
