//! `cutover fleet history`.

use cutover_shared::fleet::{FleetAnswer, FleetQuery, HistoryEntry, Way};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::{Answer, Query};

use super::super::Verdict;
use super::super::list::{Listing, Window, list};
use super::instance::status_tone;
use crate::plain::{Cell, Column, age, number};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Only this tenant's
    tenant: Option<String>,
    #[command(flatten)]
    window: Window,
}

pub(super) const COLUMNS: &[Column] = &[
    Column::words("ENDED"),
    Column::long("TENANT"),
    Column::words("MIGRATION"),
    Column::words("STATUS"),
    Column::number("TRY"),
    Column::text("ERROR"),
];

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    let tenant = args.tenant.map(TenantId);
    let listing = Listing {
        noun: "attempts",
        columns: COLUMNS,
        ask: &|page| Query::Fleet(FleetQuery::History { tenant: tenant.clone(), page }),
        take: |answer| match answer {
            Answer::Fleet(FleetAnswer::History(page)) => Some(page),
            _ => None,
        },
        row,
    };
    list(session, &args.window, listing).await
}

pub(super) fn row(entry: &HistoryEntry, now: i64) -> Vec<Cell> {
    let way = if entry.way == Way::Down { " (down)" } else { "" };
    let class = entry.class.map_or(String::new(), |class| format!("{class}: "));
    vec![
        entry.completed_at.map_or_else(String::new, |at| age(now, at)).into(),
        entry.tenant.as_str().into(),
        format!("{}{way}", entry.migration).into(),
        Cell::toned(entry.status.word(), status_tone(entry.status)),
        number(entry.attempt.into()).into(),
        entry.error.as_ref().map_or_else(String::new, |error| format!("{class}{error}")).into(),
    ]
}
