//! `fleet status` as text.

use cutover_shared::fleet::{FailureGroup, FleetStatus, StepStatus};

use super::{headline, heat, standing, version, waves};
use crate::plain::{Block, Cell, Column, Style, Table, Tone, age, number, percent};

/// Versions that are told one by one.
const VERSIONS: usize = 20;

/// Columns of failures by their error.
pub const GROUP_COLUMNS: &[Column] = &[
    Column::words("GROUP"),
    Column::number("TENANTS"),
    Column::words("MIGRATION"),
    Column::words("CLASS"),
    Column::words("EXAMPLE"),
    Column::text("ERROR"),
];

/// Rows of failures by their error.
pub fn failure_rows(failures: &[FailureGroup]) -> Vec<Vec<Cell>> {
    let row = |one: &FailureGroup| {
        vec![
            one.group.as_str().into(),
            Cell::toned(number(one.tenants), Tone::Bad),
            one.migration.as_str().into(),
            one.class.word().into(),
            one.example.as_str().into(),
            one.text.as_str().into(),
        ]
    };
    failures.iter().map(row).collect()
}

/// The fleet at a glance: what is halted, how far the waves are, how many are where, what failed.
pub fn status(status: &FleetStatus, now: i64, style: Style) -> String {
    let headline = headline(status, now);
    let mut block = Block::new();
    block.toned("Fleet", format!("{}: {}", headline.word, headline.text), headline.tone);
    block.maybe("Next", headline.next);
    if let Some(folder) = &status.folder {
        let of = |at: Option<u32>| at.map_or("not set".to_owned(), version);
        block.line("Target", format!("version {} (the newest is {})", of(status.target), of(status.head)));
        block.line("Migrations", folder);
    }
    let parts: Vec<String> = standing(status).into_iter().map(|(text, _)| text).collect();
    block.line("Instances", parts.join(", "));
    if let Some(run) = &status.run {
        block.line("Run", format!("{} of {} is {}", run.id, run.scope, run.state));
    }
    let mut text = block.render(style);
    text += &part("Waves", &waves_table(status, style), style);
    text += &part("Tenants by version and status", &heat_table(status, style), style);
    if !status.failures.is_empty() {
        let table = Table::whole(GROUP_COLUMNS, &failure_rows(&status.failures), style);
        text += &part("Failures", &table, style);
        for one in &status.failures {
            text += &format!("{}: {}\n", crate::plain::clean(&one.group), crate::plain::clean(&one.next));
        }
        if let Some(run) = &status.run {
            text += &format!("`cutover fleet retry {} --group GROUP` takes a group once more\n", run.id);
        }
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
