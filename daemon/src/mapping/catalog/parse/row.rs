//! The rows of a file with named columns, whatever they are: cells by column, and every mistake by line and column.

use std::io::BufRead;

use cutover_shared::catalog::{BadRow, CatalogFormat};

use super::super::csv::{Broken, Record, Records};
use super::super::json_lines::{Object, Objects};
use super::column::{Column, Columns, shown};
use super::{ParseError, rule};

/// The rows of a file; an error of the whole file is the last item.
pub(super) struct Rows<R> {
    source: Source<R>,
    columns: &'static Columns,
    ended: bool,
}

enum Source<R> {
    Csv { records: Records<R>, header: Option<Vec<Column>> },
    JsonLines(Objects<R>),
}

/// One row on its way: cells by column, and the mistakes so far.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) bad: Vec<BadRow>,
    cells: Vec<(Column, String)>,
    columns: &'static Columns,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(format: CatalogFormat, input: R, columns: &'static Columns) -> Self {
        let source = match format {
            CatalogFormat::Csv => Source::Csv { records: Records::new(input), header: None },
            CatalogFormat::JsonLines => Source::JsonLines(Objects::new(input)),
        };
        Self { source, columns, ended: false }
    }

    fn read(&mut self) -> Option<Result<Row, ParseError>> {
        let columns = self.columns;
        match &mut self.source {
            Source::Csv { records, header } => {
                if header.is_none() {
                    match columns.of_header(records.next()) {
                        Ok(read) => *header = Some(read),
                        Err(bad) => return Some(Err(ParseError::File(bad))),
                    }
                }
                let header = header.as_deref().unwrap_or_default();
                Some(match records.next()? {
                    Ok(record) => Row::of_record(record, header, columns),
                    Err(Broken::Record(bad)) => Err(ParseError::Row(vec![bad])),
                    Err(Broken::Rest(bad)) => Err(ParseError::File(vec![bad])),
                })
            }
            Source::JsonLines(objects) => Some(match objects.next()? {
                Ok(object) => Ok(Row::of_object(object, columns)),
                Err(bad) if objects.failed() => Err(ParseError::File(vec![bad])),
                Err(bad) => Err(ParseError::Row(vec![bad])),
            }),
        }
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read();
        self.ended = matches!(item, None | Some(Err(ParseError::File(_))));
        item
    }
}

impl Row {
    fn new(line: u64, columns: &'static Columns) -> Self {
        Self { line, bad: Vec::new(), cells: Vec::with_capacity(columns.all.len()), columns }
    }

    fn of_record(record: Record, header: &[Column], columns: &'static Columns) -> Result<Self, ParseError> {
        let mut row = Self::new(record.line, columns);
        let (has, wants) = (record.cells.len(), header.len());
        if has != wants {
            let problem = format!("has {has} cells, the header has {wants}: quote a cell that holds a comma");
            return Err(ParseError::Row(vec![bad(row.line, "", problem)]));
        }
        row.cells.extend(header.iter().copied().zip(record.cells.into_iter().map(trimmed)));
        Ok(row)
    }

    fn of_object(object: Object, columns: &'static Columns) -> Self {
        let mut row = Self::new(object.line, columns);
        for (at, (name, value)) in object.fields.into_iter().enumerate() {
            let Some(column) = columns.named(&name) else {
                row.bad.push(bad(row.line, &shown(&name, at), columns.unknown(&name)));
                continue;
            };
            if row.cells.iter().any(|(other, _)| *other == column) {
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
            row.cells.push((column, cell));
        }
        row
    }

    pub(super) fn wrong(&mut self, column: Column, problem: impl Into<String>) {
        self.bad.push(bad(self.line, column.name, problem));
    }

    pub(super) fn needed<T>(
        &mut self,
        column: Column,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let empty = !self.cells.iter().any(|(other, text)| *other == column && !text.is_empty());
        if empty && !self.bad.iter().any(|bad| bad.column == column.name) {
            self.wrong(column, "is needed in every row");
        }
        self.optional(column, rule)
    }

    /// An empty cell is none.
    pub(super) fn optional<T>(
        &mut self,
        column: Column,
        rule: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (_, text) = self.cells.iter().find(|(other, text)| *other == column && !text.is_empty())?;
        let checked = if !column.takes_token() && rule::holds_token(text) {
            Err(self.columns.no_token.to_owned())
        } else {
            rule(text)
        };
        checked.map_err(|problem| self.wrong(column, problem)).ok()
    }
}

impl Columns {
    /// The columns of the first record, or everything that is wrong with it.
    fn of_header(&self, record: Option<Result<Record, Broken>>) -> Result<Vec<Column>, Vec<BadRow>> {
        let record = match record {
            Some(Ok(record)) => record,
            Some(Err(Broken::Record(mut bad) | Broken::Rest(mut bad))) => {
                bad.problem.push_str(
                    "; the first line must name the columns (a file of JSON objects is JSON Lines)",
                );
                return Err(vec![bad]);
            }
            None => {
                let problem = format!("the file is empty: begin with {}", self.needed_names());
                return Err(vec![bad(1, "", problem)]);
            }
        };
        let line = record.line;
        let names: Vec<&str> = record.cells.iter().map(|cell| cell.trim()).collect();
        if names.iter().all(|name| self.named(name).is_none() && self.near(name).is_none()) {
            let problem = if names.len() == 1 && names[0].contains([';', '\t']) {
                "this is not separated by commas: save the file with commas between the columns".to_owned()
            } else {
                format!("the first line must name the columns, at least {}", self.needed_names())
            };
            return Err(vec![bad(line, "", problem)]);
        }
        let mut errors = Vec::new();
        let mut columns = Vec::new();
        for (at, name) in names.iter().enumerate() {
            match self.named(name) {
                Some(column) if columns.contains(&column) => {
                    errors.push(bad(line, name, "this column is there twice: leave one out"));
                }
                Some(column) => columns.push(column),
                None => errors.push(bad(line, &shown(name, at), self.unknown(name))),
            }
        }
        for column in self.needed() {
            if !columns.contains(column) && !names.iter().any(|name| self.near(name) == Some(*column)) {
                errors.push(bad(line, column.name, "this column is needed"));
            }
        }
        if errors.is_empty() { Ok(columns) } else { Err(errors) }
    }
}

fn bad(line: u64, column: &str, problem: impl Into<String>) -> BadRow {
    BadRow { line, column: column.to_owned(), problem: problem.into() }
}

fn trimmed(cell: String) -> String {
    if cell.trim().len() == cell.len() { cell } else { cell.trim().to_owned() }
}
