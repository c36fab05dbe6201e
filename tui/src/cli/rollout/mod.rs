//! `cutover rollout`.

mod act;
mod books;
mod proof;
mod receipt;
mod records;
mod text;
mod time;
mod worth;

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;
use cutover_shared::ids::TenantId;
use cutover_shared::rollout::{
    ChangeView, Member, Operation, OverrideView, RolloutAnswer, RolloutLine, RolloutName, RolloutQuery, Side,
    Stage,
};
use cutover_shared::rpc::{Answer, Query};
use serde_json::json;

pub(super) use self::act::{done, receipt_of};
pub(super) use self::receipt::killed;
use self::time::{Moment, moment};
use super::list::{Listing, Window, list};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{self, Cell, Column, Table, Tone, age, number};
use crate::session::Session;
use crate::words;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Every rollout: stage, who is in, what the judge says
    List,
    /// One rollout: track, both arms, verdict, criteria, last changes
    Show {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
    /// The next step: who would move and what must hold; with --approve, takes it
    #[command(
        after_help = "Without --approve nothing is changed: the digest that is printed is what is approved."
    )]
    Stage(act::Stage),
    /// Tenants, and which side answers for each
    Members {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        /// Only those that this side answers for
        #[arg(long, value_parser = words::side())]
        side: Option<Side>,
        #[command(flatten)]
        window: Window,
    },
    /// What was changed by whom and why, newest first
    Changes {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        #[command(flatten)]
        window: Window,
    },
    /// When the next step may come, and each stage it was in: when, by whom, and what happened there
    Timeline(time::Timeline),
    /// The tenants of a ring, or putting some on its list: the first share takes internal, then beta, then all
    Ring(time::RingArgs),
    /// Flags of operations: all, one, or switching one
    Flag(act::Flag),
    /// Exceptions for single tenants
    Overrides {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        #[command(flatten)]
        window: Window,
    },
    /// An exception for one tenant, or taking it away
    Override(act::Override),
    /// Holds automation and every advance; rollback and kill stay possible
    Freeze {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lets go of a freeze
    Unfreeze {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
    /// Why a tenant takes this arm, now or then, from what was recorded
    Explain {
        /// The tenant
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        tenant: String,
        /// import, list, clone, pull, push, or the key of a flag
        #[arg(value_parser = operation)]
        operation: Operation,
        /// Then: 2026-11-20T10:00:00Z, or how long ago, 2h [default: now]
        #[arg(long, value_name = "TIME", value_parser = moment)]
        at: Option<Moment>,
    },
    /// Answers of the two arms that differed, newest first
    Mismatches {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        #[command(flatten)]
        window: Window,
    },
    /// Writes behind the answer that wait or failed, oldest first
    Repairs {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
        #[command(flatten)]
        window: Window,
    },
    /// Tries writes that failed again, all or one; or gives one up
    Repair(books::Repair),
    /// Compares both books now, and has written again what is missing or differs; exit 1 when they do not agree
    Reconcile {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
    /// The last comparison of both books
    Reconciliation {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
    /// Existing sandboxes' records: import them, move them into the target's book
    #[command(subcommand)]
    Records(records::Verb),
    /// Whether to migrate at all: thresholds of the legacy arm, with the evidence
    Worth {
        /// The rollout [default: each]
        #[arg(value_parser = words::rollout())]
        name: Option<RolloutName>,
    },
    /// Decides whether to migrate at all; needs the role approver
    Decide(worth::Decide),
    /// Records the legacy arm's figures, which the target is held against
    Baseline(proof::Baseline),
    /// Walks the way back without going it; exit 1 when it can't be walked
    Drill {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
    /// Tries each tenant's credential in the target; exit 1 when one does not work
    Preflight {
        #[arg(value_parser = words::rollout())]
        name: RolloutName,
    },
}

/// An operation by its word, or by its flag.
fn operation(text: &str) -> Result<Operation, String> {
    Operation::from_word(text).or_else(|| Operation::of_flag(text)).ok_or_else(|| {
        let words: Vec<&str> = Operation::ALL.iter().map(|operation| operation.word()).collect();
        format!("there are {}, and their flags, which `cutover rollout flag` lists", words.join(", "))
    })
}

const LINES: &[Column] = &[
    Column::words("ROLLOUT"),
    Column::words("STAGE"),
    Column::words("SINCE"),
    Column::words("IN"),
    Column::words("STATE"),
    Column::text("VERDICT"),
];

const MEMBERS: &[Column] =
    &[Column::long("TENANT"), Column::words("SIDE"), Column::number("BUCKET"), Column::text("WHY")];

const CHANGES: &[Column] = &[
    Column::number("VERSION"),
    Column::words("WHEN"),
    Column::text("WHAT"),
    Column::long("BY"),
    Column::text("REASON"),
];

const OVERRIDES: &[Column] = &[
    Column::long("TENANT"),
    Column::words("SIDE"),
    Column::words("SINCE"),
    Column::long("BY"),
    Column::text("REASON"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List => lines(session).await,
        Verb::Show { name } => {
            let RolloutAnswer::Show(view) = ask(session, RolloutQuery::Show { name }).await? else {
                return Err(Failure::unexpected("rollout show"));
            };
            let now = session.now();
            session.out.answer(&view, |style| text::show(&view, now, style))?;
            Ok(Outcome::Done)
        }
        Verb::Stage(args) => act::stage(args, session).await,
        Verb::Records(verb) => records::run(verb, session).await,
        Verb::Members { name, side, window } => {
            let listing = Listing {
                noun: "tenants",
                columns: MEMBERS,
                ask: &|page| Query::Rollout(RolloutQuery::Members { name, side, page }),
                take: |answer| match answer {
                    Answer::Rollout(RolloutAnswer::Members(page)) => Some(page),
                    _ => None,
                },
                row: member,
            };
            list(session, &window, listing).await
        }
        Verb::Changes { name, window } => {
            let listing = Listing {
                noun: "changes",
                columns: CHANGES,
                ask: &|page| Query::Rollout(RolloutQuery::Changes { name, page }),
                take: |answer| match answer {
                    Answer::Rollout(RolloutAnswer::Changes(page)) => Some(page),
                    _ => None,
                },
                row: change,
            };
            list(session, &window, listing).await
        }
        Verb::Timeline(args) => time::timeline(args, session).await,
        Verb::Ring(args) => time::ring(args, session).await,
        Verb::Flag(args) => act::flag(args, session).await,
        Verb::Overrides { name, window } => {
            let listing = Listing {
                noun: "overrides",
                columns: OVERRIDES,
                ask: &|page| Query::Rollout(RolloutQuery::Overrides { name, page }),
                take: |answer| match answer {
                    Answer::Rollout(RolloutAnswer::Overrides(page)) => Some(page),
                    _ => None,
                },
                row: exception,
            };
            list(session, &window, listing).await
        }
        Verb::Override(args) => act::exception(args, session).await,
        Verb::Freeze { name, reason } => act::freeze(session, name, reason).await,
        Verb::Unfreeze { name } => act::unfreeze(session, name).await,
        Verb::Explain { tenant, operation, at } => explain(session, tenant, operation, at).await,
        Verb::Mismatches { name, window } => books::mismatches(session, name, &window).await,
        Verb::Repairs { name, window } => books::repairs(session, name, &window).await,
        Verb::Repair(args) => books::repair(args, session).await,
        Verb::Reconcile { name } => books::reconcile(session, name).await,
        Verb::Reconciliation { name } => books::reconciliation(session, name).await,
        Verb::Worth { name } => worth::look(session, name).await,
        Verb::Decide(args) => worth::decide(args, session).await,
        Verb::Baseline(args) => proof::baseline(args, session).await,
        Verb::Drill { name } => proof::drill(session, name).await,
        Verb::Preflight { name } => proof::preflight(session, name).await,
    }
}

/// An answer about rollouts.
pub(super) async fn ask(session: &mut Session<'_>, query: RolloutQuery) -> Result<RolloutAnswer, Failure> {
    match session.ask(Query::Rollout(query)).await? {
        Answer::Rollout(answer) => Ok(answer),
        _ => Err(Failure::unexpected("rollout")),
    }
}

async fn lines(session: &mut Session<'_>) -> Verdict {
    let RolloutAnswer::List(all) = ask(session, RolloutQuery::List).await? else {
        return Err(Failure::unexpected("rollout list"));
    };
    let now = session.now();
    session.out.answer(&json!({ "rows": all }), |style| {
        let rows: Vec<Vec<Cell>> = all.iter().map(|line| row(line, now)).collect();
        Table::whole(LINES, &rows, style)
    })?;
    Ok(Outcome::Done)
}

/// In one word, the worst first.
fn state(line: &RolloutLine) -> (&'static str, Tone) {
    match line {
        RolloutLine { killed: true, .. } => ("KILLED", Tone::Bad),
        RolloutLine { attention: true, .. } => ("attention", Tone::Warn),
        RolloutLine { frozen: true, .. } => ("frozen", Tone::Warn),
        _ => ("ok", Tone::Good),
    }
}

fn row(line: &RolloutLine, now: i64) -> Vec<Cell> {
    let (word, tone) = state(line);
    vec![
        line.name.word().into(),
        line.stage.to_string().into(),
        age(now, line.since).into(),
        format!("{} of {}", number(line.inside), number(line.tenants)).into(),
        Cell::toned(word, tone),
        line.verdict.as_str().into(),
    ]
}

fn member(member: &Member, _now: i64) -> Vec<Cell> {
    let tone = if member.side == Side::Target { Tone::Good } else { Tone::Plain };
    vec![
        member.tenant.as_str().into(),
        Cell::toned(member.side.word(), tone),
        member.bucket.to_string().into(),
        member.why.text().into(),
    ]
}

fn change(change: &ChangeView, now: i64) -> Vec<Cell> {
    vec![
        change.version.to_string().into(),
        age(now, change.at).into(),
        Cell::toned(plain::rollout::changed(change), plain::rollout::act_tone(&change.act)),
        change.by.as_str().into(),
        change.reason.as_str().into(),
    ]
}

fn exception(one: &OverrideView, now: i64) -> Vec<Cell> {
    vec![
        one.tenant.as_str().into(),
        one.side.word().into(),
        age(now, one.at).into(),
        one.by.as_str().into(),
        one.reason.as_str().into(),
    ]
}

async fn explain(
    session: &mut Session<'_>,
    tenant: String,
    operation: Operation,
    at: Option<Moment>,
) -> Verdict {
    let at = at.map(|at| at.ms(session.now()));
    let query = RolloutQuery::Explain { tenant: TenantId(tenant), operation, at };
    let RolloutAnswer::Explain(view) = ask(session, query).await? else {
        return Err(Failure::unexpected("rollout explain"));
    };
    session.out.answer(&view, |style| text::explain(&view, style))?;
    Ok(Outcome::Done)
}

/// A stage of the track by its word.
pub(super) fn stage_word(text: &str) -> Result<Stage, String> {
    text.parse()
        .map_err(|_| "stages are off, dual-write, shadow, canary-1 to canary-100, live, complete".to_owned())
}

/// `2026-08-21 14:03:05Z (2 h ago)`.
pub(super) fn when(now: i64, at: i64) -> String {
    format!("{} ({})", plain::time(at), age(now, at))
}
