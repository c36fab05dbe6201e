//! `cutover rollout records`: existing sandboxes' records, and their way into the target's book.

use clap::Subcommand;
use cutover_shared::catalog::Contents;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{RolloutAct, RolloutAnswer, RolloutQuery};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::sandbox_record::RecordView;

use super::super::catalog::{Uploaded, import};
use super::super::list::{Listing, Window, list};
use super::super::map::{self, Apply, Scope};
use super::super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{self, Cell, Column, age};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Takes a file of sandboxes' records, whole or not at all
    Import(Import),
    /// Records that were imported, and which books have them
    List {
        /// Only this tenant's
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        window: Window,
    },
    /// A dry-run: which records would move into the target's book; changes nothing
    Plan(Scope),
    /// Moves the records of an approved plan, no more and no less, and follows it to its end
    Apply(Apply),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Columns (CSV) or fields (JSON Lines)
  needed    sandboxId, tenantId, projectId, repoFullName, commitSha, updatedAt
  optional  branch, treeSha, state, createdAt
Records hold no tokens: a row with one is refused.")]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    file: Uploaded,
}

const RECORDS: &[Column] = &[
    Column::long("TENANT"),
    Column::long("SANDBOX"),
    Column::long("REPOSITORY"),
    Column::words("COMMIT"),
    Column::words("CHANGED"),
    Column::words("BOOKS"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Import(args) => import::run(&args.file, Contents::SandboxRecords, session).await,
        Verb::List { tenant, window } => {
            let tenant = tenant.map(TenantId);
            let listing = Listing {
                noun: "records",
                columns: RECORDS,
                ask: &|page| Query::Rollout(RolloutQuery::Records { tenant: tenant.clone(), page }),
                take: |answer| match answer {
                    Answer::Rollout(RolloutAnswer::Records(page)) => Some(page),
                    _ => None,
                },
                row,
            };
            list(session, &window, listing).await
        }
        Verb::Plan(scope) => plan(scope, session).await,
        Verb::Apply(args) => map::apply(args, session).await,
    }
}

fn row(view: &RecordView, now: i64) -> Vec<Cell> {
    let record = &view.record;
    let books = match (view.legacy, view.target) {
        (true, true) => "both",
        (true, false) => "legacy",
        (false, true) => "target",
        (false, false) => "none",
    };
    vec![
        record.tenant.as_str().into(),
        record.id.as_str().into(),
        record.repo_full_name.as_str().into(),
        record.commit_sha.chars().take(12).collect::<String>().into(),
        age(now, record.updated_at).into(),
        books.into(),
    ]
}

async fn plan(scope: Scope, session: &mut Session<'_>) -> Verdict {
    let act = RolloutAct::PlanRecords { scope: scope.chosen() };
    let Receipt::Rollout(receipt) = session.act(Act::Rollout(act)).await? else {
        return Err(Failure::unexpected("rollout records plan"));
    };
    let Some(view) = receipt.planned else { return Err(Failure::unexpected("rollout records plan")) };
    let now = session.now();
    let options = map::global_options(session);
    session
        .out
        .answer(&view, |style| plain::show(&view, now, style) + &plain::next_of_plan(&view, &options))?;
    Ok(Outcome::Done)
}
