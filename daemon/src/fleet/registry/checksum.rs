//! Checksums: SHA-256 in hex, over the text with line ends as LF.

use sha2::{Digest, Sha256};

use crate::fleet::migration::Ways;
use crate::hex::hex;

/// The same text, whatever the line ends of the checkout are.
pub(super) fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Of a text with LF.
pub(super) fn checksum(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Of the ways up: that of the only file, or one over both.
pub(super) fn of_ways(ways: &Ways) -> String {
    match (&ways.sql, &ways.http) {
        (Some(sql), None) => sql.checksum.clone(),
        (None, Some(http)) => http.checksum.clone(),
        (sql, http) => {
            let sql = sql.as_ref().map_or("", |script| &script.checksum);
            let http = http.as_ref().map_or("", |step| &step.checksum);
            checksum(&format!("{sql} {http}"))
        }
    }
}
