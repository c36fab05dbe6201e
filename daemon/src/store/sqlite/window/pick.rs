//! Conditions, orders, counts, and the keys of a window.

use cutover_shared::filter::{Compare, Term, Test};
use cutover_shared::ids::TenantId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Error, QueryBuilder, Sqlite, SqliteConnection};

use super::{Column, List};
use crate::store::{ReadError, Select};

type Builder = QueryBuilder<Sqlite>;

/// The keys of a window.
pub(super) struct Picked {
    rows: Vec<SqliteRow>,
    pub offset: u64,
}

impl Picked {
    /// Each key as `read` takes it out of its row, in the window's order; the error of the first that it can't.
    pub fn keys<T>(&self, read: impl Fn(&SqliteRow) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        self.rows.iter().map(read).collect()
    }
}

/// A field that the parser knows and this file does not: a mistake of ours, never read as "every row".
fn unknown(list: &List, field: &str) -> ReadError {
    ReadError::Corrupt { what: "filter", cause: format!("{} have no column for {field}", list.fields.noun) }
}

fn column(list: &List, field: &str) -> Result<Column, ReadError> {
    (list.column)(field).ok_or_else(|| unknown(list, field))
}

/// Appends ` AND (...)` for each term; a condition must stand before.
pub(super) fn condition(sql: &mut Builder, list: &List, select: &Select) -> Result<(), ReadError> {
    for term in &select.filter.terms {
        // Of nothing nothing is true, and so its opposite is.
        sql.push(if term.negated { " AND NOT coalesce(" } else { " AND (" });
        one(sql, list, select, term)?;
        sql.push(if term.negated { ", 0)" } else { ")" });
    }
    Ok(())
}

fn one(sql: &mut Builder, list: &List, select: &Select, term: &Term) -> Result<(), ReadError> {
    let fields: Vec<&'static str> = match term.field {
        Some(field) => vec![field],
        None => list.fields.all.iter().filter(|field| field.is_name).map(|field| field.name).collect(),
    };
    sql.push("(");
    for (n, field) in fields.into_iter().enumerate() {
        if n > 0 {
            sql.push(" OR ");
        }
        test(sql, column(list, field)?, select, &term.test);
    }
    sql.push(")");
    Ok(())
}

fn test(sql: &mut Builder, column: Column, select: &Select, test: &Test) {
    match test {
        Test::Contains(texts) => {
            sql.push("(");
            for (n, text) in texts.iter().enumerate() {
                if n > 0 {
                    sql.push(" OR ");
                }
                contains(sql, column, select, text);
            }
            sql.push(")");
        }
        Test::OneOf(words) => {
            expression(sql, column, select);
            among(sql, words.iter().copied());
        }
        Test::Equals(numbers) => {
            expression(sql, column, select);
            among(sql, numbers.iter().copied());
        }
        Test::Number(compare, number) => {
            expression(sql, column, select);
            sql.push(sign(*compare)).push_bind(*number);
        }
        Test::Age(compare, age) => {
            // Older means smaller: the moment is held against the moment that was so long ago.
            sql.push_bind(select.now.saturating_sub(*age)).push(sign(*compare));
            expression(sql, column, select);
        }
        Test::Is(yes) => {
            if !yes {
                sql.push("NOT ");
            }
            expression(sql, column, select);
        }
    }
}

fn contains(sql: &mut Builder, column: Column, select: &Select, text: &str) {
    if text.contains('\0') {
        // LIKE would end its pattern there, and find more than was asked for.
        sql.push("0");
        return;
    }
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    expression(sql, column, select);
    // LIKE itself takes A to Z for a to z, as lower() would, and is quicker without it.
    sql.push(" LIKE ").push_bind(pattern).push(" ESCAPE '\\'");
}

fn among<'t, T>(sql: &mut Builder, values: impl Iterator<Item = T>)
where
    T: sqlx::Encode<'t, Sqlite> + sqlx::Type<Sqlite>,
{
    sql.push(" IN (");
    for (n, value) in values.enumerate() {
        if n > 0 {
            sql.push(", ");
        }
        sql.push_bind(value);
    }
    sql.push(")");
}

fn sign(compare: Compare) -> &'static str {
    match compare {
        Compare::Less => " < ",
        Compare::AtMost => " <= ",
        Compare::More => " > ",
        Compare::AtLeast => " >= ",
    }
}

fn expression(sql: &mut Builder, column: Column, select: &Select) {
    match column {
        Column::Plain(text) | Column::Moment(text) | Column::Flag(text) => {
            sql.push(text);
        }
        Column::Canary(tenant) => {
            let list: Vec<&str> = select.canary.iter().map(TenantId::as_str).collect();
            let list = serde_json::to_string(&list).unwrap_or_else(|_| "[]".to_owned());
            sql.push("(").push(tenant).push(" IN (SELECT value FROM json_each(").push_bind(list).push(")))");
        }
    }
}

/// Appends ` ORDER BY ...`; always down to one row, so that windows fit together. Backwards is the whole order backwards.
pub(super) fn order(
    sql: &mut Builder,
    list: &List,
    select: &Select,
    backwards: bool,
) -> Result<(), ReadError> {
    let down = |down: bool| if down { " DESC" } else { "" };
    sql.push(" ORDER BY ");
    let sorted = select.sort.map(|(field, descending)| Ok((column(list, field)?, descending))).transpose()?;
    let flip = backwards ^ sorted.is_some_and(|(_, descending)| descending);
    if let Some((column, _)) = sorted {
        expression(sql, column, select);
        sql.push(down(flip ^ matches!(column, Column::Moment(_))));
    }
    // A column that stands already decides nothing a second time, and would keep an index from being used.
    let is_sorted = |key: &str| matches!(sorted, Some((Column::Plain(text), _)) if text == key);
    let mut first = sorted.is_none();
    for (key, descends) in list.own.iter().filter(|(key, _)| !is_sorted(key)) {
        sql.push(if first { "" } else { ", " }).push(key).push(down(flip ^ descends));
        first = false;
    }
    Ok(())
}

/// Counts the rows of a statement `SELECT count(*) FROM ... WHERE ...`.
pub(super) async fn count(connection: &mut SqliteConnection, mut sql: Builder) -> Result<u64, Error> {
    let n: i64 = sql.build_query_scalar().persistent(false).fetch_one(connection).await?;
    Ok(u64::try_from(n).unwrap_or(0))
}

/// Picks the keys of the window out of `total` rows; `statement` begins `SELECT keys FROM ... WHERE ...` with the condition.
pub(super) async fn pick(
    connection: &mut SqliteConnection,
    list: &List,
    select: &Select,
    total: u64,
    mut sql: Builder,
    failed: impl Fn(Error) -> ReadError,
) -> Result<Picked, ReadError> {
    let offset = select.begin(total);
    let rows = u64::from(select.limit).min(total - offset.min(total));
    let after = total.saturating_sub(offset).saturating_sub(rows);
    // From whichever end is nearer: the last window is as quick as the first.
    let backwards = after < offset;
    order(&mut sql, list, select, backwards)?;
    let skipped = if backwards { after } else { offset };
    sql.push(" LIMIT ").push_bind(i64::try_from(rows).unwrap_or(i64::MAX));
    sql.push(" OFFSET ").push_bind(i64::try_from(skipped).unwrap_or(i64::MAX));
    let mut picked = sql.build().persistent(false).fetch_all(connection).await.map_err(failed)?;
    if backwards {
        picked.reverse();
    }
    Ok(Picked { rows: picked, offset })
}
