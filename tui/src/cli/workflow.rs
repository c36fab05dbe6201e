//! `cutover workflow`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use cutover_shared::error::ErrorCode;
use cutover_shared::filter::{DISPATCHES, WORKFLOWS};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::workflow::{
    DispatchState, DispatchView, Explanation, NewWorkflow, WorkflowAct, WorkflowAnswer, WorkflowQuery,
    WorkflowReceipt, WorkflowSource, WorkflowView,
};

use super::choose::{Choice, Windowed, help, understood, windows};
use super::list::Layout;
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{
    Block, Cell, Column, Style, Table, Tone, age, clean, number, shell_option, shell_word, time,
};
use crate::session::Session;

/// The longest file that is read, in bytes.
const LONGEST_FILE: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Registers a workflow, or replaces the one of this id
    Add {
        /// 1 to 128 letters, digits, `-`, `_`, `.` and `:`
        id: String,
        /// JSON: {"name","trigger","definition","attach_context"}
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Registered workflows, with their matches
    #[command(after_help = help(&WORKFLOWS))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// One workflow: what it waits for, and how it goes
    Show {
        /// Its id
        id: String,
    },
    /// Forgets a workflow; what waits to be sent for it is given up
    Remove {
        /// Its id
        id: String,
    },
    /// Why each workflow matches a stored delivery or not; matches first
    Test {
        /// GitHub's id of the delivery, as `webhook list` shows it
        guid: String,
        /// Only this workflow
        #[arg(long, value_name = "ID")]
        workflow: Option<String>,
    },
    /// What was sent on because of deliveries, newest first
    #[command(after_help = help(&DISPATCHES))]
    Dispatches {
        #[command(flatten)]
        choice: Choice,
    },
    /// Sends dispatches again that are dead or sent
    #[command(after_help = help(&DISPATCHES))]
    Replay {
        /// All that these terms hold for, as below, that are dead or sent
        #[arg(long, value_name = "TERMS", allow_hyphen_values = true)]
        filter: String,
        /// Only say how many there are
        #[arg(long, conflicts_with = "yes")]
        dry_run: bool,
        /// Send them, if there are N still
        #[arg(long, value_name = "N")]
        yes: Option<u64>,
    },
}

const COLUMNS: &[Column] = &[
    Column::long("ID"),
    Column::long("REPOSITORY"),
    Column::long("EVENTS"),
    Column::number("MATCHES"),
    Column::words("LAST MATCH"),
    Column::number("WAITING"),
    Column::number("DEAD"),
    Column::long("BY"),
];

const DISPATCH_COLUMNS: &[Column] = &[
    Column::number("SEQ"),
    Column::words("MADE"),
    Column::words("STATE"),
    Column::long("WORKFLOW"),
    Column::long("DELIVERY"),
    Column::long("EXECUTION"),
    Column::long("NOTE"),
];

const JOURNEY_COLUMNS: &[Column] = &[
    Column::number("SEQ"),
    Column::long("WORKFLOW"),
    Column::words("STATE"),
    Column::number("FAILED"),
    Column::long("EXECUTION"),
    Column::long("NOTE"),
];

