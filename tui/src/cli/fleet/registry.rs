//! `cutover fleet registry`.

use cutover_shared::fleet::{FleetAnswer, FleetQuery, MigrationView};
use serde_json::json;

use super::super::{Outcome, Verdict};
use super::ask;
use crate::failure::Failure;
use crate::plain::{Cell, Column, Table, Tone, number};
use crate::session::Session;

const COLUMNS: &[Column] = &[
    Column::words("MIGRATION"),
    Column::words("CHECKSUM"),
    Column::long("FOR"),
    Column::words("DOWN"),
    Column::number("TENANTS"),
    Column::words("STATE"),
    Column::long("ABOUT"),
];

pub(super) async fn run(session: &mut Session<'_>) -> Verdict {
    let FleetAnswer::Registry(all) = ask(session, FleetQuery::Registry).await? else {
        return Err(Failure::unexpected("fleet registry"));
    };
    session.out.answer(&json!({ "rows": all }), |style| {
        if all.is_empty() {
            return "no migrations\n".to_owned();
        }
        let rows: Vec<Vec<Cell>> = all.iter().map(row).collect();
        Table::whole(COLUMNS, &rows, style)
    })?;
    Ok(Outcome::Done)
}

fn row(migration: &MigrationView) -> Vec<Cell> {
    let drivers: Vec<&str> = migration.drivers.iter().map(|driver| driver.word()).collect();
    let replaces = migration.replaces.as_ref().map_or(String::new(), |id| format!("stands for {id}"));
    let about = [replaces.as_str(), migration.description.as_str()];
    let about: Vec<&str> = about.into_iter().filter(|text| !text.is_empty()).collect();
    let down = if migration.has_down { Cell::from("yes") } else { Cell::toned("no", Tone::Warn) };
    vec![
        migration.id.as_str().into(),
        migration.checksum.chars().take(8).collect::<String>().into(),
        drivers.join(" ").into(),
        down,
        number(migration.tenants).into(),
        if migration.pinned { "was run" } else { "new" }.into(),
        about.join("; ").into(),
    ]
}
