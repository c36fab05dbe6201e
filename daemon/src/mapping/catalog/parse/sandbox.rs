//! A file of sandboxes' records: read as a catalog file is, with columns of its own.

use std::collections::HashMap;
use std::io::BufRead;

use cutover_shared::catalog::{BadRow, CatalogFormat};
use cutover_shared::ids::{ProjectId, TenantId};
use cutover_shared::sandbox_record::SandboxRecord;

use super::super::csv::{Broken, Records};
use super::super::json_lines::Objects;
use super::{ParseError, column, rule, trimmed};

/// A column of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    SandboxId,
    TenantId,
    ProjectId,
    RepoFullName,
    CommitSha,
    UpdatedAt,
    Branch,
    TreeSha,
    State,
    CreatedAt,
}

impl Column {
    const ALL: [Self; 10] = [
        Self::SandboxId,
        Self::TenantId,
        Self::ProjectId,
        Self::RepoFullName,
        Self::CommitSha,
        Self::UpdatedAt,
        Self::Branch,
        Self::TreeSha,
        Self::State,
        Self::CreatedAt,
    ];

    /// Those without which a row says nothing: the first of [`Column::ALL`].
    const NEEDED: usize = 6;

    fn name(self) -> &'static str {
        match self {
            Self::SandboxId => "sandboxId",
            Self::TenantId => "tenantId",
            Self::ProjectId => "projectId",
            Self::RepoFullName => "repoFullName",
            Self::CommitSha => "commitSha",
            Self::UpdatedAt => "updatedAt",
            Self::Branch => "branch",
            Self::TreeSha => "treeSha",
            Self::State => "state",
            Self::CreatedAt => "createdAt",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name() == name)
    }

    fn takes_number(self) -> bool {
        matches!(self, Self::SandboxId | Self::TenantId | Self::ProjectId | Self::UpdatedAt | Self::CreatedAt)
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
}

/// Reads `input` row by row; memory grows only by what finds repeated rows.
pub fn sandboxes<R: BufRead>(format: CatalogFormat, input: R) -> Sandboxes<R> {
    let source = match format {
        CatalogFormat::Csv => Source::Csv { records: Records::new(input), columns: None },
        CatalogFormat::JsonLines => Source::JsonLines(Objects::new(input)),
    };
    Sandboxes { source, ended: false, first: HashMap::new() }
}

/// The records of a file.
pub struct Sandboxes<R> {
    source: Source<R>,
    ended: bool,
    /// The line on which a sandbox is seen first.
    first: HashMap<(TenantId, String), u64>,
}

enum Source<R> {
    Csv { records: Records<R>, columns: Option<Vec<Column>> },
    JsonLines(Objects<R>),
}

/// One row on its way: cells by column, and the mistakes so far.
struct Row {
    line: u64,
    cells: [Option<String>; Column::ALL.len()],
    bad: Vec<BadRow>,
}

impl<R: BufRead> Iterator for Sandboxes<R> {
    type Item = Result<SandboxRecord, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.next_row().map(|row| row.and_then(|row| self.record(row)));
        self.ended = matches!(item, None | Some(Err(ParseError::File(_))));
        item
    }
}

impl<R: BufRead> Sandboxes<R> {
    fn next_row(&mut self) -> Option<Result<Row, ParseError>> {
        match &mut self.source {
            Source::Csv { records, columns } => {
                if columns.is_none() {
                    match header(records) {
                        Ok(header) => *columns = Some(header),
                        Err(bad) => return Some(Err(ParseError::File(bad))),
                    }
                }
                let columns = columns.as_deref().unwrap_or_default();
                Some(match records.next()? {
                    Ok(record) => from_cells(record.line, record.cells, columns),
                    Err(Broken::Record(bad)) => Err(ParseError::Row(vec![bad])),
                    Err(Broken::Rest(bad)) => Err(ParseError::File(vec![bad])),
                })
            }
            Source::JsonLines(objects) => Some(match objects.next()? {
                Ok(object) => Ok(from_fields(object.line, object.fields)),
                Err(bad) if objects.failed() => Err(ParseError::File(vec![bad])),
                Err(bad) => Err(ParseError::Row(vec![bad])),
            }),
        }
    }

