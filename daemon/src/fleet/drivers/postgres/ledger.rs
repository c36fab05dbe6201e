//! Statements on the tenant's ledger.

use cutover_shared::fleet::Way;
use sqlx::postgres::PgRow;

use super::super::super::driver::{LedgerRow, Part, StepAsk, StepError};
use super::wire::text;
use crate::sql_name::{Sql, SqlName};
use cutover_shared::fleet::ErrorClass;

/// The ledger's name.
pub(super) const TABLE: &str = "cutover_migrations";

/// Reads all of it where the search path finds it.
pub(super) const READ: &str = "SELECT version, id, checksum, part_way, part_done, part_cursor, part_begun \
                               FROM cutover_migrations;\n";

/// What the error says when a row that is to be taken away is not there.
pub(super) const NO_ROW: &str = "cutover_migrations has not this row:";

/// What the ledger's own statements answer with first, so that no row of a migration is taken for theirs.
pub(super) fn mark(version: u32) -> String {
    format!("cutover_migrations {version}")
}

/// Where it is, as it goes into statements.
#[derive(Clone, Debug)]
pub(super) struct Place(Sql);

impl Place {
    pub(super) fn new(schema: &str) -> Result<Self, StepError> {
        let unfit = |error| StepError::new(ErrorClass::SchemaMismatch, format!("the search path: {error}"));
        let schema = SqlName::new("schema", schema).map_err(unfit)?;
        let table = SqlName::new("ledger", TABLE).map_err(unfit)?;
        Ok(Self(Sql::fill("{}.{}", &[&schema.sql(), &table.sql()])))
    }

    pub(super) fn create(&self) -> Sql {
        Sql::fill(
            "CREATE TABLE IF NOT EXISTS {} (version bigint PRIMARY KEY, id varchar(100) NOT NULL, checksum varchar(64) NOT NULL, \
             run_id varchar(64) NOT NULL, part_way varchar(4), part_done bigint, part_cursor varchar(240), part_begun boolean, \
             applied_at bigint NOT NULL);\n",
            &[&self.0],
        )
    }

    /// Adds the whole row, and answers with its mark. Refused where there is one already. `at`: a number, because a new connection would
    /// have to learn the functions of the server's own clock.
    pub(super) fn add(&self, ask: &StepAsk<'_>, at: i64) -> Sql {
        let (id, checksum, run) = (
            Sql::literal(&ask.migration.id),
            Sql::literal(&ask.migration.checksum),
            Sql::literal(&ask.run.0),
        );
        Sql::fill(
            "INSERT INTO {} (version, id, checksum, run_id, applied_at) VALUES ({}, {}, {}, {}, {}) \
             RETURNING {};\n",
            &[
                &self.0,
                &version(ask),
                &id,
                &checksum,
                &run,
                &Sql::whole(at),
                &Sql::literal(&mark(ask.migration.version)),
            ],
        )
    }

    /// Takes the row away, and answers with its mark; fails with [`NO_ROW`] where there is none, so that the rest is not run.
    pub(super) fn remove(&self, ask: &StepAsk<'_>) -> Sql {
        Sql::fill(
            "WITH gone AS (DELETE FROM {} WHERE version = {} RETURNING version) \
             SELECT {}, CASE (SELECT count(*) FROM gone) WHEN 1 THEN 0 \
             ELSE ('{} ' || (SELECT count(*) FROM gone))::int END;\n",
            &[&self.0, &version(ask), &Sql::literal(&mark(ask.migration.version)), &Sql::text(NO_ROW)],
        )
    }

    /// Begins a step that has no single transaction.
    pub(super) fn begin_part(&self, ask: &StepAsk<'_>, part: &Part, at: i64) -> Sql {
        let (id, checksum, run, way) = (
            Sql::literal(&ask.migration.id),
            Sql::literal(&ask.migration.checksum),
            Sql::literal(&ask.run.0),
            Sql::literal(part.way.word()),
        );
        let cursor = part.cursor.as_deref().map_or(Sql::text("NULL"), Sql::literal);
        Sql::fill(
            "INSERT INTO {} AS l (version, id, checksum, run_id, part_way, part_done, part_cursor, part_begun, applied_at) \
             VALUES ({}, {}, {}, {}, {}, 0, {}, false, {}) \
             ON CONFLICT (version) DO UPDATE SET part_way = excluded.part_way, part_done = 0, \
             part_cursor = excluded.part_cursor, part_begun = false, run_id = excluded.run_id;\n",
            &[&self.0, &version(ask), &id, &checksum, &run, &way, &cursor, &Sql::whole(at)],
        )
    }

    /// How far it is; `begun`: the statement after those may have been begun.
    pub(super) fn part(&self, ask: &StepAsk<'_>, part: &Part, begun: bool) -> Sql {
        let cursor = part.cursor.as_deref().map_or(Sql::text("NULL"), Sql::literal);
        let begun = Sql::text(if begun { "true" } else { "false" });
        Sql::fill(
            "UPDATE {} SET part_done = {}, part_cursor = {}, part_begun = {} WHERE version = {};\n",
            &[&self.0, &Sql::whole(i64::from(part.statements)), &cursor, &begun, &version(ask)],
        )
    }

    /// The end of a step that has no single transaction.
    pub(super) fn end_part(&self, ask: &StepAsk<'_>, at: i64) -> Sql {
        match ask.way {
            Way::Up => Sql::fill(
                "UPDATE {} SET part_way = NULL, part_done = NULL, part_cursor = NULL, part_begun = NULL, applied_at = {} \
                 WHERE version = {};\n",
                &[&self.0, &Sql::whole(at), &version(ask)],
            ),
            Way::Down => self.remove(ask),
        }
    }

    /// Writes without changing, so that the commit waits for the disk, and with it all commits before.
    pub(super) fn touch(&self) -> Sql {
        Sql::fill(
            "UPDATE {} SET run_id = run_id WHERE version = (SELECT min(version) FROM {});\n",
            &[&self.0, &self.0],
        )
    }
}

fn version(ask: &StepAsk<'_>) -> Sql {
    Sql::whole(i64::from(ask.migration.version))
}

/// A row of [`READ`], and whether the statement after those that are done may have been begun.
pub(super) fn row(row: &PgRow) -> Option<(LedgerRow, bool)> {
    let number = |column| text(row, column).and_then(|text| text.parse::<i64>().ok());
    let part = match text(row, 3) {
        None => None,
        Some(way) => Some(Part {
            way: Way::from_word(&way)?,
            statements: number(4).and_then(|done| u32::try_from(done).ok())?,
            cursor: text(row, 5),
        }),
    };
    let begun = text(row, 6).as_deref() == Some("t");
    let whole = LedgerRow {
        version: number(0).and_then(|version| u32::try_from(version).ok())?,
        id: text(row, 1)?,
        checksum: text(row, 2)?,
        part,
    };
    Some((whole, begun))
}
