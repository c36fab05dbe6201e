//! How a JSON value lies in a column.

use serde_json::Value;

use super::super::error::Unfit;
use super::super::layout::Table;
use crate::sql_name::{Sql, SqlName};

/// What a column for JSON, or for a list, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Jsonb,
    Json,
    /// Text that holds JSON.
    Text,
    /// An array of texts.
    Array,
}

impl Form {
    /// The form of a column that is there; `list`: an array will do.
    pub(super) fn of(
        found: &Table,
        table: &SqlName,
        column: &SqlName,
        list: bool,
        unfit: &mut Vec<Unfit>,
    ) -> Option<Self> {
        let data_type = &found.columns.get(column.as_str())?.data_type;
        let form = match data_type.as_str() {
            "jsonb" => Some(Self::Jsonb),
            "json" => Some(Self::Json),
            "text" | "character varying" => Some(Self::Text),
            "text[]" | "character varying[]" if list => Some(Self::Array),
            _ => None,
        };
        if form.is_none() {
            let wanted = if list { "jsonb, json, text[] or text" } else { "jsonb, json or text" };
            unfit.push(type_of(table, column, data_type, wanted));
        }
        form
    }

    /// The value as the statements take it: text as it will lie there, so that nothing else can write it another way.
    pub(super) fn carried(self, value: Value) -> Value {
        match self {
            Self::Text => Value::String(value.to_string()),
            Self::Jsonb | Self::Json | Self::Array => value,
        }
    }

    /// The field of `w.e` as the column takes it; NULL where there is none.
    pub(super) fn field(self, name: &'static str) -> Sql {
        let name = Sql::text(name);
        let field = |template| Sql::fill(template, &[&name]);
        match self {
            Self::Jsonb => field("(w.e->'{}')"),
            Self::Json => field("(w.e->'{}')::json"),
            Self::Text => field("(w.e->>'{}')"),
            Self::Array => Sql::fill(
                "CASE WHEN w.e ? '{}' THEN ARRAY(SELECT jsonb_array_elements_text(w.e->'{}')) END",
                &[&name, &name],
            ),
        }
    }

    /// Whether the column holds something else than the value.
    pub(super) fn differs(self, column: &Sql, value: &Sql) -> Sql {
        match self {
            // json has no equality of its own.
            Self::Json => Sql::fill("{}::jsonb IS DISTINCT FROM ({})::jsonb", &[column, value]),
            Self::Array => Sql::fill("{}::text[] IS DISTINCT FROM {}", &[column, value]),
            Self::Jsonb | Self::Text => Sql::fill("{} IS DISTINCT FROM {}", &[column, value]),
        }
    }
}

/// A column of another type than is needed.
pub(super) fn type_of(table: &SqlName, column: &SqlName, found: &str, wanted: &'static str) -> Unfit {
    let (table, column) = (table.as_str().to_owned(), column.as_str().to_owned());
    Unfit::Type { table, column, found: found.to_owned(), wanted }
}
