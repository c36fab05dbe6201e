//! `cutover catalog`.

pub(super) mod import;
mod upload;

use std::path::PathBuf;

use clap::Subcommand;
use cutover_shared::catalog::{CatalogAnswer, CatalogFormat, CatalogQuery, Contents, DdlFormat, LinkView};
use cutover_shared::filter::LINKS;
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};

use super::choose::{Choice, Windowed, choose, help};
use super::list::Listing;
use super::{Outcome, Verdict, project};
use crate::failure::Failure;
use crate::plain::{Cell, Column};
use crate::session::Session;
use crate::words;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Takes a file of projects and repositories, whole or not at all
    Import(Import),
    /// Repositories of projects and how they are mapped
    #[command(after_help = help(&LINKS))]
    List {
        /// Only this tenant's; a filter says `tenant:T`
        #[arg(long, value_name = "TENANT", conflicts_with_all = ["filter", "sort"])]
        tenant: Option<String>,
        #[command(flatten)]
        choice: Choice,
    },
    /// Prints the migration for the application's database
    Ddl {
        /// Its language
        #[arg(long, value_name = "FORMAT", default_value = "sql", value_parser = words::ddl_format())]
        format: DdlFormat,
        /// Print the way back instead
        #[arg(long)]
        down: bool,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Columns (CSV) or fields (JSON Lines)
  needed    projectId, tenantId, repoFullName
  optional  repoId, ownerId, ownerLogin, githubAccessToken, importedAt,
            importedCommitSha, importedTreeSha, importMethod
Tokens are sealed when they arrive.")]
pub(super) struct Import {
    #[command(flatten)]
    file: Uploaded,
}

/// A file that is taken whole or not at all.
#[derive(Debug, clap::Args)]
pub(super) struct Uploaded {
    /// File to take; `-` is standard input
    file: PathBuf,
    /// Take the good rows and say which were left out; exit 1 when any was
    #[arg(long)]
    skip_bad: bool,
    /// Its format, where the file's name does not end in .csv, .jsonl or .ndjson
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "jsonl"])]
    format: Option<String>,
}

impl Uploaded {
    /// The format that was named, or that the file's name says.
    fn format(&self) -> Result<CatalogFormat, Failure> {
        let extension = self.file.extension().map(|e| e.to_string_lossy().to_lowercase());
        match self.format.as_deref().or(extension.as_deref()) {
            Some("csv") => Ok(CatalogFormat::Csv),
            Some("jsonl" | "ndjson") => Ok(CatalogFormat::JsonLines),
            _ => Err(Failure::usage(
                format!("the name `{}` does not say what is in it", self.file.display()),
                "say so with --format csv or --format jsonl",
            )),
        }
    }
}

const COLUMNS: &[Column] = &[
    Column::long("PROJECT"),
    Column::long("TENANT"),
    Column::long("REPOSITORY"),
    Column::words("STATUS"),
    Column::long("REASON"),
    Column::number("INSTALLATION"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Import(args) => import::run(&args.file, Contents::Links, session).await,
        Verb::List { tenant, choice } => {
            let tenant = tenant.map(TenantId);
            let listing = Listing {
                noun: "repositories",
                columns: COLUMNS,
                ask: &|page| Query::Catalog(CatalogQuery::Links { tenant: tenant.clone(), page }),
                take: |answer| match answer {
                    Answer::Catalog(CatalogAnswer::Links(page)) => Some(page),
                    _ => None,
                },
                row: |link, _| row(link),
            };
            let windowed = Windowed {
                fields: &LINKS,
                ask: &|ask| Query::Catalog(CatalogQuery::LinkWindow { ask }),
                take: |answer| match answer {
                    Answer::Catalog(CatalogAnswer::LinkWindow(window)) => Some(window),
                    _ => None,
                },
            };
            choose(session, &choice, None, listing, windowed).await
        }
        Verb::Ddl { format, down } => {
            let Answer::Catalog(CatalogAnswer::Ddl(ddl)) =
                session.ask(Query::Catalog(CatalogQuery::Ddl { format })).await?
            else {
                return Err(Failure::unexpected("catalog ddl"));
            };
            if session.out.json {
                session.out.document(&ddl)?;
            } else {
                let text = if down { &ddl.down } else { &ddl.up };
                session.out.raw(&format!("{}\n", text.trim_end_matches('\n')))?;
            }
            Ok(Outcome::Done)
        }
    }
}

fn row(view: &LinkView) -> Vec<Cell> {
    let link = &view.link;
    let mapping = view.mapping.as_ref();
    vec![
        link.project.as_str().into(),
        link.tenant.as_str().into(),
        link.repo_full_name.as_str().into(),
        mapping.map_or(Cell::from("unplanned"), |m| Cell::toned(m.status.word(), project::tone(m.status))),
        mapping.map_or("", |m| m.reason.word()).into(),
        mapping.and_then(|m| m.installation).map_or(String::new(), |id| id.to_string()).into(),
    ]
}
