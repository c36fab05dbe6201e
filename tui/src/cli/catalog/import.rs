//! `cutover catalog import`: begin, parts, commit.

use cutover_shared::catalog::{BadRow, CatalogAct, CatalogReceipt, ImportReceipt};
use cutover_shared::rpc::{Act, Receipt};
use tokio::io::AsyncRead;

use super::Import;
use super::upload::{PART, PartError, Parts};
use crate::cli::{Outcome, Verdict};
use crate::failure::{Failure, bad_rows};
use crate::plain::{Block, Style, number};
use crate::session::Session;

pub(super) async fn run(args: &Import, session: &mut Session<'_>) -> Verdict {
    let format = args.format()?;
    let from_stdin = args.file.as_os_str() == "-";
    let name = if from_stdin { "stdin".to_owned() } else { args.file.display().to_string() };
    // Opened before the daemon hears of it, so that a wrong name leaves nothing begun.
    let file = if from_stdin { None } else { Some(open(args).await?) };
    let CatalogReceipt::Opened { upload } = step(session, "begin", CatalogAct::Begin { format }).await?
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
            session.out.aside(&bad_rows(&name, &receipt.skipped, receipt.skipped_count));
            session.out.answer(&receipt, |style| text(&receipt, style))?;
            Ok(if receipt.skipped_count > 0 { Outcome::Found } else { Outcome::Done })
        }
        CatalogReceipt::Refused { bad, bad_count } => Err(Failure::Upload { file: name, bad, bad_count }),
        _ => Err(Failure::unexpected("catalog commit")),
    }
}

async fn open(args: &Import) -> Result<tokio::fs::File, Failure> {
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
    let skipped = match receipt.skipped_count {
        0 => String::new(),
        n => format!(", {} left out", number(n)),
    };
    block.line(
        "Imported",
        format!(
            "{} added, {} changed, {} unchanged{skipped}",
            number(receipt.added),
            number(receipt.changed),
            number(receipt.unchanged),
        ),
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
