//! Lines of bounded length out of any input, so that a hostile file costs no more memory than an honest one.

use std::io::{self, BufRead, Read};

/// The longest line or record that is taken, in bytes.
pub const LINE_LIMIT: usize = 64 * 1024;

/// One line, without its `\n`.
pub(super) enum Line {
    Whole(Vec<u8>),
    /// Longer than [`LINE_LIMIT`]; it was read to its end and dropped.
    TooLong,
    End,
}

/// Reads lines and counts them.
pub(super) struct Lines<R> {
    input: R,
    /// Lines read so far, so the number of the current one.
    pub(super) number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line. The first loses its byte order mark.
    pub(super) fn next_line(&mut self) -> io::Result<Line> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(LINE_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
        if self.input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > LINE_LIMIT {
            self.skip_line()?;
            return Ok(Line::TooLong);
        }
        if self.number == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Line::Whole(bytes))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok(());
            }
            if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                self.input.consume(end + 1);
                return Ok(());
            }
            let all = buffer.len();
            self.input.consume(all);
        }
    }
}
