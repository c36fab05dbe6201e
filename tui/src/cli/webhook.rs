//! `cutover webhook`.

mod recover;

use clap::Subcommand;
use cutover_shared::error::ErrorCode;
use cutover_shared::filter::DELIVERIES;
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::webhook::{
    DeliveryDetail, DeliveryState, DeliveryView, WebhookAct, WebhookAnswer, WebhookQuery, WebhookReceipt,
};

use super::choose::{Choice, Windowed, help, understood, windows};
use super::list::Layout;
use super::workflow::journey;
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, Tone, age, clean, number, shell_option, shell_word, time};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Deliveries, newest first
    #[command(after_help = help(&DELIVERIES))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// One delivery: where it stands and why
    Show {
        /// GitHub's id of the delivery, as `webhook list` shows it
        guid: String,
        /// Also what it says, as far as it is kept, without secrets
        #[arg(long)]
        payload: bool,
    },
    /// Handles deliveries again that have ended: one, or all of a filter
    #[command(after_help = help(&DELIVERIES))]
    Replay(Replay),
    /// Compares GitHub's own list of deliveries with the inbox and fetches what is missing; exit 1 when something still is
    Recover(recover::Args),
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(super) struct Replay {
    /// GitHub's id of the delivery
    #[arg(group = "which")]
    guid: Option<String>,
    /// All that these terms hold for, as below, that have ended and whose body is kept
    #[arg(long, value_name = "TERMS", group = "which", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Only say how many there are
    #[arg(long, requires = "filter", conflicts_with_all = ["yes", "guid"])]
    dry_run: bool,
    /// Replay them, if there are N still
    #[arg(long, value_name = "N", requires = "filter", conflicts_with = "guid")]
    yes: Option<u64>,
}

