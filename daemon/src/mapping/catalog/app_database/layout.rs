//! What the application's tables look like, and the statements that fit them. Columns are read from PostgreSQL's own
//! catalog and not from `information_schema`, which leaves out what we may not read: then "missing" could not be told
//! from "not granted".

use std::collections::HashMap;

use sqlx::{PgPool, Row as _};

use super::error::Unfit;
use super::names::Names;
use crate::mapping::catalog::ddl::{DdlNames, FoundColumn, check_columns};
use crate::sql_name::{Sql, SqlName, Statement};

/// Characters of an ordinary value that are read: more than any rule takes, so that a long one is refused there.
const TEXT: &str = "left({}::text, 300)";

/// The longest status that is taken, in characters; the statements read one more, so that a longer one shows.
pub const STATUS_MOST: usize = 1_000;

/// The type of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdType {
    Text,
    Uuid,
    Smallint,
    Integer,
    Bigint,
}

impl IdType {
    pub(super) fn of(data_type: &str) -> Option<Self> {
        Some(match data_type {
            "text" | "character varying" => Self::Text,
            "uuid" => Self::Uuid,
            "smallint" => Self::Smallint,
            "integer" => Self::Integer,
            "bigint" => Self::Bigint,
            _ => return None,
        })
    }

    /// Its name.
    pub(super) fn name(self) -> Sql {
        Sql::text(match self {
            Self::Text => "text",
            Self::Uuid => "uuid",
            Self::Smallint => "smallint",
            Self::Integer => "integer",
            Self::Bigint => "bigint",
        })
    }

    /// The first parameter as this type: cast on the parameter's side, so that the column's index serves.
    pub(super) fn one(self) -> Sql {
        Sql::text(match self {
            Self::Text => "$1::text",
            Self::Uuid => "$1::text::uuid",
            Self::Smallint => "$1::text::smallint",
            Self::Integer => "$1::text::integer",
            Self::Bigint => "$1::text::bigint",
        })
    }

    pub(super) fn many(self) -> Sql {
        Sql::text(match self {
            Self::Text => "$1::text[]",
            Self::Uuid => "$1::text[]::uuid[]",
            Self::Smallint => "$1::text[]::smallint[]",
            Self::Integer => "$1::text[]::integer[]",
            Self::Bigint => "$1::text[]::bigint[]",
        })
    }

    /// Whether `id` is written as the database writes ids of this type; any other names no project.
    pub(super) fn fits(self, id: &str) -> bool {
        fn same<T: std::str::FromStr + ToString>(id: &str) -> bool {
            id.parse::<T>().is_ok_and(|parsed| parsed.to_string() == id)
        }
        match self {
            Self::Text => !id.contains('\0'),
            Self::Uuid => same::<uuid::Uuid>(id),
            Self::Smallint => same::<i16>(id),
            Self::Integer => same::<i32>(id),
            Self::Bigint => same::<i64>(id),
        }
    }
}

/// The statements for the tables as they are.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) id: IdType,
    /// The oid of the project's table.
    pub(super) table: i64,
    /// `$1` limit.
    pub(super) first_page: Statement,
    /// `$1` project, `$2` name, `$3` limit.
    pub(super) next_page: Statement,
    /// `$1` ids.
    pub(super) held: Statement,
    /// `$1` id, `$2` and `$3` what to set, `$4` and `$5` what must be there.
    pub(super) set: Statement,
}

/// A column as the database has it.
pub(super) struct Found {
    pub(super) data_type: String,
    pub(super) nullable: bool,
    readable: bool,
    pub(super) updatable: bool,
    pub(super) insertable: bool,
    pub(super) unique: bool,
    pub(super) generated: bool,
    /// A row can be added that does not say it.
    pub(super) defaulted: bool,
}

/// A table with all its columns.
pub(super) struct Table {
    oid: i64,
    pub(super) columns: HashMap<String, Found>,
}

