//! The application's table of installations: what each may see.

use serde_json::json;
use sqlx::Row as _;

use super::super::error::Unfit;
use super::super::layout::{IdType, table};
use super::super::{AppDatabase, AppDatabaseError};
use super::form::{Form, type_of};
use super::names::Installations;
use super::{Put, Row, writable};
use crate::sql_name::{Sql, SqlName, Statement};
use crate::store::MirrorInstallation;

/// The statements for the table as it is.
#[derive(Debug)]
pub(in super::super) struct InstallationSql {
    id: IdType,
    list: Form,
    /// `$1` the last id, `$2` limit.
    ids: Statement,
    /// `$1` JSON of the rows.
    put: Vec<Statement>,
}

const WRITING: &str = "writing its table of installations";

impl AppDatabase {
    /// Ids of installations that the application has a row for, in its order, after `after`. What is no id of GitHub's comes too.
    pub async fn copied_installations(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, AppDatabaseError> {
        let doing = "reading its table of installations";
        let sql = self.installation_sql().await?;
        let question = sqlx::query(sql.ids.safe()).bind(after).bind(i64::from(limit)).fetch_all(&self.0.pool);
        let rows = self.answer(doing, question).await?;
        rows.iter()
            .map(|row| row.try_get::<String, _>(0))
            .collect::<Result<_, _>>()
            .map_err(|error| self.failure(doing, &error))
    }

    /// Brings these rows up to date, where they are not; and adds them, where that is switched on.
    ///
    /// # Errors
    /// After `Unavailable` nobody knows whether it was written; after any other error it was not.
    pub async fn put_installations(&self, rows: &[MirrorInstallation]) -> Result<Put, AppDatabaseError> {
        let sql = self.installation_sql().await?;
        let rows: Vec<Row> = rows
            .iter()
            .filter(|row| sql.id.fits(&row.id.to_string()))
            .map(|row| {
                let mut value = json!({ "id": row.id.to_string() });
                if let Some(repositories) = &row.repositories {
                    value["repositories"] = sql.list.carried(json!(repositories));
                }
                if let Some((id, login, kind)) = &row.account {
                    value["account_id"] = json!(id.to_string());
                    value["account_login"] = json!(login);
                    value["account_type"] = json!(kind);
                }
                Row { subject: row.id.to_string(), value }
            })
            .collect();
        if rows.is_empty() { Ok(Put::default()) } else { self.put(WRITING, &sql.put, &rows).await }
    }

    pub(super) async fn installation_sql(&self) -> Result<std::sync::Arc<InstallationSql>, AppDatabaseError> {
        let known = self.0.mirror.known().installations.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(names) = &self.0.mirror.installations else {
            return Err(AppDatabaseError::Unfit(Vec::new()));
        };
        let inspected = self.answer("reading its table of installations", inspect(self, names)).await?;
        let sql = std::sync::Arc::new(inspected.map_err(AppDatabaseError::Unfit)?);
        self.0.mirror.known().installations = Some(sql.clone());
        Ok(sql)
    }
}

async fn inspect(
    database: &AppDatabase,
    names: &Installations,
) -> Result<Result<InstallationSql, Vec<Unfit>>, sqlx::Error> {
    let mut unfit = Vec::new();
    let schema = &database.0.names.schema;
    let Some(found) = table(&database.0.pool, schema, &names.table, &mut unfit).await? else {
        return Ok(Err(unfit));
    };
    writable(&found, &names.table, &names.id, &names.written(), names.add, &mut unfit);
    let mut number_or_text = |column: &SqlName| {
        let is = found.columns.get(column.as_str())?;
        let known = IdType::of(&is.data_type).filter(|known| *known != IdType::Uuid);
        if known.is_none() {
            unfit.push(type_of(&names.table, column, &is.data_type, "a whole number or text"));
        }
        known
    };
    let id = number_or_text(&names.id);
    let account_id = names.account_id.as_ref().map(|column| (column, number_or_text(column)));
    for column in [&names.account_login, &names.account_type].into_iter().flatten() {
        if let Some(is) = found.columns.get(column.as_str())
            && IdType::of(&is.data_type) != Some(IdType::Text)
        {
            unfit.push(type_of(&names.table, column, &is.data_type, "text"));
        }
    }
    let list = Form::of(&found, &names.table, &names.repositories, true, &mut unfit);
    // Else two rows would come for one installation.
    if names.add && found.columns.get(names.id.as_str()).is_some_and(|is| !is.unique) {
        let (table, column) = (names.table.as_str().to_owned(), names.id.as_str().to_owned());
        unfit.push(Unfit::Ambiguous { table, column });
    }
    let (Some(id), Some(list), true) = (id, list, unfit.is_empty()) else { return Ok(Err(unfit)) };
    let mut accounts = Vec::new();
    if let Some((column, Some(known))) = account_id {
        accounts.push((column, Sql::fill("(w.e->>'account_id')::{}", &[&known.name()])));
    }
    accounts.extend(names.account_login.as_ref().map(|column| (column, Sql::text("w.e->>'account_login'"))));
    accounts.extend(names.account_type.as_ref().map(|column| (column, Sql::text("w.e->>'account_type'"))));
    Ok(Ok(statements(schema, names, id, list, &accounts)))
}

fn statements(
    schema: &SqlName,
    names: &Installations,
    id: IdType,
    list: Form,
    accounts: &[(&SqlName, Sql)],
) -> InstallationSql {
    let table = Sql::fill("{}.{}", &[&schema.sql(), &names.table.sql()]);
    let own = |name: &SqlName| Sql::fill("t.{}", &[&name.sql()]);
    let w_id = Sql::fill("(w.e->>'id')::{}", &[&id.name()]);
    // What is not told stays.
    let repositories = list.field("repositories");
    let kept = Sql::fill("coalesce({}, {})", &[&repositories, &own(&names.repositories)]);
    let mut sets = vec![Sql::fill("{} = {}", &[&names.repositories.sql(), &kept])];
    let mut differ = vec![Sql::fill(
        "(w.e ? 'repositories' AND {})",
        &[&list.differs(&own(&names.repositories), &repositories)],
    )];
    for (column, value) in accounts {
        let kept = Sql::fill("coalesce({}, {})", &[value, &own(column)]);
        sets.push(Sql::fill("{} = {}", &[&column.sql(), &kept]));
        differ.push(Sql::fill("{} IS DISTINCT FROM {}", &[&own(column), &kept]));
    }
    let rows = Sql::text("(SELECT e FROM jsonb_array_elements($1::text::jsonb) AS e) AS w");
    let update = Sql::fill(
        "UPDATE {} AS t SET {} FROM {} WHERE t.{} = {} AND ({})",
        &[&table, &Sql::list(&sets), &rows, &names.id.sql(), &w_id, &Sql::any(&differ)],
    );
    let mut put = vec![update.statement()];
    if names.add {
        let columns: Vec<Sql> = [&names.id, &names.repositories]
            .into_iter()
            .chain(accounts.iter().map(|(column, _)| *column))
            .map(SqlName::sql)
            .collect();
        let values: Vec<Sql> = [w_id.clone(), repositories]
            .into_iter()
            .chain(accounts.iter().map(|(_, value)| value.clone()))
            .collect();
        // What is gone or not read yet needs no row.
        let insert = Sql::fill(
            "INSERT INTO {} ({}) SELECT {} FROM {}
              WHERE w.e ? 'account_id' AND w.e ? 'repositories' AND NOT EXISTS (SELECT FROM {} AS t WHERE t.{} = {})
             ON CONFLICT DO NOTHING",
            &[&table, &Sql::list(&columns), &Sql::list(&values), &rows, &table, &names.id.sql(), &w_id],
        );
        put.push(insert.statement());
    }
    let ordered = match id {
        IdType::Text => Sql::fill("{}::text COLLATE \"C\"", &[&own(&names.id)]),
        _ => own(&names.id),
    };
    let after = Sql::fill("$1::text::{}", &[&id.name()]);
    let ids = Sql::fill(
        "SELECT DISTINCT {}::text, {} FROM {} AS t
          WHERE {} IS NOT NULL AND ($1::text IS NULL OR {} > {}) ORDER BY 2 LIMIT $2",
        &[&own(&names.id), &ordered, &table, &own(&names.id), &ordered, &after],
    );
    InstallationSql { id, list, ids: ids.statement(), put }
}
