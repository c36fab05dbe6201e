//! `cutover fleet history`.

use cutover_shared::fleet::{FleetAnswer, FleetQuery};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};

use super::super::Verdict;
use super::super::list::{Listing, Window, list};
use crate::plain::fleet::{HISTORY_COLUMNS, history_row};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only this tenant's
    tenant: Option<String>,
    #[command(flatten)]
    window: Window,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let tenant = args.tenant.map(TenantId);
    let listing = Listing {
        noun: "attempts",
        columns: HISTORY_COLUMNS,
        ask: &|page| Query::Fleet(FleetQuery::History { tenant: tenant.clone(), page }),
        take: |answer| match answer {
            Answer::Fleet(FleetAnswer::History(page)) => Some(page),
            _ => None,
        },
        row: history_row,
    };
    list(session, &args.window, listing).await
}
