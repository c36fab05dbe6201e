//! Copying by OSC 52: the terminal that the operator sits at takes the text, however many hosts lie between. Pure.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest text in bytes: terminals drop sequences above 100,000 bytes, and base64 makes four of three.
pub const LONGEST: usize = 74_994;

/// A text that terminals would cut or drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Its length in bytes.
    pub bytes: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are too long to copy; a terminal takes {LONGEST}", self.bytes)
    }
}

impl std::error::Error for TooLong {}

/// The bytes that make the terminal copy `text`. With `tmux` they are wrapped so that tmux hands them on, which it
/// does when `allow-passthrough` is on.
pub fn osc52(text: &str, tmux: bool) -> Result<String, TooLong> {
    if text.len() > LONGEST {
        return Err(TooLong { bytes: text.len() });
    }
    let copy = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    // In the wrap each ESC is doubled, so that only the last one ends it.
    Ok(if tmux { format!("\x1bPtmux;{}\x1b\\", copy.replace('\x1b', "\x1b\x1b")) } else { copy })
}

#[cfg(test)]
mod tests;
