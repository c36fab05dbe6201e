//! A catalog file into links: every mistake named by line and column, none of a file's values repeated in an error,
//! because a shifted column may hold a token.

use std::collections::HashMap;
use std::io::BufRead;

use cutover_shared::catalog::{BadRow, CatalogFormat, Link};
use cutover_shared::ids::{AccountId, LinkKey, ProjectId, RepoId, TenantId};
use secrecy::SecretString;

mod column;
mod rule;
pub mod sandbox;
#[cfg(test)]
mod tests;

use super::csv::{Broken, Record, Records};
use super::json_lines::{Object, Objects};
pub use column::Column;

/// One good row.
#[derive(Clone, Debug)]
pub struct ParsedLink {
    /// Line in the file, from 1; where the record begins.
    pub line: u64,
    /// The link; its `token` is None, because the fingerprint needs a key.
    pub link: Link,
    /// The user token of the row.
    pub token: Option<SecretString>,
}

/// What can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// One row, with all its mistakes. It may be left out.
    Row(Vec<BadRow>),
    /// The file as a whole; nothing comes after it, and leaving out rows does not mend it.
    File(Vec<BadRow>),
}

impl ParseError {
    /// The mistakes.
    pub fn bad(&self) -> &[BadRow] {
        match self {
            Self::Row(bad) | Self::File(bad) => bad,
        }
    }
}

/// Reads `input` row by row; memory grows only by what finds repeated rows.
pub fn parse<R: BufRead>(format: CatalogFormat, input: R) -> Parsed<R> {
    let source = match format {
        CatalogFormat::Csv => Source::Csv { records: Records::new(input), columns: None },
        CatalogFormat::JsonLines => Source::JsonLines(Objects::new(input)),
    };
    Parsed { source, ended: false, first: HashMap::new(), tenants: HashMap::new() }
}

/// The rows of a catalog file.
pub struct Parsed<R> {
    source: Source<R>,
    ended: bool,
    /// The line on which a link is seen first.
    first: HashMap<LinkKey, u64>,
    tenants: HashMap<ProjectId, (TenantId, u64)>,
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

impl<R: BufRead> Iterator for Parsed<R> {
    type Item = Result<ParsedLink, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.next_row().map(|row| row.and_then(|row| self.link(row)));
        self.ended = matches!(item, None | Some(Err(ParseError::File(_))));
        item
    }
}

impl<R: BufRead> Parsed<R> {
    fn next_row(&mut self) -> Option<Result<Row, ParseError>> {
        match &mut self.source {
            Source::Csv { records, columns } => {
                if columns.is_none() {
                    match header(records.next()) {
                        Ok(header) => *columns = Some(header),
                        Err(bad) => return Some(Err(ParseError::File(bad))),
                    }
                }
                let columns = columns.as_deref().unwrap_or_default();
                Some(match records.next()? {
                    Ok(record) => from_record(record, columns),
                    Err(Broken::Record(bad)) => Err(ParseError::Row(vec![bad])),
                    Err(Broken::Rest(bad)) => Err(ParseError::File(vec![bad])),
                })
            }
            Source::JsonLines(objects) => Some(match objects.next()? {
                Ok(object) => Ok(from_object(object)),
                Err(bad) if objects.failed() => Err(ParseError::File(vec![bad])),
                Err(bad) => Err(ParseError::Row(vec![bad])),
            }),
        }
    }

    /// Checks a row and remembers it, so that a later one is compared with it.
    fn link(&mut self, mut row: Row) -> Result<ParsedLink, ParseError> {
        let project = row.needed(Column::ProjectId, rule::id).map(ProjectId);
        let tenant = row.needed(Column::TenantId, rule::id).map(TenantId);
        let name = row.needed(Column::RepoFullName, rule::repo_full_name);
        let repo_id = row.optional(Column::RepoId, rule::number);
        let owner_id = row.optional(Column::OwnerId, rule::number);
        let owner_login = row.optional(Column::OwnerLogin, rule::login);
        let token = row.optional(Column::GithubAccessToken, rule::token);
        let commit = row.optional(Column::ImportedCommitSha, rule::sha);
        let tree = row.optional(Column::ImportedTreeSha, rule::sha);
        let imported_at = row.optional(Column::ImportedAt, rule::time);
        let import_method = row.optional(Column::ImportMethod, rule::id);
        if let (Some(project), Some(tenant)) = (&project, &tenant)
            && let Some((other, line)) = self.tenants.get(project)
            && other != tenant
        {
            let line = *line;
            row.wrong(
                Column::TenantId,
                format!("line {line} has another tenant for this project: give it one"),
            );
        }
        let key = project.as_ref().zip(name.as_ref()).map(|(project, name)| LinkKey::new(project, name));
        if let Some(line) = key.as_ref().and_then(|key| self.first.get(key)).copied() {
            row.wrong(
                Column::RepoFullName,
                format!("line {line} has this repository of this project already: leave one out"),
            );
        }
        let (Some(project), Some(tenant), Some(repo_full_name), Some(key), true) =
            (project, tenant, name, key, row.bad.is_empty())
        else {
            return Err(ParseError::Row(row.bad));
        };
        self.first.insert(key.clone(), row.line);
        self.tenants.entry(project.clone()).or_insert_with(|| (tenant.clone(), row.line));
        let link = Link {
            key,
            project,
            tenant,
            repo_full_name,
            repo_id: repo_id.map(RepoId),
            owner_id: owner_id.map(AccountId),
            owner_login,
            token: None,
            imported_commit_sha: commit,
            imported_tree_sha: tree,
            imported_at,
            import_method,
        };
        Ok(ParsedLink { line: row.line, link, token: token.map(SecretString::from) })
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
        let empty = self.cells[column.position()].as_deref().is_none_or(str::is_empty);
        if empty && !self.bad.iter().any(|bad| bad.column == column.name()) {
            self.wrong(column, "is needed in every row");
        }
        self.optional(column, rule)
    }

