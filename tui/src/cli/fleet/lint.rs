//! `cutover fleet lint`.

use std::path::{Path, PathBuf};

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAnswer, FleetQuery, LintFinding, MigrationFile};
use serde_json::json;

use super::super::{Outcome, Verdict};
use super::ask;
use crate::failure::Failure;
use crate::plain::{Style, Tone, clean, number, wrap};
use crate::session::Session;

pub(super) const EXITS: &str = "\
Exit 1 when there are warnings, 3 when there is a mistake that refuses every
plan.";

/// The most that is read of a folder; twice as much would not fit one question.
const MOST_FILES: usize = 2_000;
const MOST_BYTES: u64 = 3 * 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// A folder on this machine; its *.sql and *.toml are sent to the daemon [default: the daemon's own folder]
    folder: Option<PathBuf>,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let files = args.folder.as_deref().map(read).transpose()?;
    let FleetAnswer::Lint(found) = ask(session, FleetQuery::Lint { files }).await? else {
        return Err(Failure::unexpected("fleet lint"));
    };
    let mistakes = found.iter().filter(|finding| finding.mistake).count();
    if mistakes > 0 {
        let noun = if mistakes == 1 { "mistake refuses" } else { "mistakes refuse" };
        let error = RpcError::new(
            ErrorCode::BadUpload,
            format!("{} {noun} every plan", number(u64::try_from(mistakes).unwrap_or(u64::MAX))),
            "mend them and lint again",
        );
        let lines = found.iter().flat_map(lines).collect();
        return Err(Failure::Settings { lines, mistakes: Box::new(json!(found)), error });
    }
    session.out.answer(&json!({ "findings": found }), |style| text(&found, style))?;
    Ok(if found.is_empty() { Outcome::Done } else { Outcome::Found })
}

fn lines(finding: &LintFinding) -> Vec<String> {
    let kind = if finding.mistake { "mistake" } else { "warning" };
    let LintFinding { file, line, rule, message, help, .. } = finding;
    let mut message = message.lines();
    let sentence = message.next().unwrap_or_default();
    let mut lines = vec![format!("{file}:{line}: {kind}: {rule}: {sentence}")];
    lines.extend(message.map(|line| format!("    {line}")));
    if !help.is_empty() {
        lines.push(format!("  {help}"));
    }
    lines
}

fn text(found: &[LintFinding], style: Style) -> String {
    if found.is_empty() {
        return "nothing to say against these migrations\n".to_owned();
    }
    let mut text = String::new();
    for LintFinding { file, line, rule, message, help, .. } in found {
        let place = style.paint(&format!("{}:{line}: {}", clean(file), clean(rule)), Tone::Warn);
        text += &format!("{place}\n");
        for line in [message, help].into_iter().filter(|line| !line.is_empty()) {
            for line in wrap(&clean(line), style.measure() - 2) {
                text += &format!("  {line}\n");
            }
        }
    }
    let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let noun = if count == 1 { "warning" } else { "warnings" };
    text + &format!("\n{} {noun}\n", number(count))
}

/// The migrations of a folder, by name; nothing of a folder below it.
fn read(folder: &Path) -> Result<Vec<MigrationFile>, Failure> {
    let told = |path: &Path, error: &dyn std::fmt::Display| {
        let message = format!("can't read {}: {error}", path.display());
        Failure::usage(message, "name a folder of migrations that can be read")
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| told(folder, &error))? {
        let path = entry.map_err(|error| told(folder, &error))?.path();
        let is_ours = path.extension().is_some_and(|ending| ending == "sql" || ending == "toml");
        if is_ours && path.is_file() {
            paths.push(path);
        }
        if paths.len() > MOST_FILES {
            return Err(too_much(folder, &format!("more than {MOST_FILES} files")));
        }
    }
    paths.sort();
    let mut left = MOST_BYTES;
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let bytes = std::fs::metadata(&path).map_err(|error| told(&path, &error))?.len();
        left = left.checked_sub(bytes).ok_or_else(|| too_much(folder, "more than 3 MiB"))?;
        let text = std::fs::read_to_string(&path).map_err(|error| told(&path, &error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(MigrationFile { name, text });
    }
    if files.is_empty() {
        return Err(Failure::usage(
            format!("{} has no *.sql and no *.toml", folder.display()),
            "name the folder of the migrations",
        ));
    }
    Ok(files)
}

fn too_much(folder: &Path, what: &str) -> Failure {
    let message = format!("{} holds {what}", folder.display());
    Failure::usage(message, "lint it on the daemon's machine, as `fleet.folder`: `cutover fleet lint`")
}
