//! `cutover run`.

use clap::Subcommand;
use cutover_shared::filter::{ITEMS, RUNS};
use cutover_shared::ids::{Digest, RunId};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::run::{
    GateView, ItemGroup, ItemState, ItemView, RunAct, RunAnswer, RunQuery, RunState, RunView,
};
use serde::Serialize;

use super::choose::{Choice, Windowed, choose, help};
use super::follow::{Patience, follow};
use super::list::Listing;
use super::{Outcome, Verdict, reference};
use crate::failure::Failure;
use crate::plain::{self, Cell, Column, RUN_COLUMNS, runs_row};
use crate::session::Session;
use crate::words;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Runs, newest first
    #[command(after_help = help(&RUNS))]
    List {
        /// Only those in this state
        #[arg(long, value_name = "STATE", value_parser = words::run_state())]
        state: Option<RunState>,
        /// Only those of this kind: map, old_hooks, sandbox-records; a filter says `kind:K`
        #[arg(long, value_name = "KIND", conflicts_with_all = ["filter", "sort"])]
        kind: Option<String>,
        #[command(flatten)]
        choice: Choice,
    },
    /// One run: its state, figures, digest, who approved it, its findings, and what the gate says of a plan
    Show {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
    },
    /// What a run's plan says item by item, and what became of it
    #[command(after_help = help(&ITEMS))]
    Items {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
        /// Only those in this state
        #[arg(long, value_name = "STATE", value_parser = words::item_state())]
        state: Option<ItemState>,
        #[command(flatten)]
        choice: Choice,
    },
    /// Approves the plan that has this digest, and no other
    Approve {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
        /// The whole digest, as the plan printed it
        #[arg(long, value_name = "DIGEST")]
        digest: String,
        /// Approve although a check says no; the reason goes into the audit log
        #[arg(long = "override", value_name = "REASON")]
        override_reason: Option<String>,
    },
    /// Stops after the chunk that is under way
    Pause {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
    },
    /// Goes on with a paused run, and follows it
    Resume(Going),
    /// Ends a run; what was done stays
    Cancel {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
    },
    /// Takes the failed items of the same approval once more, and follows
    Retry(Again),
    /// Takes back what the run did, where nobody changed it since, and follows
    Undo(Going),
    /// Says what became of an `unknown` item, after somebody looked
    Settle {
        #[arg(value_name = "RUN", help = reference::HELP)]
        id: String,
        /// The item's key, as `run items --state unknown` shows it
        #[arg(value_name = "ITEM")]
        item: String,
        /// Did the effect happen?
        #[arg(long, value_name = "yes|no", action = clap::ArgAction::Set, value_parser = words::yes_no())]
        happened: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Going {
    #[arg(value_name = "RUN", help = reference::HELP)]
    id: String,
    /// Most items a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Return at once; the run goes on
    #[arg(long)]
    detach: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Again {
    #[arg(value_name = "RUN", help = reference::HELP)]
    id: String,
    /// Return at once; the run goes on
    #[arg(long)]
    detach: bool,
}

const ITEM_COLUMNS: &[Column] = &[
    Column::number("#"),
    Column::long("ITEM"),
    Column::words("STATE"),
    Column::number("TRIES"),
    Column::long("REASON"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { state, kind, choice } => {
            let listing = Listing {
                noun: "runs",
                columns: RUN_COLUMNS,
                ask: &|page| Query::Run(RunQuery::List { state, kind: kind.clone(), page }),
                take: reference::runs,
                row: runs_row,
            };
            let windowed = Windowed {
                fields: &RUNS,
                ask: &|ask| Query::Run(RunQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Run(RunAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            let term = state.map(|state| format!("state:{state}"));
            choose(session, &choice, term, listing, windowed).await
        }
        Verb::Show { id } => {
            let id = reference::resolve(session, &id).await?;
            let run = reference::show(session, &id).await?;
            let shown = Shown { groups: groups(session, &run).await?, gate: gate(session, &run).await?, run };
            let now = session.now();
            session.out.answer(&shown, |style| {
                let gate = shown.gate.as_ref().map(|gate| plain::gate(gate, style)).unwrap_or_default();
                plain::show(&shown.run, now, style) + &gate + &plain::groups(&shown.groups, style)
            })?;
            Ok(Outcome::Done)
        }
        Verb::Items { id, state, choice } => {
            let id = reference::resolve(session, &id).await?;
            items(session, id, state, &choice).await
        }
        Verb::Approve { id, digest, override_reason } => {
            let id = reference::resolve(session, &id).await?;
            let view = act(session, RunAct::Approve { id, digest: Digest(digest), override_reason }).await?;
            print(session, &view)?;
            if let Some(noun) = plain::noun_of(&view.kind) {
                session.out.note(&format!("next: cutover {noun} apply {}", view.id));
            }
            Ok(Outcome::Done)
        }
        Verb::Pause { id } => {
            let id = reference::resolve(session, &id).await?;
            let view = act(session, RunAct::Pause { id }).await?;
            print(session, &view)
        }
        Verb::Cancel { id } => {
            let id = reference::resolve(session, &id).await?;
            let view = act(session, RunAct::Cancel { id }).await?;
            print(session, &view)
        }
        Verb::Settle { id, item, happened } => {
            let id = reference::resolve(session, &id).await?;
            let view = act(session, RunAct::Settle { id, key: item, happened }).await?;
            print(session, &view)
        }
        Verb::Resume(Going { id, rate, detach }) => {
            let id = reference::resolve(session, &id).await?;
            going(session, RunAct::Resume { id, rate }, detach).await
        }
        Verb::Retry(Again { id, detach }) => {
            let id = reference::resolve(session, &id).await?;
            going(session, RunAct::Retry { id }, detach).await
        }
        Verb::Undo(Going { id, rate, detach }) => {
            let id = reference::resolve(session, &id).await?;
            going(session, RunAct::Undo { id, rate }, detach).await
        }
    }
}

/// Everything that `run show` says.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    run: RunView,
    /// Findings by state and reason, the most first.
    groups: Vec<ItemGroup>,
    /// What an approval would be told; only of a plan.
    gate: Option<GateView>,
}

async fn groups(session: &mut Session<'_>, run: &RunView) -> Result<Vec<ItemGroup>, Failure> {
    let counts = &run.progress.counts;
    if counts.findings() + counts.skipped == 0 {
        return Ok(Vec::new());
    }
    match session.ask(Query::Run(RunQuery::Groups { id: run.id.clone() })).await? {
        Answer::Run(RunAnswer::Groups(groups)) => Ok(groups),
        _ => Err(Failure::unexpected("run show")),
    }
}

async fn gate(session: &mut Session<'_>, run: &RunView) -> Result<Option<GateView>, Failure> {
    if run.state != RunState::Planned {
        return Ok(None);
    }
    match session.ask(Query::Run(RunQuery::Gate { id: run.id.clone() })).await? {
        Answer::Run(RunAnswer::Gate(gate)) => Ok(Some(gate)),
        _ => Err(Failure::unexpected("run show")),
    }
}

/// Does the act and answers the run as it is afterwards.
async fn act(session: &mut Session<'_>, act: RunAct) -> Result<RunView, Failure> {
    receipt(session.act(Act::Run(act)).await?)
}

/// The run in a receipt.
pub(super) fn receipt(receipt: Receipt) -> Result<RunView, Failure> {
    match receipt {
        Receipt::Run(view) => Ok(*view),
        _ => Err(Failure::unexpected("an act on a run")),
    }
}

/// Sets the run going and, unless detached, follows it.
async fn going(session: &mut Session<'_>, wanted: RunAct, detach: bool) -> Verdict {
    let view = act(session, wanted).await?;
    after_start(session, &view, detach).await
}

/// What comes after a run was set going: its receipt, or its end.
pub(super) async fn after_start(session: &mut Session<'_>, view: &RunView, detach: bool) -> Verdict {
    if detach {
        session.out.note(&format!("it goes on in the daemon: cutover watch {}", view.id));
        return print(session, view);
    }
    follow(session, &view.id, Patience::Act).await
}

fn print(session: &mut Session<'_>, view: &RunView) -> Verdict {
    let now = session.now();
    session.out.answer(view, |style| plain::show(view, now, style))?;
    Ok(Outcome::Done)
}

async fn items(session: &mut Session<'_>, id: RunId, state: Option<ItemState>, choice: &Choice) -> Verdict {
    let listing = Listing {
        noun: "items",
        columns: ITEM_COLUMNS,
        ask: &|page| Query::Run(RunQuery::Items { id: id.clone(), state, page }),
        take: |answer| match answer {
            Answer::Run(RunAnswer::Items(page)) => Some(page),
            _ => None,
        },
        row: |item, _| item_row(item),
    };
    let windowed = Windowed {
        fields: &ITEMS,
        ask: &|ask| Query::Run(RunQuery::ItemWindow { id: id.clone(), ask }),
        take: |answer| match answer {
            Answer::Run(RunAnswer::ItemWindow(window)) => Some(window),
            _ => None,
        },
    };
    let term = state.map(|state| format!("state:{state}"));
    choose(session, choice, term, listing, windowed).await
}

fn item_row(item: &ItemView) -> Vec<Cell> {
    vec![
        item.ord.to_string().into(),
        item.key.as_str().into(),
        Cell::toned(item.state.word(), plain::item_tone(item.state)),
        item.attempts.to_string().into(),
        item.reason.as_deref().unwrap_or_default().into(),
    ]
}
