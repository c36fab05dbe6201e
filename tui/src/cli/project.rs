//! `cutover project`.

use clap::Subcommand;
use cutover_shared::catalog::{CatalogAnswer, CatalogQuery, LinkView, ProjectView};
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::mapping::MappingStatus;
use cutover_shared::rpc::{Answer, Query};

use super::list::{Listing, Window, list};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, Tone, number, time};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Projects with their repositories by status
    List {
        /// Only this tenant's
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        window: Window,
    },
    /// One project: each repository, its mapping, the evidence and what comes next
    Show {
        /// As the application names it
        project: String,
    },
}

const COLUMNS: &[Column] = &[
    Column::long("PROJECT"),
    Column::long("TENANT"),
    Column::number("REPOS"),
    Column::number("MAPPED"),
    Column::number("PENDING"),
    Column::number("UNMAPPABLE"),
    Column::number("UNPLANNED"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { tenant, window } => {
            let tenant = tenant.map(TenantId);
            let listing = Listing {
                noun: "projects",
                columns: COLUMNS,
                ask: &|page| Query::Catalog(CatalogQuery::Projects { tenant: tenant.clone(), page }),
                take: |answer| match answer {
                    Answer::Catalog(CatalogAnswer::Projects(page)) => Some(page),
                    _ => None,
                },
                row: |project, _| row(project),
            };
            list(session, &window, listing).await
        }
        Verb::Show { project } => {
            let id = ProjectId(project);
            let Answer::Catalog(CatalogAnswer::Project(view)) =
                session.ask(Query::Catalog(CatalogQuery::Project { id })).await?
            else {
                return Err(Failure::unexpected("project show"));
            };
            session.out.answer(&view, |style| text(&view, style))?;
            Ok(Outcome::Done)
        }
    }
}

fn row(project: &ProjectView) -> Vec<Cell> {
    let with = |status: Option<MappingStatus>| {
        let n = project.links.iter().filter(|link| link.mapping.as_ref().map(|m| m.status) == status).count();
        Cell::from(n.to_string())
    };
    vec![
        project.id.as_str().into(),
        project.tenant.as_str().into(),
        project.links.len().to_string().into(),
        with(Some(MappingStatus::Mapped)),
        with(Some(MappingStatus::Pending)),
        with(Some(MappingStatus::Unmappable)),
        with(None),
    ]
}

/// The colour of a mapping's status.
pub(super) fn tone(status: MappingStatus) -> Tone {
    match status {
        MappingStatus::Mapped => Tone::Good,
        MappingStatus::Pending => Tone::Warn,
        MappingStatus::Unmappable => Tone::Bad,
    }
}

fn text(project: &ProjectView, style: Style) -> String {
    let mut block = Block::new();
    block.line("Project", project.id.as_str());
    block.line("Tenant", project.tenant.as_str());
    block.line("Repositories", number(u64::try_from(project.links.len()).unwrap_or(u64::MAX)));
    let mut text = block.render(style);
    for link in &project.links {
        text += "\n";
        text += &link_text(link, style);
    }
    text
}

fn link_text(view: &LinkView, style: Style) -> String {
    let LinkView { link, mapping } = view;
    let mut block = Block::new();
    block.toned("Repository", &link.repo_full_name, Tone::Strong);
    let method = link.import_method.as_ref().map_or(String::new(), |method| format!(" by {method}"));
    block.maybe("Imported", link.imported_at.map(|at| format!("{}{method}", time(at))));
    block.maybe("Commit", link.imported_commit_sha.as_ref());
    block.line("Old token", if link.token.is_some() { "stored, sealed" } else { "none" });
    let Some(mapping) = mapping else {
        block.line("Status", "unplanned: no plan was applied to it yet");
        return block.render(style);
    };
    block.toned("Status", format!("{} ({})", mapping.status, mapping.reason), tone(mapping.status));
    block.maybe("Installation", mapping.installation.map(|id| id.to_string()));
    block.line(
        "Confidence",
        format!("{} %, rung {} of the ladder", mapping.confidence, mapping.evidence.rung),
    );
    block.maybe("Name now", mapping.evidence.current_name.as_ref());
    let owner = (mapping.evidence.owner_login.as_ref(), mapping.evidence.owner_id);
    block.maybe(
        "Owner",
        match owner {
            (Some(login), Some(id)) => Some(format!("{login} ({id})")),
            (Some(login), None) => Some(login.clone()),
            (None, Some(id)) => Some(id.to_string()),
            (None, None) => None,
        },
    );
    if mapping.installation.is_none() {
        block.maybe("Looked at", mapping.evidence.considered.map(|id| format!("installation {id}")));
    }
    for fact in &mapping.evidence.facts {
        block.line("Evidence", fact);
    }
    if !mapping.next_steps.is_empty() {
        block.line("Next", &mapping.next_steps);
    }
    block.render(style)
}
