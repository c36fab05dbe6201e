//! `cutover token`.

use clap::Subcommand;
use cutover_shared::filter::TOKENS;
use cutover_shared::ids::InstallationId;
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use cutover_shared::token::{TokenAct, TokenAnswer, TokenQuery, TokenState, TokenView};

use super::choose::{Choice, Windowed, choose, help};
use super::list::Listing;
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Column, Style, Tone, age, time};
use crate::session::Session;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// How minting for each installation stands
    #[command(after_help = help(&TOKENS))]
    List {
        #[command(flatten)]
        choice: Choice,
    },
    /// Mints a new token now
    Refresh {
        /// Number of the installation
        installation: i64,
    },
    /// Forgets the token in memory; the next call mints one
    Invalidate {
        /// Number of the installation
        installation: i64,
    },
}

const COLUMNS: &[Column] = &[
    Column::number("INSTALLATION"),
    Column::long("ACCOUNT"),
    Column::words("STATE"),
    Column::words("EXPIRES"),
    Column::number("GEN"),
    Column::number("CALLS LEFT"),
    Column::long("ERROR"),
];

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    let act = match verb {
        Verb::List { choice } => {
            let listing = Listing {
                noun: "tokens",
                columns: COLUMNS,
                ask: &|page| Query::Token(TokenQuery::List { page }),
                take: |answer| match answer {
                    Answer::Token(TokenAnswer::List(page)) => Some(page),
                    _ => None,
                },
                row,
            };
            let windowed = Windowed {
                fields: &TOKENS,
                ask: &|ask| Query::Token(TokenQuery::Window { ask }),
                take: |answer| match answer {
                    Answer::Token(TokenAnswer::Window(window)) => Some(window),
                    _ => None,
                },
            };
            return choose(session, &choice, None, listing, windowed).await;
        }
        Verb::Refresh { installation } => TokenAct::Refresh { installation: InstallationId(installation) },
        Verb::Invalidate { installation } => {
            TokenAct::Invalidate { installation: InstallationId(installation) }
        }
    };
    let Receipt::Token(view) = session.act(Act::Token(act)).await? else {
        return Err(Failure::unexpected("an act on a token"));
    };
    let now = session.now();
    session.out.answer(&view, |style| text(&view, now, style))?;
    Ok(Outcome::Done)
}

fn tone(state: TokenState) -> Tone {
    match state {
        TokenState::Fresh => Tone::Good,
        TokenState::Absent => Tone::Plain,
        TokenState::Suspended | TokenState::Gone => Tone::Warn,
        TokenState::Failing => Tone::Bad,
    }
}

/// What is left of the hour's calls, as `4,900 of 5,000`.
fn budget(token: &TokenView) -> Option<String> {
    let of = token.limit.map_or(String::new(), |limit| format!(" of {limit}"));
    token.remaining.map(|left| format!("{left}{of}"))
}

fn row(token: &TokenView, now: i64) -> Vec<Cell> {
    vec![
        token.installation.to_string().into(),
        token.account.as_deref().unwrap_or_default().into(),
        Cell::toned(token.state.word(), tone(token.state)),
        token.expires_at.map_or(String::new(), |at| age(now, at)).into(),
        token.generation.to_string().into(),
        budget(token).unwrap_or_default().into(),
        token.error.as_deref().unwrap_or_default().into(),
    ]
}

fn text(token: &TokenView, now: i64, style: Style) -> String {
    let mut block = Block::new();
    let account = token.account.as_ref().map_or(String::new(), |login| format!(" of {login}"));
    block.line("Installation", format!("{}{account}", token.installation));
    block.toned("State", token.state.word(), tone(token.state));
    if let Some(error) = &token.error {
        block.toned("Error", error, Tone::Bad);
    }
    block.maybe("Minted", token.minted_at.map(time));
    block.maybe("Expires", token.expires_at.map(|at| format!("{} ({})", time(at), age(now, at))));
    block.line("Mints", token.generation.to_string());
    block.maybe("Calls left", budget(token));
    block.render(style)
}
