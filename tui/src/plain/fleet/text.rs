//! `fleet status` as text.

use cutover_shared::fleet::{FailureGroup, FleetStatus, StepStatus};

use super::{again, headlines, heat, standing, tenants, version, waves};
use crate::plain::{Block, Cell, Column, Style, Table, Tone, age, clean, moving_line, number, percent, wrap};

/// Versions that are told one by one.
const VERSIONS: usize = 20;

/// The fleet at a glance: what is halted, how far the waves are, how many are where, what failed.
pub fn status(status: &FleetStatus, now: i64, style: Style) -> String {
    let mut block = Block::new();
    for line in headlines(status, now) {
        block.toned("Fleet", format!("{}: {}", line.word, line.text), line.tone);
        block.maybe("Next", line.next);
    }
    if let Some(folder) = &status.folder {
        let of = |at: Option<u32>| at.map_or("not set".to_owned(), version);
        block.line("Target", format!("version {}, the newest is {}", of(status.target), of(status.head)));
        block.line("Migrations", folder);
    }
    let parts: Vec<String> = standing(status).into_iter().map(|(text, _)| text).collect();
    block.line("Instances", parts.join(", "));
    let lists = [("Unreachable", status.error, "state:error"), ("Drifted", status.drifted, "drifted:yes")];
    for (key, _, filter) in lists.into_iter().filter(|(_, n, _)| *n > 0) {
        block.line(key, format!("`cutover fleet instance list --filter {filter}`"));
    }
    if let Some(run) = &status.run {
        block.line("Run", format!("{} of {}: {}", run.id, run.scope, moving_line(run)));
    }
    let mut text = block.render(style);
    text += &part("Waves", &waves_table(status, style), style);
    text += &part("Tenants by version and status", &heat_table(status, style), style);
    if !status.failures.is_empty() {
        let groups: String = status.failures.iter().map(|one| failure(one, style)).collect();
        text += &part("Failures", &groups, style);
    }
    if !status.throttles.is_empty() {
        let columns = [Column::words("SERVER"), Column::words("SINCE"), Column::text("REASON")];
        let rows: Vec<Vec<Cell>> = status
            .throttles
            .iter()
            .map(|one| {
                vec![one.server.as_str().into(), age(now, one.since).into(), one.reason.as_str().into()]
            })
            .collect();
        text += &part("Throttled servers", &Table::whole(&columns, &rows, style), style);
    }
    text
}

/// One cause: how many, what it says, what a person does next.
fn failure(group: &FailureGroup, style: Style) -> String {
    let title = format!(
        "{} at {}, {}, such as {}",
        tenants(group.tenants),
        group.migration,
        group.class,
        group.example
    );
    let room = style.measure() - 4;
    let mut text = format!("  {}\n", style.paint(&clean(&title), Tone::Bad));
    let next = format!("next: {}", group.next);
    for line in [&group.text, &next].into_iter().flat_map(|told| wrap(&clean(told), room)) {
        text += &format!("    {line}\n");
    }
    text + &format!("    again: {}\n", clean(&again(group)))
}

fn part(title: &str, table: &str, style: Style) -> String {
    if table.is_empty() { String::new() } else { format!("\n{}\n{table}", style.paint(title, Tone::Strong)) }
}

fn waves_table(status: &FleetStatus, style: Style) -> String {
    if status.waves.is_empty() {
        return String::new();
    }
    let columns = [
        Column::number("WAVE"),
        Column::words("NAME"),
        Column::words("STATE"),
        Column::number("TENANTS"),
        Column::number("DONE"),
        Column::number("FAILED"),
        Column::number("UNREACHABLE"),
        Column::number("RUNNING"),
    ];
    let troubled = |n: u64, tone: Tone| Cell::toned(number(n), if n > 0 { tone } else { Tone::Dim });
    let rows: Vec<Vec<Cell>> = waves(status)
        .into_iter()
        .map(|(wave, state)| {
            vec![
                wave.wave.to_string().into(),
                wave.name.as_str().into(),
                Cell::toned(state.word(), state.tone()),
                number(wave.tenants).into(),
                number(wave.at_target).into(),
                troubled(wave.failed, Tone::Bad),
                troubled(wave.unreachable, Tone::Warn),
                troubled(wave.running, Tone::Plain),
            ]
        })
        .collect();
    Table::whole(&columns, &rows, style)
}

fn heat_table(status: &FleetStatus, style: Style) -> String {
    let rows = heat(status, VERSIONS);
    if rows.is_empty() || status.instances == 0 {
        return String::new();
    }
    let titles = [
        Column::words("VERSION"),
        Column::number("PENDING"),
        Column::number("RUNNING"),
        Column::number("COMPLETED"),
        Column::number("FAILED"),
        Column::number("SKIPPED"),
    ];
    let rows: Vec<Vec<Cell>> = rows
        .into_iter()
        .map(|row| {
            let label = if row.target { format!("{} (target)", row.label) } else { row.label };
            let mut cells: Vec<Cell> = vec![label.into()];
            cells.extend(row.cells.iter().zip(StepStatus::ALL).map(|(n, of)| match *n {
                0 => Cell::toned("-", Tone::Dim),
                n => {
                    let share = match percent(n, status.instances.max(n)) {
                        0 => "<1 %".to_owned(),
                        share => format!("{share} %"),
                    };
                    Cell::toned(format!("{} {share:>5}", number(n)), super::step_tone(*of))
                }
            }));
            cells
        })
        .collect();
    Table::whole(&titles, &rows, style)
}
