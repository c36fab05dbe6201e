//! Statements on the tenant's ledger.

use cutover_shared::fleet::{ErrorClass, Way};
use sqlx::sqlite::SqliteRow;

use super::super::super::driver::{Ledger, LedgerRow, Part, StepAsk, StepError};
use super::session::LOOK;
use super::wire::{Wire, failed, text};
use crate::sql_name::Sql;

const READ: &str =
    "SELECT version, id, checksum, part_way, part_done, part_cursor FROM main.cutover_migrations";

pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS main.cutover_migrations (version INTEGER PRIMARY KEY, id TEXT NOT NULL, \
    checksum TEXT NOT NULL, run_id TEXT NOT NULL, part_way TEXT, part_done INTEGER, part_cursor TEXT, applied_at INTEGER NOT NULL);\n";

/// Reads the ledger, and whether there is one.
pub(super) async fn read(wire: &mut Wire) -> Result<(Ledger, bool), StepError> {
    let mut ledger = Ledger::default();
    let mut unread = false;
    let said = wire.say(Sql::text(READ), LOOK, |_, answer| match row(answer) {
        Some(row) => {
            ledger.rows.insert(row.version, row);
        }
        None => unread = true,
    });
    match said.await {
        Ok(_) if unread => Err(not_ours("a row of it can't be read")),
        Ok(_) => Ok((ledger, true)),
        Err(broken) => {
            let error = failed(&broken.error, None);
            if error.text.contains("no such table") {
                return Ok((ledger, false));
            }
            Err(if error.class == ErrorClass::SchemaMismatch { not_ours(&error.text) } else { error })
        }
    }
}

fn not_ours(cause: &str) -> StepError {
    StepError::new(
        ErrorClass::SchemaMismatch,
        format!("the ledger `cutover_migrations` is not as we made it: {cause}"),
    )
}

fn row(row: &SqliteRow) -> Option<LedgerRow> {
    let number = |column| text(row, column).and_then(|text| text.parse::<i64>().ok());
    let part = match text(row, 3) {
        None => None,
        Some(way) => Some(Part {
            way: Way::from_word(&way)?,
            statements: number(4).and_then(|done| u32::try_from(done).ok())?,
            cursor: text(row, 5),
        }),
    };
    Some(LedgerRow {
        version: number(0).and_then(|version| u32::try_from(version).ok())?,
        id: text(row, 1)?,
        checksum: text(row, 2)?,
        part,
    })
}

fn version(ask: &StepAsk<'_>) -> Sql {
    Sql::whole(i64::from(ask.migration.version))
}

/// Adds the rows of steps that go one way (up), refused where there is one; or takes them away (down). One statement: each costs SQLite
/// more to understand than to run.
pub(super) fn write(asks: &[&StepAsk<'_>], at: i64) -> Sql {
    let list = |one: &dyn Fn(&StepAsk<'_>) -> Sql| {
        let parts = asks.iter().map(|ask| one(ask));
        parts.reduce(|all, next| all.then(&Sql::text(", ")).then(&next)).unwrap_or(Sql::text(""))
    };
    if asks.first().is_some_and(|ask| ask.way == Way::Down) {
        return Sql::fill("DELETE FROM main.cutover_migrations WHERE version IN ({});\n", &[&list(&version)]);
    }
    let rows = list(&|ask| {
        Sql::fill(
            "({}, {}, {}, {}, {})",
            &[
                &version(ask),
                &Sql::plain_literal(&ask.migration.id),
                &Sql::plain_literal(&ask.migration.checksum),
                &Sql::plain_literal(&ask.run.0),
                &Sql::whole(at),
            ],
        )
    });
    Sql::fill(
        "INSERT INTO main.cutover_migrations (version, id, checksum, run_id, applied_at) VALUES {};\n",
        &[&rows],
    )
}

/// Begins a step that has no single transaction.
pub(super) fn begin_part(ask: &StepAsk<'_>, part: &Part, at: i64) -> Sql {
    Sql::fill(
        "INSERT INTO main.cutover_migrations (version, id, checksum, run_id, part_way, part_done, part_cursor, applied_at) \
         VALUES ({}, {}, {}, {}, {}, 0, {}, {}) ON CONFLICT (version) DO UPDATE SET part_way = excluded.part_way, part_done = 0, \
         part_cursor = excluded.part_cursor, run_id = excluded.run_id;\n",
        &[
            &version(ask),
            &Sql::plain_literal(&ask.migration.id),
            &Sql::plain_literal(&ask.migration.checksum),
            &Sql::plain_literal(&ask.run.0),
            &Sql::plain_literal(part.way.word()),
            &cursor(part),
            &Sql::whole(at),
        ],
    )
}

/// How far it is.
pub(super) fn note(ask: &StepAsk<'_>, part: &Part) -> Sql {
    Sql::fill(
        "UPDATE main.cutover_migrations SET part_done = {}, part_cursor = {} WHERE version = {};\n",
        &[&Sql::whole(i64::from(part.statements)), &cursor(part), &version(ask)],
    )
}

/// The end of a step that has no single transaction.
pub(super) fn end_part(ask: &StepAsk<'_>, at: i64) -> Sql {
    match ask.way {
        Way::Up => Sql::fill(
            "UPDATE main.cutover_migrations SET part_way = NULL, part_done = NULL, part_cursor = NULL, applied_at = {} \
             WHERE version = {};\n",
            &[&Sql::whole(at), &version(ask)],
        ),
        Way::Down => write(&[ask], at),
    }
}

fn cursor(part: &Part) -> Sql {
    part.cursor.as_deref().map_or(Sql::text("NULL"), Sql::plain_literal)
}