/// The id is whole in any terminal, since the other verbs ask for it; repository and installation are in `show`.
const COLUMNS: &[Column] = &[
    Column::words("RECEIVED"),
    Column::words("STATE"),
    Column::words("DELIVERY"),
    Column::long("EVENT"),
    Column::long("NOTE"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { choice } => {
            let windowed = Windowed {
                fields: &DELIVERIES,
                ask: &|ask| Query::Webhook(WebhookQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Webhook(WebhookAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            let layout = Layout { noun: DELIVERIES.noun, columns: COLUMNS, row };
            windows(session, &choice, layout, windowed).await
        }
        Verb::Show { guid, payload } => {
            let query = Query::Webhook(WebhookQuery::Show { guid, payload });
            let Answer::Webhook(WebhookAnswer::Show(detail)) = session.ask(query).await? else {
                return Err(Failure::unexpected("webhook show"));
            };
            let now = session.now();
            session.out.answer(&detail, |style| text(&detail, payload, now, style))?;
            Ok(Outcome::Done)
        }
        Verb::Recover(args) => recover::run(args, session).await,
        Verb::Replay(Replay { guid: Some(guid), .. }) => {
            let act = WebhookAct::ReplayOne { guid };
            replay(session, act).await
        }
        Verb::Replay(args) => {
            let filter = args.filter.unwrap_or_default();
            understood(&DELIVERIES, &filter)?;
            match args.yes {
                // The daemon counts for itself: asked here first, the same call with the same --key would be refused after it
                // had gone through.
                Some(expected) => replay(session, WebhookAct::ReplayAll { filter, expected }).await,
                None => count(session, &filter, args.dry_run).await,
            }
        }
    }
}

/// Says how many deliveries a replay of this filter would take. Without `--dry-run` that is a refusal with the way on.
async fn count(session: &mut Session<'_>, filter: &str, dry_run: bool) -> Verdict {
    let query = WebhookQuery::Replayable { filter: filter.to_owned() };
    let Answer::Webhook(WebhookAnswer::Replayable(count)) = session.ask(Query::Webhook(query)).await? else {
        return Err(Failure::unexpected("webhook replay"));
    };
    let socket = session
        .options
        .socket
        .as_ref()
        .map_or(String::new(), |path| format!(" --socket {}", shell_word(&path.to_string_lossy())));
    let next = format!("cutover webhook replay {} --yes {count}{socket}", shell_option("--filter", filter));
    if count > 0 && !dry_run {
        let told = format!("{} would be replayed; none was", deliveries(count));
        return Err(Failure::new(ErrorCode::NotApproved, told, format!("`{next}` replays them")));
    }
    let document = serde_json::json!({ "filter": filter, "replayable": count });
    session.out.answer(&document, |_| match count {
        0 => "no deliveries to replay\n".to_owned(),
        _ => format!("{} would be replayed\nnext: {next}\n", deliveries(count)),
    })?;
    Ok(Outcome::Done)
}

async fn replay(session: &mut Session<'_>, act: WebhookAct) -> Verdict {
    let Receipt::Webhook(receipt) = session.act(Act::Webhook(act)).await? else {
        return Err(Failure::unexpected("webhook replay"));
    };
    session.out.answer(&receipt, |_| receipt_text(&receipt))?;
    Ok(Outcome::Done)
}

fn receipt_text(receipt: &WebhookReceipt) -> String {
    match receipt.replayed {
        0 => "no deliveries to replay\n".to_owned(),
        1 => "1 delivery waits to be handled again\n".to_owned(),
        n => format!("{} wait to be handled again\n", deliveries(n)),
    }
}

fn deliveries(count: u64) -> String {
    format!("{} {}", number(count), if count == 1 { "delivery" } else { "deliveries" })
}

fn tone(state: DeliveryState) -> Tone {
    match state {
        DeliveryState::Waiting => Tone::Warn,
        DeliveryState::Handled => Tone::Good,
        DeliveryState::Ignored => Tone::Plain,
        DeliveryState::Dead => Tone::Bad,
    }
}

/// `installation.suspend`, as GitHub's documents call it.
fn event(delivery: &DeliveryView) -> String {
    let action = delivery.action.as_ref().map_or(String::new(), |action| format!(".{action}"));
    format!("{}{action}", delivery.event)
}

fn row(delivery: &DeliveryView, now: i64) -> Vec<Cell> {
    vec![
        age(now, delivery.received_at).into(),
        Cell::toned(delivery.state.word(), tone(delivery.state)),
        delivery.guid.as_str().into(),
        event(delivery).into(),
        delivery.note.as_deref().unwrap_or_default().into(),
    ]
}

fn text(detail: &DeliveryDetail, wanted: bool, now: i64, style: Style) -> String {
    let delivery = &detail.delivery;
    let when = |at| format!("{} ({})", time(at), age(now, at));
    let mut block = Block::new();
    block.line("Delivery", format!("{}, number {}", delivery.guid, delivery.seq));
    block.line("Event", event(delivery));
    block.toned("State", delivery.state.word(), tone(delivery.state));
    block.maybe("Note", delivery.note.as_ref());
    block.maybe("Installation", delivery.installation.map(|id| id.to_string()));
    let id = delivery.repo_id.map(|id| format!("id {id}"));
    let repository: Vec<String> = delivery.repository.clone().into_iter().chain(id).collect();
    block.maybe("Repository", (!repository.is_empty()).then(|| repository.join(", ")));
    block.line("Received", when(delivery.received_at));
    block.maybe("Ended", delivery.ended_at.map(when));
    if delivery.attempts > 0 {
        block.line("Failed tries", delivery.attempts.to_string());
    }
    block.maybe("Next try", delivery.due_at.map(when));
    if delivery.repeats > 0 {
        let times = if delivery.repeats == 1 { "time" } else { "times" };
        block.line("Came again", format!("{} {times}", delivery.repeats));
    }
    let bytes = u64::try_from(delivery.bytes).unwrap_or(0);
    let kept = if delivery.kept { "" } else { ", not kept any more" };
    block.line("Body", format!("{} bytes{kept}", number(bytes)));
    block.line("SHA-256", &detail.digest);
    let mut text = block.render(style) + &journey(&detail.dispatches, style);
    if let Some(payload) = &detail.payload {
        text.push('\n');
        for line in payload.lines() {
            text += &format!("{}\n", clean(line));
        }
        if detail.cut {
            text += "... and more that is not shown\n";
        }
    } else if wanted {
        text += "\nThe payload is not kept any more.\n";
    }
    text
}
