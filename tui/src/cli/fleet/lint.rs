//! `cutover fleet lint`.

use std::path::{Path, PathBuf};

use cutover_shared::error::{ErrorCode, RpcError};
use cutover_shared::fleet::{FleetAnswer, FleetQuery, LintFinding, LintReport, MigrationFile};
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
    let Read { files, findings } = match &args.folder {
        Some(folder) => read(folder)?,
        None => Read::default(),
    };
    let files = args.folder.is_some().then_some(files);
    let FleetAnswer::Lint(report) = ask(session, FleetQuery::Lint { files }).await? else {
        return Err(Failure::unexpected("fleet lint"));
    };
    let LintReport { findings: mut found, left_out } = report;
    if !findings.is_empty() {
        found.extend(findings);
        found.sort_by(|a, b| (&a.file, a.line, &a.rule).cmp(&(&b.file, b.line, &b.rule)));
    }
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
    let report = LintReport { findings: found, left_out };
    session.out.answer(&json!(report), |style| text(&report, style))?;
    let found = report.findings;
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

fn text(report: &LintReport, style: Style) -> String {
    let LintReport { findings: found, left_out } = report;
    let left_out = left_out.as_ref().map_or(String::new(), |why| format!("{}\n", clean(why)));
    if found.is_empty() {
        return format!("nothing to say against these migrations\n{left_out}");
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
    text + &format!("\n{} {noun}\n{left_out}", number(count))
}

/// What was read of a folder.
#[derive(Default)]
struct Read {
    files: Vec<MigrationFile>,
    /// Of files that could not be sent as they are.
    findings: Vec<LintFinding>,
}

/// The migrations of a folder, by name, as the daemon reads its own; nothing of a folder below it. Which names are right the daemon says.
fn read(folder: &Path) -> Result<Read, Failure> {
    let told = |path: &Path, error: &dyn std::fmt::Display| {
        let message = format!("can't read {}: {error}", path.display());
        Failure::usage(message, "name a folder of migrations that can be read")
    };
    let home = folder.canonicalize().map_err(|error| told(folder, &error))?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| told(folder, &error))? {
        let name = entry.map_err(|error| told(folder, &error))?.file_name();
        let Some(name) = name.to_str() else {
            let what = folder.join(&name).display().to_string();
            return Err(Failure::usage(format!("{what} has a name that is not UTF-8"), "give it another"));
        };
        let lower = name.to_ascii_lowercase();
        if !name.starts_with('.') && (lower.ends_with(".sql") || lower.ends_with(".toml")) {
            names.push(name.to_owned());
        }
        if names.len() > MOST_FILES {
            return Err(too_much(folder, &format!("more than {MOST_FILES} files")));
        }
    }
    names.sort();
    let mut left = MOST_BYTES;
    let mut read = Read::default();
    for name in names {
        let path = folder.join(&name);
        let text = match plain(&home, &path) {
            Ok(real) => {
                let bytes = std::fs::metadata(&real).map_err(|error| told(&path, &error))?.len();
                left = left.checked_sub(bytes).ok_or_else(|| too_much(folder, "more than 3 MiB"))?;
                let bytes = std::fs::read(&real).map_err(|error| told(&path, &error))?;
                String::from_utf8(bytes).unwrap_or_else(|wrong| {
                    read.findings.push(not_utf8(&name, &wrong));
                    String::from_utf8_lossy(wrong.as_bytes()).into_owned()
                })
            }
            Err(failure) if is_migration(&name) => return Err(failure),
            // Its name is what the daemon finds wrong.
            Err(_) => String::new(),
        };
        read.files.push(MigrationFile { name, text });
    }
    if read.files.is_empty() {
        return Err(Failure::usage(
            format!("{} has no *.sql and no *.toml", folder.display()),
            "name the folder of the migrations",
        ));
    }
    Ok(read)
}

/// Where a file really is, if the daemon would read it there.
fn plain(home: &Path, path: &Path) -> Result<PathBuf, Failure> {
    let real = path.canonicalize();
    let real = real.map_err(|error| {
        Failure::usage(format!("can't read {}: {error}", path.display()), "mend the link, or remove it")
    })?;
    if !real.starts_with(home) {
        let message = format!("{} leads out of the folder of migrations", path.display());
        return Err(Failure::usage(message, "put the file itself there: the daemon refuses such a link"));
    }
    if !real.is_file() {
        return Err(Failure::usage(
            format!("{} is not a file", path.display()),
            "remove it or give it another name",
        ));
    }
    Ok(real)
}

/// A name that the daemon takes for one of a migration.
fn is_migration(name: &str) -> bool {
    let ways = [".up.sql", ".down.sql", ".up.toml", ".down.toml"];
    name.starts_with(|c: char| c.is_ascii_digit()) && ways.iter().any(|way| name.ends_with(way))
}

fn not_utf8(name: &str, wrong: &std::string::FromUtf8Error) -> LintFinding {
    let before = wrong.as_bytes().get(..wrong.utf8_error().valid_up_to()).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    LintFinding {
        file: name.to_owned(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        rule: "text".to_owned(),
        mistake: true,
        message: "this is not UTF-8".to_owned(),
        help: "save the file as UTF-8".to_owned(),
    }
}

fn too_much(folder: &Path, what: &str) -> Failure {
    let message = format!("{} holds {what}", folder.display());
    Failure::usage(message, "lint it on the daemon's machine, as `fleet.folder`: `cutover fleet lint`")
}