const STEP_COLUMNS: &[Column] =
    &[Column::words("RULE"), Column::words("PASSED"), Column::long("WANTED"), Column::long("FOUND")];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Add { id, file } => {
            let workflow = Box::new(read(&file)?);
            let act = WorkflowAct::Put { id, workflow };
            let Receipt::Workflow(WorkflowReceipt::Put(view)) = session.act(Act::Workflow(act)).await? else {
                return Err(Failure::unexpected("workflow add"));
            };
            let now = session.now();
            session.out.answer(&view, |style| text(&view, now, style))?;
        }
        Verb::List { choice } => {
            let windowed = Windowed {
                fields: &WORKFLOWS,
                ask: &|ask| Query::Workflow(WorkflowQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Workflow(WorkflowAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            let layout = Layout { noun: WORKFLOWS.noun, columns: COLUMNS, row };
            return windows(session, &choice, layout, windowed).await;
        }
        Verb::Show { id } => {
            let query = Query::Workflow(WorkflowQuery::Show { id });
            let Answer::Workflow(WorkflowAnswer::Show(view)) = session.ask(query).await? else {
                return Err(Failure::unexpected("workflow show"));
            };
            let now = session.now();
            session.out.answer(&view, |style| text(&view, now, style))?;
        }
        Verb::Remove { id } => {
            let receipt = session.act(Act::Workflow(WorkflowAct::Remove { id })).await?;
            let Receipt::Workflow(WorkflowReceipt::Removed { id }) = receipt else {
                return Err(Failure::unexpected("workflow remove"));
            };
            let document = serde_json::json!({ "removed": id });
            session.out.answer(&document, |_| format!("workflow {id} is removed\n"))?;
        }
        Verb::Test { guid, workflow } => {
            let query = Query::Workflow(WorkflowQuery::Test { guid, workflow });
            let Answer::Workflow(WorkflowAnswer::Test(found)) = session.ask(query).await? else {
                return Err(Failure::unexpected("workflow test"));
            };
            session.out.answer(&found, |style| explained(&found, style))?;
        }
        Verb::Dispatches { choice } => {
            let windowed = Windowed {
                fields: &DISPATCHES,
                ask: &|ask| Query::Workflow(WorkflowQuery::Dispatches { ask }),
                take: |answer| match answer {
                    Answer::Workflow(WorkflowAnswer::Dispatches(window)) => Some(window),
                    _ => None,
                },
            };
            let layout = Layout { noun: DISPATCHES.noun, columns: DISPATCH_COLUMNS, row: dispatch_row };
            return windows(session, &choice, layout, windowed).await;
        }
        Verb::Replay { filter, dry_run, yes } => {
            understood(&DISPATCHES, &filter)?;
            return match yes {
                // The daemon counts for itself, so that a repeat with the same --key gets its receipt.
                Some(expected) => replay(session, WorkflowAct::Replay { filter, expected }).await,
                None => count(session, &filter, dry_run).await,
            };
        }
    }
    Ok(Outcome::Done)
}

fn read(file: &Path) -> Result<NewWorkflow, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(
            format!("{}: {error}", file.display()),
            "a workflow is JSON with name, trigger and definition; docs/workflows.md has an example",
        )
    };
    let length = std::fs::metadata(file).map_err(|error| unreadable(&error))?.len();
    if length > LONGEST_FILE {
        return Err(unreadable(&"it is longer than 1 MiB"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}

/// Says how many dispatches a replay of this filter would take. Without `--dry-run` that is a refusal with the way on.
async fn count(session: &mut Session<'_>, filter: &str, dry_run: bool) -> Verdict {
    let query = Query::Workflow(WorkflowQuery::Replayable { filter: filter.to_owned() });
    let Answer::Workflow(WorkflowAnswer::Replayable(count)) = session.ask(query).await? else {
        return Err(Failure::unexpected("workflow replay"));
    };
    let socket = session
        .options
        .socket
        .as_ref()
        .map_or(String::new(), |path| format!(" --socket {}", shell_word(&path.to_string_lossy())));
    let next = format!("cutover workflow replay {} --yes {count}{socket}", shell_option("--filter", filter));
    if count > 0 && !dry_run {
        let told = format!("{} would be sent again; none was", dispatches(count));
        return Err(Failure::new(ErrorCode::NotApproved, told, format!("`{next}` sends them")));
    }
    let document = serde_json::json!({ "filter": filter, "replayable": count });
    session.out.answer(&document, |_| match count {
        0 => "no dispatches to send again\n".to_owned(),
        _ => format!("{} would be sent again\nnext: {next}\n", dispatches(count)),
    })?;
    Ok(Outcome::Done)
}

async fn replay(session: &mut Session<'_>, act: WorkflowAct) -> Verdict {
    let Receipt::Workflow(WorkflowReceipt::Replayed(count)) = session.act(Act::Workflow(act)).await? else {
        return Err(Failure::unexpected("workflow replay"));
    };
    let document = serde_json::json!({ "replayed": count });
    session.out.answer(&document, |_| match count {
        0 => "no dispatches to send again\n".to_owned(),
        1 => "1 dispatch waits to be sent again\n".to_owned(),
        n => format!("{} wait to be sent again\n", dispatches(n)),
    })?;
    Ok(Outcome::Done)
}

fn dispatches(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "dispatch" } else { "dispatches" })
}

fn tone(state: DispatchState) -> Tone {
    match state {
        DispatchState::Waiting => Tone::Warn,
        DispatchState::Sent => Tone::Good,
        DispatchState::Dead => Tone::Bad,
    }
}

fn row(workflow: &WorkflowView, now: i64) -> Vec<Cell> {
    vec![
        workflow.id.as_str().into(),
        workflow.trigger.repository.as_str().into(),
        workflow.trigger.events.join(" ").into(),
        number(workflow.matches).into(),
        workflow.last_match.as_ref().map_or(String::new(), |last| age(now, last.at)).into(),
        number(workflow.waiting).into(),
        number(workflow.dead).into(),
        match &workflow.trouble {
            // What is usual is not said, for the room that it takes.
            None if workflow.source == WorkflowSource::Registered => "".into(),
            None => workflow.source.word().into(),
            Some(trouble) => Cell::toned(format!("{}: {trouble}", workflow.source), Tone::Bad),
        },
    ]
}

