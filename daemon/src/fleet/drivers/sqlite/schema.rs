//! The schema as lines.

use super::super::super::driver::{Schema, StepError};
use super::session::LOOK;
use super::wire::{Wire, failed, text};
use crate::sql_name::Sql;

const QUESTION: &str = "\
SELECT 'object', tbl_name, type || ' ' || name, sql FROM main.sqlite_schema
  WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name <> 'cutover_migrations';
SELECT 'column', m.name, 'column ' || c.name, c.type
    || CASE WHEN c.\"notnull\" THEN ' NOT NULL' ELSE '' END
    || CASE WHEN c.dflt_value IS NULL THEN '' ELSE ' DEFAULT ' || c.dflt_value END
    || CASE WHEN c.pk > 0 THEN ' PRIMARY KEY ' || c.pk ELSE '' END
    || CASE c.hidden WHEN 2 THEN ' GENERATED' WHEN 3 THEN ' GENERATED STORED' ELSE '' END
  FROM main.sqlite_schema m, pragma_table_xinfo(m.name) c
  WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND m.name <> 'cutover_migrations';";

/// Reads the schema, sorted. What is written differently and means the same differs only in the object's own line.
pub(super) async fn read(wire: &mut Wire) -> Result<Schema, StepError> {
    let mut lines = Vec::new();
    let said = wire.say(Sql::text(QUESTION), LOOK, |_, row| {
        let column = |at| text(row, at).unwrap_or_default();
        let line = format!("{} {} {}", column(1), column(2), column(3));
        lines.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
    });
    said.await.map_err(|broken| failed(&broken.error, None))?;
    lines.sort_unstable();
    Ok(Schema { lines })
}
