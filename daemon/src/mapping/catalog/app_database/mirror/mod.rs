//! Copies in the application's tables (B1, G8), each where it is switched on. One statement compares and writes the difference,
//! so that the application's triggers hear of nothing else.

mod form;
mod installations;
mod integrations;
mod names;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use sqlx::query;

use self::installations::InstallationSql;
use self::integrations::IntegrationSql;
use self::names::{Installations, Integrations};
use super::error::{Meaning, Unfit, meaning, scrub};
use super::layout::{Table, readable};
use super::{AppDatabase, AppDatabaseError};
use crate::config::MirrorNames;
use crate::mapping::catalog::ddl::NameError;
use crate::sql_name::{SqlName, Statement};

/// Tries of a batch that the application's own transactions were in the way of.
const TRIES: usize = 3;

/// Which copies are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    pub installations: bool,
    /// Rows are added for installations that have none.
    pub adds: bool,
    pub integrations: bool,
}

/// How a batch went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Put {
    /// Rows that were changed or added.
    pub written: u64,
    /// Rows whose values the application's tables do not take; the others of the batch are written.
    pub refused: Vec<Refusal>,
}

/// A row that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The installation's or integration's id.
    pub subject: String,
    pub why: String,
}

/// Names, and statements for the tables as they were seen last.
#[derive(Debug)]
pub(super) struct Mirror {
    installations: Option<Installations>,
    integrations: Option<Integrations>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    installations: Option<Arc<InstallationSql>>,
    integrations: Option<Arc<IntegrationSql>>,
}

impl Mirror {
    pub(super) fn new(names: &MirrorNames) -> Result<Self, NameError> {
        Ok(Self {
            installations: names.installations.as_ref().map(Installations::check).transpose()?,
            integrations: names.integrations.as_ref().map(Integrations::check).transpose()?,
            known: Mutex::default(),
        })
    }

    pub(super) fn forget(&self) {
        *self.known() = Known::default();
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row as the statements take it.
struct Row {
    subject: String,
    value: Value,
}

impl AppDatabase {
    /// Which copies are switched on.
    pub fn copies(&self) -> Copies {
        let Mirror { installations, integrations, .. } = &self.0.mirror;
        Copies {
            installations: installations.is_some(),
            adds: installations.as_ref().is_some_and(|copy| copy.add),
            integrations: integrations.is_some(),
        }
    }

    /// Reads the tables of the copies again and proves that they can be written.
    ///
    /// # Errors
    /// `Unfit` with everything that has to be mended.
    pub async fn check_copies(&self) -> Result<(), AppDatabaseError> {
        self.0.mirror.forget();
        let mut unfit = Vec::new();
        let copies = self.copies();
        let mut note = |checked| match checked {
            Err(AppDatabaseError::Unfit(found)) => {
                unfit.extend(found);
                Ok(())
            }
            other => other,
        };
        if copies.installations {
            note(self.installation_sql().await.map(|_| ()))?;
        }
        if copies.integrations {
            note(self.integration_sql().await.map(|_| ()))?;
        }
        let read_only = sqlx::query_scalar("SELECT current_setting('transaction_read_only') = 'on'")
            .fetch_one(&self.0.pool);
        if self.answer("asking whether it can be written", read_only).await? {
            unfit.push(Unfit::ReadOnly);
        }
        if unfit.is_empty() { Ok(()) } else { Err(AppDatabaseError::Unfit(unfit)) }
    }

    /// All rows in one transaction; those that are refused for their values are left out, and told.
    async fn put(
        &self,
        doing: &'static str,
        statements: &[Statement],
        rows: &[Row],
    ) -> Result<Put, AppDatabaseError> {
        match self.attempt(doing, statements, rows).await? {
            Ok(written) => return Ok(Put { written, refused: Vec::new() }),
            Err(why) if rows.len() < 2 => {
                let refused =
                    rows.iter().map(|row| Refusal { subject: row.subject.clone(), why: why.clone() });
                return Ok(Put { written: 0, refused: refused.collect() });
            }
            Err(_) => {}
        }
        let mut put = Put::default();
        for row in rows {
            match self.attempt(doing, statements, std::slice::from_ref(row)).await? {
                Ok(written) => put.written += written,
                Err(why) => put.refused.push(Refusal { subject: row.subject.clone(), why }),
            }
        }
        Ok(put)
    }

    /// The rows that were written, or why the tables do not take these values.
    async fn attempt(
        &self,
        doing: &'static str,
        statements: &[Statement],
        rows: &[Row],
    ) -> Result<Result<u64, String>, AppDatabaseError> {
        let body = Value::Array(rows.iter().map(|row| row.value.clone()).collect()).to_string();
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let tried = async {
                match self.transact(statements, &body).await {
                    Err(error) if tries > 0 && meaning(&error) == Meaning::InTheWay => Ok(None),
                    Err(sqlx::Error::Database(answer)) if is_about_values(answer.code().as_deref()) => {
                        Ok(Some(Err(scrub(&self.0.url, answer.message()))))
                    }
                    other => Ok(Some(Ok(other?))),
                }
            };
            if let Some(done) = self.answer(doing, tried).await? {
                return Ok(done);
            }
        }
    }

    async fn transact(&self, statements: &[Statement], body: &str) -> Result<u64, sqlx::Error> {
        let mut transaction = self.0.pool.begin().await?;
        let mut written = 0;
        for statement in statements {
            let done = query(statement.safe()).bind(body).execute(&mut *transaction).await?;
            written += done.rows_affected();
        }
        transaction.commit().await?;
        Ok(written)
    }
}

/// Whether an error is about what was written and not about how: bad data, a constraint, a trigger that raises.
fn is_about_values(code: Option<&str>) -> bool {
    code.is_some_and(|code| ["22", "23", "P0"].iter().any(|class| code.starts_with(class)))
}

/// Columns that are read and written: there, readable, with the grants, and not generated. `adds`: rows are added.
fn writable(
    found: &Table,
    table: &SqlName,
    id: &SqlName,
    columns: &[&SqlName],
    adds: bool,
    unfit: &mut Vec<Unfit>,
) {
    readable(found, table, &[&[id], columns].concat(), unfit);
    let name = |column: &SqlName| (table.as_str().to_owned(), column.as_str().to_owned());
    for column in columns {
        let Some(is) = found.columns.get(column.as_str()) else { continue };
        let (table, column) = name(column);
        if is.generated {
            unfit.push(Unfit::Generated { table, column });
        } else if !is.updatable {
            unfit.push(Unfit::NotWritable { table, column });
        }
    }
    if adds {
        addable(found, table, &[&[id], columns].concat(), unfit);
    }
}

/// Rows with these columns can be added.
fn addable(found: &Table, table: &SqlName, columns: &[&SqlName], unfit: &mut Vec<Unfit>) {
    let closed: Vec<&str> = columns
        .iter()
        .map(|column| column.as_str())
        .filter(|column| found.columns.get(*column).is_some_and(|is| !is.insertable))
        .collect();
    if !closed.is_empty() {
        let columns = closed.join(", ");
        unfit.push(Unfit::NotAddable { table: table.as_str().to_owned(), columns });
    }
    let mut demanded: Vec<&String> = found
        .columns
        .iter()
        .filter(|(name, is)| {
            !is.nullable
                && !is.defaulted
                && !is.generated
                && !columns.iter().any(|ours| ours.as_str() == name.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    demanded.sort();
    for column in demanded {
        unfit.push(Unfit::Demanded { table: table.as_str().to_owned(), column: column.clone() });
    }
}