const COLUMNS: &str = "
    SELECT c.oid::bigint AS oid, has_schema_privilege(n.oid, 'USAGE') AS open, a.attname::text AS name,
           format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), NULL) AS data_type,
           a.attnotnull OR t.typnotnull AS not_null,
           has_column_privilege(c.oid, a.attnum, 'SELECT') AS readable,
           has_column_privilege(c.oid, a.attnum, 'UPDATE') AS updatable,
           has_column_privilege(c.oid, a.attnum, 'INSERT') AS insertable,
           a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL AS defaulted,
           a.attgenerated <> '' AS generated,
           EXISTS (SELECT FROM pg_index i
                    WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                      AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS unique_by_itself
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid
      JOIN pg_type t ON t.oid = a.atttypid
     WHERE n.nspname::text = $1 AND c.relname::text = $2 AND a.attnum > 0 AND NOT a.attisdropped";

/// Reads the tables and says what does not fit, or makes the statements.
pub(super) async fn inspect(pool: &PgPool, names: &Names) -> Result<Result<Layout, Vec<Unfit>>, sqlx::Error> {
    let mut unfit = Vec::new();
    let Some(project) = table(pool, &names.schema, &names.project, &mut unfit).await? else {
        return Ok(Err(unfit));
    };
    let mut wanted = vec![&names.id, &names.tenant];
    if names.repo_table.is_none() {
        wanted.extend(names.repo_columns());
    }
    wanted.extend(names.users.as_ref().map(|users| &users.user));
    readable(&project, &names.project, &wanted, &mut unfit);
    written(&project, names, &mut unfit);
    let id = id_type(&project, &names.project, &names.id, &mut unfit);
    let mut repositories = None;
    if let Some(repo) = &names.repo_table {
        repositories = table(pool, &names.schema, &repo.table, &mut unfit).await?;
        if let Some(found) = &repositories {
            let wanted: Vec<_> = names.repo_columns().into_iter().chain([&repo.project]).collect();
            readable(found, &repo.table, &wanted, &mut unfit);
        }
    }
    if let Some(users) = &names.users
        && let Some(found) = table(pool, &names.schema, &users.table, &mut unfit).await?
    {
        readable(&found, &users.table, &[&users.id, &users.token], &mut unfit);
    }
    let (true, Some(id)) = (unfit.is_empty(), id) else { return Ok(Err(unfit)) };
    let imported_at = names
        .repo_imported_at
        .as_ref()
        .and_then(|column| repositories.as_ref().unwrap_or(&project).columns.get(column.as_str()));
    Ok(Ok(statements(names, id, project.oid, imported_at.map(|found| found.data_type.as_str()))))
}

pub(super) async fn table(
    pool: &PgPool,
    schema: &SqlName,
    name: &SqlName,
    unfit: &mut Vec<Unfit>,
) -> Result<Option<Table>, sqlx::Error> {
    let schema = schema.as_str().to_owned();
    let rows = sqlx::query(COLUMNS).bind(&schema).bind(name.as_str()).fetch_all(pool).await?;
    let Some(first) = rows.first() else {
        unfit.push(Unfit::NoTable { schema, table: name.as_str().to_owned() });
        return Ok(None);
    };
    if !first.try_get::<bool, _>("open")? {
        unfit.push(Unfit::Closed { schema });
        return Ok(None);
    }
    let oid = first.try_get("oid")?;
    let mut columns = HashMap::with_capacity(rows.len());
    for row in &rows {
        let found = Found {
            data_type: row.try_get("data_type")?,
            nullable: !row.try_get::<bool, _>("not_null")?,
            readable: row.try_get("readable")?,
            updatable: row.try_get("updatable")?,
            insertable: row.try_get("insertable")?,
            defaulted: row.try_get("defaulted")?,
            unique: row.try_get("unique_by_itself")?,
            generated: row.try_get("generated")?,
        };
        columns.insert(row.try_get::<String, _>("name")?, found);
    }
    Ok(Some(Table { oid, columns }))
}

pub(super) fn readable(found: &Table, table: &SqlName, wanted: &[&SqlName], unfit: &mut Vec<Unfit>) {
    for name in wanted {
        let (table, column) = (table.as_str().to_owned(), name.as_str().to_owned());
        match found.columns.get(name.as_str()) {
            None => unfit.push(Unfit::NoColumn { table, column }),
            Some(found) if !found.readable => unfit.push(Unfit::NotReadable { table, column }),
            Some(_) => {}
        }
    }
}

/// The two columns that we write: there, of our types, nullable, readable.
fn written(project: &Table, names: &Names, unfit: &mut Vec<Unfit>) {
    let table = names.project.as_str();
    let ours = DdlNames {
        schema: Some(names.schema.as_str().to_owned()),
        table: table.to_owned(),
        installation_column: names.installation.as_str().to_owned(),
        status_column: names.status.as_str().to_owned(),
    };
    let columns: Vec<_> = project
        .columns
        .iter()
        .map(|(name, found)| FoundColumn {
            name: name.clone(),
            data_type: found.data_type.clone(),
            nullable: found.nullable,
        })
        .collect();
    if let Err(errors) = check_columns(&columns, &ours) {
        unfit.extend(errors.into_iter().map(|error| Unfit::Column { table: table.to_owned(), error }));
        return;
    }
    readable(project, &names.project, &[&names.installation, &names.status], unfit);
    for name in [&names.installation, &names.status] {
        if project.columns.get(name.as_str()).is_some_and(|found| found.generated) {
            unfit.push(Unfit::Generated { table: table.to_owned(), column: name.as_str().to_owned() });
        }
    }
}

/// The type of a column that must name one row each.
pub(super) fn id_type(
    found: &Table,
    table: &SqlName,
    column: &SqlName,
    unfit: &mut Vec<Unfit>,
) -> Option<IdType> {
    let found = found.columns.get(column.as_str())?;
    let (table, column) = (table.as_str().to_owned(), column.as_str().to_owned());
    let id = IdType::of(&found.data_type);
    if id.is_none() {
        let found = found.data_type.clone();
        unfit.push(Unfit::IdType { table, column, found });
    } else if found.nullable || !found.unique {
        unfit.push(Unfit::NotUnique { table, column });
    }
    id
}

fn statements(names: &Names, id: IdType, table: i64, imported_at: Option<&str>) -> Layout {
    let project = Sql::fill("{}.{}", &[&names.schema.sql(), &names.project.sql()]);
    let own = |name: &SqlName| Sql::fill("p.{}", &[&name.sql()]);
    let repo = |name: &SqlName| match &names.repo_table {
        Some(_) => Sql::fill("r.{}", &[&name.sql()]),
        None => own(name),
    };
    let text = |column: Sql| Sql::fill(TEXT, &[&column]);
    let optional = |name: &Option<SqlName>| match name {
        Some(name) => text(repo(name)),
        None => Sql::text("NULL::text"),
    };
    // By bytes: the same order in every collation, and the cursor is compared in it too.
    let name = Sql::fill("left({}::text, 300) COLLATE \"C\"", &[&repo(&names.repo_name)]);
    let known = [
        optional(&names.repo_id),
        optional(&names.repo_owner_id),
        optional(&names.repo_owner_login),
        optional(&names.repo_commit),
        optional(&names.repo_tree),
        match &names.repo_imported_at {
            Some(column) => time(&repo(column), imported_at.unwrap_or_default()),
            None => Sql::text("NULL::text"),
        },
        optional(&names.repo_method),
    ];
    let token = match &names.users {
        // At most one row and always the same one, also where the user's id is not unique.
        Some(users) => Sql::fill(
            "(SELECT left(u.{}::text, 4200) FROM {}.{} AS u WHERE u.{} = p.{} ORDER BY 1 LIMIT 1)",
            &[
                &users.token.sql(),
                &names.schema.sql(),
                &users.table.sql(),
                &users.id.sql(),
                &users.user.sql(),
            ],
        ),
        None => Sql::text("NULL::text"),
    };
    let columns = Sql::list(
        &[
            &[
                Sql::fill("{}::text", &[&own(&names.id)]),
                text(own(&names.tenant)),
                name.clone(),
                own(&names.installation),
                Sql::fill("left({}, 1001)", &[&own(&names.status)]),
            ],
            &known[..],
            &[token],
        ]
        .concat(),
    );
    let from = match &names.repo_table {
        Some(repo) => Sql::fill(
            "{} AS p JOIN {}.{} AS r ON r.{} = p.{}",
            &[&project, &names.schema.sql(), &repo.table.sql(), &repo.project.sql(), &names.id.sql()],
        ),
        None => Sql::fill("{} AS p", &[&project]),
    };
    let (key, given) = (own(&names.id), repo(&names.repo_name));
    let after = if names.repo_table.is_some() {
        Sql::fill("{} >= {} AND ({} > {} OR {} > $2)", &[&key, &id.one(), &key, &id.one(), &name])
    } else {
        Sql::fill("{} > {} AND $2::text IS NOT NULL", &[&key, &id.one()])
    };
    // Repeated names come in an order of their own, so that the first is the same one at each reading.
    let order = if names.repo_table.is_some() {
        let ties: Vec<Sql> = names.repo_columns().into_iter().map(|name| text(repo(name))).collect();
        Sql::fill("{}, {}, {}", &[&key, &name, &Sql::list(&ties)])
    } else {
        key.clone()
    };
    let page = |template, pieces: &[&Sql]| Sql::fill(template, pieces).statement();
    let ours = [&names.installation.sql(), &names.status.sql()];
    Layout {
        id,
        table,
        first_page: page(
            "SELECT {} FROM {} WHERE {} IS NOT NULL ORDER BY {} LIMIT $1",
            &[&columns, &from, &given, &order],
        ),
        next_page: page(
            "SELECT {} FROM {} WHERE {} IS NOT NULL AND {} ORDER BY {} LIMIT $3",
            &[&columns, &from, &given, &after, &order],
        ),
        held: page(
            "SELECT {}::text, {}, left({}, 1001) FROM {} WHERE {} = ANY({})",
            &[&names.id.sql(), ours[0], ours[1], &project, &names.id.sql(), &id.many()],
        ),
        set: page(
            "UPDATE {} SET {} = $2, {} = $3
              WHERE {} = {} AND {} IS NOT DISTINCT FROM $4 AND {} IS NOT DISTINCT FROM $5",
            &[&project, ours[0], ours[1], &names.id.sql(), &id.one(), ours[0], ours[1]],
        ),
    }
}

/// A time as milliseconds since the epoch. Without a zone it is UTC, as Prisma writes it; an infinite one stays text
/// and is refused by the rule, because a cast would fail the whole page.
fn time(column: &Sql, data_type: &str) -> Sql {
    if data_type.starts_with("timestamp") || data_type == "date" {
        Sql::fill(
            "CASE WHEN isfinite({}) THEN floor(extract(epoch FROM {}) * 1000)::bigint::text ELSE {}::text END",
            &[column, column, column],
        )
    } else {
        Sql::fill(TEXT, &[column])
    }
}
