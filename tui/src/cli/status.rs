//! `cutover status`.

use cutover_shared::rpc::{Answer, Query};
use cutover_shared::status::Status;

use super::{Outcome, Verdict, mode};
use crate::failure::Failure;
use crate::plain::{Block, Cell, Style, Table, Tone, age, clean, number, percent, span, wrap};
use crate::plain::{RUN_COLUMNS, runs_row};
use crate::session::Session;

pub(super) async fn run(session: &mut Session<'_>) -> Verdict {
    let Answer::Status(status) = session.ask(Query::Status).await? else {
        return Err(Failure::unexpected("status"));
    };
    session.out.answer(&status, |style| text(&status, style))?;
    Ok(Outcome::Done)
}

fn text(status: &Status, style: Style) -> String {
    let now = status.now;
    let counts = &status.counts;
    let mut block = Block::new();
    block.toned("Environment", &status.environment, Tone::Strong);
    let up = span(now.abs_diff(status.started_at) / 1000);
    block.line("Daemon", format!("cutoverd {}, up {up}, GitHub at {}", status.version, status.github_host));
    mode::lines(&status.mode, now, &mut block);
    block.line(
        "Catalog",
        format!(
            "{} tenants, {} projects, {} repositories",
            number(status.tenants),
            number(status.projects),
            number(status.repositories)
        ),
    );
    let all = counts.mapped + counts.pending + counts.unmappable + counts.unplanned;
    block.line(
        "Mapping",
        format!(
            "{} mapped ({} %), {} pending, {} unmappable, {} unplanned",
            number(counts.mapped),
            if all == 0 { 0 } else { percent(counts.mapped, all) },
            number(counts.pending),
            number(counts.unmappable),
            number(counts.unplanned)
        ),
    );
    let index = &status.index;
    let suspended = if index.suspended == 0 {
        String::new()
    } else {
        format!(" ({} suspended)", number(index.suspended))
    };
    block.line(
        "Index",
        format!(
            "{} installations{suspended}, {} repositories, {}",
            number(index.installations),
            number(index.repositories),
            index.swept_at.map_or("never swept whole".to_owned(), |at| format!("swept {}", age(now, at))),
        ),
    );
    block.maybe(
        "Sweep",
        index.sweeping.map(|(read, known)| {
            format!("{} of {} installations read, not finished", number(read), number(known))
        }),
    );
    let mut text = block.render(style);
    if !status.live_runs.is_empty() {
        let rows: Vec<Vec<Cell>> = status.live_runs.iter().map(|run| runs_row(run, now)).collect();
        text += &format!("\n{}\n", style.paint("Live runs", Tone::Strong));
        text += &Table::whole(RUN_COLUMNS, &rows, style);
    }
    if !status.attention.is_empty() {
        text += &format!("\n{}\n", style.paint("Needs a person", Tone::Strong));
        for line in &status.attention {
            for (i, part) in wrap(&clean(&line.text), style.measure() - 2).iter().enumerate() {
                let mark = if i == 0 { "! " } else { "  " };
                text += &format!("{}\n", style.paint(&format!("{mark}{part}"), Tone::Warn));
            }
        }
    }
    text
}
