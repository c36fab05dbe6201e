//! CSV records by RFC 4180, strictly: what a lenient reader would guess at is an error that names its place.

use std::io::BufRead;

use cutover_shared::catalog::BadRow;

use super::lines::{LINE_LIMIT, Line, Lines};

#[cfg(test)]
mod tests;

/// One record and the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub line: u64,
    pub cells: Vec<String>,
}

/// Text that is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The next record is not affected.
    Record(BadRow),
    /// Nothing after it can be told apart; it is the last item.
    Rest(BadRow),
}

/// Reads records. Blank lines, and lines of empty cells as spreadsheets leave them, are passed over.
pub struct Records<R> {
    lines: Lines<R>,
    ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Quoted,
    AfterQuote,
}

impl<R: BufRead> Records<R> {
    /// Records of `input`, of at most 64 KiB each.
    pub fn new(input: R) -> Self {
        Self { lines: Lines::new(input), ended: false }
    }

    fn read(&mut self) -> Result<Option<Record>, Broken> {
        let mut line = 0;
        let mut used = 0;
        let mut cells = Vec::new();
        let mut cell = Vec::new();
        let mut state = State::Start;
        loop {
            let bytes = match self.lines.next_line() {
                Err(error) => return Err(rest(self.lines.number + 1, format!("reading fails: {error}"))),
                Ok(Line::TooLong) if state == State::Quoted => return Err(unclosed(line)),
                Ok(Line::TooLong) => {
                    let problem = format!("is longer than {LINE_LIMIT} bytes: shorten or split it");
                    return Err(broken(self.lines.number, problem));
                }
                Ok(Line::End) if state == State::Quoted => return Err(unclosed(line)),
                Ok(Line::End) => return Ok(None),
                Ok(Line::Whole(bytes)) => bytes,
            };
            if state != State::Quoted {
                line = self.lines.number;
            }
            used += bytes.len() + 1;
            if used > LINE_LIMIT + 1 {
                return Err(unclosed(line));
            }
            for (at, byte) in bytes.iter().enumerate() {
                state = match (state, byte) {
                    (State::Quoted, b'"') => State::AfterQuote,
                    (State::Quoted, _) => {
                        cell.push(*byte);
                        State::Quoted
                    }
                    (State::Start, b'"') => State::Quoted,
                    (_, b'\r') if at + 1 == bytes.len() => state,
                    (_, b',') => {
                        cells.push(text(std::mem::take(&mut cell), line, cells.len())?);
                        State::Start
                    }
                    (State::AfterQuote, b'"') => {
                        cell.push(b'"');
                        State::Quoted
                    }
                    (State::AfterQuote, _) => {
                        let problem = format!(
                            "cell {}: text after the closing quote; write a quote in it twice",
                            cells.len() + 1
                        );
                        return Err(broken(line, problem));
                    }
                    (State::Plain, b'"') => {
                        let problem = format!(
                            "cell {}: a quote inside; quote the whole cell and write it twice",
                            cells.len() + 1
                        );
                        return Err(broken(line, problem));
                    }
                    (State::Start | State::Plain, _) => {
                        cell.push(*byte);
                        State::Plain
                    }
                };
            }
            if state == State::Quoted {
                cell.push(b'\n');
                continue;
            }
            cells.push(text(std::mem::take(&mut cell), line, cells.len())?);
            if cells.iter().any(|cell| !cell.is_empty()) {
                return Ok(Some(Record { line, cells }));
            }
            (cells, state, used) = (Vec::new(), State::Start, 0);
        }
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Record, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = matches!(item, None | Some(Err(Broken::Rest(_))));
        item
    }
}

fn text(bytes: Vec<u8>, line: u64, before: usize) -> Result<String, Broken> {
    String::from_utf8(bytes)
        .map_err(|_| broken(line, format!("cell {} is not UTF-8: save the file as UTF-8", before + 1)))
}

fn broken(line: u64, problem: String) -> Broken {
    Broken::Record(BadRow { line, column: String::new(), problem })
}

fn rest(line: u64, problem: String) -> Broken {
    Broken::Rest(BadRow { line, column: String::new(), problem })
}

fn unclosed(line: u64) -> Broken {
    rest(line, format!("a quote is opened and not closed within {LINE_LIMIT} bytes: close it"))
}
