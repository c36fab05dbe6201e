//! What changes a rollout.

use clap::builder::NonEmptyStringValueParser;
use cutover_shared::ids::{Digest, TenantId};
use cutover_shared::rollout::{
    FlagView, Operation, Ring, RolloutAct, RolloutAnswer, RolloutName, RolloutQuery, RolloutReceipt, StepView,
};
use cutover_shared::rpc::{Act, Receipt};
use serde_json::json;

use super::super::{Outcome, Verdict};
use super::{ask, operation, receipt, stage_word, text};
use crate::failure::Failure;
use crate::plain::{Cell, Column, Table, Tone, shell_word};
use crate::session::Session;
use crate::words;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Stage {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// The stage to go to [default: the next one]
    #[arg(long, value_name = "STAGE", value_parser = stage_word)]
    to: Option<cutover_shared::rollout::Stage>,
    /// So many tenants, named and frozen at approval, instead of the share
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    exact: Option<u32>,
    /// Whom the first share is opened for [default: the next ring that has tenants, then all]
    #[arg(long, value_name = "RING", value_parser = words::ring(), conflicts_with = "exact")]
    ring: Option<Ring>,
    /// Take the step, if it has this digest
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,
    /// Pass the criteria that may be passed; the reason goes into the audit log
    #[arg(long = "override", value_name = "REASON", requires = "approve")]
    override_reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Flag {
    /// The flag's key, or its operation [default: list all]
    #[arg(value_name = "KEY", value_parser = operation)]
    flag: Option<Operation>,
    /// Off forces legacy; on lets stage and overrides decide
    #[arg(value_parser = words::on_off(), requires = "reason")]
    state: Option<bool>,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", requires = "state")]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Override {
    #[arg(value_parser = words::rollout())]
    name: RolloutName,
    /// The tenant
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    tenant: String,
    /// Who answers for it; `none` takes the exception away
    #[arg(value_parser = words::side_or_none())]
    side: words::SideOrNone,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

const FLAGS: &[Column] = &[
    Column::long("KEY"),
    Column::words("STATE"),
    Column::words("OPERATION"),
    Column::words("ROLLOUT"),
    Column::words("STAGE"),
];

/// Does it and says what became of it; `unchanged` where everything was so already. A proof that failed and books that
/// do not agree are something to look at.
pub(in crate::cli) async fn done(session: &mut Session<'_>, act: RolloutAct, unchanged: &str) -> Verdict {
    let done = receipt_of(session, act).await?;
    let now = session.now();
    session.out.answer(&done, |style| receipt::text(&done, unchanged, now, style))?;
    Ok(if receipt::is_bad(&done) { Outcome::Found } else { Outcome::Done })
}

/// Does it.
pub(in crate::cli) async fn receipt_of(
    session: &mut Session<'_>,
    act: RolloutAct,
) -> Result<RolloutReceipt, Failure> {
    match session.act(Act::Rollout(act)).await? {
        Receipt::Rollout(receipt) => Ok(*receipt),
        _ => Err(Failure::unexpected("an act on a rollout")),
    }
}

pub(super) async fn stage(args: Stage, session: &mut Session<'_>) -> Verdict {
    let Stage { name, to, exact, ring, approve, override_reason } = args;
    let Some(digest) = approve else {
        let step = step(session, name, to, exact, ring).await?;
        let next = next(&step, exact, ring, session);
        session.out.answer(&step, |style| text::step(&step, &next, style))?;
        return Ok(Outcome::Done);
    };
    // The stage that the digest belongs to; whether it is this step's still is the daemon's word.
    let to = match to {
        Some(to) => to,
        None => step(session, name, None, exact, ring).await?.to,
    };
    let act = RolloutAct::Stage { name, to, exact, ring, digest: Digest(digest), override_reason };
    done(session, act, "nothing was to be done").await
}

async fn step(
    session: &mut Session<'_>,
    name: RolloutName,
    to: Option<cutover_shared::rollout::Stage>,
    exact: Option<u32>,
    ring: Option<Ring>,
) -> Result<StepView, Failure> {
    match ask(session, RolloutQuery::Step { name, to, exact, ring }).await? {
        RolloutAnswer::Step(step) => Ok(*step),
        _ => Err(Failure::unexpected("rollout stage")),
    }
}

/// The command that takes the step as it was shown. A ring that was asked for is asked for again: without one the daemon takes the
/// next that has tenants, which is another step.
fn next(step: &StepView, exact: Option<u32>, asked: Option<Ring>, session: &Session<'_>) -> String {
    let socket = session
        .options
        .socket
        .as_ref()
        .map_or(String::new(), |path| format!(" --socket {}", shell_word(&path.to_string_lossy())));
    let exact = exact.map_or(String::new(), |k| format!(" --exact {k}"));
    let ring = asked.unwrap_or(step.ring);
    let ring = if ring.is_all() && asked.is_none() { String::new() } else { format!(" --ring {ring}") };
    let passed = if step.open { "" } else { " --override REASON" };
    let digest = step.digest.as_str();
    format!(
        "cutover{socket} rollout stage {} --to {}{exact}{ring} --approve {digest}{passed}",
        step.rollout, step.to
    )
}

pub(super) async fn flag(args: Flag, session: &mut Session<'_>) -> Verdict {
    if let (Some(operation), Some(on), Some(reason)) = (args.flag, args.state, args.reason) {
        let unchanged = format!("{} is {} already", operation.flag(), if on { "on" } else { "off" });
        return done(session, RolloutAct::Flag { operation, on, reason }, &unchanged).await;
    }
    let RolloutAnswer::Flags(all) = ask(session, RolloutQuery::Flags).await? else {
        return Err(Failure::unexpected("rollout flag"));
    };
    let wanted = |flag: &FlagView| args.flag.is_none_or(|wanted| wanted == flag.operation);
    let all: Vec<FlagView> = all.into_iter().filter(wanted).collect();
    session.out.answer(&json!({ "rows": all }), |style| {
        let rows: Vec<Vec<Cell>> = all.iter().map(row).collect();
        Table::whole(FLAGS, &rows, style)
    })?;
    Ok(Outcome::Done)
}

pub(super) async fn exception(args: Override, session: &mut Session<'_>) -> Verdict {
    let Override { name, tenant, side: words::SideOrNone(side), reason } = args;
    let unchanged = match side {
        Some(side) => format!("{tenant} has this exception already: {side}"),
        None => format!("{tenant} has no exception"),
    };
    done(session, RolloutAct::Override { name, tenant: TenantId(tenant), side, reason }, &unchanged).await
}

pub(super) async fn freeze(session: &mut Session<'_>, name: RolloutName, reason: String) -> Verdict {
    done(session, RolloutAct::Freeze { name, reason }, &format!("{name} is frozen already")).await
}

pub(super) async fn unfreeze(session: &mut Session<'_>, name: RolloutName) -> Verdict {
    done(session, RolloutAct::Unfreeze { name }, &format!("{name} is not frozen")).await
}

fn row(flag: &FlagView) -> Vec<Cell> {
    let (word, tone) = match flag {
        FlagView { killed: true, .. } => ("KILLED", Tone::Bad),
        FlagView { on: true, .. } => ("on", Tone::Good),
        _ => ("off", Tone::Warn),
    };
    vec![
        flag.key.as_str().into(),
        Cell::toned(word, tone),
        flag.operation.word().into(),
        flag.rollout.word().into(),
        flag.stage.to_string().into(),
    ]
}
