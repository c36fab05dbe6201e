//! Server-sent events, as the HTML standard writes them, from parts that end anywhere. Whoever feeds it bounds the bytes.

use std::ops::ControlFlow;

/// Stands at the beginning of some streams and means nothing.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `message` where the stream names none.
    pub name: String,
    /// Its lines, separated by line feeds.
    pub data: Vec<u8>,
}

/// Takes a stream apart. An event that has a name and no data counts, too, which browsers would pass over.
#[derive(Clone, Debug, Default)]
pub struct Events {
    line: Vec<u8>,
    /// The byte before was a carriage return, whose line feed belongs to it.
    after_return: bool,
    /// Some line was ended.
    begun: bool,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
}

impl Events {
    /// At the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes; `take` gets each event that they complete, until it wants no more.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(Event) -> ControlFlow<()>) -> ControlFlow<()> {
        for byte in bytes {
            let follows = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if follows => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    if let Some(event) = self.end_line() {
                        take(event)?;
                    }
                }
                _ => self.line.push(*byte),
            }
        }
        ControlFlow::Continue(())
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let first = !std::mem::replace(&mut self.begun, true);
        let line = line.strip_prefix(BOM).filter(|_| first).unwrap_or(&line);
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), self.data.take());
            if name.is_empty() && data.is_none() {
                return None;
            }
            let name = if name.is_empty() { "message".into() } else { String::from_utf8_lossy(&name) };
            return Some(Event { name: name.into_owned(), data: data.unwrap_or_default() });
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match (field, &mut self.data) {
            (b"event", _) => self.name = value.to_vec(),
            (b"data", Some(data)) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            (b"data", none) => *none = Some(value.to_vec()),
            // A comment, an id, a time to wait, or nothing that is known.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests;
