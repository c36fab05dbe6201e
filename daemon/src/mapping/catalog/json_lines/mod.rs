//! JSON Lines: one object a line, its fields in the order of the file, so that a repeated one is seen.

use std::fmt;
use std::io::BufRead;

use cutover_shared::catalog::BadRow;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::lines::{LINE_LIMIT, Line, Lines};

#[cfg(test)]
mod tests;

/// One object and its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub line: u64,
    pub fields: Vec<(String, Value)>,
}

/// Reads objects. Blank lines are passed over.
pub struct Objects<R> {
    lines: Lines<R>,
    failed: bool,
}

impl<R: BufRead> Objects<R> {
    /// Objects of `input`, of at most 64 KiB each.
    pub fn new(input: R) -> Self {
        Self { lines: Lines::new(input), failed: false }
    }

    /// The input could not be read to its end; the last item said why.
    pub fn failed(&self) -> bool {
        self.failed
    }
}

impl<R: BufRead> Iterator for Objects<R> {
    type Item = Result<Object, BadRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.failed {
                return None;
            }
            let read = self.lines.next_line();
            let line = self.lines.number;
            let bad = |problem: String| Some(Err(BadRow { line, column: String::new(), problem }));
            match read {
                Err(error) => {
                    self.failed = true;
                    return bad(format!("reading fails: {error}"));
                }
                Ok(Line::End) => return None,
                Ok(Line::TooLong) => {
                    return bad(format!("is longer than {LINE_LIMIT} bytes: shorten or split it"));
                }
                Ok(Line::Whole(bytes)) if bytes.trim_ascii().is_empty() => {}
                Ok(Line::Whole(bytes)) => {
                    return match serde_json::from_slice::<Fields>(&bytes) {
                        Ok(Fields(fields)) => Some(Ok(Object { line, fields })),
                        Err(error) => bad(problem(&error)),
                    };
                }
            }
        }
    }
}

/// The error without the text that serde_json quotes from the line: it may be a token.
fn problem(error: &serde_json::Error) -> String {
    let place = error.column();
    match error.classify() {
        serde_json::error::Category::Eof => "the object is not closed on its line".to_owned(),
        serde_json::error::Category::Data => "is not one JSON object: write {\"projectId\": ...}".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            format!("is not JSON, see character {place}")
        }
    }
}

struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
