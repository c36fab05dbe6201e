//! `cutover tenant`.

use clap::Subcommand;
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, TenantView};
use cutover_shared::filter::TENANTS;
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};

use super::choose::{Choice, Windowed, choose, help};
use super::list::Listing;
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, number};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Tenants with the progress of their projects
    #[command(after_help = help(&TENANTS))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// One tenant
    Show {
        /// As the application names it
        tenant: String,
    },
}

const COLUMNS: &[Column] = &[
    Column::long("TENANT"),
    Column::words("CANARY"),
    Column::number("PROJECTS"),
    Column::number("REPOS"),
    Column::number("MAPPED"),
    Column::number("PENDING"),
    Column::number("UNMAPPABLE"),
    Column::number("UNPLANNED"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { choice } => {
            let listing = Listing {
                noun: "tenants",
                columns: COLUMNS,
                ask: &|page| Query::Catalog(CatalogQuery::Tenants { page }),
                take: |answer| match answer {
                    Answer::Catalog(CatalogAnswer::Tenants(page)) => Some(page),
                    _ => None,
                },
                row: |tenant, _| row(tenant),
            };
            let windowed = Windowed {
                fields: &TENANTS,
                ask: &|ask| Query::Catalog(CatalogQuery::TenantWindow { ask }),
                take: |answer| match answer {
                    Answer::Catalog(CatalogAnswer::TenantWindow(window)) => Some(window),
                    _ => None,
                },
            };
            choose(session, &choice, None, listing, windowed).await
        }
        Verb::Show { tenant } => {
            let id = TenantId(tenant);
            let Answer::Catalog(CatalogAnswer::Tenant(view)) =
                session.ask(Query::Catalog(CatalogQuery::Tenant { id })).await?
            else {
                return Err(Failure::unexpected("tenant show"));
            };
            session.out.answer(&view, |style| text(&view, style))?;
            Ok(Outcome::Done)
        }
    }
}

fn row(tenant: &TenantView) -> Vec<Cell> {
    vec![
        tenant.id.as_str().into(),
        if tenant.canary { "yes" } else { "no" }.into(),
        number(tenant.projects).into(),
        number(tenant.repositories).into(),
        number(tenant.counts.mapped).into(),
        number(tenant.counts.pending).into(),
        number(tenant.counts.unmappable).into(),
        number(tenant.counts.unplanned).into(),
    ]
}

fn text(tenant: &TenantView, style: Style) -> String {
    let counts = &tenant.counts;
    let mut block = Block::new();
    block.line("Tenant", tenant.id.as_str());
    block.line("Canary", if tenant.canary { "on the list" } else { "no" });
    block.line("Projects", number(tenant.projects));
    block.line(
        "Repositories",
        format!(
            "{}: {} mapped, {} pending, {} unmappable, {} unplanned",
            number(tenant.repositories),
            number(counts.mapped),
            number(counts.pending),
            number(counts.unmappable),
            number(counts.unplanned)
        ),
    );
    block.render(style)
}
