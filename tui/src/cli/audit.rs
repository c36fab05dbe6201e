//! `cutover audit`.

use std::path::PathBuf;

use clap::Subcommand;
use cutover_shared::audit::{AuditAnswer, AuditCheck, AuditQuery, AuditView};
use cutover_shared::filter::AUDIT;
use cutover_shared::page::Page;
use cutover_shared::rpc::{Answer, Query};

use super::choose::{Choice, Windowed, choose, help};
use super::list::{Listing, Pages};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::file::NewFile;
use crate::out::to_json;
use crate::plain::{Block, Cell, Column, Style, Tone, number, time};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Records, newest first
    #[command(after_help = help(&AUDIT))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// Checks the whole chain of hashes; exit 1 when it is broken
    Verify,
    /// Writes all records, oldest first, as JSON Lines
    Export {
        /// Where to; `-` is standard output
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

const COLUMNS: &[Column] = &[
    Column::number("#"),
    Column::words("WHEN"),
    Column::long("WHO"),
    Column::long("FROM"),
    Column::words("ACT"),
    Column::long("SUBJECT"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { choice } => {
            let listing = Listing {
                noun: "records",
                columns: COLUMNS,
                ask: &|page| Query::Audit(AuditQuery::List { page }),
                take: page,
                row: |record, _| row(record),
            };
            let windowed = Windowed {
                fields: &AUDIT,
                ask: &|ask| Query::Audit(AuditQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Audit(AuditAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            choose(session, &choice, None, listing, windowed).await
        }
        Verb::Verify => {
            let Answer::Audit(AuditAnswer::Check(check)) =
                session.ask(Query::Audit(AuditQuery::Verify)).await?
            else {
                return Err(Failure::unexpected("audit verify"));
            };
            session.out.answer(&check, |style| text(&check, style))?;
            Ok(if check.intact { Outcome::Done } else { Outcome::Found })
        }
        Verb::Export { file } if file.as_os_str() == "-" => {
            let mut pages = Pages::all();
            while let Some(records) = next(session, &mut pages).await? {
                session.out.raw(&lines(&records)?)?;
                if session.out.is_closed() {
                    break;
                }
            }
            Ok(Outcome::Done)
        }
        Verb::Export { file } => {
            let mut target = NewFile::create(&file)?;
            let mut pages = Pages::all();
            let mut count = 0;
            while let Some(records) = next(session, &mut pages).await? {
                count += u64::try_from(records.len()).unwrap_or(0);
                target.write(&lines(&records)?)?;
            }
            target.finish()?;
            let document = serde_json::json!({ "file": file, "records": count });
            session.out.answer(&document, |_| {
                format!(
                    "{} records written to {}\n",
                    number(count),
                    crate::plain::clean(&file.to_string_lossy())
                )
            })?;
            Ok(Outcome::Done)
        }
    }
}

fn page(answer: Answer) -> Option<Page<AuditView>> {
    match answer {
        Answer::Audit(AuditAnswer::List(page)) => Some(page),
        _ => None,
    }
}

async fn next(session: &mut Session<'_>, pages: &mut Pages) -> Result<Option<Vec<AuditView>>, Failure> {
    pages.next(session, &|page| Query::Audit(AuditQuery::Export { page }), page, "records").await
}

fn lines(records: &[AuditView]) -> Result<String, Failure> {
    let mut text = String::new();
    for record in records {
        text += &to_json(record, false)?;
        text.push('\n');
    }
    Ok(text)
}

fn row(record: &AuditView) -> Vec<Cell> {
    let tone = if record.act == "refused" { Tone::Warn } else { Tone::Plain };
    vec![
        record.seq.to_string().into(),
        time(record.at).into(),
        record.actor.as_str().into(),
        record.origin.as_str().into(),
        Cell::toned(&record.act, tone),
        record.subject.as_str().into(),
    ]
}

fn text(check: &AuditCheck, style: Style) -> String {
    let mut block = Block::new();
    if check.intact {
        block.toned("Chain", "intact", Tone::Good);
    } else {
        block.toned("Chain", "BROKEN", Tone::Bad);
    }
    block.maybe("Problem", check.problem.as_ref());
    block.line("Records", number(check.records));
    block.line(
        "Signed head",
        check.signed_head_seq.map_or("none yet".to_owned(), |seq| format!("at record {seq}")),
    );
    block.line("Head", &check.head);
    block.render(style)
}