    /// An empty cell is none.
    fn optional<T>(&mut self, column: Column, rule: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.cells[column.position()].take().filter(|text| !text.is_empty())?;
        if column != Column::GithubAccessToken && rule::holds_token(&text) {
            self.wrong(column, "holds a token: put it into githubAccessToken, where it is sealed");
            return None;
        }
        match rule(&text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(column, problem);
                None
            }
        }
    }
}

/// The columns of the first record, or everything that is wrong with it.
fn header(record: Option<Result<Record, Broken>>) -> Result<Vec<Column>, Vec<BadRow>> {
    let bad = |line, column: &str, problem: String| BadRow { line, column: column.to_owned(), problem };
    let record = match record {
        Some(Ok(record)) => record,
        Some(Err(Broken::Record(mut bad) | Broken::Rest(mut bad))) => {
            bad.problem
                .push_str("; the first line must name the columns (a file of JSON objects is JSON Lines)");
            return Err(vec![bad]);
        }
        None => {
            return Err(vec![bad(
                1,
                "",
                format!("the file is empty: begin with {}", Column::needed_names()),
            )]);
        }
    };
    let line = record.line;
    let names: Vec<&str> = record.cells.iter().map(|cell| cell.trim()).collect();
    if names.iter().all(|name| Column::named(name).is_none() && Column::near(name).is_none()) {
        let problem = if names.len() == 1 && names[0].contains([';', '\t']) {
            "this is not separated by commas: save the file with commas between the columns".to_owned()
        } else {
            format!("the first line must name the columns, at least {}", Column::needed_names())
        };
        return Err(vec![bad(line, "", problem)]);
    }
    let mut errors = Vec::new();
    let mut columns = Vec::new();
    for (at, name) in names.iter().enumerate() {
        match Column::named(name) {
            Some(column) if columns.contains(&column) => {
                errors.push(bad(line, name, "this column is there twice: leave one out".to_owned()));
            }
            Some(column) => columns.push(column),
            None => errors.push(bad(line, &column::shown(name, at), column::unknown(name))),
        }
    }
    for column in Column::NEEDED {
        if !columns.contains(&column) && !names.iter().any(|name| Column::near(name) == Some(column)) {
            errors.push(bad(line, column.name(), "this column is needed".to_owned()));
        }
    }
    if errors.is_empty() { Ok(columns) } else { Err(errors) }
}

fn from_record(record: Record, columns: &[Column]) -> Result<Row, ParseError> {
    let mut row = Row::new(record.line);
    if record.cells.len() != columns.len() {
        let problem = format!(
            "has {} cells, the header has {}: quote a cell that holds a comma",
            record.cells.len(),
            columns.len()
        );
        return Err(ParseError::Row(vec![BadRow { line: row.line, column: String::new(), problem }]));
    }
    for (column, cell) in columns.iter().zip(record.cells) {
        row.cells[column.position()] = Some(trimmed(cell));
    }
    Ok(row)
}

fn from_object(object: Object) -> Row {
    let mut row = Row::new(object.line);
    for (at, (name, value)) in object.fields.into_iter().enumerate() {
        let Some(column) = Column::named(&name) else {
            let bad =
                BadRow { line: row.line, column: column::shown(&name, at), problem: column::unknown(&name) };
            row.bad.push(bad);
            continue;
        };
        if row.cells[column.position()].is_some() {
            row.wrong(column, "this field is there twice: leave one out");
            continue;
        }
        let cell = match value {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => trimmed(text),
            serde_json::Value::Number(number) if column.takes_number() && !number.is_f64() => {
                number.to_string()
            }
            _ => {
                row.wrong(column, column.expected());
                String::new()
            }
        };
        row.cells[column.position()] = Some(cell);
    }
    row
}

fn trimmed(cell: String) -> String {
    if cell.trim().len() == cell.len() { cell } else { cell.trim().to_owned() }
}
