//! The application's tables of integrations and tokens: who connected which installation, and never a token.

use chrono::{DateTime, SecondsFormat};
use serde_json::json;

use super::super::error::Unfit;
use super::super::layout::{IdType, Table, table};
use super::super::{AppDatabase, AppDatabaseError};
use super::form::{Form, type_of};
use super::names::Integrations;
use super::{Put, Refusal, Row, addable, writable};
use crate::sql_name::{Sql, SqlName, Statement};
use crate::store::{IntegrationRow, IntegrationState};

/// The statements for the tables as they are.
#[derive(Debug)]
pub(in super::super) struct IntegrationSql {
    user: IdType,
    data: Form,
    /// `$1` JSON of the rows.
    put: Vec<Statement>,
}

const READING: &str = "reading its tables of integrations";
const WRITING: &str = "writing its tables of integrations";

/// Stands where a token would.
const NO_TOKEN: &str = "'cutover-keeps-the-tokens'";

impl AppDatabase {
    /// Sees that the integration has its row, and brings the rows of these up to date, adding those that are not there.
    ///
    /// # Errors
    /// After `Unavailable` nobody knows whether it was written; after any other error it was not.
    pub async fn put_integrations(&self, rows: &[IntegrationRow]) -> Result<Put, AppDatabaseError> {
        let sql = self.integration_sql().await?;
        let (fit, unfit): (Vec<_>, Vec<_>) = rows.iter().partition(|row| sql.user.fits(&row.user));
        let rows: Vec<Row> = fit
            .into_iter()
            .map(|row| {
                let data = json!({
                    "installation_id": row.installation.map(|id| id.to_string()),
                    "setup_action": row.setup_action,
                    "callback_timestamp": time(row.callback_at),
                });
                let value = json!({
                    "id": row.id,
                    "user": row.user,
                    "active": row.state == IntegrationState::Active,
                    "data": sql.data.carried(data),
                });
                Row { subject: row.id.clone(), value }
            })
            .collect();
        let mut put = self.put(WRITING, &sql.put, &rows).await?;
        put.refused.extend(unfit.into_iter().map(|row| Refusal {
            subject: row.id.clone(),
            why: "the user's id is not of the column's type".to_owned(),
        }));
        Ok(put)
    }

    pub(super) async fn integration_sql(&self) -> Result<std::sync::Arc<IntegrationSql>, AppDatabaseError> {
        let known = self.0.mirror.known().integrations.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(names) = &self.0.mirror.integrations else {
            return Err(AppDatabaseError::Unfit(Vec::new()));
        };
        let inspected = self.answer(READING, inspect(self, names)).await?;
        let sql = std::sync::Arc::new(inspected.map_err(AppDatabaseError::Unfit)?);
        self.0.mirror.known().integrations = Some(sql.clone());
        Ok(sql)
    }
}

