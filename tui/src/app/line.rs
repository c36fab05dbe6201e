//! The line mode: the same state and the same rules, spoken in lines.

use std::io;

use super::run::{Ended, Setup};

/// Runs it until its input ends.
pub async fn run(_setup: Setup, _terminal: bool) -> io::Result<Ended> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "not yet"))
}
