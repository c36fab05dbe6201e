//! `cutover fleet apply` and `cutover fleet retry`: a run, followed, and then how the tenants fared.

use std::collections::BTreeMap;

use cutover_shared::fleet::{FleetAct, FleetAnswer, FleetQuery, FleetReceipt, FleetResult};
use cutover_shared::ids::RunId;
use cutover_shared::run::RunView;
use serde::Serialize;

use super::super::follow::{Patience, judge, until_settled};
use super::super::map::{Apply, start};
use super::super::{Outcome, Verdict, reference};
use super::{act, ask};
use crate::failure::Failure;
use crate::plain::fleet::tenants;
use crate::plain::{self, Block, Cell, Column, Style, Table, Tone, number};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Retry {
    #[arg(value_name = "RUN", help = reference::HELP)]
    id: String,
    /// The cause, as `fleet status` names it
    #[arg(long, value_name = "GROUP")]
    group: String,
    /// Return at once; the run goes on
    #[arg(long)]
    detach: bool,
}

pub(super) async fn apply(args: Apply, session: &mut Session<'_>) -> Verdict {
    let detach = args.detach;
    let run = start(args, session).await?;
    to_its_end(run, detach, session).await
}

pub(super) async fn retry(args: Retry, session: &mut Session<'_>) -> Verdict {
    let run = reference::resolve(session, &args.id).await?;
    let FleetReceipt::Run(run) = act(session, FleetAct::Retry { run, group: args.group }).await? else {
        return Err(Failure::unexpected("fleet retry"));
    };
    to_its_end(*run, args.detach, session).await
}

/// A run and how its tenants fared.
#[derive(Serialize)]
struct Ended {
    run: RunView,
    /// None while it goes on.
    result: Option<FleetResult>,
}

async fn to_its_end(run: RunView, detach: bool, session: &mut Session<'_>) -> Verdict {
    let now = session.now();
    if detach {
        session.out.note(&format!("it goes on in the daemon: cutover watch {}", run.id));
        let ended = Ended { run, result: None };
        session.out.answer(&ended, |style| plain::show(&ended.run, now, style))?;
        return Ok(Outcome::Done);
    }
    let run = until_settled(session, &run.id, Patience::Act).await?;
    let result = result(session, &run.id).await?;
    let outcome = match judge(&run) {
        Ok(outcome) => outcome,
        Err(failure) => {
            // What halted it is in the result, and an error leaves stdout empty.
            session.out.aside(&told(&result, Style::default()));
            return Err(failure);
        }
    };
    let is_found = result.failed > 0 || !result.errors.is_empty();
    let ended = Ended { run, result: Some(result) };
    session.out.answer(&ended, |style| {
        let result = ended.result.as_ref().map(|result| told(result, style)).unwrap_or_default();
        format!("{}\n{result}", plain::show(&ended.run, now, style))
    })?;
    Ok(if is_found { Outcome::Found } else { outcome })
}

async fn result(session: &mut Session<'_>, run: &RunId) -> Result<FleetResult, Failure> {
    match ask(session, FleetQuery::Result { run: run.clone() }).await? {
        FleetAnswer::Result(result) => Ok(result),
        _ => Err(Failure::unexpected("the result of a run")),
    }
}

const ERRORS: &[Column] =
    &[Column::number("TENANTS"), Column::words("AT"), Column::text("ERROR"), Column::long("SUCH AS")];

/// Figures, and the errors grouped by text and migration, the most first.
fn told(result: &FleetResult, style: Style) -> String {
    let mut block = Block::new();
    let tone = if result.failed > 0 { Tone::Bad } else { Tone::Good };
    let mut figures = format!(
        "{}: {} succeeded, {} failed, {} skipped",
        tenants(result.total),
        number(result.succeeded),
        number(result.failed),
        number(result.skipped),
    );
    // Of a run that was paused or cancelled on its way.
    let over = result.succeeded.saturating_add(result.failed).saturating_add(result.skipped);
    let open = result.total.saturating_sub(over);
    if open > 0 {
        figures += &format!(", {} not reached", number(open));
    }
    block.toned("Result", figures, tone);
    let mut groups: BTreeMap<(&str, &str), (u64, &str)> = BTreeMap::new();
    for fault in &result.errors {
        let at = fault.failed_at.as_deref().unwrap_or_default();
        let group = groups.entry((at, &fault.error)).or_insert((0, fault.user_id.as_str()));
        group.0 += 1;
    }
    if groups.is_empty() {
        return block.render(style);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let rows: Vec<Vec<Cell>> = groups
        .into_iter()
        .map(|((at, error), (count, example))| {
            vec![number(count).into(), at.into(), Cell::toned(error, Tone::Bad), example.into()]
        })
        .collect();
    let mut text = format!("{}\n{}", block.render(style), Table::whole(ERRORS, &rows, style));
    let listed = u64::try_from(result.errors.len()).unwrap_or(u64::MAX);
    let all = result.failed.saturating_add(result.skipped);
    if all > listed && listed >= 100 {
        let told = format!("of the first {}; `cutover fleet status` has all", number(listed));
        text += &format!("{}\n", style.paint(&told, Tone::Dim));
    }
    text
}
