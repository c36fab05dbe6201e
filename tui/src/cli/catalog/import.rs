//! `cutover catalog import` and `cutover rollout records import`: begin, parts, commit.

use cutover_shared::catalog::{BadRow, CatalogAct, CatalogReceipt, Contents, ImportReceipt};
use cutover_shared::rpc::{Act, Receipt};
use cutover_shared::sandbox_record::RecordsReceipt;
use serde::Serialize;
use tokio::io::AsyncRead;

use super::Uploaded;
use super::upload::{PART, PartError, Parts};
use crate::cli::{Outcome, Verdict};
use crate::failure::{Failure, bad_rows};
use crate::plain::{Block, Style, number};
use crate::session::Session;

/// What to do about rows that were refused.
const MEND: &str = "mend these rows and import again, or take the others with --skip-bad";

pub(in crate::cli) async fn run(args: &Uploaded, of: Contents, session: &mut Session<'_>) -> Verdict {
    let format = args.format()?;
    let from_stdin = args.file.as_os_str() == "-";
    let name = if from_stdin { "stdin".to_owned() } else { args.file.display().to_string() };
    // Opened before the daemon hears of it, so that a wrong name leaves nothing begun.
    let file = if from_stdin { None } else { Some(open(args).await?) };
    let CatalogReceipt::Opened { upload } = step(session, "begin", CatalogAct::Begin { format, of }).await?
    else {
        return Err(Failure::unexpected("catalog begin"));
    };
    match (file, session.stdin.take()) {
        (Some(file), _) => send(session, &upload, file, &name).await?,
        (None, Some(stdin)) => send(session, &upload, stdin, &name).await?,
        (None, None) => {}
    }
    match step(session, "commit", CatalogAct::Commit { upload, skip_bad: args.skip_bad }).await? {
        CatalogReceipt::Imported(receipt) => {
            let skipped = (receipt.skipped.as_slice(), receipt.skipped_count);
            taken(session, &name, &receipt, skipped, |style| text(&receipt, style))
        }
        CatalogReceipt::Recorded(receipt) => {
            let skipped = (receipt.skipped.as_slice(), receipt.skipped_count);
            taken(session, &name, &receipt, skipped, |style| records(&receipt, style))
        }
        CatalogReceipt::Refused { bad, bad_count } => {
            Err(Failure::Upload { file: name, bad, bad_count, hint: MEND })
        }
        _ => Err(Failure::unexpected("catalog commit")),
    }
}

/// Says what was taken; exit 1 where rows were left out.
fn taken(
    session: &mut Session<'_>,
    name: &str,
    receipt: &impl Serialize,
    (skipped, count): (&[BadRow], u64),
    text: impl FnOnce(Style) -> String,
) -> Verdict {
    session.out.aside(&bad_rows(name, skipped, count));
    session.out.answer(receipt, text)?;
    Ok(if count > 0 { Outcome::Found } else { Outcome::Done })
}

async fn open(args: &Uploaded) -> Result<tokio::fs::File, Failure> {
    let told = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("can't read {}: {error}", args.file.display()), "name a file that can be read")
    };
    let file = tokio::fs::File::open(&args.file).await.map_err(|error| told(&error))?;
    let found = file.metadata().await.map_err(|error| told(&error))?;
    if found.is_dir() { Err(told(&"it is a folder")) } else { Ok(file) }
}

async fn send(
    session: &mut Session<'_>,
    upload: &str,
    source: impl AsyncRead + Unpin,
    name: &str,
) -> Result<(), Failure> {
    let mut parts = Parts::new(source, PART);
    let mut part = 0_u64;
    while let Some(text) = parts.next().await.map_err(|error| unreadable(error, name))? {
        let chunk = CatalogAct::Chunk { upload: upload.to_owned(), part, text };
        match step(session, &format!("part-{part}"), chunk).await? {
            CatalogReceipt::Taken { .. } => part += 1,
            _ => return Err(Failure::unexpected("catalog chunk")),
        }
    }
    Ok(())
}

fn unreadable(error: PartError, name: &str) -> Failure {
    match error {
        PartError::Read(error) => {
            Failure::outside(format!("can't read {name}: {error}; nothing was taken"), "import it again")
        }
        PartError::NotText { line, byte } => Failure::Upload {
            file: name.to_owned(),
            bad: vec![BadRow { line, column: String::new(), problem: format!("byte {byte} is not UTF-8") }],
            bad_count: 1,
            hint: MEND,
        },
    }
}

async fn step(session: &mut Session<'_>, name: &str, act: CatalogAct) -> Result<CatalogReceipt, Failure> {
    match session.step(name, Act::Catalog(act)).await? {
        Receipt::Catalog(receipt) => Ok(receipt),
        _ => Err(Failure::unexpected("catalog import")),
    }
}

fn text(receipt: &ImportReceipt, style: Style) -> String {
    let mut block = Block::new();
    block.line(
        "Imported",
        imported((receipt.added, receipt.changed, receipt.unchanged), receipt.skipped_count),
    );
    block.line(
        "Catalog",
        format!(
            "{} tenants, {} projects, {} repositories, revision {}",
            number(receipt.tenants),
            number(receipt.projects),
            number(receipt.repositories),
            receipt.revision,
        ),
    );
    block.render(style)
}

fn records(receipt: &RecordsReceipt, style: Style) -> String {
    let mut block = Block::new();
    block.line(
        "Imported",
        imported((receipt.added, receipt.changed, receipt.unchanged), receipt.skipped_count),
    );
    block.line("Records", format!("{} of {} tenants", number(receipt.records), number(receipt.tenants)));
    block.render(style)
}

fn imported((added, changed, unchanged): (u64, u64, u64), skipped: u64) -> String {
    let skipped = match skipped {
        0 => String::new(),
        n => format!(", {} left out", number(n)),
    };
    let (added, changed, unchanged) = (number(added), number(changed), number(unchanged));
    format!("{added} added, {changed} changed, {unchanged} unchanged{skipped}")
}
