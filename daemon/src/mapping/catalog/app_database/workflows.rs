//! Reads the application's workflows with a GitHub trigger in pages, by the trigger's key, and hears of their changes.

use std::collections::HashMap;

use sqlx::postgres::{PgListener, PgPoolOptions, PgRow};
use sqlx::{PgPool, Row as _, query};

use super::error::Unfit;
use super::layout::{IdType, Table, id_type, readable, table};
use super::names::Names;
use super::{ACQUIRE, AppDatabase, AppDatabaseError};
use crate::sql_name::{Sql, SqlName, Statement};

/// The longest configuration of a trigger that is taken, in characters; the statements read one more, so that a longer one
/// shows.
pub const TRIGGER_MOST: usize = 64 * 1024;

/// One GitHub trigger of one workflow, unchecked. Ids and names are cut far beyond what any rule takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRow {
    pub trigger: String,
    pub workflow: String,
    pub name: Option<String>,
    /// JSON, cut after [`TRIGGER_MOST`] and one more.
    pub config: Option<String>,
    /// Bytes of the definition; none: there is none.
    pub definition_bytes: Option<u64>,
    /// SHA-256 of the definition, in hex.
    pub definition_digest: Option<String>,
}

/// The statements for the workflows' tables as they are.
#[derive(Debug)]
pub(super) struct Workflows {
    /// `$1` limit.
    first_page: Statement,
    /// `$1` trigger, `$2` limit.
    next_page: Statement,
    /// `$1` ids, `$2` characters of each definition.
    definitions: Statement,
}

/// Tells that the application says something on a channel.
pub struct Changes {
    database: AppDatabase,
    listener: PgListener,
}

const READING: &str = "reading its workflows";
const LISTENING: &str = "listening for changes of its workflows";

impl AppDatabase {
    /// Up to `limit` GitHub triggers in the order of their ids, after `after`. A page shorter than `limit` is the last.
    ///
    /// # Errors
    /// It does not answer, refuses, or its tables are not as they must be.
    pub async fn triggers(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TriggerRow>, AppDatabaseError> {
        let statements = self.workflows().await?;
        let limit = i64::from(limit);
        let question = match after {
            None => query(statements.first_page.safe()).bind(limit),
            Some(after) => query(statements.next_page.safe()).bind(after).bind(limit),
        };
        let rows = self.answer(READING, question.fetch_all(&self.0.pool)).await?;
        rows.iter().map(row).collect::<Result<_, _>>().map_err(|error| self.failure(READING, &error))
    }

    /// The definitions of these workflows by their ids, each cut after `most` bytes and one more. A workflow that is not there,
    /// or has none, is left out.
    ///
    /// # Errors
    /// As [`AppDatabase::triggers`].
    pub async fn definitions(
        &self,
        workflows: &[&str],
        most: usize,
    ) -> Result<HashMap<String, String>, AppDatabaseError> {
        let statements = self.workflows().await?;
        let most = i32::try_from(most).unwrap_or(i32::MAX).saturating_add(1);
        let question = query(statements.definitions.safe()).bind(workflows).bind(most);
        let rows = self.answer(READING, question.fetch_all(&self.0.pool)).await?;
        let pair = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(pair).collect::<Result<_, _>>().map_err(|error| self.failure(READING, &error))
    }

    /// Listens on a channel, on a connection of its own.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub async fn changes(&self, channel: &str) -> Result<Changes, AppDatabaseError> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .acquire_timeout(ACQUIRE)
            .connect_lazy_with(self.0.options.clone());
        let listening = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen(channel).await?;
            Ok(listener)
        };
        let listener = self.answer(LISTENING, listening).await?;
        Ok(Changes { database: self.clone(), listener })
    }

    async fn workflows(&self) -> Result<std::sync::Arc<Workflows>, AppDatabaseError> {
        if let Some(known) = self.known().workflows.clone() {
            return Ok(known);
        }
        let inspected = self.answer(READING, inspect(&self.0.pool, &self.0.names)).await?;
        let statements = std::sync::Arc::new(inspected.map_err(AppDatabaseError::Unfit)?);
        self.known().workflows = Some(statements.clone());
        Ok(statements)
    }
}

