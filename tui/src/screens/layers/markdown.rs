//! Markdown as plain lines, as far as the runbooks use it.

use super::sheet::{Line, facts, paragraph};
use crate::theme::Role;
use crate::widgets::{Look, wrap};

/// What is being collected until it ends.
enum Open {
    Nothing,
    /// Text of a paragraph or a list's item, and the columns that its lines but the first stand in.
    Text(String, usize),
}

/// The lines of a text: front matter as facts, headings strong, code as it is, the rest joined and wrapped.
pub(super) fn render(text: &str, look: &Look, width: u16) -> Vec<Line> {
    let (front, body) = front(text);
    let mut lines = facts(&front, width);
    if !front.is_empty() {
        lines.push(Line::blank());
    }
    let mut open = Open::Nothing;
    let mut code = false;
    for line in body.lines() {
        let bare = line.trim();
        if bare.starts_with("```") {
            close(&mut open, &mut lines, width);
            code = !code;
        } else if code {
            let wrapped = wrap(line, usize::from(width).saturating_sub(2));
            lines.extend(wrapped.into_iter().map(|line| Line::new(format!("  {line}"), Role::Key)));
        } else if bare.is_empty() {
            close(&mut open, &mut lines, width);
            if lines.last().is_some_and(|last| *last != Line::blank()) {
                lines.push(Line::blank());
            }
        } else if let Some(heading) = heading(bare) {
            close(&mut open, &mut lines, width);
            lines.extend(paragraph(&prose(heading), Role::Strong, width));
        } else if let Some(row) = row(bare) {
            close(&mut open, &mut lines, width);
            // The line below a table's head has nothing to say.
            if row.chars().any(|c| !"-: |".contains(c)) {
                open = Open::Text(prose(&row), 2);
                close(&mut open, &mut lines, width);
            }
        } else if let Some((sign, rest)) = item(bare, look) {
            close(&mut open, &mut lines, width);
            open = Open::Text(format!("{sign} {}", prose(rest)), sign.chars().count() + 1);
        } else {
            match &mut open {
                Open::Text(text, _) => *text = format!("{text} {}", prose(bare)),
                Open::Nothing => open = Open::Text(prose(bare), 0),
            }
        }
    }
    close(&mut open, &mut lines, width);
    while lines.last().is_some_and(|last| *last == Line::blank()) {
        lines.pop();
    }
    lines
}

fn close(open: &mut Open, lines: &mut Vec<Line>, width: u16) {
    if let Open::Text(text, indent) = std::mem::replace(open, Open::Nothing) {
        let wrapped = wrap(&text, usize::from(width).saturating_sub(indent));
        let wrapped = wrapped.into_iter().enumerate();
        lines.extend(wrapped.map(|(i, line)| {
            let indent = if i == 0 { 0 } else { indent };
            Line::new(format!("{:indent$}{line}", ""), Role::Text)
        }));
    }
}

/// `key: value` lines between two `---` at the start.
fn front(text: &str) -> (Vec<(&str, &str, Role)>, &str) {
    let parts = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    let Some((front, body)) = parts else { return (Vec::new(), text) };
    let pairs = front.lines().filter_map(|line| line.split_once(':'));
    (pairs.map(|(key, value)| (key.trim(), value.trim(), Role::Text)).collect(), body)
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten()
}

/// Cells of a table's row, side by side.
fn row(line: &str) -> Option<String> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect::<Vec<_>>().join(" | "))
}

/// A list's item: its sign, and its text.
fn item<'l>(line: &'l str, look: &Look) -> Option<(String, &'l str)> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some((look.glyphs.mark.to_owned(), rest));
    }
    let (number, rest) = line.split_once(". ")?;
    (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit())).then(|| (format!("{number}."), rest))
}

/// Without the signs that only a renderer wants: `[text](file)` becomes its text, `**strong**` its word.
fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let link = after.split_once("](").and_then(|(label, tail)| Some((label, tail.split_once(')')?.1)));
        match link {
            Some((label, tail)) => {
                out.push_str(label);
                rest = tail;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.replace("**", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let lines = render(text, &Look::default(), 30);
        lines.iter().map(|line| line.left.iter().map(|piece| piece.text.as_str()).collect()).collect()
    }

    #[test]
    fn a_text_becomes_plain_lines() {
        let text = "---\nalert: none\n---\n\n# Kill **all**\n\nOne line\nand [another](x.md), [sic].\n\n- first of a list, which\n  \
                    goes on\n1. one\n\n```console\n$ cutover kill\n```\n\n| when | what |\n|---|---|\n| a | [b](c) |\n";
        assert_eq!(
            shown(text),
            [
                "alert  none",
                "",
                "Kill all",
                "",
                "One line and another, [sic].",
                "",
                "● first of a list, which ",
                "  goes on",
                "1. one",
                "",
                "  $ cutover kill",
                "",
                "when | what",
                "a | b",
            ]
        );
    }

    #[test]
    fn every_runbook_fits_into_any_width() {
        for (_, text) in crate::runbook::ALL {
            for width in [0, 1, 2, 7, 36, 200] {
                assert!(!render(text, &Look::default(), width).is_empty());
            }
        }
    }
}