    /// Checks a row and remembers it, so that a later one is compared with it.
    fn record(&mut self, mut row: Row) -> Result<SandboxRecord, ParseError> {
        let id = row.needed(Column::SandboxId, rule::id);
        let tenant = row.needed(Column::TenantId, rule::id).map(TenantId);
        let project = row.needed(Column::ProjectId, rule::id).map(ProjectId);
        let name = row.needed(Column::RepoFullName, rule::repo_full_name);
        let commit = row.needed(Column::CommitSha, rule::sha);
        let updated_at = row.needed(Column::UpdatedAt, rule::time);
        let branch = row.optional(Column::Branch, rule::id);
        let tree_sha = row.optional(Column::TreeSha, rule::sha);
        let state = row.optional(Column::State, rule::id);
        let created_at = row.optional(Column::CreatedAt, rule::time);
        let key = tenant.clone().zip(id.clone());
        if let Some(line) = key.as_ref().and_then(|key| self.first.get(key)).copied() {
            row.wrong(
                Column::SandboxId,
                format!("line {line} has this sandbox of this tenant already: leave one out"),
            );
        }
        let (
            Some((tenant, id)),
            Some(project),
            Some(repo_full_name),
            Some(commit_sha),
            Some(updated_at),
            true,
        ) = (key, project, name, commit, updated_at, row.bad.is_empty())
        else {
            return Err(ParseError::Row(row.bad));
        };
        self.first.insert((tenant.clone(), id.clone()), row.line);
        Ok(SandboxRecord {
            tenant,
            id,
            project,
            repo_full_name,
            branch,
            commit_sha,
            tree_sha,
            state,
            created_at,
            updated_at,
        })
    }
}

impl Row {
    fn new(line: u64) -> Self {
        Self { line, cells: Default::default(), bad: Vec::new() }
    }

    fn wrong(&mut self, column: Column, problem: impl Into<String>) {
        self.bad.push(BadRow { line: self.line, column: column.name().to_owned(), problem: problem.into() });
    }

    fn needed<T>(&mut self, column: Column, rule: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let empty = self.cells[column as usize].as_deref().is_none_or(str::is_empty);
        if empty && !self.bad.iter().any(|bad| bad.column == column.name()) {
            self.wrong(column, "is needed in every row");
        }
        self.optional(column, rule)
    }

    /// An empty cell is none.
    fn optional<T>(&mut self, column: Column, rule: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.cells[column as usize].take().filter(|text| !text.is_empty())?;
        let checked = if rule::holds_token(&text) {
            Err("holds a token: records of sandboxes have none, take it out".to_owned())
        } else {
            rule(&text)
        };
        checked.map_err(|problem| self.wrong(column, problem)).ok()
    }
}

/// The columns of the first record, or everything that is wrong with it.
fn header<R: BufRead>(records: &mut Records<R>) -> Result<Vec<Column>, Vec<BadRow>> {
    let bad = |line, column: &str, problem: String| BadRow { line, column: column.to_owned(), problem };
    let needed = &Column::ALL[..Column::NEEDED];
    let record = match records.next() {
        Some(Ok(record)) => record,
        Some(Err(Broken::Record(bad) | Broken::Rest(bad))) => return Err(vec![bad]),
        None => return Err(vec![bad(1, "", format!("the file is empty: begin with {}", names(needed)))]),
    };
    let (mut columns, mut errors) = (Vec::new(), Vec::new());
    for (at, name) in record.cells.iter().map(|cell| cell.trim()).enumerate() {
        match Column::named(name) {
            Some(column) if columns.contains(&column) => {
                let problem = "this column is there twice: leave one out".to_owned();
                errors.push(bad(record.line, name, problem));
            }
            Some(column) => columns.push(column),
            None => errors.push(bad(record.line, &column::shown(name, at), unknown())),
        }
    }
    for column in needed.iter().filter(|column| !columns.contains(column)) {
        errors.push(bad(record.line, column.name(), "this column is needed".to_owned()));
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

fn unknown() -> String {
    format!("no such column: leave it out, or write one of {}", names(&Column::ALL))
}

fn from_cells(line: u64, cells: Vec<String>, columns: &[Column]) -> Result<Row, ParseError> {
    let mut row = Row::new(line);
    if cells.len() != columns.len() {
        let (has, wants) = (cells.len(), columns.len());
        let problem = format!("has {has} cells, the header has {wants}: quote a cell that holds a comma");
        return Err(ParseError::Row(vec![BadRow { line, column: String::new(), problem }]));
    }
    for (column, cell) in columns.iter().zip(cells) {
        row.cells[*column as usize] = Some(trimmed(cell));
    }
    Ok(row)
}

fn from_fields(line: u64, fields: Vec<(String, serde_json::Value)>) -> Row {
    let mut row = Row::new(line);
    for (at, (name, value)) in fields.into_iter().enumerate() {
        let Some(column) = Column::named(&name) else {
            row.bad.push(BadRow { line, column: column::shown(&name, at), problem: unknown() });
            continue;
        };
        if row.cells[column as usize].is_some() {
            row.wrong(column, "this field is there twice: leave one out");
            continue;
        }
        let cell = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => trimmed(text),
            serde_json::Value::Number(number) if column.takes_number() && !number.is_f64() => {
                number.to_string()
            }
            _ if column.takes_number() => {
                row.wrong(column, "must be a string or a whole number");
                String::new()
            }
            _ => {
                row.wrong(column, "must be a string");
                String::new()
            }
        };
        row.cells[column as usize] = Some(cell);
    }
    row
}

#[cfg(test)]
mod tests;