/// RFC 3339 in seconds, UTC.
fn time(at: i64) -> String {
    DateTime::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn inspect(
    database: &AppDatabase,
    names: &Integrations,
) -> Result<Result<IntegrationSql, Vec<Unfit>>, sqlx::Error> {
    let mut unfit = Vec::new();
    let (pool, schema) = (&database.0.pool, &database.0.names.schema);
    let (integrations, tokens) = (
        table(pool, schema, &names.table, &mut unfit).await?,
        table(pool, schema, &names.tokens.table, &mut unfit).await?,
    );
    let ensure = integrations.as_ref().and_then(|found| ensure(schema, names, found, &mut unfit));
    let rows = tokens.as_ref().and_then(|found| rows(schema, names, found, &mut unfit));
    let (Some(ensure), Some((user, data, rows)), true) = (ensure, rows, unfit.is_empty()) else {
        return Ok(Err(unfit));
    };
    let put = std::iter::once(ensure).chain(rows).collect();
    Ok(Ok(IntegrationSql { user, data, put }))
}

/// Adds the one row of the integration; what is there is the application's.
fn ensure(
    schema: &SqlName,
    names: &Integrations,
    found: &Table,
    unfit: &mut Vec<Unfit>,
) -> Option<Statement> {
    const NAME: &str = "'GitHub App Integration'";
    const ABOUT: &str = "'GitHub App for repository access and automation'";
    const CONFIGURATION: &str = r#"'{"callback_url":"/api/v1/public/webhooks/github/auth"}'"#;
    const OPERATIONS: [&str; 2] = [
        "'{repositories:read,repositories:write,issues:read,actions:read}'",
        r#"'["repositories:read","repositories:write","issues:read","actions:read"]'"#,
    ];
    const SCOPES: [&str; 2] = ["'{repo,issues,actions}'", r#"'["repo","issues","actions"]'"#];
    let mut columns = vec![(&names.id, Sql::text("'github_app'"))];
    for (column, value) in [
        (&names.kind, "'github'"),
        (&names.name, NAME),
        (&names.description, ABOUT),
        (&names.version, "'1.0'"),
    ] {
        columns.extend(column.as_ref().map(|column| (column, Sql::text(value))));
    }
    if let Some(column) = &names.configuration {
        Form::of(found, &names.table, column, false, unfit);
        columns.push((column, Sql::text(CONFIGURATION)));
    }
    for (column, [array, json]) in [(&names.operations, OPERATIONS), (&names.scopes, SCOPES)] {
        let Some(column) = column else { continue };
        let form = Form::of(found, &names.table, column, true, unfit);
        columns.push((column, Sql::text(if form == Some(Form::Array) { array } else { json })));
    }
    let all: Vec<&SqlName> = columns.iter().map(|(column, _)| *column).collect();
    super::readable(found, &names.table, &[&names.id], unfit);
    for column in all.iter().skip(1).filter(|column| !found.columns.contains_key(column.as_str())) {
        let (table, column) = (names.table.as_str().to_owned(), column.as_str().to_owned());
        unfit.push(Unfit::NoColumn { table, column });
    }
    addable(found, &names.table, &all, unfit);
    let table = Sql::fill("{}.{}", &[&schema.sql(), &names.table.sql()]);
    let (columns, values): (Vec<Sql>, Vec<Sql>) =
        columns.into_iter().map(|(column, value)| (column.sql(), value)).unzip();
    let insert = Sql::fill(
        "INSERT INTO {} ({}) SELECT {} WHERE $1::text IS NOT NULL
            AND NOT EXISTS (SELECT FROM {} AS t WHERE t.{} = 'github_app') ON CONFLICT DO NOTHING",
        &[&table, &Sql::list(&columns), &Sql::list(&values), &table, &names.id.sql()],
    );
    Some(insert.statement())
}

fn rows(
    schema: &SqlName,
    names: &Integrations,
    found: &Table,
    unfit: &mut Vec<Unfit>,
) -> Option<(IdType, Form, [Statement; 2])> {
    let tokens = &names.tokens;
    writable(found, &tokens.table, &tokens.id, &tokens.written(), true, unfit);
    let mut known = |column: &SqlName, fits: &dyn Fn(IdType) -> bool, wanted| {
        let is = found.columns.get(column.as_str())?;
        let known = IdType::of(&is.data_type).filter(|known| fits(*known));
        if known.is_none() {
            unfit.push(type_of(&tokens.table, column, &is.data_type, wanted));
        }
        known
    };
    let id = known(&tokens.id, &|known| matches!(known, IdType::Uuid | IdType::Text), "uuid or text");
    let user = known(&tokens.user, &|_| true, "text, uuid or a whole number");
    if let Some(is) = found.columns.get(tokens.active.as_str())
        && is.data_type != "boolean"
    {
        unfit.push(type_of(&tokens.table, &tokens.active, &is.data_type, "boolean"));
    }
    if found.columns.get(tokens.id.as_str()).is_some_and(|is| !is.unique) {
        let (table, column) = (tokens.table.as_str().to_owned(), tokens.id.as_str().to_owned());
        unfit.push(Unfit::Ambiguous { table, column });
    }
    let data = Form::of(found, &tokens.table, &tokens.data, false, unfit)?;
    let (id, user) = (id?, user?);
    let table = Sql::fill("{}.{}", &[&schema.sql(), &tokens.table.sql()]);
    let w_id = Sql::fill("(w.e->>'id')::{}", &[&id.name()]);
    let values = [
        (&tokens.integration, Sql::text("'github_app'")),
        (&tokens.provider, Sql::text("'github'")),
        (&tokens.access, Sql::text(NO_TOKEN)),
        (&tokens.data, data.field("data")),
        (&tokens.user, Sql::fill("(w.e->>'user')::{}", &[&user.name()])),
        (&tokens.active, Sql::text("(w.e->>'active')::boolean")),
    ];
    let sets: Vec<Sql> =
        values.iter().map(|(column, value)| Sql::fill("{} = {}", &[&column.sql(), value])).collect();
    let differ: Vec<Sql> = values
        .iter()
        .map(|(column, value)| {
            let own = Sql::fill("t.{}", &[&column.sql()]);
            let form = if *column == &tokens.data { data } else { Form::Text };
            form.differs(&own, value)
        })
        .collect();
    let rows = Sql::text("(SELECT e FROM jsonb_array_elements($1::text::jsonb) AS e) AS w");
    let update = Sql::fill(
        "UPDATE {} AS t SET {} FROM {} WHERE t.{} = {} AND ({})",
        &[&table, &Sql::list(&sets), &rows, &tokens.id.sql(), &w_id, &Sql::any(&differ)],
    );
    let (columns, given): (Vec<Sql>, Vec<Sql>) =
        values.into_iter().map(|(column, value)| (column.sql(), value)).unzip();
    // A row that is in the way is no row of ours: refused, and told.
    let insert = Sql::fill(
        "INSERT INTO {} ({}, {}) SELECT {}, {} FROM {} WHERE NOT EXISTS (SELECT FROM {} AS t WHERE t.{} = {})",
        &[
            &table,
            &tokens.id.sql(),
            &Sql::list(&columns),
            &w_id,
            &Sql::list(&given),
            &rows,
            &table,
            &tokens.id.sql(),
            &w_id,
        ],
    );
    Some((user, data, [update.statement(), insert.statement()]))
}