impl Changes {
    /// Waits until something was said, or may have been said unheard because the connection was lost and is back.
    ///
    /// # Errors
    /// The connection is lost; ask for another.
    pub async fn next(&mut self) -> Result<(), AppDatabaseError> {
        match self.listener.try_recv().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.database.failure(LISTENING, &error)),
        }
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Changes({})", self.database.place())
    }
}

async fn inspect(pool: &PgPool, names: &Names) -> Result<Result<Workflows, Vec<Unfit>>, sqlx::Error> {
    let ours = &names.workflows;
    let mut unfit = Vec::new();
    let found = table(pool, &names.schema, &ours.table, &mut unfit).await?;
    let workflow = key(found.as_ref(), &ours.table, &ours.id, &[&ours.name, &ours.definition], &mut unfit);
    let found = table(pool, &names.schema, &ours.triggers, &mut unfit).await?;
    let others = [&ours.trigger_workflow, &ours.trigger_type, &ours.trigger_config];
    let trigger = key(found.as_ref(), &ours.triggers, &ours.trigger_id, &others, &mut unfit);
    match (unfit.is_empty(), workflow, trigger) {
        (true, Some(workflow), Some(trigger)) => Ok(Ok(statements(names, workflow, trigger))),
        _ => Ok(Err(unfit)),
    }
}

/// The type of the table's key, when all that is read can be read.
fn key(
    found: Option<&Table>,
    table: &SqlName,
    id: &SqlName,
    others: &[&SqlName],
    unfit: &mut Vec<Unfit>,
) -> Option<IdType> {
    let found = found?;
    readable(found, table, &[&[id], others].concat(), unfit);
    id_type(found, table, id, unfit)
}

fn statements(names: &Names, workflow: IdType, trigger: IdType) -> Workflows {
    let ours = &names.workflows;
    let of = |alias: &'static str, name: &SqlName| Sql::fill(alias, &[&name.sql()]);
    let (w, t) = ("w.{}", "t.{}");
    let definition = of(w, &ours.definition);
    let table = |name: &SqlName| Sql::fill("{}.{}", &[&names.schema.sql(), &name.sql()]);
    let columns = Sql::list(&[
        Sql::fill("left({}::text, 300)", &[&of(t, &ours.trigger_id)]),
        Sql::fill("left({}::text, 300)", &[&of(w, &ours.id)]),
        Sql::fill("left({}::text, 300)", &[&of(w, &ours.name)]),
        Sql::fill("left({}::text, 65537)", &[&of(t, &ours.trigger_config)]),
        Sql::fill("octet_length({}::text)::bigint", &[&definition]),
        // A digest, so that definitions travel only when they have changed.
        Sql::fill("encode(sha256(convert_to({}::text, 'UTF8')), 'hex')", &[&definition]),
    ]);
    let from = Sql::fill(
        "{} AS t JOIN {} AS w ON w.{} = t.{}",
        &[&table(&ours.triggers), &table(&ours.table), &ours.id.sql(), &ours.trigger_workflow.sql()],
    );
    let wanted = Sql::fill("t.{}::text = 'TRIGGER_GITHUB'", &[&ours.trigger_type.sql()]);
    let key = of(t, &ours.trigger_id);
    Workflows {
        first_page: Sql::fill(
            "SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT $1",
            &[&columns, &from, &wanted, &key],
        )
        .statement(),
        next_page: Sql::fill(
            "SELECT {} FROM {} WHERE {} AND {} > {} ORDER BY {} LIMIT $2",
            &[&columns, &from, &wanted, &key, &trigger.one(), &key],
        )
        .statement(),
        definitions: Sql::fill(
            "SELECT w.{}::text, left({}::text, $2) FROM {} AS w WHERE w.{} = ANY({}) AND {} IS NOT NULL",
            &[
                &ours.id.sql(),
                &definition,
                &table(&ours.table),
                &ours.id.sql(),
                &workflow.many(),
                &definition,
            ],
        )
        .statement(),
    }
}

fn row(row: &PgRow) -> Result<TriggerRow, sqlx::Error> {
    Ok(TriggerRow {
        trigger: row.try_get(0)?,
        workflow: row.try_get(1)?,
        name: row.try_get(2)?,
        config: row.try_get(3)?,
        definition_bytes: row.try_get::<Option<i64>, _>(4)?.and_then(|bytes| u64::try_from(bytes).ok()),
        definition_digest: row.try_get(5)?,
    })
}
