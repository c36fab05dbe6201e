//! Content that goes out, and comments that come in.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cutover_shared::context::LONGEST_COMMENT;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::text::harmless;
use crate::cli::{Outcome, Verdict};
use crate::failure::Failure;
use crate::file::NewFile;
use crate::plain::{clean, number, shell_argument};
use crate::session::Session;

/// A character has four bytes at most.
const LONGEST_BODY: u64 = 4 * LONGEST_COMMENT as u64;

/// Hands a file's content out: to a file whole or not at all, to a pipe as it is, to a terminal as text that it can't obey.
pub(super) fn hand_out(session: &mut Session<'_>, path: &str, out: Option<&Path>, found: &Value) -> Verdict {
    let content = found["content"].as_str().and_then(|text| BASE64.decode(text).ok());
    let Some(bytes) = content else { return Err(Failure::unexpected("context file")) };
    let size = number(bytes.len() as u64);
    match out {
        Some(file) if file.as_os_str() != "-" => {
            let mut new = NewFile::create(file)?;
            new.write_bytes(&bytes)?;
            new.finish()?;
            session.out.raw(&format!(
                "{size} bytes of {} are in {}\n",
                clean(path),
                clean(&file.to_string_lossy())
            ))?;
        }
        None if session.out.style.columns.is_some() => match std::str::from_utf8(&bytes) {
            Ok(text) => session.out.raw(&harmless(text))?,
            Err(_) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                return Err(Failure::usage(
                    format!("{} is no text: {size} bytes that a terminal can't show", clean(path)),
                    format!("`-o {}` writes it to a file, `-o -` to standard output", shell_argument(name)),
                ));
            }
        },
        _ => session.out.bytes(&bytes)?,
    }
    Ok(Outcome::Done)
}

/// What a comment says: from a file, or from standard input.
pub(super) async fn body(session: &mut Session<'_>, file: &Path) -> Result<String, Failure> {
    if file.as_os_str() == "-" {
        return match session.stdin.take() {
            Some(stdin) => read(stdin, "stdin").await,
            None => Ok(String::new()),
        };
    }
    let name = file.display().to_string();
    let opened = tokio::fs::File::open(file).await.map_err(|error| unreadable(&name, &error))?;
    read(opened, &name).await
}

async fn read(source: impl AsyncRead + Unpin, name: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let most = LONGEST_BODY + 1;
    source.take(most).read_to_end(&mut bytes).await.map_err(|error| unreadable(name, &error))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(name, &"it is no UTF-8, or is too long"))?;
    if text.trim().is_empty() {
        return Err(unreadable(name, &"it says nothing"));
    }
    if text.chars().count() > LONGEST_COMMENT {
        return Err(unreadable(
            name,
            &format!("it has more than {} characters", number(LONGEST_COMMENT as u64)),
        ));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!("{name}: {error}"),
        "name a file of text that GitHub can take as a comment; nothing was posted",
    )
}
