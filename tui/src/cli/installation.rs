//! `cutover installation`.

use clap::Subcommand;
use cutover_shared::filter::INSTALLATIONS;
use cutover_shared::ids::InstallationId;
use cutover_shared::installation::{
    Health, InstallationAnswer, InstallationQuery, InstallationState, InstallationView,
};
use cutover_shared::rpc::{Answer, Query};

use super::choose::{Choice, Windowed, help, windows};
use super::list::Layout;
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, Tone, age, number, time};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Installations and how they are, the worst first
    #[command(after_help = help(&INSTALLATIONS))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// One installation: what is known of it, and what should be done
    Show {
        /// Number of the installation
        installation: i64,
    },
}

/// How many repositories is in `show`: what should be done fits into the line only without it.
const COLUMNS: &[Column] = &[
    Column::number("INSTALLATION"),
    Column::long("ACCOUNT"),
    Column::words("STATE"),
    Column::words("HEALTH"),
    Column::words("DELIVERY"),
    Column::long("REASONS"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::List { choice } => {
            let windowed = Windowed {
                fields: &INSTALLATIONS,
                ask: &|ask| Query::Installation(InstallationQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Installation(InstallationAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            let layout = Layout { noun: INSTALLATIONS.noun, columns: COLUMNS, row };
            windows(session, &choice, layout, windowed).await
        }
        Verb::Show { installation } => {
            let query = InstallationQuery::Show { id: InstallationId(installation) };
            let Answer::Installation(InstallationAnswer::Show(view)) =
                session.ask(Query::Installation(query)).await?
            else {
                return Err(Failure::unexpected("installation show"));
            };
            let now = session.now();
            session.out.answer(&view, |style| text(&view, now, style))?;
            Ok(Outcome::Done)
        }
    }
}

fn health_tone(health: Health) -> Tone {
    match health {
        Health::Healthy => Tone::Good,
        Health::Attention => Tone::Warn,
        Health::Failing => Tone::Bad,
    }
}

fn state_tone(state: InstallationState) -> Tone {
    match state {
        InstallationState::Active => Tone::Plain,
        InstallationState::Suspended | InstallationState::Gone => Tone::Warn,
    }
}

fn row(view: &InstallationView, now: i64) -> Vec<Cell> {
    let codes: Vec<&str> = view.reasons.iter().map(|reason| reason.code.as_str()).collect();
    vec![
        view.id.to_string().into(),
        view.account.as_str().into(),
        Cell::toned(view.state.word(), state_tone(view.state)),
        Cell::toned(view.health.word(), health_tone(view.health)),
        view.last_delivery_at.map_or(String::new(), |at| age(now, at)).into(),
        codes.join(", ").into(),
    ]
}

/// `contents read, issues write`.
fn levels(pairs: &[(String, String)]) -> Option<String> {
    let words: Vec<String> = pairs.iter().map(|(name, level)| format!("{name} {level}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn text(view: &InstallationView, now: i64, style: Style) -> String {
    let when = |at| format!("{} ({})", time(at), age(now, at));
    let mut block = Block::new();
    block.line("Installation", format!("{} of {}", view.id, view.account));
    block.line("Account", format!("id {}, {}", view.account_id, view.account_type));
    block.toned("State", view.state.word(), state_tone(view.state));
    block.toned("Health", view.health.word(), health_tone(view.health));
    for reason in &view.reasons {
        block.line("Why", format!("{} ({})", reason.text, reason.code));
        block.maybe("Mend", reason.mend.as_ref());
    }
    block.maybe("Suspended", view.suspended_at.map(when));
    let chosen = format!("{} ({})", number(view.repositories), view.selection);
    block.line("Repositories", chosen);
    block.line("Mapped", format!("{}, not mapped {}", number(view.mapped), number(view.unmapped)));
    block.maybe("Permissions", levels(&view.permissions));
    block.maybe("Missing", levels(&view.missing));
    block.maybe("Calls left", view.budget.map(|(left, limit)| format!("{left} of {limit}")));
    block.maybe("Token minted", view.token_minted_at.map(when));
    block.maybe("Token error", view.token_error.as_ref());
    let event = view.last_event.as_deref().unwrap_or("unknown");
    block.maybe("Last delivery", view.last_delivery_at.map(|at| format!("{event}, {}", when(at))));
    let waiting = number(view.waiting_deliveries);
    block.line("Deliveries", format!("{waiting} waiting, {} dead", number(view.dead_deliveries)));
    block.maybe("List read", view.read_at.map(when));
    block.render(style)
}