fn target(dispatch: &DispatchView) -> &str {
    dispatch.workflow.as_deref().unwrap_or("(scheduler)")
}

fn dispatch_row(dispatch: &DispatchView, now: i64) -> Vec<Cell> {
    vec![
        dispatch.seq.to_string().into(),
        age(now, dispatch.created_at).into(),
        Cell::toned(dispatch.state.word(), tone(dispatch.state)),
        target(dispatch).into(),
        // One that follows from no delivery says at least what it tells.
        dispatch.guid.as_deref().map_or_else(|| format!("({})", dispatch.event), str::to_owned).into(),
        dispatch.execution_id.as_deref().unwrap_or_default().into(),
        dispatch.note.as_deref().unwrap_or_default().into(),
    ]
}

/// What became of a delivery after it was handled; empty when nothing was sent on.
pub(super) fn journey(all: &[DispatchView], style: Style) -> String {
    if all.is_empty() {
        return String::new();
    }
    let row = |dispatch: &DispatchView| -> Vec<Cell> {
        vec![
            dispatch.seq.to_string().into(),
            target(dispatch).into(),
            Cell::toned(dispatch.state.word(), tone(dispatch.state)),
            dispatch.attempts.to_string().into(),
            dispatch.execution_id.as_deref().unwrap_or_default().into(),
            dispatch.note.as_deref().unwrap_or_default().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = all.iter().map(row).collect();
    format!("\nSent on because of it:\n{}", Table::whole(JOURNEY_COLUMNS, &rows, style))
}

fn text(workflow: &WorkflowView, now: i64, style: Style) -> String {
    let rule = &workflow.trigger;
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let mut block = Block::new();
    block.line("Workflow", format!("{}, {}", workflow.id, workflow.name));
    block.line("Source", workflow.source.word());
    if let Some(trouble) = &workflow.trouble {
        block.toned("Matches nothing", trouble, Tone::Bad);
    }
    block.line("Repository", &rule.repository);
    block.line("Events", rule.events.join(", "));
    block.maybe("Branches", list(&rule.branches));
    block.maybe("Paths", list(&rule.paths));
    block.maybe("Actions", list(&rule.action_filter));
    block.maybe("Authors", list(&rule.author_filter));
    block.maybe("Labels", list(&rule.label_filter));
    block.line("Bots", if rule.ignore_bots { "ignored" } else { "taken" });
    block.maybe("Installation", rule.github_app_installation_id.map(|id| id.to_string()));
    block.line("Context", if workflow.attach_context { "attached" } else { "not attached" });
    block.line(
        "Updated",
        format!(
            "{} ({}) by {}",
            time(workflow.updated_at),
            age(now, workflow.updated_at),
            workflow.updated_by
        ),
    );
    block.line("Matches", number(workflow.matches));
    block.maybe(
        "Last match",
        workflow.last_match.as_ref().map(|last| format!("{} ({})", last.guid, age(now, last.at))),
    );
    block.line("Waiting", number(workflow.waiting));
    let dead = if workflow.dead == 0 { Tone::Plain } else { Tone::Bad };
    block.toned("Dead", number(workflow.dead), dead);
    block.render(style)
}

fn explained(found: &[Explanation], style: Style) -> String {
    if found.is_empty() {
        return "no workflow is registered\n".to_owned();
    }
    let mut text = String::new();
    for explanation in found {
        let (word, tone) =
            if explanation.matched { ("matches", Tone::Good) } else { ("does not match", Tone::Warn) };
        let title = format!("{} ({})", explanation.workflow, explanation.name);
        text += &format!("{} {}\n", clean(&title), style.paint(word, tone));
        let rows: Vec<Vec<Cell>> = explanation
            .steps
            .iter()
            .map(|step| {
                let passed =
                    if step.passed { Cell::toned("yes", Tone::Good) } else { Cell::toned("no", Tone::Bad) };
                vec![
                    step.rule.as_str().into(),
                    passed,
                    step.wanted.as_str().into(),
                    step.found.as_str().into(),
                ]
            })
            .collect();
        text += &Table::whole(STEP_COLUMNS, &rows, style);
        text.push('\n');
    }
    text.pop();
    text
}
