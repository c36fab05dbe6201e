//! Cuts a document into parts that fit into a frame.

use cutover_shared::context::MAX_PART;

/// A part of `text`, and whether there is more after it; none when no part begins at `from`.
pub(super) fn part(text: &str, from: u64) -> Option<(&str, bool)> {
    let from = usize::try_from(from).ok()?;
    let rest = text.get(from..)?;
    // A character has four bytes at most, so that a part is never empty before the end.
    let end = rest.floor_char_boundary(MAX_PART);
    if rest.is_empty() && from > 0 {
        return None;
    }
    Some((rest.get(..end)?, end < rest.len()))
}

#[cfg(test)]
mod tests;
