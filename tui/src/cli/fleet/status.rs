//! `cutover fleet status`.

use std::collections::BTreeMap;

use cutover_shared::fleet::{FailureGroup, FleetAnswer, FleetQuery, FleetStatus, StepStatus, WaveView};

use super::super::choose::Choice;
use super::super::{Outcome, Verdict};
use super::{ask, instance, tenants, version};
use crate::failure::Failure;
use crate::plain::{self, Block, Cell, Column, Style, Table, Tone, age, clean, number, wrap};
use crate::session::Session;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Each tenant's database instead of figures; --filter and --sort mean it, too
    #[arg(long)]
    instances: bool,
    #[command(flatten)]
    choice: Choice,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    if args.instances || args.choice.is_chosen() {
        return instance::list(&args.choice, session).await;
    }
    let FleetAnswer::Status(status) = ask(session, FleetQuery::Status).await? else {
        return Err(Failure::unexpected("fleet status"));
    };
    let now = session.now();
    session.out.answer(&status, |style| text(&status, now, style))?;
    Ok(Outcome::Done)
}

fn text(status: &FleetStatus, now: i64, style: Style) -> String {
    let mut block = Block::new();
    match &status.folder {
        Some(folder) => block.line("Migrations", folder),
        None => block.toned("Migrations", "none: `fleet.folder` is not set", Tone::Warn),
    };
    if let Some(mistake) = &status.registry_mistake {
        // A difference is what `fleet lint` shows.
        block.toned("Mistake", mistake.lines().next().unwrap_or_default(), Tone::Bad);
    }
    let head = status.head.map_or_else(|| "no migration".to_owned(), version);
    let target = match status.target {
        Some(target) => format!("{}, the newest is {head}", version(target)),
        None => format!("not set, the newest is {head}: `cutover fleet plan --to VERSION`"),
    };
    block.line("Target", target);
    block.line("Databases", format!("{}: {} connected", number(status.instances), number(status.connected)));
    let mut bad = |key, count: u64, what: &str, tone| {
        if count > 0 {
            block.toned(key, format!("{} {what}", tenants(count)), tone);
        }
    };
    bad("Outdated", status.outdated, "below the target", Tone::Warn);
    bad(
        "Unreachable",
        status.error,
        "can't be reached: `cutover fleet status --filter state:error`",
        Tone::Bad,
    );
    bad(
        "Drifted",
        status.drifted,
        "with a schema changed by hand: `cutover fleet status --filter drifted:yes`",
        Tone::Warn,
    );
    bad("Old key", status.old_key, "sealed with an older key", Tone::Warn);
    if let Some(run) = &status.run {
        block.line("Run", format!("{}  {}", run.id, plain::moving_line(run)));
    }
    for throttle in &status.throttles {
        let told = format!("{}: {}, since {}", throttle.server, throttle.reason, age(now, throttle.since));
        block.toned("Held back", told, Tone::Warn);
    }
    let failures: String = status.failures.iter().map(|group| failure(group, status, style)).collect();
    let failures = if failures.is_empty() {
        failures
    } else {
        format!("\n{}\n{failures}", style.paint("Failures", Tone::Strong))
    };
    block.render(style) + &cells(status, style) + &waves(&status.waves, style) + &failures
}

const CELLS: &[Column] = &[
    Column::words("VERSION"),
    Column::number("COMPLETED"),
    Column::number("PENDING"),
    Column::number("RUNNING"),
    Column::number("FAILED"),
    Column::number("SKIPPED"),
    Column::words(""),
];

/// The heat map: a row for each version, the newest first.
fn cells(status: &FleetStatus, style: Style) -> String {
    let mut versions: BTreeMap<u32, BTreeMap<StepStatus, u64>> = BTreeMap::new();
    for cell in &status.cells {
        *versions.entry(cell.version).or_default().entry(cell.status).or_default() += cell.tenants;
    }
    if versions.is_empty() {
        return String::new();
    }
    let row = |(at, counts): (&u32, &BTreeMap<StepStatus, u64>)| {
        let cell = |status, tone| match counts.get(&status) {
            Some(count) if *count > 0 => Cell::toned(number(*count), tone),
            _ => Cell::from("·"),
        };
        vec![
            version(*at).into(),
            cell(StepStatus::Completed, Tone::Good),
            cell(StepStatus::Pending, Tone::Plain),
            cell(StepStatus::Running, Tone::Strong),
            cell(StepStatus::Failed, Tone::Bad),
            cell(StepStatus::Skipped, Tone::Warn),
            if status.target == Some(*at) { "target".into() } else { Cell::default() },
        ]
    };
    let rows: Vec<Vec<Cell>> = versions.iter().rev().map(row).collect();
    format!("\n{}", Table::whole(CELLS, &rows, style))
}

const WAVES: &[Column] = &[
    Column::words("WAVE"),
    Column::number("TENANTS"),
    Column::number("AT TARGET"),
    Column::number("RUNNING"),
    Column::number("FAILED"),
    Column::number("UNREACHABLE"),
];

fn waves(waves: &[WaveView], style: Style) -> String {
    if waves.is_empty() {
        return String::new();
    }
    let bad = |count: u64| Cell::toned(number(count), if count > 0 { Tone::Bad } else { Tone::Plain });
    let row = |wave: &WaveView| {
        let share = plain::percent(wave.at_target, wave.tenants);
        vec![
            format!("{} {}", wave.wave, wave.name).into(),
            number(wave.tenants).into(),
            format!("{} ({share} %)", number(wave.at_target)).into(),
            number(wave.running).into(),
            bad(wave.failed),
            bad(wave.unreachable),
        ]
    };
    let rows: Vec<Vec<Cell>> = waves.iter().map(row).collect();
    format!("\n{}", Table::whole(WAVES, &rows, style))
}

/// One cause: how many, what it says, what a person does next.
fn failure(group: &FailureGroup, status: &FleetStatus, style: Style) -> String {
    let title = format!(
        "{} at {}, {}, such as {}",
        tenants(group.tenants),
        group.migration,
        group.class,
        group.example
    );
    let mut text = format!("  {}\n", style.paint(&clean(&title), Tone::Bad));
    let room = style.measure() - 4;
    for line in wrap(&clean(&group.text), room) {
        text += &format!("    {line}\n");
    }
    for line in wrap(&format!("next: {}", clean(&group.next)), room) {
        text += &format!("    {line}\n");
    }
    if let Some(run) = &status.run {
        let group = plain::shell_option("--group", &group.group);
        text += &format!("    again: cutover fleet retry {} {group}\n", run.id);
    }
    text
}
