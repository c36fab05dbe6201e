//! One tenant's database: what is known of it, its steps, its history.

use cutover_shared::fleet::{HistoryEntry, InstanceDetail, InstanceState, InstanceView, Way};

use super::{state_tone, step_tone, trouble, version};
use crate::plain::{
    Block, Cell, Column, Style, Table, Tone, age, clean, duration, number, shell_argument, time,
};

/// Columns of `fleet instance list`.
pub const INSTANCE_COLUMNS: &[Column] = &[
    Column::long("TENANT"),
    Column::long("SERVER"),
    Column::words("STATE"),
    Column::words("VERSION"),
    Column::words("STATUS"),
    Column::number("WAVE"),
    Column::long("ERROR"),
];

/// Columns of `fleet history`, and of the steps of an instance.
pub const HISTORY_COLUMNS: &[Column] = &[
    Column::words("WHEN"),
    Column::long("TENANT"),
    Column::words("MIGRATION"),
    Column::words("STATUS"),
    Column::number("TRY"),
    Column::words("TOOK"),
    Column::text("ERROR"),
];

/// A row of `fleet instance list`.
pub fn instance_row(view: &InstanceView) -> Vec<Cell> {
    vec![
        view.tenant.as_str().into(),
        view.server.as_str().into(),
        Cell::toned(view.state.word(), state_tone(view.state)),
        version(view.version).into(),
        Cell::toned(view.status.word(), step_tone(view.status)),
        view.wave.to_string().into(),
        trouble(view).unwrap_or_default().into(),
    ]
}

/// A row of `fleet history`.
pub fn history_row(entry: &HistoryEntry, now: i64) -> Vec<Cell> {
    let when = entry.completed_at.or(entry.started_at);
    let way = if entry.way == Way::Down { " (down)" } else { "" };
    let class = entry.class.map_or(String::new(), |class| format!("{class}: "));
    vec![
        when.map_or(String::new(), |at| age(now, at)).into(),
        entry.tenant.as_str().into(),
        format!("{}{way}", entry.migration).into(),
        Cell::toned(entry.status.word(), step_tone(entry.status)),
        number(entry.attempt.into()).into(),
        took(entry).unwrap_or_default().into(),
        entry.error.as_ref().map_or_else(String::new, |error| format!("{class}{error}")).into(),
    ]
}

fn took(entry: &HistoryEntry) -> Option<String> {
    let (from, to) = (entry.started_at?, entry.completed_at?);
    Some(duration(std::time::Duration::from_millis(to.abs_diff(from))))
}

/// One step without its error: `attempt 3, 4 min ago, took 12 s`.
pub fn step_line(entry: &HistoryEntry, now: i64) -> String {
    let mut parts = Vec::new();
    if entry.attempt > 0 {
        parts.push(format!("attempt {}", entry.attempt));
    }
    match (entry.completed_at, entry.started_at) {
        (Some(at), _) => parts.push(format!("{} ({})", age(now, at), time(at))),
        (None, Some(at)) => parts.push(format!("began {} ({})", age(now, at), time(at))),
        (None, None) => parts.push("not begun".to_owned()),
    }
    parts.extend(took(entry).map(|took| format!("took {took}")));
    parts.join(", ")
}

/// How a line of a difference looks: `+` is there and not expected, `-` is expected and not there.
pub fn drift_tone(line: &str) -> Tone {
    match line.chars().next() {
        Some('+') => Tone::Warn,
        Some('-') => Tone::Bad,
        _ => Tone::Dim,
    }
}

/// What is known of an instance without its steps.
pub fn facts(view: &InstanceView, now: i64) -> Vec<(&'static str, String, Tone)> {
    let mut facts = vec![
        ("Instance", view.tenant.to_string(), Tone::Plain),
        ("Status", view.status.to_string(), step_tone(view.status)),
        (
            "Version",
            match view.pending {
                0 => version(view.version),
                n => format!("{}, {} pending", version(view.version), number(n.into())),
            },
            Tone::Plain,
        ),
    ];
    let state = match (view.state, &view.reason) {
        (InstanceState::Error, Some(reason)) => format!("error: {reason}"),
        (state, _) => state.to_string(),
    };
    facts.push(("State", state, state_tone(view.state)));
    if let Some(failed) = &view.failed {
        let class = view.class.map_or(String::new(), |class| format!(" ({class})"));
        facts.push(("Failed", format!("{failed}{class}"), Tone::Bad));
    }
    if let Some(error) = &view.error {
        facts.push(("Error", error.clone(), Tone::Bad));
    }
    if let Some(class) = view.class {
        facts.push(("Next", class.next_step().to_owned(), Tone::Plain));
    }
    if let Some(drift) = &view.drift {
        facts.push(("Drift", drift.clone(), Tone::Warn));
    }
    facts.push(("Wave", view.wave.to_string(), Tone::Plain));
    facts.push(("Driver", view.driver.to_string(), Tone::Plain));
    facts.push(("Place", view.place.clone(), Tone::Plain));
    facts.push(("Server", view.server.clone(), Tone::Plain));
    let asked =
        view.checked_at.map_or_else(|| "never".to_owned(), |at| format!("{} ({})", age(now, at), time(at)));
    facts.push(("Asked", asked, Tone::Plain));
    if let Some(user) = &view.external_user {
        facts.push(("User", user.clone(), Tone::Plain));
    }
    let from = if view.from_application { ", from the application's table" } else { "" };
    facts.push(("Sealed", format!("key {}{from}", view.key), Tone::Dim));
    facts
}

fn but_tenant<T>(mut cells: Vec<T>) -> Vec<T> {
    cells.remove(1);
    cells
}

/// Everything about one instance, for `fleet instance show`.
pub fn show(detail: &InstanceDetail, now: i64, style: Style) -> String {
    let mut block = Block::new();
    for (key, value, tone) in facts(&detail.instance, now) {
        block.toned(key, value, tone);
    }
    let mut text = block.render(style);
    if !detail.steps.is_empty() {
        // Whose they are is said above.
        let columns: Vec<Column> = but_tenant(HISTORY_COLUMNS.to_vec());
        let rows: Vec<Vec<Cell>> =
            detail.steps.iter().map(|step| but_tenant(history_row(step, now))).collect();
        text +=
            &format!("\n{}\n{}", style.paint("Steps", Tone::Strong), Table::whole(&columns, &rows, style));
    }
    if !detail.drift.is_empty() {
        text += &format!(
            "\n{}\n",
            style.paint("Drift: + is there and not expected, - is expected and not there", Tone::Strong)
        );
        for line in &detail.drift {
            text += &format!("  {}\n", style.paint(&clean(line), drift_tone(line)));
        }
        let accept =
            format!("cutover fleet instance accept {}", shell_argument(detail.instance.tenant.as_str()));
        text += &format!("\nput it right, or take it as it is: {}\n", clean(&accept));
    }
    text
}
