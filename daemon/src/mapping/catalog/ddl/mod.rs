//! The migration that gives the application's projects their installation and status columns.

use cutover_shared::catalog::{Ddl, DdlFormat};

#[cfg(test)]
mod tests;

/// The name of the migration.
pub const MIGRATION_NAME: &str = "add_github_installation_refs";

/// PostgreSQL cuts longer names silently, and then two may be one.
const NAME_BYTES: usize = 63;

/// The table and columns in the application's database, by their real names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlNames {
    /// None: the first schema of the search path.
    pub schema: Option<String>,
    pub table: String,
    pub installation_column: String,
    pub status_column: String,
}

impl Default for DdlNames {
    /// Prisma's names.
    fn default() -> Self {
        Self {
            schema: None,
            table: "Project".to_owned(),
            installation_column: "githubInstallationId".to_owned(),
            status_column: "migrationStatus".to_owned(),
        }
    }
}

/// A name that PostgreSQL can't take as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name of the {what} is empty")]
    Empty { what: &'static str },
    #[error("the name of the {what} is longer than {NAME_BYTES} bytes")]
    TooLong { what: &'static str },
    #[error("the name of the {what} holds a control character")]
    Control { what: &'static str },
    #[error("the installation column and the status column have the same name")]
    Same,
}

/// One column as `information_schema.columns` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundColumn {
    pub name: String,
    /// `data_type`, for example `bigint`.
    pub data_type: String,
    pub nullable: bool,
}

/// Why the columns of the application's table can't be used. Each names the column and the mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    #[error("column {column} is missing: run `cutover catalog ddl --format sql` and apply what it prints")]
    Missing { column: String },
    #[error("column {column} has the type {found}, {expected} is needed: rename it, or name another column")]
    OtherType { column: String, found: String, expected: &'static str },
    #[error("column {column} is NOT NULL: undo must be able to put NULL back, so drop that constraint")]
    NotNull { column: String },
}

/// The migration, up and down.
///
/// # Errors
/// A name that PostgreSQL would refuse or cut.
pub fn ddl(format: DdlFormat, names: &DdlNames) -> Result<Ddl, NameError> {
    check_names(names)?;
    let (up, down) = match format {
        DdlFormat::Sql => (sql_up(names), sql_down(names)),
        DdlFormat::Prisma => prisma(names),
    };
    Ok(Ddl { name: MIGRATION_NAME.to_owned(), up, down })
}

/// Checks the columns that are there: `bigint` for the installation, `text` for the status, both nullable.
///
/// # Errors
/// Every column that does not fit.
pub fn check_columns(found: &[FoundColumn], names: &DdlNames) -> Result<(), Vec<ColumnError>> {
    let wanted = [(&names.installation_column, "bigint"), (&names.status_column, "text")];
    let mut errors = Vec::new();
    for (column, expected) in wanted {
        let Some(is) = found.iter().find(|is| is.name == *column) else {
            errors.push(ColumnError::Missing { column: column.clone() });
            continue;
        };
        if !is.data_type.eq_ignore_ascii_case(expected) {
            let (column, found) = (column.clone(), is.data_type.clone());
            errors.push(ColumnError::OtherType { column, found, expected });
        }
        if !is.nullable {
            errors.push(ColumnError::NotNull { column: column.clone() });
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// `name` as a quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    // The E form means the same under every setting of standard_conforming_strings; `$` could end the block's quoting.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('$', "\\x24"))
}

fn check_names(names: &DdlNames) -> Result<(), NameError> {
    let all = [
        ("schema", names.schema.as_deref()),
        ("table", Some(names.table.as_str())),
        ("installation column", Some(names.installation_column.as_str())),
        ("status column", Some(names.status_column.as_str())),
    ];
    for (what, name) in all {
        let Some(name) = name else { continue };
        if name.is_empty() {
            return Err(NameError::Empty { what });
        }
        if name.len() > NAME_BYTES {
            return Err(NameError::TooLong { what });
        }
        if name.chars().any(char::is_control) {
            return Err(NameError::Control { what });
        }
    }
    if names.installation_column == names.status_column { Err(NameError::Same) } else { Ok(()) }
}

fn table(names: &DdlNames) -> String {
    let table = quoted(&names.table);
    names.schema.as_deref().map_or_else(|| table.clone(), |schema| format!("{}.{table}", quoted(schema)))
}

fn in_schema(names: &DdlNames, object: &str) -> String {
    let object = quoted(object);
    names.schema.as_deref().map_or_else(|| object.clone(), |schema| format!("{}.{object}", quoted(schema)))
}

/// `TABLE_COLUMN_idx`, cut so that the end stays and two long columns keep two names.
fn index_name(table: &str, column: &str) -> String {
    let whole = format!("{table}_{column}_idx");
    if whole.len() <= NAME_BYTES {
        return whole;
    }
    let hash = whole
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let tail = format!("_{hash:016x}_idx");
    let mut end = NAME_BYTES - tail.len();
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{tail}", &whole[..end])
}

fn sql_up(names: &DdlNames) -> String {
    let table = table(names);
    let (installation, status) = (quoted(&names.installation_column), quoted(&names.status_column));
    let by_installation = quoted(&index_name(&names.table, &names.installation_column));
    let by_status = quoted(&index_name(&names.table, &names.status_column));
    format!(
        "-- {MIGRATION_NAME}, up. Run it outside a transaction (psql -v ON_ERROR_STOP=1 -f, without -1): CONCURRENTLY\n\
         -- builds the indexes while the application writes, and refuses to run inside one.\n\
         SET lock_timeout = '5s'; -- rather fail than make the application wait behind us; run it again then\n\n\
         {guard}\n\
         ALTER TABLE {table}\n  \
           ADD COLUMN IF NOT EXISTS {installation} BIGINT,\n  \
           ADD COLUMN IF NOT EXISTS {status} TEXT;\n\n\
         -- A build that was broken off leaves an invalid index, which IF NOT EXISTS takes for a good one. To build\n\
         -- it again: DROP INDEX CONCURRENTLY, then run this file once more.\n\
         CREATE INDEX CONCURRENTLY IF NOT EXISTS {by_installation} ON {table} ({installation});\n\
         CREATE INDEX CONCURRENTLY IF NOT EXISTS {by_status} ON {table} ({status});\n",
        guard = guard(names),
    )
}

/// IF NOT EXISTS is content with a column of any type, so that is refused first.
fn guard(names: &DdlNames) -> String {
    let schema = names.schema.as_deref().map_or_else(|| "current_schema()".to_owned(), literal);
    let table = literal(&names.table);
    let (installation, status) = (literal(&names.installation_column), literal(&names.status_column));
    format!(
        "DO {TAG}\nDECLARE wrong TEXT;\nBEGIN\n  \
           SELECT string_agg(format('%I is %s', column_name, data_type), ', ') INTO wrong\n  \
           FROM information_schema.columns\n  \
           WHERE table_schema = {schema} AND table_name = {table}\n    \
             AND ((column_name = {installation} AND (data_type <> 'bigint' OR is_nullable = 'NO'))\n      \
               OR (column_name = {status} AND (data_type <> 'text' OR is_nullable = 'NO')));\n  \
           IF wrong IS NOT NULL THEN\n    \
             RAISE EXCEPTION 'a nullable BIGINT and a nullable TEXT column are needed, but %', wrong;\n  \
           END IF;\nEND\n{TAG};\n"
    )
}

/// No name can hold it: `literal` writes every `$` in another way.
const TAG: &str = "$cutover_guard$";

fn sql_down(names: &DdlNames) -> String {
    let table = table(names);
    let by_installation = in_schema(names, &index_name(&names.table, &names.installation_column));
    let by_status = in_schema(names, &index_name(&names.table, &names.status_column));
    format!(
        "-- {MIGRATION_NAME}, down. Run it outside a transaction. It forgets which installation serves which project:\n\
         -- undo the mapping runs first. If a column was there before `up`, leave out its line.\n\
         SET lock_timeout = '5s';\n\
         DROP INDEX CONCURRENTLY IF EXISTS {by_status};\n\
         DROP INDEX CONCURRENTLY IF EXISTS {by_installation};\n\
         ALTER TABLE {table}\n  \
           DROP COLUMN IF EXISTS {status},\n  \
           DROP COLUMN IF EXISTS {installation};\n",
        installation = quoted(&names.installation_column),
        status = quoted(&names.status_column),
    )
}

fn prisma(names: &DdlNames) -> (String, String) {
    let (model, mapped) = prisma_name(&names.table, "Project");
    let (installation, installation_map) = prisma_name(&names.installation_column, "githubInstallationId");
    let (status, status_map) = prisma_name(&names.status_column, "migrationStatus");
    let attribute =
        |at: &str, map: Option<String>| map.map_or_else(String::new, |map| format!(" {at}({map})"));
    let by_installation = prisma_text(&index_name(&names.table, &names.installation_column));
    let by_status = prisma_text(&index_name(&names.table, &names.status_column));
    let table_map = mapped.map_or_else(String::new, |map| format!("\n  @@map({map})"));
    let up = format!(
        "// {MIGRATION_NAME}: add these lines to the model, then `prisma migrate dev --name {MIGRATION_NAME}`.\n\
         // Prisma builds indexes with the table locked; for a large table apply the SQL format by hand instead and\n\
         // mark it with `prisma migrate resolve --applied`.\n\
         model {model} {{\n  \
           // ... what is there\n  \
           {installation} BigInt?{installation_at}\n  \
           {status} String?{status_at}\n\n  \
           @@index([{installation}], map: {by_installation})\n  \
           @@index([{status}], map: {by_status}){table_map}\n}}\n",
        installation_at = attribute("@map", installation_map),
        status_at = attribute("@map", status_map),
    );
    let down = format!(
        "// {MIGRATION_NAME}, down: undo the mapping runs, take these lines out of model {model} again, then\n\
         // `prisma migrate dev --name drop_github_installation_refs`:\n\
         //   {installation} BigInt?\n\
         //   {status} String?\n\
         //   @@index([{installation}], map: {by_installation})\n\
         //   @@index([{status}], map: {by_status})\n"
    );
    (up, down)
}

/// A name that Prisma accepts, and the quoted real one where they differ.
fn prisma_name(name: &str, otherwise: &str) -> (String, Option<String>) {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fits { (name.to_owned(), None) } else { (otherwise.to_owned(), Some(prisma_text(name))) }
}

fn prisma_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
