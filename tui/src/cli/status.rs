//! `cutover status`.

use cutover_shared::rpc::{Answer, Query};
use cutover_shared::status::{Attention, Health, NextStep, RolloutBrief, Status, WayBack};

use super::{Outcome, Verdict, mode};
use crate::failure::Failure;
use crate::plain::{
    Block, Cell, RUN_COLUMNS, Style, Table, Tone, age, clean, number, percent, runs_row, span, width, wrap,
};
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
    for one in &status.rollouts {
        let (told, tone) = rollout(one, now);
        block.toned(one.name.word(), told, tone);
    }
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
    block.maybe("Next sweep", status.sweeps.next_at.map(|at| age(now, at)));
    if let Some((at, cause)) = &status.sweeps.trouble {
        block.toned("Sweep stopped", format!("{}: {cause}", age(now, *at)), Tone::Warn);
    }
    let tone = if status.back.blocked.is_some() { Tone::Warn } else { Tone::Plain };
    block.toned("Way back", way_back(&status.back), tone);
    let mut text = block.render(style);
    if !status.live_runs.is_empty() {
        let rows: Vec<Vec<Cell>> = status.live_runs.iter().map(|run| runs_row(run, now)).collect();
        text += &format!("\n{}\n", style.paint("Live runs", Tone::Strong));
        text += &Table::whole(RUN_COLUMNS, &rows, style);
    }
    text += &attention(&status.attention, style);
    text += &next(&status.next, style);
    text
}

/// A rollout in a line.
fn rollout(one: &RolloutBrief, now: i64) -> (String, Tone) {
    let exact = one.exact.map_or(String::new(), |k| format!(" ({} by name)", number(k)));
    let mut told = format!("{}{exact}, since {}", one.stage, age(now, one.since));
    if one.frozen {
        told += ", frozen";
    }
    if one.killed { (format!("KILLED; {told}"), Tone::Bad) } else { (told, Tone::Plain) }
}

/// Each with how bad it is, and the command that looks or mends.
fn attention(all: &[Attention], style: Style) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.paint("Needs a person", Tone::Strong));
    for one in all {
        let (mark, tone) = match one.health {
            Health::Bad => ("!! ", Tone::Bad),
            Health::Warning => ("!  ", Tone::Warn),
            Health::Ok => ("?  ", Tone::Plain),
        };
        let runbook = one.runbook.as_ref().map_or(String::new(), |file| format!(" (runbooks/{file})"));
        text += &told(mark, &format!("{}{runbook}", one.text), tone, style);
        text += &one.command.as_ref().map_or(String::new(), |command| commanded(command, style));
    }
    text
}

fn next(steps: &[NextStep], style: Style) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.paint("Next", Tone::Strong));
    for (i, step) in steps.iter().enumerate() {
        text += &told(&format!("{}. ", i + 1), &step.text, Tone::Plain, style);
        text += &commanded(&step.command, style);
    }
    text
}

/// Letters before the text of what is told.
const INDENT: &str = "   ";

fn told(mark: &str, what: &str, tone: Tone, style: Style) -> String {
    let lines = wrap(&clean(what), style.measure() - INDENT.len());
    let line = |(i, line): (usize, &String)| {
        let mark = if i == 0 { mark } else { INDENT };
        format!("{}\n", style.paint(&format!("{mark}{line}"), tone))
    };
    lines.iter().enumerate().map(line).collect()
}

/// A command to be copied: one that is too long goes on in the next line, before an option.
fn commanded(command: &str, style: Style) -> String {
    let line = format!("{INDENT}{}", clean(command));
    let fits = width(&line) <= style.measure();
    let lines = if fits { line } else { line.replacen(" --", &format!(" \\\n{INDENT}  --"), 1) };
    lines.lines().map(|line| format!("{}\n", style.paint(line, Tone::Dim))).collect()
}

/// Runs that an answer names at most.
const MOST_RUNS: usize = 20;

/// What a return to where it began would take.
fn way_back(back: &WayBack) -> String {
    if back.items == 0 {
        return "nothing that was applied stands".to_owned();
    }
    let runs = match back.runs.len() {
        1 => "1 run".to_owned(),
        n if n >= MOST_RUNS => format!("{n} runs or more"),
        n => format!("{n} runs"),
    };
    let time = back.seconds.map_or("nobody knows how long".to_owned(), |s| format!("about {}", span(s)));
    let blocked = back.blocked.as_ref().map_or(String::new(), |why| format!("NOT NOW: {why}; "));
    format!("{blocked}{} effects of {runs}, {time}; {}", number(back.items), back.basis)
}
