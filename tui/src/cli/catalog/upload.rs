//! A stream of bytes as parts of text, none cut inside a letter.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Most bytes of one part. JSON may make six bytes of one, which still fits a frame.
pub(super) const PART: usize = 1024 * 1024;

/// Why a part could not be made.
#[derive(Debug)]
pub(super) enum PartError {
    Read(std::io::Error),
    /// The line (from 1) and the byte of the file (from 0) where it stops being UTF-8.
    NotText {
        line: u64,
        byte: u64,
    },
}

/// Reads parts of at most `most` bytes.
pub(super) struct Parts<R> {
    source: R,
    /// What was read and not handed out: at most `most` bytes.
    held: Vec<u8>,
    most: usize,
    /// Bytes and line ends handed out so far.
    bytes: u64,
    lines: u64,
    ended: bool,
}

impl<R: AsyncRead + Unpin> Parts<R> {
    /// Parts of at most `most` bytes, which is raised to the length of the longest letter.
    pub fn new(source: R, most: usize) -> Self {
        Self { source, held: Vec::new(), most: most.max(4), bytes: 0, lines: 0, ended: false }
    }

    /// The next part, never empty; none at the end.
    pub async fn next(&mut self) -> Result<Option<String>, PartError> {
        while !self.ended && self.held.len() < self.most {
            let room = u64::try_from(self.most - self.held.len()).unwrap_or(u64::MAX);
            let read =
                (&mut self.source).take(room).read_buf(&mut self.held).await.map_err(PartError::Read)?;
            self.ended = read == 0;
        }
        let (whole, broken) = match std::str::from_utf8(&self.held) {
            Ok(text) => (text.len(), false),
            // No length means that the letter only lacks its end, which the next part brings.
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || self.ended),
        };
        if broken {
            return Err(self.not_text(whole));
        }
        if whole == 0 {
            return Ok(None);
        }
        let rest = self.held.split_off(whole);
        let part = std::mem::replace(&mut self.held, rest);
        self.bytes += u64::try_from(whole).unwrap_or(u64::MAX);
        self.lines += line_ends(&part);
        // Checked above; the lossy form exists only because nothing here may panic.
        Ok(Some(
            String::from_utf8(part).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
        ))
    }

    fn not_text(&self, good: usize) -> PartError {
        let before = self.held.get(..good).unwrap_or_default();
        PartError::NotText {
            line: self.lines + line_ends(before) + 1,
            byte: self.bytes + u64::try_from(good).unwrap_or(u64::MAX),
        }
    }
}

fn line_ends(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
