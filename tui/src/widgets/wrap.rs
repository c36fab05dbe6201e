//! Running text in lines.

use super::piece::{start, symbols};
use crate::plain;

/// `text` in lines of at most `room` columns, cleaned: broken at line ends and spaces, and inside of a word that is longer
/// than a line, so that nothing is lost. Indentation is kept. At least one line.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).replace('\t', "    ");
        broken(&plain::clean(&line), room.max(1), &mut lines);
    }
    lines
}

fn broken(text: &str, room: usize, lines: &mut Vec<String>) {
    let (mut line, mut used) = (String::new(), 0);
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        let width: usize = symbols(bare).map(|(_, width)| width).sum();
        if used > 0 && used + width > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        let mut rest = bare;
        if width > room {
            // The pieces of a long word, the last of which begins the next line.
            loop {
                let head = start(rest, room);
                // A sign that is wider than a line has no place at all.
                let head = if head.is_empty() {
                    symbols(rest).next().map_or("", |(symbol, _)| symbol)
                } else {
                    head
                };
                if head.len() >= rest.len() {
                    break;
                }
                lines.push(head.to_owned());
                rest = rest.get(head.len()..).unwrap_or_default();
            }
        }
        line.push_str(rest);
        used += symbols(rest).map(|(_, width)| width).sum::<usize>();
        // Spaces that end a line are not drawn.
        for _ in bare.len()..word.len() {
            if used < room {
                line.push(' ');
                used += 1;
            }
        }
    }
    lines.push(line);
}
